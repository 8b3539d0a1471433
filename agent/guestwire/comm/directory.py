"""The directory of a peer: which areas, rings, locks and direct events it has, and where. The one thing that a guest may
believe, because it cannot write it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from guestwire.comm.placement import Placements
from guestwire.comm.region import Region, RegionKind
from guestwire.model.access import Access, effective_access, parse_access
from guestwire.model.communication import CommDocument
from guestwire.model.errors import GuestwireError
from guestwire.model.events import HOST
from guestwire.shm.layout import Value
from guestwire.shm.layouts import AREA_ROW, DIRECT_ROW, DIRECTORY, LOCK_ROW, NUMBERS, REGION, RING_ROW

_AT = REGION.size
_SEQUENCE = _AT + DIRECTORY.offsets["sequence"]
_INSTANCE = _AT + DIRECTORY.offsets["instance"]
_PEER = _AT + DIRECTORY.offsets["peer"]
_ALIVE = _AT + DIRECTORY.offsets["alive"]
_BODY = _AT + DIRECTORY.offsets["areas"]
_ROWS_AT = _AT + DIRECTORY.size
_TABLES = {"areas": AREA_ROW, "rings": RING_ROW, "locks": LOCK_ROW, "directs": DIRECT_ROW}
_READER, _WRITER = NUMBERS["GW_READER"], NUMBERS["GW_WRITER"]
_LOCK_KINDS = {"shared": NUMBERS["GW_LOCK_SHARED"], "robust": NUMBERS["GW_LOCK_ROBUST"]}


@dataclass(frozen=True, slots=True)
class AreaRow:
    """A gw_area_row; `access` of GW_READ, GW_WRITE and GW_CACHED, `kind` an AREA or DIRECT."""

    name: str
    index: int
    access: int
    kind: int
    backing: int
    data_offset: int
    size: int
    generation: int


@dataclass(frozen=True, slots=True)
class RingRow:
    """A gw_ring_row; `role` of GW_READER and GW_WRITER."""

    queue: str
    writer: str
    index: int
    role: int
    offset: int
    slots: int
    slot_bytes: int
    stride: int
    number: int
    generation: int


@dataclass(frozen=True, slots=True)
class LockRow:
    """A gw_lock_row; `kind` GW_LOCK_SHARED or GW_LOCK_ROBUST."""

    name: str
    index: int
    kind: int
    offset: int
    generation: int


@dataclass(frozen=True, slots=True)
class DirectRow:
    """A gw_direct_row; `role` of GW_WRITER and GW_READER, `manual` 1 or 0."""

    name: str
    index: int
    role: int
    offset: int
    peer: int
    vector: int
    manual: int


Row = AreaRow | RingRow | LockRow | DirectRow


@dataclass(frozen=True, slots=True)
class DirectoryRows:
    """All rows of one peer's directory."""

    areas: tuple[AreaRow, ...] = ()
    rings: tuple[RingRow, ...] = ()
    locks: tuple[LockRow, ...] = ()
    directs: tuple[DirectRow, ...] = ()


def directory_rows(
    party: str,
    document: CommDocument,
    placements: Placements,
    regions: Mapping[str, Region],
    direct_regions: Iterable[Region] = (),
    directs: Iterable[DirectRow] = (),
) -> DirectoryRows:
    """What a party has: the areas it may read, the rings it reads or writes, the locks of areas it may write. `regions`: of
    the areas, by name; one that has none is left out. `direct_regions` and `directs`: those that this party has."""
    areas = {area.name: area for area in document.areas if area.name in regions}
    access = {name: parse_access(effective_access(area, party)) for name, area in areas.items()}
    readers = {queue.name: queue.reader for queue in document.queues}
    return DirectoryRows(
        areas=(
            *(
                _area_row(regions[name], access[name], placements.data_size(area))
                for name, area in areas.items()
                if access[name].plugged
            ),
            *(_area_row(region, Access(True, True, False), region.size) for region in direct_regions),
        ),
        rings=tuple(
            RingRow(
                ring.queue, ring.writer, regions[ring.area].index, role, ring.offset, ring.slots, ring.slot_bytes,
                ring.stride, ring.number, ring.generation,
            )
            for ring in placements.rings
            if ring.area in access and access[ring.area].plugged
            if (role := _role(party, readers.get(ring.queue, ""), ring.writer))
        ),
        locks=tuple(
            LockRow(lock.name, regions[lock.area].index, _LOCK_KINDS[lock.kind], lock.offset, lock.generation)
            for lock in placements.locks
            if lock.area in access and access[lock.area].write
        ),
        directs=tuple(directs),
    )  # fmt: skip


