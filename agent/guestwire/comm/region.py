"""One region: sealed memory of a fixed size behind a file descriptor, mapped by us for writing. Nothing here believes what
lies in it: guests may write over all of it, the header too."""

import errno
import fcntl
import hashlib
import mmap
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Annotated

from pydantic import Field

from guestwire.model.areas import LARGEST_AREA, SMALLEST_BACKING, backing_of
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.shm.layouts import NUMBERS, REGION, VERSION

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
"""Who could shrink a region would kill every QEMU that has it; who could seal it against writing would keep us from mapping
it again. So its seals are complete from the start."""
_WORD = re.compile(r"gw-([0-9]{1,5})-([0-9]{1,20})")
_CHUNK = 1 << 20
_NO_ROOM = (errno.ENOSPC, errno.ENOMEM, errno.EMFILE, errno.ENFILE)


class RegionKind(IntEnum):
    """GW_KIND_* of the layouts."""

    DIRECTORY = NUMBERS["GW_KIND_DIRECTORY"]
    AREA = NUMBERS["GW_KIND_AREA"]
    CONTROL = NUMBERS["GW_KIND_CONTROL"]
    DIRECT = NUMBERS["GW_KIND_DIRECT"]

    @property
    def data_offset(self) -> int:
        """Where its own bytes begin."""
        return int(NUMBERS["GW_DATA_OFFSET"]) if self in (RegionKind.AREA, RegionKind.DIRECT) else REGION.size

    def backing(self, size: int) -> int:
        """Bytes of the region for `size` bytes of data: a power of two. Raises ValueError for a size that is none."""
        if self is RegionKind.DIRECTORY:
            return SMALLEST_BACKING
        if self is RegionKind.CONTROL:
            return int(NUMBERS["GW_CONTROL_BYTES"])
        if not 1 <= size <= LARGEST_AREA:
            raise ValueError(f"{size} bytes is no size for a region")
        return backing_of(size)


class RegionRow(Model):
    """What tells a region from every other, kept over our restarts. `device` and `inode` are the kernel's name for its
    memory: whoever makes a memfd of the same name has another inode. `aside`: no document has it, and none was settled yet."""

    kind: Annotated[int, Field(ge=1, le=len(RegionKind))]
    name: str
    size: int
    backing: int
    index: int
    generation: int
    device: int = 0
    inode: int = 0
    aside: bool = False

    @property
    def word(self) -> str:
        return region_word(self.index, self.generation)


def region_word(index: int, generation: int) -> str:
    """The name of a region's memfd, and of its fd in the service manager's store."""
    return f"gw-{index}-{generation}"


def read_region_word(text: str) -> tuple[int, int] | None:
    """Index and generation; None for a text that is no such name."""
    found = _WORD.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else None


