"""What of a host's memory is set aside, and what remains for the host (SM 7.2, 13.2). Sizes in MiB.

Where in physical memory that is, on Linux nobody but the kernel decides (F136): `memory_map` is for simulated hosts.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.model.topology import Topology

MIB = 1 << 20


class Pool(NamedTuple):
    """Huge pages of one size. `node` None: over all nodes."""

    size_mib: int
    pages: int
    node: int | None

    @property
    def mib(self) -> int:
        return self.size_mib * self.pages


class SharedPart(NamedTuple):
    """A part of the shared memory: a memory area, or the heap of a guest."""

    name: str
    mib: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """One row: who has how much. `nodes`: where, when that is settled. `pool_mib`: the size of the huge pages it is made of;
    such rows of guests are part of a pool's row, every other row stands for itself."""

    kind: Literal["pool", "guest", "area", "host", "available"]
    name: str
    mib: int
    nodes: tuple[int, ...] = ()
    pool_mib: int = 0


def pools(desired: Desired, topology: Topology | None) -> tuple[Pool, ...]:
    """The pools a host has under this document: those of its settings, and what the machine has besides."""
    wanted = tuple(Pool(pool.size_mib, pool.pages, pool.node) for pool in desired.settings.hugepages)
    ours = {(pool.size_mib, pool.node) for pool in wanted}
    found = (
        Pool(pool.size_kib // 1024, pool.total, node.id)
        for node in (topology.nodes if topology is not None else ())
        for pool in node.hugepages
    )
    kept = (
        pool
        for pool in found
        if pool.pages and (pool.size_mib, pool.node) not in ours and (pool.size_mib, None) not in ours
    )
    return (*wanted, *kept)


def huge_pages(guest: Guest) -> int:
    """The huge pages that its memory takes; 0 where it is made of ordinary ones."""
    return -(-guest.memory_mib // guest.hugepages_mib) if guest.hugepages_mib else 0


def shared_parts(desired: Desired) -> Iterator[SharedPart]:
    """What the shared memory is made of: the areas, as large as their regions, and the heaps of enabled guests. A guest's
    heap is one of its areas (SM 7.1): areas of the kind heap count only beyond the heaps that guests have."""
    heaps = [SharedPart(guest.name, guest.heap_mib) for guest in enabled(desired) if guest.heap_mib]
    yield from heaps
    told = sum(heap.mib for heap in heaps)
    for area in desired.areas:
        mib = area.backing_size // MIB
        if area.kind == "heap":
            mib, told = max(0, mib - told), max(0, told - mib)
        if mib:
            yield SharedPart(area.name, mib)


def enabled(desired: Desired) -> tuple[Guest, ...]:
    return tuple(guest for guest in desired.guests if not guest.disabled)


def remaining_host_memory_mib(desired: Desired, memory_mib: int, topology: Topology | None = None) -> int:
    """What enabled guests, pools of huge pages and shared memory leave of a host's memory; negative where they do not fit.
    Without a topology, pools that only the machine tells of are as large as the guests need."""
    return memory_mib - sum(row.mib for row in _set_aside(desired, topology) if row.kind != "guest" or not row.pool_mib)


def reservations(desired: Desired, memory_mib: int, topology: Topology | None = None) -> tuple[Reservation, ...]:
    """The rows of a Linux host: pools, guests, shared memory, what is kept for the host, and what is available after that
    (never negative)."""
    kept = desired.policy.remaining_host_memory_mib
    left = max(0, remaining_host_memory_mib(desired, memory_mib, topology) - kept)
    return (*_set_aside(desired, topology), Reservation("host", "", kept), Reservation("available", "", left))


def pages_on(found: Collection[Pool], size_mib: int, nodes: Collection[int], all_nodes: int) -> int:
    """The pages of that size on some of a machine's nodes; a pool over all nodes is spread evenly."""
    return sum(
        pool.pages * len(nodes) // max(1, all_nodes) if pool.node is None else pool.pages * (pool.node in nodes)
        for pool in found
        if pool.size_mib == size_mib
    )


def _set_aside(desired: Desired, topology: Topology | None) -> Iterator[Reservation]:
    guests = enabled(desired)
    found = pools(desired, topology)
    sizes = {guest.hugepages_mib: 0 for guest in guests if guest.hugepages_mib}
    for size in sizes:
        sizes[size] = sum(huge_pages(guest) for guest in guests if guest.hugepages_mib == size)
    for pool in found:
        nodes = () if pool.node is None else (pool.node,)
        yield Reservation("pool", "", pool.mib, nodes, pool.size_mib)
    for size, needed in sizes.items():
        there = sum(pool.pages for pool in found if pool.size_mib == size)
        if needed > there:
            yield Reservation("pool", "", (needed - there) * size, (), size)
    for guest in guests:
        yield Reservation("guest", guest.name, huge_pages(guest) * guest.hugepages_mib or guest.memory_mib,
                          pool_mib=guest.hugepages_mib)  # fmt: skip
    for name, mib in shared_parts(desired):
        yield Reservation("area", name, mib)
