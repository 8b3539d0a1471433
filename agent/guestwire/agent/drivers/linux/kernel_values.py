"""The KernelValues port over procfs and sysfs (cgroupfs is mounted below /sys). Reads and writes in a thread."""

import asyncio
import errno
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from guestwire.model.errors import GuestwireError

_TREES = ("/proc/", "/sys/")
_READ_BYTES = 1 << 20
_REFUSALS = frozenset(
    {
        errno.EIO,  # the affinity of a managed interrupt
        errno.EPERM,
        errno.EACCES,
        errno.EINVAL,
        errno.EROFS,
        errno.EBUSY,
        errno.ENODEV,
        errno.EOPNOTSUPP,
        errno.ERANGE,
    }
)


class LinuxKernelValues:
    """The values below `root`: "/", or a recorded tree."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    async def read(self, paths: Sequence[str]) -> Mapping[str, str | None]:
        return await asyncio.to_thread(lambda: {path: read_value(self._root, path) for path in paths})

    async def write(self, path: str, value: str) -> str:
        return await asyncio.to_thread(write_value, self._root, path, value)


def read_value(root: Path, path: str) -> str | None:
    """The text without its last newline; None where there is none, it cannot be read, or it is no kernel value."""
    if not _is_value(path):
        return None
    try:
        with (root / path[1:]).open("rb") as file:
            return file.read(_READ_BYTES).decode("utf-8", "replace").removesuffix("\n")
    except OSError:
        return None


def write_value(root: Path, path: str, value: str) -> str:
    """Write and read back. Raises NOT-FOUND, UNSUPPORTED (`detail["errno"]`), DRIVER-ERROR."""
    if not _is_value(path):
        raise GuestwireError("UNSUPPORTED", f"{path!r} is no value of the kernel: only those below /proc and /sys are")
    file = root / path[1:]
    try:
        # one write call: the kernel takes a value whole; nothing is created
        descriptor = os.open(file, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        try:
            os.write(descriptor, value.encode() + b"\n")
        finally:
            os.close(descriptor)
    except OSError as err:
        raise _translated(path, err) from err
    return read_value(root, path) or ""


def _is_value(path: str) -> bool:
    return path.startswith(_TREES) and ".." not in PurePosixPath(path).parts


def _translated(path: str, err: OSError) -> GuestwireError:
    detail = {"path": path, "errno": err.errno, "text": err.strerror}
    if err.errno in (errno.ENOENT, errno.ENOTDIR):
        return GuestwireError("NOT-FOUND", f"there is no {path}", detail=detail)
    if err.errno in _REFUSALS:
        return GuestwireError("UNSUPPORTED", f"the kernel refuses to write {path}: {err.strerror}", detail=detail)
    return GuestwireError("DRIVER-ERROR", f"{path} cannot be written: {err.strerror}", detail=detail)
