"""What the spool does with files, and nothing of why: a port small enough that a test can cut its power.

Every call may raise OSError. Calls that wait for the disk (`sync`, `sync_folder`) belong into a thread.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path

_FLAGS = os.O_RDWR | os.O_CLOEXEC
_MODE = 0o600


class Disk:
    """The files of one folder tree, by the operating system."""

    def make_folder(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def names(self, folder: Path) -> tuple[str, ...]:
        """What is in a folder; nothing where there is none."""
        with suppress(FileNotFoundError):
            return tuple(sorted(path.name for path in folder.iterdir()))
        return ()

    def create(self, path: Path) -> int:
        """A new file, open; what was there under that name is gone."""
        return os.open(path, _FLAGS | os.O_CREAT | os.O_TRUNC, _MODE)

    def open(self, path: Path) -> int:
        """A file that is there, or an empty new one."""
        return os.open(path, _FLAGS | os.O_CREAT, _MODE)

    def write(self, fd: int, data: bytes, offset: int) -> None:
        """All of it. Raises OSError ENOSPC when only a part was taken."""
        if os.pwrite(fd, data, offset) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def read(self, path: Path, offset: int = 0, size: int = -1) -> bytes:
        """Bytes from `offset`, at most `size` of them; to the end where none is said."""
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            if size < 0:
                return file.read()
            return file.read(size)

    def size(self, path: Path) -> int:
        return path.stat().st_size

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        os.fdatasync(fd)

    def sync_folder(self, folder: Path) -> None:
        """What was made, renamed and removed in it."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def close(self, fd: int) -> None:
        with suppress(OSError):  # a disk that failed says so here; the descriptor is given back all the same
            os.close(fd)

    def replace(self, path: Path, by: Path) -> None:
        """`by` takes the place of `path`."""
        by.replace(path)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def remove_folder(self, folder: Path) -> None:
        with suppress(FileNotFoundError):
            folder.rmdir()