class Region:
    """A region that we have mapped. `fd` belongs to it: who passes it on duplicates it, or lets SCM_RIGHTS do so.

    Words are read and written whole (x86: an aligned load or store), at offsets that we laid out ourselves."""

    def __init__(self, fd: int, row: RegionRow) -> None:
        """Use `make_region` or `adopt_region`. Takes `fd` over, unless it raises REGION-FULL."""
        with no_room(row.name):
            self._mapping = mmap.mmap(fd, row.backing)
        self.fd = fd
        self.row = row
        self.memory = memoryview(self._mapping)
        self._words32 = self.memory.cast("I")
        self._words64 = self.memory.cast("Q")
        self._write_header()

    def __repr__(self) -> str:
        return f"<Region {self.row.word} {self.kind.name} {self.row.name}>"

    @property
    def kind(self) -> RegionKind:
        return RegionKind(self.row.kind)

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def size(self) -> int:
        """Bytes of data: of an area its logical size."""
        return self.row.size

    @property
    def backing(self) -> int:
        return self.row.backing

    @property
    def index(self) -> int:
        return self.row.index

    @property
    def generation(self) -> int:
        return self.row.generation

    def load32(self, at: int) -> int:
        return int(self._words32[at >> 2])

    def load64(self, at: int) -> int:
        return int(self._words64[at >> 3])

    def store32(self, at: int, value: int) -> None:
        self._words32[at >> 2] = value

    def store64(self, at: int, value: int) -> None:
        self._words64[at >> 3] = value

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of its data, from `offset` in them; fewer, where it ends. Holes stay holes: a look takes no memory."""
        length = max(0, min(length, self.size - offset))
        return os.pread(self.fd, length, self.kind.data_offset + offset) if length else b""

    def digest(self) -> bytes:
        """sha256 of its data."""
        digest = hashlib.sha256()
        for at in range(0, self.size, _CHUNK):
            digest.update(self.read(at, _CHUNK))
        return digest.digest()

    def copy_from(self, other: "Region") -> None:
        """Its data, as much as both have. What the other never touched takes no memory here either."""
        start, end = self.kind.data_offset, self.kind.data_offset + min(self.size, other.size)
        for at, to in _touched(other.fd, start, end):
            for part in range(at, to, _CHUNK):
                self.memory[part : min(part + _CHUNK, to)] = other.memory[part : min(part + _CHUNK, to)]

    def resize(self, size: int) -> None:
        """Another logical size within the same backing. Raises ValueError when it needs another."""
        if self.kind.backing(size) != self.backing:
            raise ValueError(f"{size} bytes need another region than one of {self.backing}")
        self.row = self.row.model_copy(update={"size": size})
        self._write_header()

    def reopen(self, *, write: bool) -> int:
        """A new fd of it, a file of its own: locks on files (fcntl) are between those who have different ones. One that can
        only read nobody but the region's owner and group can make write again: see `make_region`. The caller closes it.
        Raises REGION-FULL without descriptors."""
        with no_room(self.name):
            return os.open(f"/proc/self/fd/{self.fd}", (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC)

    def close(self) -> None:
        """Let it go: the memory stays for as long as somebody else has it. Twice is once."""
        if self.fd < 0:
            return
        for view in (self._words32, self._words64, self.memory):
            view.release()
        self._mapping.close()
        os.close(self.fd)
        self.fd = -1

    def _write_header(self) -> None:
        self.memory[: REGION.size] = REGION.pack(
            magic=NUMBERS["GW_MAGIC"], version=VERSION, kind=self.kind.value,
            size=self.size if self.kind in (RegionKind.AREA, RegionKind.DIRECT) else 0,
            data_offset=self.kind.data_offset, generation=self.generation, index=self.index, name=self.name,
        )  # fmt: skip


def make_region(row: RegionRow, group: int | None = None) -> Region:
    """A new region, zeroed. Its memory belongs to us alone (0600), so that a process that got a fd for reading cannot open
    it anew for writing; with `group` to that group too (0660): QEMU opens the fd that it was passed by its path in /proc.
    Raises REGION-FULL without memory or descriptors, ValueError for a name longer than 71 bytes."""
    with no_room(row.name):
        fd = os.memfd_create(row.word, os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    try:
        with no_room(row.name):
            os.ftruncate(fd, row.backing)
            if group is not None:
                os.fchown(fd, -1, group)
            os.fchmod(fd, 0o600 if group is None else 0o660)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
        found = os.fstat(fd)
        return Region(fd, row.model_copy(update={"device": found.st_dev, "inode": found.st_ino}))
    except BaseException:
        os.close(fd)
        raise


def adopt_region(row: RegionRow, fd: int) -> Region | None:
    """The region of a row behind a fd that was kept or found, which it takes over; its header is written anew. None when
    the fd is not that memory, cannot write, or is not sealed: then the fd is the caller's still."""
    return Region(fd, row) if is_region(row, fd) else None


def is_region(row: RegionRow, fd: int) -> bool:
    """Whether a fd is the memory of a row, with its size and seals, open for writing."""
    try:
        found = os.fstat(fd)
        return (
            stat.S_ISREG(found.st_mode)
            and (found.st_dev, found.st_ino, found.st_size) == (row.device, row.inode, row.backing)
            and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
            and fcntl.fcntl(fd, fcntl.F_GET_SEALS) & SEALS == SEALS
        )
    except OSError:
        return False


@contextmanager
def no_room(name: str) -> Iterator[None]:
    """A kernel without memory or descriptors is REGION-FULL."""
    try:
        yield
    except OSError as err:
        if err.errno not in _NO_ROOM:
            raise
        raise GuestwireError(
            "REGION-FULL", f"the host has no room for the region of {name}: {err.strerror}", detail={"errno": err.errno}
        ) from err


def _touched(fd: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of a file that are no holes."""
    at = start
    while at < end:
        try:
            at = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as err:
            if err.errno != errno.ENXIO:
                raise
            return
        hole = os.lseek(fd, at, os.SEEK_HOLE)
        if at < end:
            yield at, min(hole, end)
        at = hole
