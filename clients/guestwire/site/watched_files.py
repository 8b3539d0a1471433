"""Tells whether files were replaced, without reading them."""

from collections.abc import Iterable
from pathlib import Path

Signature = tuple[tuple[int, ...] | None, ...]


def signature(files: Iterable[Path]) -> Signature:
    """What tells one content of the files from another; None for a file that cannot be had."""
    return tuple(_of_one(file) for file in files)


def _of_one(file: Path) -> tuple[int, ...] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
