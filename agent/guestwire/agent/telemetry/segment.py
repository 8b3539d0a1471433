"""One file of a class of the spool: where it is, which numbers it holds, how far it was read. Values; what is done with them is
`class_log`'s."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from guestwire.protocol.telemetry import SpoolClass

SUFFIX: Final = ".seg"
UNFINISHED: Final = ".new"
BLOCK_BYTES: Final = 4096
"""What files are rounded up to when the quota is counted: a disk gives room in blocks."""


@dataclass(slots=True, eq=False)
class Segment:
    """`last`: the last number that it holds or held. `size`: bytes up to which it is sound. `level`: how often it was made
    coarser. `sent`: whether anything of it may ever have left the host. `bounds`: see `SegmentHead`. `since`, `until`: the times
    of its first and its last record (Unix ms)."""

    path: Path
    first: int
    last: int
    size: int
    data_from: int
    since: int
    until: int
    level: int = 0
    sent: bool = True
    bounds: tuple[int, ...] = ()
    fd: int | None = None
    unsynced_since: float | None = None
    """Monotonic; None: all of it is on the disk."""
    busy: bool = False
    """Whether a thread reads it, or makes it coarser."""
    stubborn: bool = False
    """Whether making it coarser was tried, and made it no smaller."""
    read_to: tuple[int, int] = field(default=(0, 0))
    """A number, and the offset from which its record is to be read."""

    @property
    def room(self) -> int:
        """What it takes of the quota."""
        return -(-self.size // BLOCK_BYTES) * BLOCK_BYTES


def segment_path(folder: Path, name: SpoolClass, first: int) -> Path:
    """Where the segment is whose first number is `first`."""
    return folder / f"{name}-{first:016x}{SUFFIX}"


def first_of(file_name: str, name: SpoolClass) -> int | None:
    """The first number of a segment by its file's name; None: it is no segment of that class."""
    stem = file_name.removeprefix(f"{name}-").removesuffix(SUFFIX)
    if file_name != f"{name}-{stem}{SUFFIX}" or len(stem) != 16:
        return None
    try:
        return int(stem, 16)
    except ValueError:
        return None
