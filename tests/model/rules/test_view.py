"""What rules see of a document and its host."""

import pytest
from profile_cases import gp, having, rt
from rule_cases import known
from topologies import NODES64, SMT8, forgotten, offline

from guestwire.model.desired import Desired
from guestwire.model.policy import Policy
from guestwire.model.rules.view import View, place
from guestwire.model.topology import Topology

SM = Policy(profile="system-manager")


def view(
    desired: Desired, topology: Topology = SMT8, *, include_disabled: bool = False, active: Desired | None = None
) -> View:
    return View(desired, known(topology=topology, active=active), include_disabled=include_disabled)


def test_disabled_guests_are_seen_when_they_are_asked_for() -> None:
    desired = having(gp("a"), rt("b", disabled=True))
    assert [guest.name for guest in view(desired).guests] == ["a"]
    seen = view(desired, include_disabled=True)
    assert [guest.name for guest in seen.guests] == ["a", "b"]
    assert [guest.name for guest in seen.rt] == ["b"]
    assert not any(guest.disabled for guest in seen.document.guests)


def test_kinds() -> None:
    seen = view(having(rt("a"), gp("b"), gp("c", kind="gp_comm")))
    assert [guest.name for guest in seen.comm] == ["a", "c"]
    assert [guest.name for guest in seen.others] == ["b", "c"]


@pytest.mark.parametrize(
    ("cpuset", "code", "cpus"),
    [(None, None, set()), ("c3", None, {3, 7}), ("x", "CPUSET-SYNTAX", set()), ("9", "CPUSET-UNKNOWN", set())],
)
def test_a_cpuset_means_cpus_or_is_an_error(cpuset: str | None, code: str | None, cpus: set[int]) -> None:
    guest = gp("a", cpuset)
    seen = view(having(guest, host_cpuset=cpuset))
    assert seen.cpus(guest) == cpus
    for error in (seen.cpuset_error(guest), seen.host_cpuset_error):
        assert (None if error is None else error.code) == code
    assert seen.host_cpus == (cpus or None)


def test_in_profile_kvm_rt_an_rt_guest_owns_the_siblings() -> None:
    guest, other = rt("a", "3"), gp("b", "2")
    assert view(having(guest)).owned(guest) == {3, 7}
    assert view(having(guest, policy=SM)).owned(guest) == {3}
    assert view(having(guest, other)).owned(other) == frozenset()
    assert view(having(guest, rt("c", "2"))).rt_cpus == {2, 3, 6, 7}


def test_cores_are_counted_by_their_lowest_cpu() -> None:
    assert view(having()).cores({3, 6, 7}) == {2, 3}
    assert view(having(), forgotten(SMT8, 6, 7)).cores({3, 6, 7}) == {3}


def test_what_is_down_because_of_us() -> None:
    down = offline(SMT8, 3, 6, 7)
    assert view(having(rt("a", "2-3")), down).downed == {6}, "CPU 7 is down with its whole core"
    assert view(having(gp("a", "2-3")), down).downed == frozenset()
    assert view(having(rt("a", "2"), policy=SM), down).downed == frozenset()
    assert view(having(), down, active=having(rt("a", "2"))).downed == {6}
    assert view(having(), down, active=having(rt("a", "2", disabled=True))).downed == frozenset()
    assert view(having(), down, active=having(rt("a", "2"), policy=SM)).downed == frozenset()
    assert view(having(), forgotten(SMT8, 6), active=having(rt("a", "2,6"))).downed == {6}


def test_nodes_of_cpus_and_of_memory() -> None:
    guest, by_cpus, by_nothing = rt("a", "n2-n3", numatune="1"), gp("b", "n1"), gp("c", numatune="x")
    seen = view(having(guest, by_cpus, by_nothing), NODES64)
    assert seen.nodes(guest) == {2, 3}
    assert seen.memory_nodes(guest) == {1}
    assert seen.memory_nodes(by_cpus) == {1}
    assert seen.memory_nodes(by_nothing) == frozenset()
    assert seen.node_ids == {0, 1, 2, 3}


def test_where_guests_meet() -> None:
    one, other = rt("a", "3"), gp("b", "7")
    (conflict,) = view(having(one, other, host_cpuset="0")).conflicts
    assert conflict == (one, other, frozenset(), {7})
    direct = view(having(one, other, host_cpuset="3,7")).conflicts[0]
    assert direct == (one, None, {3}, {7})


def test_a_place_is_by_name_else_by_number() -> None:
    assert place(gp("a"), "cpuset") == "guests.a.cpuset"
    assert place(gp("a")) == "guests.a"
    assert place(gp("", id="GUEST0003"), "name") == "guests.GUEST0003.name"
