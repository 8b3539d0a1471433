"""Files of disk images: who has one open, names beside them, and a rename that never overwrites. Everything blocks."""

import errno
import fcntl
import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from guestwire.model.errors import GuestwireError

# QEMU takes shared OFD locks on bytes from 100 (what it does) and from 200 (what it forbids others); block/file-posix.c
_LOCK_START, _LOCK_LENGTH = 100, 200
_FLOCK = "hhlli"


def check_path(path: str) -> Path:
    """The path; UNSUPPORTED unless it is absolute and has no "..": where images may be is a rule's question."""
    pure = Path(path)
    if not pure.is_absolute() or ".." in pure.parts or path.endswith("/"):
        raise GuestwireError("UNSUPPORTED", f"an image is named by an absolute path without ..: {path!r} is none")
    return pure


def within(path: Path, roots: Sequence[Path], *, new: bool = False) -> Path:
    """The path with the symbolic links of its folder followed. DENIED where a link inside a root leads out of the roots, which
    may be links themselves, and for a `new` image that is in none. An image that is there already, written outside them all,
    is one that other tools made: what may become of it is a rule's question."""
    try:
        real = path.parent.resolve() / path.name
        allowed = any(real.parent.is_relative_to(root.resolve()) for root in roots)
    except RuntimeError as err:  # links in a circle
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from err
    if not allowed and (new or any(path.is_relative_to(root) for root in roots)):
        raise GuestwireError(
            "DENIED", f"{path} is outside the folders for disks, at {real}", detail={"path": str(path), "at": str(real)}
        )
    return real


def check_there(path: Path) -> None:
    if not path.exists():
        raise not_found(path)


def check_unused(path: Path) -> None:
    """Raise IMAGE-IN-USE while a process holds QEMU's locks on the image, for reading or for writing."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        wanted = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _LOCK_START, _LOCK_LENGTH, 0)
        found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, wanted)
    except OSError as err:
        if err.errno not in (errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP):
            raise
        return  # a file system without such locks: QEMU runs without them there too
    finally:
        os.close(descriptor)
    if struct.unpack(_FLOCK, found)[0] != fcntl.F_UNLCK:
        raise in_use(path)


def fresh_name(path: Path) -> Path:
    """Where a new image is made before it gets its name; what an earlier process left there is deleted."""
    fresh = path.with_name(f".{path.name}.guestwire-new")
    fresh.unlink(missing_ok=True)
    return fresh


def make_folder(path: Path) -> None:
    """The image's folder: others may pass through it (QEMU's user must), not list it."""
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)


def publish(fresh: Path, path: Path) -> None:
    """Sync the file and give it its name. EXISTS where there is a file by now."""
    descriptor = os.open(fresh, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    rename(fresh, path)


def rename(source: Path, path: Path) -> None:
    """Rename without overwriting (EXISTS), and sync the folder."""
    try:
        os.link(source, path, follow_symlinks=False)
    except FileExistsError as err:
        raise exists(path) from err
    except OSError as err:
        if err.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        if os.path.lexists(path):  # a file system without hard links: nobody else makes files there in between
            raise exists(path) from err
        source.rename(path)
    else:
        source.unlink()
    sync_folder_of(path)


def sync_folder_of(path: Path) -> None:
    """Make a name that was made, changed or removed survive a power cut."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def set_aside(path: Path) -> Path:
    """Rename it to a hidden name beside itself. Of one that is aside already, the newest such name."""
    taken = 0
    while os.path.lexists(_aside(path, taken + 1)):
        taken += 1
    if not os.path.lexists(path):
        if taken == 0:
            raise not_found(path)
        return _aside(path, taken)
    check_unused(path)
    rename(path, aside := _aside(path, taken + 1))
    return aside


def put_back(aside: Path, path: Path) -> None:
    if os.path.lexists(aside):
        if os.path.lexists(path) and aside.samefile(path):
            aside.unlink()  # a rename that a power cut ended halfway
            sync_folder_of(path)
        else:
            rename(aside, path)
    elif not os.path.lexists(path):
        raise not_found(aside)


def remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        check_unused(path)
        path.unlink()
        sync_folder_of(path)


def _aside(path: Path, number: int) -> Path:
    return path.with_name(f".{path.name}.guestwire-aside-{number}")


def not_found(path: Path) -> GuestwireError:
    return GuestwireError("NOT-FOUND", f"there is no file {path}", detail={"path": str(path)})


def exists(path: Path) -> GuestwireError:
    return GuestwireError("EXISTS", f"there is a file {path}", detail={"path": str(path)})


def in_use(path: Path) -> GuestwireError:
    return GuestwireError("IMAGE-IN-USE", f"a running guest uses {path}", detail={"path": str(path)})


def disk_error(path: Path, err: OSError) -> GuestwireError:
    """RESOURCE-EXHAUSTED for a full disk, else DRIVER-ERROR."""
    detail = {"path": str(path), "errno": err.errno, "text": err.strerror}
    if err.errno in (errno.ENOSPC, errno.EDQUOT):
        return GuestwireError(
            "RESOURCE-EXHAUSTED", f"no space for {path}: {err.strerror}", detail={"resource": "disk", **detail}
        )
    return GuestwireError("DRIVER-ERROR", f"{path}: {err.strerror}", detail=detail)
