"""Where queues' rings and locks lie in their areas. Pure: a document and the places that hold now in, places out.

An area is laid out from the end of its logical size downward, so the user's data is the front part of it. What stays
unchanged stays where it is, with its messages and its holder: so room at the end that came later (an area that grew within
its region) goes to new queues and locks, not to the user's data behind which the old ones lie."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from guestwire.model.access import effective_access, parse_access
from guestwire.model.area_contents import (
    BLOCK_ALIGNMENT,
    LOCK_BYTES,
    RING_BYTES,
    lock_block,
    ring_block,
    ring_writers,
    slot_stride,
)
from guestwire.model.areas import DATA_OFFSET, Lock, MemoryArea, Queue
from guestwire.model.base import Model
from guestwire.model.communication import CommDocument
from guestwire.model.errors import GuestwireError

LockKind = Literal["shared", "robust"]


class PlacedRing(Model):
    """A ring of a queue, for one writer. `offset` in the region; `region`: the generation of the region it lies in;
    `number`: of the ring, used once on a host; `generation`: another one when it was laid out anew."""

    queue: str
    writer: str
    area: str
    region: int
    offset: int
    slots: int
    slot_bytes: int
    number: int
    generation: int

    @property
    def stride(self) -> int:
        return slot_stride(self.slot_bytes)

    @property
    def length(self) -> int:
        return ring_block(self.slots, self.slot_bytes)

    @property
    def words(self) -> int:
        """Bytes at its start that must be zero when it is new: the slots behind them are read after they were written."""
        return RING_BYTES

    @property
    def key(self) -> tuple[str, ...]:
        return ("queue", self.queue, self.writer)


class PlacedLock(Model):
    """A lock. `kind` robust: no guest can write its area, and a robust mutex serves the processes of the host."""

    name: str
    area: str
    region: int
    offset: int
    kind: LockKind
    generation: int

    @property
    def length(self) -> int:
        return lock_block()

    @property
    def words(self) -> int:
        return LOCK_BYTES

    @property
    def key(self) -> tuple[str, ...]:
        return ("lock", self.name)


Placed = PlacedRing | PlacedLock


class Placements(Model):
    """The places that hold. Also what is kept of them over a restart: the numbers go on."""

    rings: tuple[PlacedRing, ...] = ()
    locks: tuple[PlacedLock, ...] = ()
    next_number: Annotated[int, Field(ge=1)] = 1
    next_generation: Annotated[int, Field(ge=1)] = 1

    @property
    def all(self) -> tuple[Placed, ...]:
        return (*self.rings, *self.locks)

    def rings_of(self, queue: str) -> tuple[PlacedRing, ...]:
        return tuple(ring for ring in self.rings if ring.queue == queue)

    def counting_on(self, other: "Placements") -> "Placements":
        """These places with numbers that go on from the other's too: for going back to places of before."""
        return self.model_copy(
            update={
                "next_number": max(self.next_number, other.next_number),
                "next_generation": max(self.next_generation, other.next_generation),
            }
        )

    def data_size(self, area: MemoryArea) -> int:
        """Bytes of an area that are the user's: those in front of the lowest ring or lock."""
        lowest = min((placed.offset for placed in self.all if placed.area == area.name), default=None)
        return area.size if lowest is None else lowest - DATA_OFFSET


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A ring or lock of the document, that has no number yet."""

    placed: Placed
    path: str
    text: str


def place(document: CommDocument, held: Placements, regions: Mapping[str, int]) -> Placements:
    """The places of all rings and locks of a document. `held`: those that hold now; `regions`: the generation of each
    area's region. A ring or lock keeps its place, number and generation while it is the same in the same region, and within
    the area; others take the first gap from the end that is large enough. Raises REGION-FULL, with what is missing."""
    areas = {area.name: area for area in document.areas}
    before = {placed.key: placed for placed in held.all}
    wanted = tuple(_wanted(document, areas, regions))
    kept: dict[tuple[str, ...], Placed] = {}
    gaps = {}
    for name, group in _by_area(wanted).items():
        staying = _staying((before.get(one.placed.key), one.placed, areas[name]) for one in group)
        kept |= {placed.key: placed for placed in staying}
        gaps[name] = _Gaps(areas[name].size, staying)
    rings: list[PlacedRing] = []
    locks: list[PlacedLock] = []
    number, generation = held.next_number, held.next_generation
    for one in wanted:
        placed = kept.get(one.placed.key)
        if placed is None:
            new = {"offset": gaps[one.placed.area].take(one), "generation": generation}
            generation += 1
            if isinstance(one.placed, PlacedRing):
                new["number"] = number
                number += 1
            placed = one.placed.model_copy(update=new)
        if isinstance(placed, PlacedRing):
            rings.append(placed)
        else:
            locks.append(placed)
    return Placements(rings=tuple(rings), locks=tuple(locks), next_number=number, next_generation=generation)


def laid_anew(before: Placements, after: Placements) -> tuple[Placed, ...]:
    """What lies where it did not lie before: its `words` are to be zeroed."""
    old = {(placed.key, placed.generation) for placed in before.all}
    return tuple(placed for placed in after.all if (placed.key, placed.generation) not in old)


class _Gaps:
    """The free parts of an area, from its end on. All blocks are aligned and whole cache lines long, so gaps are too."""

    def __init__(self, size: int, taken: Iterable[Placed]) -> None:
        at = DATA_OFFSET + size
        at -= at % BLOCK_ALIGNMENT
        self._free: list[tuple[int, int]] = []
        for placed in sorted(taken, key=lambda placed: placed.offset, reverse=True):
            if placed.offset + placed.length < at:
                self._free.append((placed.offset + placed.length, at))
            at = placed.offset
        if at > DATA_OFFSET:
            self._free.append((DATA_OFFSET, at))

    def take(self, one: _Wanted) -> int:
        """The place for it. Raises REGION-FULL."""
        length = one.placed.length
        for n, (start, end) in enumerate(self._free):
            if end - start >= length:
                self._free[n : n + 1] = [(start, end - length)] if end - start > length else []
                return end - length
        largest = max((end - start for start, end in self._free), default=0)
        raise GuestwireError(
            "REGION-FULL",
            f"{one.text} takes {length} bytes of the memory area {one.placed.area}; the largest part that is free in it has"
            f" {largest}: enlarge the area by {length - largest} bytes, or take the queues and locks around smaller ones away",
            field=one.path,
            detail={"area": one.placed.area, "needed": length, "available": largest, "missing": length - largest},
        )


def _wanted(document: CommDocument, areas: Mapping[str, MemoryArea], regions: Mapping[str, int]) -> Iterator[_Wanted]:
    """In the document's order. A ring or lock in an area that is not there (QUEUE-AREA, LOCK-AREA) has no place."""
    for queue in document.queues:
        for writer in ring_writers(queue) if queue.area in areas else ():
            yield _Wanted(
                _ring(queue, writer, regions.get(queue.area, 0)), f"queues.{queue.name}.area",
                f"the queue {queue.name}, for its writer {writer},",
            )  # fmt: skip
    guests = [guest.name for guest in document.guests]
    kinds: dict[str, LockKind] = {}
    for lock in document.locks:
        if (area := areas.get(lock.area)) is None:
            continue
        if area.name not in kinds:
            kinds[area.name] = _lock_kind(area, guests)
        placed = _lock(lock, kinds[area.name], regions.get(area.name, 0))
        yield _Wanted(placed, f"locks.{lock.name}.area", f"the lock {lock.name}")


