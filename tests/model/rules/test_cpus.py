"""What CPU sets may say, what rt guests need, what the host keeps."""

from typing import Any

import pytest
from profile_cases import Row, check_row, gp, having, rt
from rule_cases import issues, known
from topologies import HYBRID, NODES64, PAIRS8, PLAIN8, SMT8, forgotten, offline

from guestwire.model.desired import Desired
from guestwire.model.policy import Policy
from guestwire.model.rules.cpus import RULES
from guestwire.model.rules.table import validate
from guestwire.model.topology import Topology

UUID = "00000000-0000-0000-0000-00000000000{}"
TAIL = Policy(dynamic_cpu=False)
LAYERED = Policy(allow_rt_overlap=True)


def on(topology: Topology, **facts: Any) -> Any:
    return known(topology=topology, **facts)


def active(*guests: Any) -> Desired:
    return having(*guests)


def running(*vcpus: int, kind: Any = "gp") -> Desired:
    return having(*(gp(f"g{n}", vcpus=count, uuid=UUID.format(n), kind=kind) for n, count in enumerate(vcpus)))


CPUSETS = (
    Row("CPUSET-SYNTAX", "the grammar", having(gp("a", "~n0,c1-c2,7"), host_cpuset="0-3")),
    Row("CPUSET-SYNTAX", "no machine is needed", having(gp("a", "1-")), ("E guests.a.cpuset",), facts=known(topology=None)),
    Row("CPUSET-SYNTAX", "empty", having(gp("a", "")), ("E guests.a.cpuset",)),
    Row("CPUSET-SYNTAX", "libvirt's notation", having(gp("a", "0-7,^3")), ("E guests.a.cpuset",)),
    Row("CPUSET-SYNTAX", "the host's", having(host_cpuset="x"), ("E host_cpuset",)),
    Row("CPUSET-SYNTAX", "numatune", having(gp("a", numatune="0,2-3"), gp("b", numatune=""))),
    Row("CPUSET-SYNTAX", "numatune with a prefix", having(gp("a", numatune="n0")), ("E guests.a.numatune",)),
    Row("CPUSET-UNKNOWN", "what is there", having(gp("a", "n0,c7,7"), host_cpuset="p0")),
    Row("CPUSET-UNKNOWN", "a CPU", having(gp("a", "8")), ("E guests.a.cpuset",)),
    Row("CPUSET-UNKNOWN", "a node", having(gp("a", "n1")), ("E guests.a.cpuset",)),
    Row("CPUSET-UNKNOWN", "all turned into none", having(gp("a", "~0-7")), ("E guests.a.cpuset",)),
    Row("CPUSET-UNKNOWN", "the host's", having(host_cpuset="0-8"), ("E host_cpuset",)),
    Row("CPUSET-UNKNOWN", "none for the host", having(host_cpuset="~n0"), ("E host_cpuset",)),
    Row("CPUSET-UNKNOWN", "bad syntax is another code's", having(gp("a", "x"), host_cpuset="x")),
    Row("CPUSET-UNKNOWN", "memory of a node that is not there", having(gp("a", numatune="0,7")), ("E guests.a.numatune",)),
    Row("CPUSET-OFFLINE", "online", having(gp("a", "0-7"))),
    Row("CPUSET-OFFLINE", "one is not", having(gp("a", "0-7")), ("E guests.a.cpuset",), facts=on(offline(PLAIN8, 3))),
    Row("CPUSET-OFFLINE", "another is not", having(gp("a", "0-2")), facts=on(offline(PLAIN8, 3))),
    Row("CPUSET-OFFLINE", "the sibling that it takes down itself", having(rt("a", "c2")), (), ("E guests.a.cpuset",),
        facts=on(offline(SMT8, 6))),
    Row("CPUSET-OFFLINE", "the whole core", having(rt("a", "c2")), ("E guests.a.cpuset",), facts=on(offline(SMT8, 2, 6))),
    Row("CPUSET-OFFLINE", "a sibling that the active rt guest took down", having(gp("a", "6")),
        facts=on(offline(SMT8, 6), active=active(rt("b", "2")))),
    Row("CPUSET-OFFLINE", "one that Linux forgot and that is the active rt guest's", having(rt("a", "2,6", vcpus=1)),
        facts=on(forgotten(SMT8, 6), active=active(rt("a", "2,6")))),
    Row("CPUSET-OFFLINE", "one that Linux forgot and that is nobody's", having(rt("a", "2,6")), ("E guests.a.cpuset",),
        facts=on(forgotten(SMT8, 6))),
)  # fmt: skip

