"""NUMA nodes of rt guests, of others, and of devices."""

import pytest
from profile_cases import Row, check_row, gp, having, rt
from rule_cases import KNOWN, known
from topologies import NODES64

from guestwire.model.rules.numa import RULES
from guestwire.model.rules.table import validate

HERE = known(topology=NODES64)
CARD = {node: f"0000:0{node}:00.0" for node in (1, 2)}
BRIDGE = "0000:02:01.0"

CASES = (
    Row("NUMA-SPAN", "one node", having(rt("a", "n3"), gp("b", "n0-n1")), facts=HERE),
    Row("NUMA-SPAN", "two", having(rt("a", "n2-n3")), ("W guests.a.cpuset",), facts=HERE),
    Row("NUMA-SHARED", "each its own", having(rt("a", "n3"), rt("b", "n2"), gp("c", "n1"), gp("d", "n1")), facts=HERE),
    Row("NUMA-SHARED", "with a gp guest", having(rt("a", "24-26"), gp("b", "27")), ("W guests.b.cpuset",), facts=HERE),
    Row("NUMA-SHARED", "with an rt guest", having(rt("a", "24-26"), rt("b", "27-28")), ("W guests.b.cpuset",), facts=HERE),
    Row("NUMA-SHARED", "a machine of one node", having(rt("a", "6-7"), gp("b", "1-2")), facts=KNOWN),
    Row("NUMATUNE-OFF", "auto", having(rt("a", "n3"), gp("b", numatune="")), facts=HERE),
    Row("NUMATUNE-OFF", "off", having(rt("a", "n3", numatune="")), ("W guests.a.numatune",), facts=HERE),
    Row("NUMATUNE-OFF", "a machine of one node", having(rt("a", "6-7", numatune="")), facts=KNOWN),
    Row("NUMATUNE-OUTSIDE", "inside", having(rt("a", "n2-n3", numatune="2")), facts=HERE),
    Row("NUMATUNE-OUTSIDE", "outside", having(rt("a", "n3", numatune="2-3")), ("W guests.a.numatune",), facts=HERE),
    Row("NUMATUNE-OUTSIDE", "no such node is another code's", having(rt("a", "n3", numatune="3,9")), facts=HERE),
    Row("NUMATUNE-OVERLAP", "apart", having(rt("a", "n3"), gp("b", numatune="0-2")), facts=HERE),
    Row("NUMATUNE-OVERLAP", "on its node", having(rt("a", "n3"), gp("b", numatune="2-3")), ("W guests.b.numatune",), facts=HERE),
    Row("NUMATUNE-OVERLAP", "by its CPUs is another code's", having(rt("a", "24-26"), gp("b", "27")), facts=HERE),
    Row("NUMA-NODE0-RT", "another", having(rt("a", "n1"), gp("b", "n0")), facts=HERE),
    Row("NUMA-NODE0-RT", "node 0", having(rt("a", "1-3")), ("W guests.a.cpuset",), facts=HERE),
    Row("NUMA-NODE0-RT", "there is no other", having(rt("a", "1-3")), facts=KNOWN),
    Row("NUMA-DEV-REMOTE", "near", having(rt("a", "n1", devices=(CARD[1],)), gp("b", "n3", devices=(CARD[2],))), facts=HERE),
    Row("NUMA-DEV-REMOTE", "far", having(rt("a", "n3", devices=(CARD[1], CARD[2]))), ("W guests.a.devices",) * 2, facts=HERE),
    Row("NUMA-DEV-FOREIGN", "its own", having(rt("a", "n1", devices=(CARD[1],))), facts=HERE),
    Row("NUMA-DEV-FOREIGN", "the host's", having(rt("a", "n1")), ("W guests.a.cpuset",), facts=HERE),
    Row("NUMA-DEV-FOREIGN", "a bridge is none", having(rt("a", "n2", devices=(CARD[2],))), facts=HERE),
    Row("NUMA-DEV-FOREIGN", "on another node", having(rt("a", "n3")), facts=HERE),
)  # fmt: skip


@pytest.mark.parametrize("row", CASES, ids=str)
def test_a_rule_finds_what_it_must(row: Row) -> None:
    check_row(row)


def test_each_rule_has_cases() -> None:
    codes = {rule.code for rule in RULES}
    assert {row.code for row in CASES if row.kvm_rt} == {row.code for row in CASES if not row.kvm_rt} == codes


def test_without_a_machine_nothing_is_said() -> None:
    assert {rule.code for rule in RULES} <= set(validate(having(rt("a", "n3")), known(topology=None)).not_checked)
