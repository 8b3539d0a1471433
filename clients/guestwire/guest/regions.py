"""Memory areas: which there are, and their bytes."""

import ctypes
from contextlib import suppress
from dataclasses import dataclass

from guestwire.guest.handles import Handle, Opened
from guestwire.guest.library import Library
from guestwire.shm.layouts import NAME_BYTES, NUMBERS

READ, WRITE = NUMBERS["GW_READ"], NUMBERS["GW_WRITE"]


class Row(ctypes.Structure):
    """struct gw_region_info"""

    _fields_ = (
        ("name", ctypes.c_char * NAME_BYTES), ("size", ctypes.c_uint64), ("generation", ctypes.c_uint64),
        ("access", ctypes.c_uint32), ("index", ctypes.c_uint32),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RegionInfo:
    """An area this peer has. `size`: bytes that are the user's; `generation`: another one when an area of the same name was
    made anew; `index`: the acpi-index of its device in a guest."""

    name: str
    size: int
    generation: int
    readable: bool
    writable: bool
    index: int


def region_info(row: Row) -> RegionInfo:
    name = row.name.decode("utf-8", "replace")
    return RegionInfo(name, row.size, row.generation, bool(row.access & READ), bool(row.access & WRITE), row.index)


class Region(Opened):
    """An area that is mapped here. Other peers may write at any time: read each value once, then check it.

    `memory` is the area's bytes in place, read-only unless it was opened for writing. The mapping stays until the last view
    of it is gone, also after `close`.
    """

    __slots__ = ("memory", "name", "size", "writable")

    def __init__(self, library: Library, handle: Handle, name: str, *, writable: bool) -> None:
        super().__init__(library, handle)
        self.name = name
        self.writable = writable
        self.size: int = library.quick.gw_region_size(handle)
        self.memory = _view(library.quick.gw_region_data(handle), self.size, handle, writable=writable)

    @property
    def generation(self) -> int:
        """Another one when the area was made anew; 0: it is closed here."""
        found: int = self.library.quick.gw_region_generation(self.handle)
        return found

    def check(self) -> None:
        """Raises GuestError: GW_CORRUPT, its header was written over; GW_CLOSED, it was taken from this peer or made anew;
        GW_NOT_STARTED."""
        self.demand(self.library.calls.gw_region_check(self.handle))

    def close(self) -> None:
        super().close()
        with suppress(BufferError):  # somebody looks at it still, an array for instance
            self.memory.release()


def _view(address: int, size: int, handle: Handle, *, writable: bool) -> memoryview:
    """Bytes of the library's. Every view of them holds the handle."""
    memory = (ctypes.c_char * size).from_address(address)
    memory.handle = handle  # type: ignore[attr-defined]
    view = memoryview(memory).cast("B")
    return view if writable else view.toreadonly()
