"""CPU sets for a machine that has changed."""

import pytest
from desired_strategies import desireds, machines
from hypothesis import given, settings
from hypothesis import strategies as st
from profile_cases import gp, having, rt
from topologies import HYBRID, NODES64, PAIRS8, PLAIN4, PLAIN8, SMT8, forgotten, offline

from guestwire.model.cpuset import expand
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.policy import Policy
from guestwire.model.remap import remap
from guestwire.model.topology import Topology

SM = Policy(profile="system-manager")
Changes = dict[str, tuple[str, str]]

CASES = [
    ("SM 15.1", having(rt("a", "7"), gp("b", "5"), policy=SM), PLAIN8, PLAIN4, {"a": ("7", "3"), "b": ("5", "2")}),
    ("without the old machine", having(rt("a", "7"), gp("b", "5"), policy=SM), None, PLAIN4,
     {"a": ("7", "3"), "b": ("5", "2")}),
    ("with the host's", having(rt("a", "7"), gp("b", "5"), host_cpuset="0-6", policy=SM), PLAIN8, PLAIN4,
     {"a": ("7", "3"), "b": ("5", "2"), "HOST": ("0-6", "0-2")}),
    ("what fits stays", having(rt("a", "3"), gp("b", "n0"), host_cpuset="0-1", policy=SM), PLAIN8, PLAIN4,
     {}),
    ("the order from the top", having(rt("a", "6"), rt("b", "7"), rt("c", "2"), policy=SM), PLAIN8, PLAIN4,
     {"b": ("7", "3"), "a": ("6", "2"), "c": ("2", "1")}),
    ("a set that must make way", having(rt("a", "7"), rt("b", "3"), policy=SM), PLAIN8, PLAIN4,
     {"a": ("7", "3"), "b": ("3", "2")}),
    ("the others below", having(rt("a", "7"), gp("b", "5"), gp("c", "2"), gp("d", "0"), policy=SM), PLAIN8, PLAIN4,
     {"a": ("7", "3"), "b": ("5", "2"), "c": ("2", "1")}),
    ("more CPUs than needed", having(rt("a", "4-7", vcpus=2), policy=SM), PLAIN8, PLAIN4, {"a": ("4-7", "2-3")}),
    ("as many as before where there is room", having(rt("a", "5-7", vcpus=2), policy=SM), PLAIN8, PLAIN4,
     {"a": ("5-7", "1-3")}),
    ("no room", having(rt("a", "1-7", vcpus=7), gp("b", "0"), policy=SM), PLAIN8, PLAIN4, {}),
    ("layered on an rt guest", having(rt("a", "7"), gp("b", "6-7"), policy=SM), PLAIN8, PLAIN4,
     {"a": ("7", "3"), "b": ("6-7", "2-3")}),
    ("threads of one core", having(rt("a", "3,7", vcpus=2), policy=SM), SMT8, PLAIN4, {"a": ("3,7", "2-3")}),
    ("SMT goes away", having(rt("a", "2-3"), gp("b", "1,5")), SMT8, PLAIN4, {"b": ("1,5", "0-1")}),
    ("a text that means the right CPUs", having(rt("a", "c2-c3")), SMT8, PLAIN4, {}),
    ("shared where there are too few", having(rt("a", "7"), gp("b", "0-2"), gp("c", "3-4"), gp("d", "5-6"), policy=SM),
     PLAIN8, PLAIN4, {"a": ("7", "3"), "c": ("3-4", "2"), "d": ("5-6", "2")}),
    ("SMT comes", having(rt("a", "6-7"), gp("b", "3")), PLAIN8, SMT8, {"a": ("6-7", "2-3"), "b": ("3", "1")}),
    ("another numbering", having(rt("a", "6-7")), PLAIN8, PAIRS8, {"a": ("6-7", "4,6")}),
    ("a node that is gone", having(rt("a", "n3", vcpus=2), gp("b", "n1")), NODES64, PLAIN8,
     {"a": ("n3", "5-7"), "b": ("n1", "0-4")}),
    ("one kind of core", having(rt("a", "6-7"), policy=Policy()), PLAIN8, HYBRID, {"a": ("6-7", "10-11")}),
    ("a CPU that went offline", having(rt("a", "7"), policy=SM), PLAIN8, offline(PLAIN8, 7), {"a": ("7", "6")}),
    ("one that was offline", having(gp("a", "7"), policy=SM), offline(PLAIN8, 7), offline(PLAIN8, 7), {}),
    ("no cpuset", having(rt("a"), gp("b"), policy=SM), PLAIN8, PLAIN4, {}),
    ("no meaning anywhere", having(rt("a", "x"), gp("b", "99"), host_cpuset="~", policy=SM), PLAIN8, PLAIN4, {}),
    ("a group without the old machine", having(rt("a", "c3"), policy=SM), None, PLAIN4, {}),
    ("disabled guests move too", having(rt("a", "7", disabled=True), policy=SM), PLAIN8, PLAIN4, {"a": ("7", "3")}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("desired", "old", "new", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_sets_follow_the_machine(desired: Desired, old: Topology | None, new: Topology, expected: Changes) -> None:
    after, changed = remap(desired, old, new)
    assert changed == expected
    assert after.base_topology == new.fingerprint
    for guest in after.guests:
        assert guest.cpuset == changed[guest.name][1] if guest.name in changed else guest in desired.guests
    assert after.host_cpuset == changed.get("HOST", ("", desired.host_cpuset))[1]


@settings(max_examples=60, deadline=None)
@given(desireds(), st.none() | machines(), machines())
def test_any_document_is_mapped_once(desired: Desired, old: Topology | None, new: Topology) -> None:
    after, changed = remap(desired, old, new)
    assert remap(desired, old, new) == (after, changed)
    again, more = remap(after, new, new)
    assert more == {}
    assert again == after
    for before, now in changed.values():
        assert before != now
        assert expand(now, new)
    unmapped = after.model_copy(
        update={"guests": desired.guests, "host_cpuset": desired.host_cpuset, "base_topology": desired.base_topology}
    )
    assert unmapped == desired


plain_sets = st.lists(st.sets(st.integers(1, 7), min_size=1, max_size=2), min_size=1, max_size=3).filter(
    lambda sets: sum(map(len, sets)) == len(set().union(*sets)) <= 3
)


@given(plain_sets)
def test_rt_guests_that_fit_stay_apart_and_in_order(sets: list[set[int]]) -> None:
    texts = [",".join(map(str, sorted(cpus))) for cpus in sets]
    guests = (rt(f"g{n}", text, vcpus=len(cpus)) for n, (text, cpus) in enumerate(zip(texts, sets, strict=True)))
    after, _ = remap(having(*guests, policy=SM), PLAIN8, PLAIN4)
    now = [expand(guest.cpuset or "", PLAIN4) for guest in after.guests]
    assert sum(map(len, now)) == len(frozenset().union(*now))
    assert [len(cpus) for cpus in now] == [len(cpus) for cpus in sets]
    assert all(0 not in cpus for cpus in now)
    order = sorted(range(len(sets)), key=lambda n: max(sets[n]))
    assert order == sorted(range(len(sets)), key=lambda n: max(now[n]))


def test_a_live_machine_whose_siblings_are_down_has_not_changed() -> None:
    desired = having(rt("a", "n3", vcpus=2), gp("b", "n1"))
    down = forgotten(NODES64, *range(56, 64))
    assert remap(desired, down, down)[1] == {}


def test_a_set_without_a_meaning_is_left_to_the_rules() -> None:
    after, _ = remap(having(rt("a", "1-7", vcpus=7), policy=SM), PLAIN8, PLAIN4)
    with pytest.raises(GuestwireError) as caught:
        expand(after.guests[0].cpuset or "", PLAIN4)
    assert caught.value.code == "CPUSET-UNKNOWN"


@given(st.lists(st.integers(0, 6), min_size=1, max_size=6))
def test_the_others_keep_their_order_below_the_rt_guests(cpus: list[int]) -> None:
    others = (gp(f"g{n}", str(cpu)) for n, cpu in enumerate(cpus))
    after, _ = remap(having(rt("rt", "7"), *others, policy=SM), PLAIN8, PLAIN4)
    first, *rest = (expand(guest.cpuset or "", PLAIN4) for guest in after.guests)
    assert first == {3}
    assert all(len(now) == 1 and max(now) < 3 for now in rest)
    order = sorted(range(len(cpus)), key=lambda n: cpus[n])
    assert [max(rest[n]) for n in order] == sorted(max(now) for now in rest)
