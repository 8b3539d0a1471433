"""CPUs for rt guests that were given none."""

import pytest
from desired_strategies import cpusets, desireds, guests, machines
from hypothesis import given, settings
from hypothesis import strategies as st
from profile_cases import gp, having, rt
from rule_cases import known
from topologies import HYBRID, NODES64, PAIRS8, PLAIN8, SMT8, offline

from guestwire.model.allocation import allocate, cpus_needed, guest_order, highest, units
from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.model.policy import Policy
from guestwire.model.rules.table import validate
from guestwire.model.topology import Topology

KR, SM = Policy(), Policy(profile="system-manager")


def sets(desired: Desired, topology: Topology) -> list[str | None]:
    return [guest.cpuset for guest in allocate(desired, topology).guests]


CASES = [
    ("the last CPU, then the next lower", having(rt("a"), rt("b"), policy=SM), PLAIN8, ["7", "6"]),
    ("as many as vCPUs", having(rt("a", vcpus=2), rt("b"), policy=SM), PLAIN8, ["6-7", "5"]),
    ("one more in profile kvm-rt", having(rt("a"), rt("b", vcpus=2)), PLAIN8, ["6-7", "3-5"]),
    ("gp guests get none", having(gp("a"), rt("b"), policy=SM), PLAIN8, [None, "7"]),
    ("by GUEST number", having(rt("a", id="GUEST0002"), rt("b", id="GUEST0001"), policy=SM), PLAIN8, ["6", "7"]),
    ("what there is stays", having(rt("a", "7"), rt("b"), gp("c", "6"), policy=SM), PLAIN8, ["7", "5", "6"]),
    ("the host's are the host's", having(rt("a"), host_cpuset="7", policy=SM), PLAIN8, ["6"]),
    ("offline ones are left out", having(rt("a"), policy=SM), offline(PLAIN8, 7), ["6"]),
    ("never CPU 0", having(rt("a", vcpus=8), policy=SM), PLAIN8, [None]),
    ("all but CPU 0", having(rt("a", vcpus=7), policy=SM), PLAIN8, ["1-7"]),
    ("who fits goes on", having(rt("a", vcpus=8), rt("b"), policy=SM), PLAIN8, [None, "7"]),
    ("disabled guests get none", having(rt("a", disabled=True), rt("b"), policy=SM), PLAIN8, [None, "7"]),
    ("a disabled guest keeps its own", having(rt("a", "7", disabled=True), rt("b"), policy=SM), PLAIN8, ["7", "6"]),
    ("bad sets take nothing", having(rt("a", "x"), gp("b", "99"), rt("c"), policy=SM), PLAIN8, ["x", "99", "7"]),
    ("siblings do not matter in profile system-manager", having(rt("a"), rt("b"), policy=SM), SMT8, ["7", "6"]),
    ("whole cores in profile kvm-rt", having(rt("a")), SMT8, ["2-3"]),
    ("neighbours are one core", having(rt("a")), PAIRS8, ["4,6"]),
    ("not the core of CPU 0", having(rt("a", vcpus=3)), PAIRS8, [None]),
    ("not a core that another has a thread of", having(rt("a"), gp("b", "7")), SMT8, ["1-2", "7"]),
    ("nor one whose sibling an rt guest has", having(rt("a"), rt("b", "7")), SMT8, ["1-2", "7"]),
    ("one kind of core", having(rt("a"), rt("b"), rt("c")), HYBRID, ["10-11", "8-9", "4,6"]),
    ("the other kind where there are more", having(rt("a", vcpus=4), policy=SM), HYBRID, ["8-11"]),
    ("and none where neither has enough", having(rt("a", vcpus=8), policy=SM), HYBRID, [None]),
    ("one node", having(rt("a", vcpus=6), rt("b")), NODES64, ["25-31", "22-23"]),
    ("several where one has too few", having(rt("a", vcpus=9)), NODES64, ["22-31"]),
    ("the last ones where they must be", having(rt("a", vcpus=6), rt("b"), policy=Policy(dynamic_cpu=False)), NODES64,
     ["25-31", "23-24"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("desired", "machine", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_rt_guests_get_cpus_from_the_top(desired: Desired, machine: Topology, expected: list[str | None]) -> None:
    assert sets(desired, machine) == expected


CPU_ERRORS = {
    "CPU-OVERLAP", "CPU-RT-EXCLUSIVE", "RT-NO-CPUSET", "RT-UNDERPROVISIONED", "CPU-HOST-STARVED", "CPU-ZERO-RT",
    "CPUSET-OFFLINE", "CPU-MIXED-KIND",
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.lists(guests(kind=st.just("rt"), cpuset=st.none(), vcpus=st.integers(1, 4), disabled=st.just(False)), max_size=4),
    machines(), st.sampled_from((KR, SM)),
)  # fmt: skip
def test_what_is_given_breaks_no_rule(rts: list[Guest], machine: Topology, policy: Policy) -> None:
    given_cpus = allocate(having(*rts, policy=policy), machine)
    placed = having(*(guest for guest in given_cpus.guests if guest.cpuset is not None), policy=policy)
    found = {issue.code for issue in validate(placed, known(topology=machine, running=frozenset())).issues}
    assert not found & CPU_ERRORS
    if policy is KR:
        assert "CPU-SMT-OWNED" not in found


@settings(max_examples=60, deadline=None)
@given(desireds(), machines())
def test_it_is_stable_and_touches_nothing_else(desired: Desired, machine: Topology) -> None:
    once = allocate(desired, machine)
    assert allocate(once, machine) == once
    for before, after in zip(desired.guests, once.guests, strict=True):
        assert after.model_copy(update={"cpuset": before.cpuset}) == before
        assert before.cpuset in (None, after.cpuset)
    assert once.model_copy(update={"guests": desired.guests}) == desired


@given(st.lists(cpusets(), max_size=3))
def test_bad_sets_raise_nothing(texts: list[str]) -> None:
    allocate(having(rt("a"), *(gp(f"g{n}", text) for n, text in enumerate(texts))), SMT8)


def test_the_order_of_guests() -> None:
    ordered = guest_order((gp("a"), gp("b", id="GUEST0003"), gp("c", id="GUEST0001"), gp("d"), gp("e")))
    assert [guest.name for guest in ordered] == ["c", "a", "b", "d", "e"]


def test_what_rt_guests_may_take() -> None:
    assert units(SMT8, KR) == ((1, 5), (2, 6), (3, 7))
    assert units(offline(SMT8, 7), KR) == ((1, 5), (2, 6), (3,))
    assert units(SMT8, SM) == tuple((cpu,) for cpu in range(1, 8))
    assert cpus_needed(rt(vcpus=2), KR) == 3
    assert cpus_needed(rt(vcpus=2), SM) == 2


def test_the_highest_of_too_few_is_none() -> None:
    assert highest(units(SMT8, KR), 4, SMT8) == ()
    assert highest((), 1, SMT8) == ()
