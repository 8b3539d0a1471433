"""What of a host's memory is set aside."""

from typing import Any

import pytest
from desired_strategies import desireds, machines
from hypothesis import given, settings
from hypothesis import strategies as st
from profile_cases import gp, having, rt
from topologies import NODES64, PLAIN8

from guestwire.model.areas import DATA_OFFSET, MemoryArea
from guestwire.model.desired import Desired
from guestwire.model.policy import Policy
from guestwire.model.reservations import (
    Pool,
    Reservation,
    SharedPart,
    huge_pages,
    pages_on,
    pools,
    remaining_host_memory_mib,
    reservations,
    shared_parts,
)
from guestwire.model.settings import HostSettings, HugePool
from guestwire.model.topology import Topology

MIB = 1 << 20
FREE = Policy(remaining_host_memory_mib=0)


def with_pools(*given_pools: tuple[int, int, int | None]) -> HostSettings:
    return HostSettings(
        hugepages=tuple(HugePool(size_mib=size, pages=pages, node=node) for size, pages, node in given_pools)
    )


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((), [(2, 512, 0), (2, 512, 1), (2, 512, 2), (2, 512, 3)]),
        (((1024, 4, None),), [(1024, 4, None), (2, 512, 0), (2, 512, 1), (2, 512, 2), (2, 512, 3)]),
        (((2, 100, 3),), [(2, 100, 3), (2, 512, 0), (2, 512, 1), (2, 512, 2)]),
        (((2, 100, None),), [(2, 100, None)]),
    ],
)
def test_pools_are_those_of_the_settings_and_what_the_machine_has_besides(wanted: Any, expected: Any) -> None:
    found = pools(having(settings=with_pools(*wanted)), NODES64)
    assert found == tuple(Pool(*pool) for pool in expected)


def test_pages_of_a_pool_over_all_nodes_are_spread() -> None:
    found = (Pool(2, 100, None), Pool(2, 7, 1), Pool(1024, 4, 1))
    assert pages_on(found, 2, {0, 1}, 4) == 57
    assert pages_on(found, 2, {0}, 4) == 25
    assert pages_on(found, 1024, {0}, 4) == 0
    assert pages_on(found, 1024, {0, 1, 2, 3}, 4) == 4


def test_pages_are_rounded_up() -> None:
    assert [huge_pages(gp(memory_mib=mib, hugepages_mib=1024)) for mib in (1024, 1025)] == [1, 2]
    assert huge_pages(gp(memory_mib=1024)) == 0


def test_a_heap_is_an_area_and_counts_once() -> None:
    heap = MemoryArea(name="heap", kind="heap", size=256 * MIB - DATA_OFFSET)
    user = MemoryArea(name="user", size=3 * MIB)
    guest = rt("a", heap_mib=240)
    assert list(shared_parts(having(guest, areas=(user, heap)))) == [("a", 240), ("user", 4), ("heap", 16)]
    assert list(shared_parts(having(areas=(heap,)))) == [SharedPart("heap", 256)]
    assert list(shared_parts(having(rt("a", heap_mib=256), areas=(heap,)))) == [SharedPart("a", 256)]
    second = MemoryArea(name="second", kind="heap", size=64 * MIB - DATA_OFFSET)
    found = list(shared_parts(having(rt("a", heap_mib=300), areas=(heap, second))))
    assert found == [("a", 300), ("second", 20)]


def test_the_rows_of_a_linux_host() -> None:
    desired = having(
        rt("a", memory_mib=1024, hugepages_mib=1024, heap_mib=64), gp("b", memory_mib=2048), gp("c", disabled=True),
        areas=(MemoryArea(name="shm", size=MIB - DATA_OFFSET),), settings=with_pools((1024, 2, 0)),
    )  # fmt: skip
    assert reservations(desired, 8192, PLAIN8) == (
        Reservation("pool", "", 2048, (0,), 1024),
        Reservation("guest", "a", 1024, (), 1024),
        Reservation("guest", "b", 2048),
        Reservation("area", "a", 64),
        Reservation("area", "shm", 1),
        Reservation("host", "", 1024),
        Reservation("available", "", 8192 - 2048 - 2048 - 65 - 1024),
    )
    assert remaining_host_memory_mib(desired, 8192, PLAIN8) == 8192 - 2048 - 2048 - 65


def test_pages_that_no_pool_has_are_counted_all_the_same() -> None:
    desired = having(gp("a", memory_mib=100, hugepages_mib=2), settings=with_pools((2, 20, None)))
    assert remaining_host_memory_mib(desired, 1000) == 900
    assert remaining_host_memory_mib(having(gp("a", memory_mib=100, hugepages_mib=2)), 1000) == 900
    assert remaining_host_memory_mib(having(gp("a", memory_mib=2000)), 1000) == -1000


def test_a_pool_that_suffices_is_one_row() -> None:
    desired = having(gp("a", memory_mib=100, hugepages_mib=2), settings=with_pools((2, 50, None)))
    assert [row.mib for row in reservations(desired, 4096) if row.kind == "pool"] == [100]


@settings(max_examples=60, deadline=None)
@given(desireds(), st.sampled_from((0, 4096, 1 << 20)), st.none() | machines())
def test_the_rows_are_the_whole_memory(desired: Desired, memory_mib: int, machine: Topology | None) -> None:
    rows = reservations(desired, memory_mib, machine)
    whole = sum(row.mib for row in rows if row.kind != "guest" or not row.pool_mib)
    left = remaining_host_memory_mib(desired, memory_mib, machine)
    assert whole == memory_mib - min(0, left - desired.policy.remaining_host_memory_mib)
    assert {row.name for row in rows if row.kind == "guest"} == {g.name for g in desired.guests if not g.disabled}
