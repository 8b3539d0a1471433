"""Who has CPUs that an rt guest owns, and that it is told once."""

from typing import Any

import pytest
from desired_strategies import cpusets
from hypothesis import given
from hypothesis import strategies as st
from profile_cases import Row, check_row, gp, having, rt
from rule_cases import issues, known
from topologies import PAIRS8, PLAIN8, SMT8

from guestwire.model.policy import Policy, Profile
from guestwire.model.rules.cpu_conflicts import RULES
from guestwire.model.rules.table import validate
from guestwire.model.topology import Topology

LAYERED = Policy(allow_rt_overlap=True)
CODES = {rule.code for rule in RULES}


def on(topology: Topology) -> Any:
    return known(topology=topology)


CASES = (
    Row("CPU-OVERLAP", "apart", having(rt("a", "6-7"), gp("b", "0-5"), gp("c"))),
    Row("CPU-OVERLAP", "a gp guest on an rt CPU", having(rt("a", "6-7"), gp("b", "0-6")), ("E guests.b.cpuset",), ("W guests.b.cpuset",)),
    Row("CPU-OVERLAP", "a gp_comm guest", having(rt("a", "7"), gp("b", "7", kind="gp_comm")), ("E guests.b.cpuset",), ("W guests.b.cpuset",)),
    Row("CPU-OVERLAP", "allowed", having(rt("a", "6-7"), gp("b", "0-6"), policy=LAYERED), ("W guests.b.cpuset",)),
    Row("CPU-OVERLAP", "with two rt guests", having(rt("a", "7"), rt("b", "6"), gp("c", "6-7")),
        ("E guests.c.cpuset",) * 2, ("W guests.c.cpuset",) * 2),
    Row("CPU-OVERLAP", "gp guests may share", having(gp("a", "0-3"), gp("b", "0-3"))),
    Row("CPU-OVERLAP", "two rt guests are another code's", having(rt("a", "7"), rt("b", "7"))),
    Row("CPU-OVERLAP", "only a sibling is another code's", having(rt("a", "3"), gp("b", "7")), facts=on(SMT8)),
    Row("CPU-RT-EXCLUSIVE", "apart", having(rt("a", "7"), rt("b", "6"), host_cpuset="0-5")),
    Row("CPU-RT-EXCLUSIVE", "two rt guests", having(rt("a", "6-7"), rt("b", "5-6"), policy=LAYERED), ("E guests.b.cpuset",)),
    Row("CPU-RT-EXCLUSIVE", "the host", having(rt("a", "6-7"), host_cpuset="0-6"), ("E host_cpuset",)),
    Row("CPU-RT-EXCLUSIVE", "the host has the rest", having(rt("a", "6-7"))),
    Row("CPU-SMT-OWNED", "apart", having(rt("a", "6-7"), gp("b", "0-5"), host_cpuset="0-5"), facts=on(PAIRS8)),
    Row("CPU-SMT-OWNED", "a gp guest", having(rt("a", "3,7"), rt("c", "2"), gp("b", "6"), host_cpuset="0"),
        ("E guests.b.cpuset",), ("W guests.b.cpuset",), on(SMT8)),
    Row("CPU-SMT-OWNED", "two rt guests", having(rt("a", "3"), rt("b", "7"), host_cpuset="0"),
        ("E guests.b.cpuset",), ("W guests.b.cpuset",), on(SMT8)),
    Row("CPU-SMT-OWNED", "the host's own", having(rt("a", "3"), host_cpuset="0-2,7"), ("E host_cpuset",), ("W host_cpuset",), on(SMT8)),
    Row("CPU-SMT-OWNED", "what is left to the host", having(rt("a", "3")), (), ("W host_cpuset",), on(SMT8)),
    Row("CPU-SMT-OWNED", "the CPU too is another code's", having(rt("a", "3"), gp("b", "3,7"), host_cpuset="0"), facts=on(SMT8)),
)  # fmt: skip


@pytest.mark.parametrize("row", CASES, ids=str)
def test_a_rule_finds_what_it_must(row: Row) -> None:
    check_row(row)


def test_each_rule_has_cases() -> None:
    assert {row.code for row in CASES} == {row.code for row in CASES if row.kvm_rt} == CODES


def test_an_overlap_names_the_siblings_that_an_rt_guest_owns() -> None:
    (issue,) = issues("CPU-OVERLAP", having(rt("a", "3"), gp("b", "3,7")), on(SMT8))
    assert "CPUs 3,7 " in issue.message
    assert issue.related == ("guests.a.cpuset",)


@given(
    st.sampled_from((PLAIN8, SMT8, PAIRS8)), st.sampled_from(("kvm-rt", "system-manager")), cpusets(), cpusets(),
    st.sampled_from(("rt", "gp", "gp_comm")),
)  # fmt: skip
def test_two_guests_that_meet_are_told_by_one_code(
    machine: Topology, profile: Profile, one: str, other: str, kind: Any
) -> None:
    desired = having(rt("a", one), gp("b", other, kind=kind), host_cpuset="0", policy=Policy(profile=profile))
    found = [issue for issue in validate(desired, on(machine)).issues if issue.code in CODES]
    between = [issue for issue in found if issue.path != "host_cpuset"]
    assert len(between) <= 1
    assert len(found) - len(between) <= 1 + (kind == "rt")
