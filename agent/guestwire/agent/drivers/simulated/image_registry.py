"""The disk images of a simulated host: a registry of names, sizes and contents, no bytes.

Kept over a restart of the process in `images.jsonl`. A content is a text that stands for what is in an image: a copy has
the content of its source, a guest that writes gives it another.
"""

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from guestwire.agent.drivers.simulated.lines import LineLog, damaged

SIMULATED_FILES = "/simulated/"
"""Paths under it exist on every simulated host, until they are removed; but not those of SIMULATED_IMAGES."""

SIMULATED_IMAGES = "/simulated/images/"
"""The folder for disk images: there is what was made there."""

_IMPLIED_MIB = 1024
_IMPLIED_FORMATS = {".qcow2": "qcow2", ".raw": "raw", ".img": "raw", ".iso": "raw"}


@dataclass(frozen=True, slots=True)
class SnapshotEntry:
    """A snapshot: its name, when it was made (Unix ms), and what the image held."""

    name: str
    at: int
    content: str
    size_mib: int


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """An image. `format` None: a file that is no disk image."""

    format: str | None
    size_mib: int
    content: str
    snapshots: tuple[SnapshotEntry, ...] = ()

    def without(self, name: str) -> "ImageEntry":
        return replace(self, snapshots=tuple(s for s in self.snapshots if s.name != name))


class ImageRegistry:
    """What is where. Nothing is read or kept in memory before the first question."""

    __slots__ = ("_entries", "_lines")

    def __init__(self, directory: Path | None) -> None:
        self._lines = LineLog(None if directory is None else directory / "images.jsonl")
        self._entries: dict[str, ImageEntry | None] | None = None

    def get(self, path: str) -> ImageEntry | None:
        """The image at a path; None where there is no file."""
        entries = self._loaded()
        if path in entries:
            return entries[path]
        return _implied(path) if _is_implied(path) else None

    def put(self, path: str, entry: ImageEntry | None) -> None:
        """Make the path hold that image, or nothing. RESOURCE-EXHAUSTED when this machine's disk does not take it."""
        entries = self._loaded()
        self._lines.append(_line(path, entry))
        if entry is None and not _is_implied(path):
            entries.pop(path, None)
        else:
            entries[path] = entry
        if self._lines.worn:
            self._rewrite(entries)

    def move(self, path: str, to: str) -> None:
        """Rename. A process that dies in between leaves both names, and a later move ends it."""
        self.put(to, self.get(path))
        self.put(path, None)

    def sync(self) -> None:
        self._lines.sync()

    def _loaded(self) -> dict[str, ImageEntry | None]:
        if self._entries is None:
            entries: dict[str, ImageEntry | None] = {}
            for number, line in enumerate(self._lines.load(), 1):
                try:
                    entry = _entry(line["image"])
                    entries[line["path"]] = entry
                    if entry is None and not _is_implied(line["path"]):
                        del entries[line["path"]]
                except (KeyError, TypeError, ValueError) as err:
                    raise damaged(number) from err
            self._entries = entries
            if self._lines.old:
                self._rewrite(entries)
        return self._entries

    def _rewrite(self, entries: dict[str, ImageEntry | None]) -> None:
        self._lines.rewrite(_line(path, entry) for path, entry in entries.items())


def _is_implied(path: str) -> bool:
    return path.startswith(SIMULATED_FILES) and not path.startswith(SIMULATED_IMAGES)


def _implied(path: str) -> ImageEntry:
    format = _IMPLIED_FORMATS.get(PurePosixPath(path).suffix)
    return ImageEntry(format, _IMPLIED_MIB if format else 0, f"file {path}")


def _line(path: str, entry: ImageEntry | None) -> dict[str, Any]:
    if entry is None:
        return {"path": path, "image": None}
    snapshots = [[s.name, s.at, s.content, s.size_mib] for s in entry.snapshots]
    return {"path": path, "image": [entry.format, entry.size_mib, entry.content, snapshots]}


def _entry(values: list[Any] | None) -> ImageEntry | None:
    if values is None:
        return None
    format, size_mib, content, snapshots = values
    return ImageEntry(format, int(size_mib), str(content), tuple(SnapshotEntry(*s) for s in snapshots))