NEEDS = (
    Row("RT-NO-CPUSET", "it has one", having(rt("a", "7"), gp("b"))),
    Row("RT-NO-CPUSET", "it has none", having(rt("a")), ("E guests.a.cpuset",)),
    Row("RT-UNDERPROVISIONED", "one more than vCPUs", having(rt("a", "5-7", vcpus=2))),
    Row("RT-UNDERPROVISIONED", "as many as vCPUs", having(rt("a", "6-7", vcpus=2)), ("E guests.a.cpuset",), ()),
    Row("RT-UNDERPROVISIONED", "fewer", having(rt("a", "7", vcpus=2)), ("E guests.a.cpuset",)),
    Row("RT-UNDERPROVISIONED", "no cpuset is another code's", having(rt("a"))),
    Row("RT-UNDERPROVISIONED", "threads of cores", having(rt("a", "c24-c26", vcpus=2)), facts=on(NODES64)),
    Row("RT-UNDERPROVISIONED", "siblings are no cores", having(rt("a", "c24-c26", vcpus=3)), ("E guests.a.cpuset",), (),
        facts=on(NODES64)),
    Row("RT-UNDERPROVISIONED", "siblings that are down and forgotten", having(rt("a", "24-26,56-58", vcpus=3)),
        ("E guests.a.cpuset",), (), facts=on(forgotten(NODES64, 56, 57, 58))),
    Row("NONRT-UNDERPROVISIONED", "one more than vCPUs", having(gp("a", "5-7", vcpus=2), gp("b", vcpus=5))),
    Row("NONRT-UNDERPROVISIONED", "as many as vCPUs", having(gp("a", "6-7", vcpus=2)), ("W guests.a.cpuset",), ()),
    Row("NONRT-UNDERPROVISIONED", "fewer", having(gp("a", "7", vcpus=2)), ("W guests.a.cpuset",)),
    Row("CPU-HOST-STARVED", "one is left", having(rt("a", "1-7"))),
    Row("CPU-HOST-STARVED", "none is left", having(rt("a", "0-3"), rt("b", "4-7")), ("E host_cpuset",)),
    Row("CPU-HOST-STARVED", "what is left is offline", having(rt("a", "1-7")), ("E host_cpuset",), facts=on(offline(PLAIN8, 0))),
    Row("CPU-HOST-STARVED", "siblings are owned too", having(rt("a", "0-3")), ("E host_cpuset",), (), facts=on(SMT8)),
    Row("CPU-HOST-STARVED", "the host's own are taken", having(rt("a", "6-7"), host_cpuset="7"), ("E host_cpuset",)),
    Row("CPU-ZERO-RT", "another", having(rt("a", "1-7"), gp("b", "0"))),
    Row("CPU-ZERO-RT", "CPU 0", having(rt("a", "0-1")), ("E guests.a.cpuset",)),
    Row("CPU-ZERO-RT", "its sibling", having(rt("a", "1,3")), ("E guests.a.cpuset",), (), facts=on(PAIRS8)),
    Row("CPU-NOT-TAIL", "anywhere", having(rt("a", "3"))),
    Row("CPU-NOT-TAIL", "the last", having(rt("a", "7"), rt("b", "5-6"), policy=TAIL)),
    Row("CPU-NOT-TAIL", "a gap", having(rt("a", "7"), rt("b", "4-5"), policy=TAIL), ("E guests.b.cpuset",)),
    Row("CPU-NOT-TAIL", "the last cores", having(rt("a", "2-3"), policy=TAIL), (), ("E guests.a.cpuset",), facts=on(SMT8)),
    Row("CPU-NOT-TAIL", "the last that are online", having(rt("a", "6"), policy=TAIL), facts=on(offline(PLAIN8, 7))),
    Row("GP-CPU-MAX", "all the others", having(rt("a", "7"), gp("b", vcpus=7))),
    Row("GP-CPU-MAX", "more", having(rt("a", "7"), gp("b", vcpus=8)), ("E guests.b.vcpus",)),
    Row("GP-CPU-MAX", "rt CPUs in its cpuset", having(rt("a", "7"), gp("b", "0-7", vcpus=8)), ("E guests.b.vcpus",), ()),
    Row("GP-CPU-MAX", "rt CPUs allowed", having(rt("a", "7"), gp("b", "0-7", vcpus=8), policy=LAYERED)),
    Row("GP-CPU-MAX", "siblings are not there", having(rt("a", "2-3"), gp("b", vcpus=5)), ("E guests.b.vcpus",), (),
        facts=on(SMT8)),
    Row("GP-CPU-RUNNING-MAX", "none runs", running(6, 6)),
    Row("GP-CPU-RUNNING-MAX", "one runs", running(6, 6), facts=known(running=frozenset({UUID.format(0)}))),
    Row("GP-CPU-RUNNING-MAX", "both run", running(6, 6), (), ("E guests",), facts=known(running=frozenset({UUID.format(0), UUID.format(1)}))),
    Row("GP-CPU-RUNNING-MAX", "rt guests do not count", running(6, 6, kind="rt"), facts=known(running=frozenset({UUID.format(0), UUID.format(1)}))),
)  # fmt: skip