def _ring(queue: Queue, writer: str, region: int) -> PlacedRing:
    return PlacedRing(
        queue=queue.name, writer=writer, area=queue.area, region=region, offset=0, slots=queue.slots,
        slot_bytes=queue.slot_bytes, number=0, generation=0,
    )  # fmt: skip


def _lock(lock: Lock, kind: LockKind, region: int) -> PlacedLock:
    return PlacedLock(name=lock.name, area=lock.area, region=region, offset=0, kind=kind, generation=0)


def _lock_kind(area: MemoryArea, guests: Iterable[str]) -> LockKind:
    writable = any(parse_access(effective_access(area, guest)).write for guest in guests)
    return "shared" if writable else "robust"


def _by_area(wanted: Iterable[_Wanted]) -> dict[str, list[_Wanted]]:
    found: dict[str, list[_Wanted]] = {}
    for one in wanted:
        found.setdefault(one.placed.area, []).append(one)
    return found


def _staying(pairs: Iterable[tuple[Placed | None, Placed, MemoryArea]]) -> tuple[Placed, ...]:
    """Those that are as they were, from the end on; never two in one place, whatever the state said."""
    same = [before for before, wanted, area in pairs if before is not None and _stays(before, wanted, area)]
    staying: list[Placed] = []
    for placed in sorted(same, key=lambda placed: placed.offset, reverse=True):
        if not staying or placed.offset + placed.length <= staying[-1].offset:
            staying.append(placed)
    return tuple(staying)


def _stays(before: Placed, wanted: Placed, area: MemoryArea) -> bool:
    numbered = {"offset": before.offset, "generation": before.generation}
    if isinstance(before, PlacedRing):
        numbered["number"] = before.number
    inside = before.offset >= DATA_OFFSET and before.offset + before.length <= DATA_OFFSET + area.size
    return inside and before.offset % BLOCK_ALIGNMENT == 0 and wanted.model_copy(update=numbered) == before
