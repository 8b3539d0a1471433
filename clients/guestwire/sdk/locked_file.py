"""A small text file that several processes edit: each edit under a lock, and in one step for every reader."""

import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def change(path: Path, edit: Callable[[str], str]) -> str:
    """Replace the text of the file by what `edit` makes of it, and give that. A file that is not there is "" and is made
    for its owner alone, with its folder. What `edit` raises leaves the file as it was."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = path.resolve()  # a link to the real file stays a link
    with (target.parent / f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            before = target.read_text(encoding="utf-8")
            mode = target.stat().st_mode & 0o777
        except FileNotFoundError:
            before, mode = None, 0o600
        after = edit(before or "")
        if after != before:
            replace(target, after.encode(), mode)
    return after


def replace(path: Path, data: bytes, mode: int) -> None:
    """Put new content in place of a file in one step, durably: every reader sees the old or the new. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
