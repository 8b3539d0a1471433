"""What of a simulated machine's memory is taken: by guests on ordinary pages, and by the pools of huge pages."""

from collections.abc import Iterable, Mapping

from guestwire.agent.drivers.simulated.process import Process

Pools = Mapping[tuple[int, int], int]
"""Huge pages by NUMA node and page size in MiB."""


def ordinary_mib(processes: Iterable[Process]) -> int:
    """What running guests take from ordinary memory; those on huge pages take it from a pool."""
    return sum(process.guest.memory_mib for process in processes if not process.guest.hugepages_mib)


def pools_mib(pools: Pools) -> int:
    return sum(size * pages for (_, size), pages in pools.items())


def pages_used(processes: Iterable[Process], pools: Pools) -> dict[tuple[int, int], int]:
    """The pages of each pool that running guests have. A guest takes them from its nodes, the lowest first."""
    used: dict[tuple[int, int], int] = {}
    for process in processes:
        size = process.guest.hugepages_mib
        if not size:
            continue
        wanted = -(-process.guest.memory_mib // size)
        nodes = process.pins.nodes if process.pins is not None else frozenset[int]()
        for key in sorted(pools):
            if key[1] == size and (not nodes or key[0] in nodes):
                taken = min(wanted, pools[key] - used.get(key, 0))
                used[key] = used.get(key, 0) + taken
                wanted -= taken
    return used


def pages_free(processes: Iterable[Process], pools: Pools, size: int, nodes: frozenset[int]) -> int:
    """The pages of a size that a guest on these nodes (none: any) may still take."""
    used = pages_used(processes, pools)
    return sum(
        pages - used.get(key, 0) for key, pages in pools.items() if key[1] == size and (not nodes or key[0] in nodes)
    )
