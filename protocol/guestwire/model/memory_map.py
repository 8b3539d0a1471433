"""The address map of a simulated host, which places rt guests as the System Manager's hypervisor does: at the base address
of their image, aligned, with the shared memory between them (SM 7.1). Linux has no such map: see `reservations`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from guestwire.model.desired import Desired
from guestwire.model.reservations import MIB, enabled, shared_parts

Status = Literal[
    "Reserved", "Used", "Available", "Shared Memory", "Guest", "Processor Boot Code", "Virtual Machine Framework"
]  # fmt: skip

_PAGE = 4096
_LOW_END = 0x9F000
"""632 KiB from the first page on; what follows up to 1 MiB is the firmware's."""
_HOLE = range(0xC000_0000, 0x1_0000_0000)
"""Below 4 GiB: devices."""
_SHARED_AT = 0x0040_0000
_GUESTS_FROM = 0x0400_0000
_FRAMEWORK = 8 * MIB
"""Where the System Manager's example map has shared memory and its first guest, and the size of its framework (SM 7.1)."""


@dataclass(frozen=True, slots=True)
class Row:
    """A range of addresses in bytes, `end` not included. `name`: of the guest or the memory area. `rows`: what is in it."""

    start: int
    end: int
    status: Status
    name: str = ""
    rows: "tuple[Row, ...]" = ()

    @property
    def size(self) -> int:
        return self.end - self.start

    @property
    def used(self) -> int:
        """Bytes of it that are not available."""
        return sum(row.used for row in self.rows) if self.rows else self.size * (self.status != "Available")


@dataclass(frozen=True, slots=True)
class Misfit:
    """Something that has no place: a guest by its name, or what its row's status would be. With a `start`, the image wants
    to be there: `others` are the guests or statuses of what else is there; none where that is not all memory."""

    name: str
    size: int
    start: int | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """Rows that cover the addresses from 0 without a gap, and what does not fit."""

    rows: tuple[Row, ...]
    misfits: tuple[Misfit, ...] = ()


@dataclass(frozen=True, slots=True)
class _Movable:
    """Something that may be anywhere, preferably not below `preferred`."""

    status: Status
    size: int
    name: str = ""
    align: int = MIB
    preferred: int = _GUESTS_FROM


def memory_map(desired: Desired, memory_mib: int) -> MemoryMap:
    """The map of a host with that much memory. In it are enabled rt guests (others get memory when they start) and the
    shared memory. First what has a fixed place, then the shared memory, then the other guests in the document's order,
    each as low as there is room."""
    images = {image.id: image for image in desired.images}
    guests = [guest for guest in enabled(desired) if guest.kind == "rt"]
    ram = _ram(memory_mib)
    taken = [Row(0, _PAGE, "Reserved")]
    if guests:
        taken.append(Row(_PAGE, 2 * _PAGE, "Processor Boot Code"))
    misfits: list[Misfit] = []
    movable: list[_Movable] = []
    for guest in guests:
        image, size = images.get(guest.image or ""), guest.memory_mib * MIB
        if image is None or image.base_address is None:
            movable.append(_Movable("Guest", size, guest.name, image.align_mib * MIB if image else MIB))
            continue
        row = Row(image.base_address, image.base_address + size, "Guest", guest.name)
        others = tuple(other.name or other.status for other in taken if row.start < other.end and other.start < row.end)
        if others or not any(row.start in block and row.end <= block.stop for block in ram):
            misfits.append(Misfit(guest.name, size, row.start, others))
        else:
            taken.append(row)
    parts = [(part.name, part.mib * MIB) for part in shared_parts(desired)]
    if parts:
        movable.insert(0, _Movable("Shared Memory", sum(size for _, size in parts), preferred=_SHARED_AT))
    if guests:
        movable.append(_Movable("Virtual Machine Framework", _FRAMEWORK))
    for thing in movable:
        start = _place(thing, ram, taken)
        if start is None:
            misfits.append(Misfit(thing.name or thing.status, thing.size))
        else:
            inner = tuple(_in_a_row(start, parts)) if thing.status == "Shared Memory" else ()
            taken.append(Row(start, start + thing.size, thing.status, thing.name, inner))
    return MemoryMap(tuple(_tree(ram, sorted(taken, key=lambda row: row.start))), tuple(misfits))


def _ram(memory_mib: int) -> tuple[range, ...]:
    """The addresses that have memory behind them."""
    size = max(memory_mib, 0) * MIB
    below = range(MIB, min(size, _HOLE.start))
    above = range(_HOLE.stop, _HOLE.stop + size - _HOLE.start)
    return (range(_LOW_END), *(block for block in (below, above) if block))


def _place(thing: _Movable, ram: Sequence[range], taken: Iterable[Row]) -> int | None:
    """The lowest address with room above its preferred one, else the lowest at all; nothing comes below 1 MiB."""
    rows = sorted(taken, key=lambda row: row.start)
    gaps = [gap for block in ram[1:] for gap in _gaps(block, rows)]
    for floor in (thing.preferred, MIB):
        for gap in gaps:
            start = -(-max(gap.start, floor) // thing.align) * thing.align
            if start + thing.size <= gap.stop:
                return start
    return None


def _gaps(block: range, rows: Iterable[Row]) -> Iterator[range]:
    """What the rows (ascending) leave free of a block."""
    start = block.start
    for row in rows:
        if row.start in block:
            if start < row.start:
                yield range(start, row.start)
            start = row.end
    if start < block.stop:
        yield range(start, block.stop)


def _in_a_row(start: int, parts: Iterable[tuple[str, int]]) -> Iterator[Row]:
    for name, size in parts:
        yield Row(start, start + size, "Shared Memory", name)
        start += size


def _tree(ram: Iterable[range], taken: Sequence[Row]) -> Iterator[Row]:
    """A row for each block of memory with what is in it, and one for what is between two blocks."""
    end = 0
    for block in ram:
        if block.start > end:
            yield Row(end, block.start, "Reserved")
        inner = [row for row in taken if row.start in block]
        inner += [Row(gap.start, gap.stop, "Available") for gap in _gaps(block, taken)]
        status: Status = "Used" if any(row.status != "Available" for row in inner) else "Available"
        yield Row(block.start, block.stop, status, "", tuple(sorted(inner, key=lambda row: row.start)))
        end = block.stop
