"""The documents as the help shows them: rendered when somebody asks for one, and kept.

Below a build: `docs/index.json` (which there are, in their order), `docs/search.json` (what they say), `docs/PATH.html`, and images.
"""

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from guestwire.controller.dashboard.content import Content, content
from guestwire.controller.dashboard.markdown import IMAGES, headings, plain, rendered

FOLDER: Final = "docs/"
FIRST: Final = "index"
FIRST_OF_FOLDER: Final = (FIRST, "README")
INDEX: Final = f"{FOLDER}index.json"
SEARCH: Final = f"{FOLDER}search.json"
_INNER: Final = re.compile(r"\]\(([^)#\s]+)\.md[#)]")


class Documents:
    """The documents of one build. `sources`: what the folder has, by path; `base`: where the build is served. Methods take a while: call
    them in a thread."""

    def __init__(self, sources: Mapping[str, bytes], base: str) -> None:
        self._base = base
        self._texts = {
            name.removesuffix(".md"): source.decode("utf-8", "replace")
            for name, source in sources.items()
            if name.endswith(".md")
        }
        self._images = {name: source for name, source in sources.items() if name.endswith(IMAGES)}
        self._made: dict[str, Content] = {}

    def content(self, name: str) -> Content | None:
        """What is served below the build by a name that begins with `docs/`; None: nothing is."""
        if name not in self._made:
            body = self._body(name.removeprefix(FOLDER))
            if body is None:
                return None
            self._made[name] = content(name, body)
        return self._made[name]

    def _body(self, name: str) -> bytes | None:
        if FOLDER + name == INDEX:
            return _json({"pages": [self._about(path) for path in self._order()]})
        if FOLDER + name == SEARCH:
            return _json({path: plain(self._texts[path]) for path in self._order()})
        path = name.removesuffix(".html")
        if path != name and path in self._texts:
            return rendered(self._texts[path], path, self._texts.__contains__, self._base + FOLDER).encode()
        return self._images.get(name)

    def _about(self, path: str) -> dict[str, object]:
        found = headings(self._texts[path])
        return {
            "path": path,
            "title": self._title(path),
            "section": self._section(path),
            "headings": [asdict(one) for one in found if one.level > 1],
        }

    def _title(self, path: str) -> str:
        found = headings(self._texts[path])
        return found[0].text if found else posixpath.basename(path)

    def _section(self, path: str) -> str:
        """The title of the first page of its folder; else the folder's name."""
        folder = posixpath.dirname(path)
        first = next((one for name in FIRST_OF_FOLDER if (one := posixpath.join(folder, name)) in self._texts), None)
        return self._title(first) if first is not None else posixpath.basename(folder).capitalize()

    def _order(self) -> tuple[str, ...]:
        """Folder by folder, and within one as its first page, and the first page of all, lead to them; then the others."""
        order: dict[str, None] = {}
        self._follow(FIRST, order)
        for path in sorted(self._texts, key=lambda path: (posixpath.dirname(path), not _is_first(path), path)):
            self._follow(path, order)
        folders = list(dict.fromkeys(posixpath.dirname(path) for path in order))
        return tuple(sorted(order, key=lambda path: folders.index(posixpath.dirname(path))))

    def _follow(self, path: str, order: dict[str, None]) -> None:
        if path in order or path not in self._texts:
            return
        order[path] = None
        if not _is_first(path):
            return
        folder = posixpath.dirname(path)
        for target in _INNER.findall(self._texts[path]):
            reached = posixpath.normpath(posixpath.join(folder, target))
            if not folder or reached.startswith(f"{folder}/"):
                self._follow(reached, order)


def _is_first(path: str) -> bool:
    return posixpath.basename(path) in FIRST_OF_FOLDER


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
