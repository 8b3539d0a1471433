"""Files of procfs that are read again and again: opened once, then read from their beginning.

An open file of a process or thread stays that one's: once it is gone, reading fails, though another may have its number.
"""

import os
from collections.abc import Callable, Iterable

MOST = 512
"""Files that are kept open; beyond that each is opened for each reading."""
_CHUNK = 1 << 16
_LINE = 4096


class KeptFiles:
    """By path, for one thread at a time. Readings raise OSError; the file is forgotten then, and opened anew by the next one."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._files: dict[str, int] = {}

    def read(self, path: str) -> bytes:
        """The content now."""
        return self._read(path, _whole)

    def read_line(self, path: str) -> bytes:
        """Of a file of one line, which the kernel gives at once: half the price."""
        return self._read(path, _at_once)

    def _read(self, path: str, read: Callable[[int], bytes]) -> bytes:
        file = self._files.get(path)
        if file is None:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if len(self._files) >= self._most:
                try:
                    return read(file)
                finally:
                    os.close(file)
            self._files[path] = file
        try:
            return read(file)
        except OSError:
            self.forget((path,))
            raise

    def forget(self, paths: Iterable[str]) -> None:
        """Close those of them that are open."""
        for path in paths:
            if (file := self._files.pop(path, None)) is not None:
                os.close(file)

    def close(self) -> None:
        self.forget(tuple(self._files))

    def __len__(self) -> int:
        return len(self._files)


def _at_once(file: int) -> bytes:
    return os.pread(file, _LINE, 0)


def _whole(file: int) -> bytes:
    """The kernel gives a long file a page at a time."""
    found = os.pread(file, _CHUNK, 0)
    while more := os.pread(file, _CHUNK, len(found)):
        found += more
    return found
