"""How a host's memory is written: the address map of a simulated host, or what a Linux host has set aside (SM 7.1)."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from guestwire.cli.output import Column, View
from guestwire.model.desired import Desired
from guestwire.model.memory_map import Row, memory_map
from guestwire.model.reservations import Reservation, reservations
from guestwire.model.topology import Topology

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class MapRow:
    """A line of the address map. Addresses in bytes, `end` the last one; `depth`: how deep it lies in the tree."""

    start: int
    end: int
    size: int
    status: str
    name: str
    depth: int


def map_rows(desired: Desired, memory_mib: int) -> list[MapRow]:
    """The whole map, parents before what is in them."""
    return list(_flat(memory_map(desired, memory_mib).rows, 0))


def _flat(rows: Sequence[Row], depth: int) -> Iterator[MapRow]:
    for row in rows:
        status = f"Used: {_size(row.used)}" if row.rows and row.used else row.status
        yield MapRow(row.start, row.end - 1, row.size, status, row.name, depth)
        yield from _flat(row.rows, depth + 1)


def map_view() -> View[MapRow]:
    """The columns of the address map."""
    return View(
        columns=(
            Column("RANGE", lambda r: f"{'  ' * r.depth}0x{r.start:08x}-0x{r.end:08x}"),
            Column("SIZE", lambda r: _size(r.size), right=True),
            Column("STATUS", lambda r: r.status),
            Column("NAME", lambda r: r.name or "-"),
        ),
        name=lambda r: f"0x{r.start:08x}",
        document=asdict,
        none="no memory",
    )


def reserved(desired: Desired, memory_mib: int, topology: Topology) -> Sequence[Reservation]:
    """What a Linux host has set aside."""
    return reservations(desired, memory_mib, topology)


def reserved_view() -> View[Reservation]:
    """The columns of reservations."""
    return View(
        columns=(
            Column("FOR", lambda r: r.kind),
            Column("NAME", lambda r: r.name or "-"),
            Column("SIZE", lambda r: f"{r.mib} MiB", right=True),
            Column("NODES", lambda r: ",".join(map(str, r.nodes)) or "-"),
            Column("FROM POOL", lambda r: f"{r.pool_mib} MiB pages" if r.pool_mib else "-"),
        ),
        name=lambda r: r.name or r.kind,
        document=asdict,
        none="no memory",
    )


def _size(size: int) -> str:
    return f"{size // _MIB} MiB" if size >= _MIB else f"{size // 1024} KiB"