class Directory:
    """Writes the directory of one peer into its region, of the kind DIRECTORY. Readers see either the rows before or those
    after: the sequence is odd in between. 1 MiB holds 1024 rows of each kind at once, and more of one where another has
    fewer."""

    def __init__(self, region: Region, *, instance: int, peer: int, host: str, party: str) -> None:
        """`peer`: its number in lock words; `party`: a guest's name or HOST. Nothing is written yet."""
        if region.kind is not RegionKind.DIRECTORY:
            raise ValueError(f"{region} is no directory")
        self.region = region
        self.party = party
        self._instance = instance
        self._peer = peer
        self._host = host
        self._written: bytes | None = None

    def write(self, rows: DirectoryRows) -> bool:
        """Show these rows and no others. False: they were there already. Raises REGION-FULL, and the rows before stay."""
        body = self._body(rows)
        before, self._written = self._written, body
        if body == before:
            return False
        body += bytes(max(0, len(before or b"") - len(body)))  # names of before do not stay behind
        odd = self.region.load64(_SEQUENCE) | 1  # a writer that was killed at it left an odd one
        self.region.store64(_SEQUENCE, odd)
        self.region.store64(_INSTANCE, self._instance)
        self.region.store32(_PEER, self._peer)
        self.region.memory[_BODY : _BODY + len(body)] = body
        self.region.store64(_SEQUENCE, (odd + 1) % 2**64)
        return True

    def set_alive(self, alive: bool) -> None:
        """Whether this guestwire-comm serves the peer."""
        set_alive(self.region, alive)

    def _body(self, rows: DirectoryRows) -> bytes:
        """From the counts of rows on."""
        tables, at = [], _ROWS_AT
        head: dict[str, Value] = {"host": self._host, "guest": "" if self.party == HOST else self.party}
        for name, layout in _TABLES.items():
            table: tuple[Row, ...] = getattr(rows, name)
            head[name], head[f"{name}_at"] = len(table), at
            tables += [layout.pack(**asdict(row)) for row in table]
            at += len(table) * layout.size
        if at > self.region.backing:
            counts = {name: len(getattr(rows, name)) for name in _TABLES}
            raise GuestwireError(
                "REGION-FULL",
                f"the directory of {self.party} takes {at} bytes and has {self.region.backing}: it is to show "
                + ", ".join(f"{count} {name}" for name, count in counts.items())
                + "; take some of its access away",
                detail={"directory": self.party, "needed": at, "available": self.region.backing, **counts},
            )
        return DIRECTORY.pack(**head)[_BODY - _AT :] + b"".join(tables)


def set_alive(region: Region, alive: bool) -> None:
    """Also for the directory of an instance before, which serves its peer no more."""
    region.store32(_ALIVE, int(alive))


def _role(party: str, reader: str, writer: str) -> int:
    return (_READER if party == reader else 0) | (_WRITER if party == writer else 0)


def _area_row(region: Region, access: Access, size: int) -> AreaRow:
    bits = (access.read, NUMBERS["GW_READ"]), (access.write, NUMBERS["GW_WRITE"]), (access.cached, NUMBERS["GW_CACHED"])
    return AreaRow(
        region.name, region.index, sum(bit for given, bit in bits if given), region.kind.value, region.backing,
        region.kind.data_offset, size, region.generation,
    )  # fmt: skip
