"""Which CPUs a guest's threads get, and which nodes its memory."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.pinning import Pinning, host_cpus, memory_nodes, pack_pins, pinning, unpack_pins
from guestwire.model.topology import Cpu, Topology

MACHINE = Topology(fingerprint="", cpus=tuple(Cpu(id=cpu, core=cpu) for cpu in range(8)))
NODES = Topology(fingerprint="", cpus=tuple(Cpu(id=cpu, core=cpu, node=cpu // 4, online=cpu != 1) for cpu in range(8)))
ONLY = frozenset({0})
"""The node of a machine that has one."""


def test_a_guest_without_a_cpuset_is_not_pinned() -> None:
    assert pinning(Guest(name="a"), MACHINE) is None
    assert pinning(Guest(name="a", numatune=""), MACHINE) is None


def test_a_guest_may_have_its_memory_bound_and_its_threads_not() -> None:
    online = frozenset({0, 2, 3, 4, 5, 6, 7})
    assert pinning(Guest(name="a", vcpus=2, numatune="1"), NODES) == Pinning(
        (online, online), online, nodes=frozenset({1})
    )


def test_an_rt_guest_gives_its_cpus_to_its_vcpus_in_order_and_the_rest_to_the_emulator() -> None:
    assert pinning(Guest(name="a", kind="rt", vcpus=2, cpuset="7,3-5"), MACHINE) == Pinning(
        (frozenset({3}), frozenset({4})), frozenset({5, 7}), real_time=True, nodes=ONLY
    )


def test_an_rt_guest_with_too_few_cpus_shares_them() -> None:
    cpus = frozenset({2, 3})
    assert pinning(Guest(name="a", kind="rt", vcpus=3, cpuset="2-3"), MACHINE) == Pinning(
        (frozenset({2}), frozenset({3}), cpus), frozenset({3}), real_time=True, nodes=ONLY
    )


def test_in_profile_system_manager_the_emulator_runs_on_the_host_s_cpus() -> None:
    guest = Guest(name="a", kind="rt", cpuset="7")
    assert pinning(guest, MACHINE, "system-manager", range(7)) == Pinning(
        (frozenset({7}),), frozenset(range(7)), real_time=True, nodes=ONLY
    )
    assert pinning(guest, MACHINE, "system-manager", {6, 7}) == Pinning(
        (frozenset({7}),), frozenset({6}), real_time=True, nodes=ONLY
    )
    none_left = pinning(guest, MACHINE, "system-manager", {7})
    assert none_left is not None
    assert none_left.emulator == {7}


@pytest.mark.parametrize("profile", ["kvm-rt", "system-manager"])
def test_another_guest_may_use_all_of_its_cpuset_everywhere(profile: str) -> None:
    cpus = frozenset({0, 1})
    guest = Guest(name="a", kind="gp", vcpus=3, cpuset="0-1")
    assert pinning(guest, MACHINE, profile, {7}) == Pinning((cpus, cpus, cpus), cpus, nodes=ONLY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("numatune", "cpus", "nodes"),
    [("auto", {0, 3}, {0}), ("auto", {3, 4}, {0, 1}), ("auto", set(), set()), ("", {3}, set()), ("0-1", {3}, {0, 1})],
)
def test_the_nodes_of_memory(numatune: str, cpus: set[int], nodes: set[int]) -> None:
    assert memory_nodes(Guest(name="a", numatune=numatune), cpus, NODES) == nodes


def test_a_cpuset_or_numatune_without_a_meaning_is_refused() -> None:
    for guest, code in (
        (Guest(name="a", cpuset="9"), "CPUSET-UNKNOWN"),
        (Guest(name="a", cpuset="x"), "CPUSET-SYNTAX"),
        (Guest(name="a", numatune="x"), "CPUSET-SYNTAX"),
    ):
        with pytest.raises(GuestwireError) as caught:
            pinning(guest, MACHINE)
        assert caught.value.code == code


def test_the_host_has_what_no_rt_guest_has() -> None:
    guests = (Guest(name="a", kind="rt", cpuset="6-7"), Guest(name="b", cpuset="0-5"), Guest(name="c", kind="rt"))
    assert host_cpus(guests, MACHINE) == frozenset(range(6))
    assert host_cpus(guests, MACHINE, "0-1") == {0, 1}
    assert host_cpus((), NODES) == NODES.online()


CPUS = st.frozensets(st.integers(0, 300), max_size=4)


@given(st.none() | st.builds(Pinning, st.lists(CPUS, max_size=3).map(tuple), CPUS, st.booleans(), CPUS))
def test_packed_pins_are_plain_and_come_back(pins: Pinning | None) -> None:
    assert unpack_pins(json.loads(json.dumps(pack_pins(pins)))) == pins


@pytest.mark.parametrize("plain", [{}, [], {"vcpus": [["x"]], "emulator": [], "real_time": False, "nodes": []}])
def test_what_are_no_pins_is_refused(plain: object) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        unpack_pins(plain)  # type: ignore[arg-type]
