"""A disk on paper: files in memory that lose in a power cut what was not synced, and take nothing when they are full.

What was written and not synced is there, is not, or is there in part, each write by itself; what was made, renamed or removed in a
folder is there up to some point, in order.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from guestwire.agent.telemetry.disk import Disk

Choose = Callable[[int], int]
"""A number from 0 to the one that is given, the tests' choice."""


@dataclass
class File:
    """`writes`: what was not synced, as (offset, bytes), and as (size, None) where it was cut."""

    data: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    writes: list[tuple[int, bytes | None]] = field(default_factory=list)


def _apply(data: bytearray, offset: int, written: bytes | None) -> None:
    if written is None:
        del data[offset:]
        return
    if offset > len(data):
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(written)] = written


class PaperDisk(Disk):
    """`full`: nothing grows and nothing is made; `broken`: nothing is written at all, nor synced. `room`: bytes that may be written
    before it is full."""

    def __init__(self) -> None:
        self.folders: set[Path] = set()
        self.names_now: dict[Path, File] = {}
        self.names_durable: dict[Path, File] = {}
        self.changes: list[tuple[Path, File | None]] = []
        self.fds: dict[int, File] = {}
        self.full = False
        self.broken = False
        self.syncs = 0
        self._next_fd = 1000

    # -- faults

    def kill(self) -> None:
        """The process dies: what it wrote is in the page cache."""
        self.fds.clear()

    def cut_power(self, choose: Choose) -> None:
        self.fds.clear()
        for path, file in self.changes[: choose(len(self.changes))]:
            _rename(self.names_durable, path, file)
        self.changes.clear()
        for file in {id(one): one for one in self.names_durable.values()}.values():
            self._lose(file, choose)
        self.names_now = dict(self.names_durable)

    def _lose(self, file: File, choose: Choose) -> None:
        data = bytearray(file.durable)
        for offset, written in file.writes:
            match choose(3):
                case 0:
                    continue
                case 1 if written:
                    _apply(data, offset, written[: choose(len(written))])
                case _:
                    _apply(data, offset, written)
        file.data, file.durable, file.writes = data, bytes(data), []

    # -- Disk

    def make_folder(self, path: Path) -> None:
        self.folders.add(path)

    def names(self, folder: Path) -> tuple[str, ...]:
        files = [path.name for path in self.names_now if path.parent == folder]
        return tuple(sorted([*files, *(path.name for path in self.folders if path.parent == folder)]))

    def create(self, path: Path) -> int:
        if self.full or self.broken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        file = self.names_now.get(path)
        if file is None:
            file = self._name(path, File())
        file.data.clear()
        file.writes.append((0, None))
        return self._opened(file)

    def open(self, path: Path) -> int:
        file = self.names_now.get(path)
        if file is None:
            if self.full or self.broken:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            file = self._name(path, File())
        return self._opened(file)

    def _opened(self, file: File) -> int:
        self._next_fd += 1
        self.fds[self._next_fd] = file
        return self._next_fd

    def _name(self, path: Path, file: File) -> File:
        self.names_now[path] = file
        self.changes.append((path, file))
        return file

    def write(self, fd: int, data: bytes, offset: int) -> None:
        file = self.fds[fd]
        if self.broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if self.full and offset + len(data) > len(file.data):
            half = data[: max(0, len(file.data) - offset) + (len(data) // 2)]
            _apply(file.data, offset, half)  # a disk that gets full takes a part
            file.writes.append((offset, half))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        _apply(file.data, offset, data)
        file.writes.append((offset, data))

    def read(self, path: Path, offset: int = 0, size: int = -1) -> bytes:
        try:
            data = bytes(self.names_now[path].data)
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
        return data[offset:] if size < 0 else data[offset : offset + size]

    def size(self, path: Path) -> int:
        return len(self.names_now[path].data)

    def truncate(self, fd: int, size: int) -> None:
        _apply(self.fds[fd].data, size, None)
        self.fds[fd].writes.append((size, None))

    def sync(self, fd: int) -> None:
        if self.broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        file = self.fds[fd]
        file.durable, file.writes = bytes(file.data), []
        self.syncs += 1

    def sync_folder(self, folder: Path) -> None:
        left: list[tuple[Path, File | None]] = []
        for path, file in self.changes:
            if path.parent == folder:
                _rename(self.names_durable, path, file)
            else:
                left.append((path, file))
        self.changes = left

    def close(self, fd: int) -> None:
        del self.fds[fd]

    def replace(self, path: Path, by: Path) -> None:
        file = self.names_now.pop(by)
        self.changes.append((by, None))
        self._name(path, file)

    def remove(self, path: Path) -> None:
        if self.names_now.pop(path, None) is not None:
            self.changes.append((path, None))

    def remove_folder(self, folder: Path) -> None:
        assert not self.names(folder)
        self.folders.discard(folder)


def _rename(names: dict[Path, File], path: Path, file: File | None) -> None:
    if file is None:
        names.pop(path, None)
    else:
        names[path] = file