SHAPES = (
    Row("CPU-MIXED-KIND", "one kind", having(rt("a", "2-7"), gp("b", "8-11")), facts=on(HYBRID)),
    Row("CPU-MIXED-KIND", "both", having(rt("a", "7-8"), gp("b", "4-9")), ("E guests.a.cpuset", "W guests.b.cpuset"), facts=on(HYBRID)),
    Row("TOPOLOGY-PRODUCT", "it is", having(gp("a", vcpus=8, topology=(2, 2, 2)), gp("b", vcpus=3))),
    Row("TOPOLOGY-PRODUCT", "it is not", having(gp("a", vcpus=6, topology=(2, 2, 2))), ("E guests.a.topology",)),
    Row("TOPOLOGY-WINDOWS", "auto", having(gp("a", os_type="windows"))),
    Row("TOPOLOGY-WINDOWS", "another system", having(gp("a", topology=(1, 1, 1)))),
    Row("TOPOLOGY-WINDOWS", "its own", having(gp("a", os_type="Windows 11", topology=(1, 1, 1))), ("W guests.a.topology",)),
    Row("CPU-REMAPPED", "nothing was", having(rt("a", "7"))),
    Row("CPU-REMAPPED", "a guest and the host", having(rt("a", "3"), host_cpuset="0-2"), ("W guests.a.cpuset", "W host_cpuset"),
        facts=known(remapped={"a": ("7", "3"), "HOST": ("0-6", "0-2")})),
    Row("CPU-REMAPPED", "a guest that is gone", having(), facts=known(remapped={"a": ("7", "3")})),
)  # fmt: skip
CASES = (*CPUSETS, *NEEDS, *SHAPES)


@pytest.mark.parametrize("row", CASES, ids=str)
def test_a_rule_finds_what_it_must(row: Row) -> None:
    check_row(row)


def test_each_rule_has_cases() -> None:
    codes = {rule.code for rule in RULES}
    assert {row.code for row in CASES} == codes
    assert {row.code for row in CASES if row.kvm_rt or row.system_manager} == codes


def test_without_a_machine_what_needs_one_is_not_checked() -> None:
    verdict = validate(having(rt("a", "99")), known(topology=None, running=None))
    checked = {"CPUSET-SYNTAX", "RT-NO-CPUSET", "TOPOLOGY-PRODUCT", "TOPOLOGY-WINDOWS", "CPU-REMAPPED"}
    assert {rule.code for rule in RULES if rule.kvm_rt is not None} - set(verdict.not_checked) == checked


def test_a_disabled_guest_takes_no_cpus() -> None:
    desired = having(rt("a", "0-7", disabled=True))
    assert issues("CPU-HOST-STARVED", desired) == []
    assert len(issues("CPU-HOST-STARVED", desired, include_disabled=True)) == 1


def test_the_system_manager_s_own_example_is_valid() -> None:
    """8 CPUs, the rt guest on the last, a gp guest with two CPUs that no cpuset names (SM 8.1, 8.2)."""
    for machine in (PLAIN8, SMT8):
        desired = having(
            rt("rtlinux", "7", id="GUEST0001", rtos_id=0, memory_mib=256, heap_mib=240),
            gp("windows", id="GUEST0002", gpos_id=1, vcpus=2, memory_mib=4096),
            policy=Policy(profile="system-manager"),
        )
        assert validate(desired, on(machine)).errors == ()


@pytest.mark.parametrize("cpuset", ["n3", "c24-c26", "24-26"])
def test_kvm_rt_s_own_example_is_valid(cpuset: str) -> None:
    """64 threads on 4 nodes, the rt guest with a node of its own, before its siblings are taken down and after."""
    desired = having(rt("rt", cpuset, vcpus=2, memory_mib=4096), gp("desktop", "n1", vcpus=4, memory_mib=8192))
    down = range(56, 64) if cpuset == "n3" else range(56, 59)
    for machine in (NODES64, offline(NODES64, *down), forgotten(NODES64, *down)):
        verdict = validate(desired, on(machine, active=desired, memory_mib=131_072))
        assert verdict.errors == ()
        assert {issue.code for issue in verdict.issues} <= {"MEM-LOCK-NO-LIMIT"}
