"""The agent's log on disk: JSON lines in a ring of files, newest in `agent.log`, older in `agent.log.1` and up.

A line that the disk does not take is dropped and counted: a full disk must not stop the agent from saying so elsewhere.
Once it is made, a ring raises nothing to who logs.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

NAME = "agent.log"
CHUNK = 64 * 1024
FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class LogFiles:
    """A ring of files in `folder`, made when missing: at most `files` of `max_bytes` each."""

    def __init__(self, folder: Path, *, max_bytes: int = 4 << 20, files: int = 4) -> None:
        self._path = folder / NAME
        self._max_bytes = max_bytes
        self._files = files
        self.dropped = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self._path, FLAGS, 0o640)
        self._size = os.fstat(self._fd).st_size
        # the end of a line may have been lost in a crash: the next must not be joined to it
        self._torn = self._size > 0 and not self._ends_whole()

    def _ends_whole(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def append(self, line: bytes) -> None:
        """One line, without its end."""
        if self._size + len(line) + 1 > self._max_bytes and self._size:
            try:
                self._rotate()
            except OSError:
                self.dropped += 1  # and the next line tries again: the file must not grow beyond its bound
                return
        self._write(line + b"\n")

    def _write(self, data: bytes) -> None:
        if self._torn:
            data = b"\n" + data
        try:
            written = os.write(self._fd, data)
        except OSError:
            self.dropped += 1
            return
        self._size += written
        self._torn = written < len(data)  # the disk filled up in the middle of it
        self.dropped += self._torn

    def _rotate(self) -> None:
        """The new file is open before the old one is let go: a descriptor closed too early becomes somebody else's."""
        fresh = self._path.with_name(f"{NAME}.new")
        fd = os.open(fresh, FLAGS | os.O_TRUNC, 0o640)
        try:
            for n in range(self._files - 1, 0, -1):
                older = self._numbered(n - 1)
                if older.exists():
                    older.replace(self._numbered(n))
            fresh.replace(self._path)
        except OSError:
            os.close(fd)
            raise
        old, self._fd, self._size, self._torn = self._fd, fd, 0, False
        _close(old)

    def clear(self) -> None:
        """Drop every line. Raises OSError, and then some may be left."""
        self._rotate()
        for n in range(1, self._files):
            self._numbered(n).unlink(missing_ok=True)

    def _numbered(self, n: int) -> Path:
        return self._path if n == 0 else self._path.with_name(f"{NAME}.{n}")

    def newest_first(self) -> Iterator[bytes]:
        """Every line, the last one written first. Reads the disk: call it off the loop."""
        with ExitStack() as stack:
            opened: dict[int, BinaryIO] = {}  # by inode: a rotation meanwhile shows the same file under two names
            for n in range(self._files):
                with suppress(FileNotFoundError):
                    file: BinaryIO = stack.enter_context(self._numbered(n).open("rb"))
                    opened.setdefault(os.fstat(file.fileno()).st_ino, file)
            for opened_file in opened.values():
                yield from _backwards(opened_file)

    def close(self) -> None:
        """What is said after this is dropped."""
        old, self._fd = self._fd, -1
        _close(old)


def _close(fd: int) -> None:
    with suppress(OSError):  # a disk that failed says so here; the descriptor is given back all the same
        os.close(fd)


def _backwards(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file from its end, a chunk in memory at a time."""
    at = file.seek(0, os.SEEK_END)
    rest = b""
    while at > 0:
        step = min(CHUNK, at)
        at -= step
        file.seek(at)
        rest, *lines = (file.read(step) + rest).split(b"\n")
        yield from (line for line in reversed(lines) if line)
    if rest:
        yield rest
