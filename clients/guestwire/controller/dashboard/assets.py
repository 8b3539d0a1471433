"""The dashboard's files: read, packed and given a name once, and anew when a file has changed since: by an upgrade in place, or by
somebody who edits them in a checkout.

All files of a build are below an address of its own, so that a browser may keep each for ever. Whoever looks at the page of the build before
the newest can go on: that one is kept too.
"""

import asyncio
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guestwire.controller.dashboard.content import PLACE, Content, content
from guestwire.controller.dashboard.documents import FOLDER, Documents
from guestwire.controller.dashboard.markdown import IMAGES
from guestwire.controller.dashboard.model_schema import model_schema
from guestwire.controller.dashboard.page import TEMPLATE, page

WEB: Final = Path(__file__).parents[1] / "web"
DOCUMENTS: Final = Path(__file__).parents[1] / "docs"
SCHEMA: Final = "schema.json"
ICONS: Final = ("favicon.ico", "icon.svg", "icon.png")
"""What is given for /favicon.ico: the first that there is."""
KEPT: Final = 2
_FOR_DEVELOPERS: Final = (".py", ".pyc", ".d.ts")
_LEFT_OUT: Final = frozenset({"__pycache__", "tsconfig.json"})

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Build:
    """The files as they were at one time. `page`: with its policy; None: there is none among them."""

    id: str
    page: Content | None
    policy: str
    documents: Documents
    files: Mapping[str, Content]

    async def content(self, name: str) -> Content | None:
        """What is served below the build by this name; None: nothing is."""
        if name.startswith(FOLDER):
            return await asyncio.to_thread(self.documents.content, name)
        return self.files.get(name)

    @property
    def icon(self) -> Content | None:
        return next((self.files[name] for name in ICONS if name in self.files), None)


class Assets:
    """All builds that are served. `folder`, `documents`: where the files are; `version`: the program's, which makes some of them."""

    def __init__(self, folder: Path = WEB, documents: Path = DOCUMENTS, version: str = "") -> None:
        self._folder = folder
        self._documents = documents
        self._version = version
        self._stamp: Stamp | None = None
        self._builds: dict[str, Build] = {}
        self._lock = asyncio.Lock()

    async def newest(self) -> Build:
        """The build of the files as they are now."""
        async with self._lock:
            stamp = await asyncio.to_thread(self._look)
            if stamp != self._stamp or not self._builds:
                made = await asyncio.to_thread(self._make)
                self._builds.pop(made.id, None)
                self._builds[made.id] = made
                self._stamp = stamp
                while len(self._builds) > KEPT:
                    del self._builds[next(iter(self._builds))]
        return next(reversed(self._builds.values()))

    async def build(self, name: str) -> Build | None:
        """A build that is served; None: it is not any more, or never was. After a start the newest is made when the first asks for it."""
        if not self._builds:
            await self.newest()
        return self._builds.get(name)

    def _look(self) -> Stamp:
        found = []
        for path in (*_files(self._folder), *_documents(self._documents)):
            with suppress(FileNotFoundError):  # somebody takes it away this very moment
                said = path.stat()
                found.append((str(path), said.st_mtime_ns, said.st_size))
        return tuple(found)

    def _make(self) -> Build:
        files = _read(self._folder, _files(self._folder))
        sources = _read(self._documents, _documents(self._documents))
        files[SCHEMA] = model_schema()
        digest = hashlib.sha256(self._version.encode())
        for name, body in (*sorted(files.items()), *sorted(sources.items())):
            digest.update(f"\0{name}\0{len(body)}\0".encode())
            digest.update(body)
        build = digest.hexdigest()[:16]
        base = f"{PLACE}{build}/"
        first = page(files, base)
        return Build(
            build,
            None if first is None else content(TEMPLATE, first.text.encode()),
            "" if first is None else first.policy,
            Documents(sources, base),
            {name: content(name, body) for name, body in files.items() if name != TEMPLATE},
        )


def _read(folder: Path, paths: Iterator[Path]) -> dict[str, bytes]:
    found = {}
    for path in paths:
        with suppress(FileNotFoundError):
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def _files(folder: Path) -> Iterator[Path]:
    for path in _walked(folder):
        if path.name not in _LEFT_OUT and not path.name.endswith(_FOR_DEVELOPERS):
            yield path


def _documents(folder: Path) -> Iterator[Path]:
    for path in _walked(folder):
        if path.name.endswith((".md", *IMAGES)):
            yield path


def _walked(folder: Path) -> Iterator[Path]:
    """All files below, but those with a dot before their name. In a checkout the documents are a link to another folder."""
    for place, inner, names in os.walk(folder):
        inner[:] = sorted(name for name in inner if name not in _LEFT_OUT and not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))
