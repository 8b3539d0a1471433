"""Memory of guests and of the host."""

from typing import Any

import pytest
from profile_cases import Row, check_row, gp, having, rt
from rule_cases import KNOWN, issues, known
from topologies import NODES64

from guestwire.model.areas import MemoryArea
from guestwire.model.guest import Guest, Override
from guestwire.model.images import Image
from guestwire.model.policy import Policy
from guestwire.model.rules.memory import RULES
from guestwire.model.rules.table import validate
from guestwire.model.settings import HostSettings, HugePool

SMALL = known(memory_mib=4096)
HERE = known(topology=NODES64, memory_mib=131_072)
SIMULATED = known(memory_mib=4096, simulated=True)
LIMIT = (Override(op="add", xml="<memtune><hard_limit unit='MiB'>700</hard_limit></memtune>"),)
MIB = 1 << 20


def pool(size_mib: int, pages: int, node: int | None = None) -> HostSettings:
    return HostSettings(hugepages=(HugePool(size_mib=size_mib, pages=pages, node=node),))


def at(*bases: int | None, **more: Any) -> Any:
    guests = (rt(f"g{n}", image=f"i{n}", memory_mib=256) for n in range(len(bases)))
    images = (Image(id=f"i{n}", os_type="x", path="/x", base_address=base) for n, base in enumerate(bases))
    return having(*guests, images=tuple(images), **more)


def huge(name: str, mib: int, size: Any = 2, **given: Any) -> Guest:
    return gp(name, memory_mib=mib, hugepages_mib=size, **given)


RESERVE = "policy.remaining_host_memory_mib"
CASES = (
    Row("MEM-HOST-RESERVE", "just enough", having(gp("a", memory_mib=2048), rt(memory_mib=768, heap_mib=256)), facts=SMALL),
    Row("MEM-HOST-RESERVE", "a MiB too much", having(gp("a", memory_mib=2048), rt(memory_mib=769, heap_mib=256)), (f"E {RESERVE}",), facts=SMALL),
    Row("MEM-HOST-RESERVE", "nothing kept", having(gp("a", memory_mib=4096), policy=Policy(remaining_host_memory_mib=0)), facts=SMALL),
    Row("MEM-HOST-RESERVE", "memory areas", having(gp("a", memory_mib=3072), areas=(MemoryArea(name="x", size=1),)), (f"E {RESERVE}",), facts=SMALL),
    Row("MEM-HOST-RESERVE", "a pool, whoever uses it", having(gp("a", memory_mib=2048), huge("b", 512), settings=pool(2, 1024)), (f"E {RESERVE}",), facts=SMALL),
    Row("MEM-HOST-RESERVE", "a guest of huge pages is in its pool", having(gp("a", memory_mib=2048), huge("b", 1024), settings=pool(2, 512)), facts=SMALL),
    Row("MEM-HOST-RESERVE", "disabled", having(gp("a", memory_mib=9999, disabled=True)), facts=SMALL),
    Row("MEM-NODE-SHORT", "it fits", having(gp("a", "n1", memory_mib=31_744)), facts=HERE),
    Row("MEM-NODE-SHORT", "with the pool of the node it does not", having(gp("a", "n1", memory_mib=31_745)), ("E guests.a.memory_mib",), facts=HERE),
    Row("MEM-NODE-SHORT", "two on one", having(gp("a", numatune="1", memory_mib=20_000), gp("b", "n1", memory_mib=20_000)), ("E guests.a.memory_mib",), facts=HERE),
    Row("MEM-NODE-SHORT", "one of them may have another's", having(gp("a", numatune="1", memory_mib=20_000), gp("b", numatune="1-2", memory_mib=20_000)), facts=HERE),
    Row("MEM-NODE-SHORT", "both together may not", having(gp("a", numatune="1", memory_mib=30_000), gp("b", numatune="1-2", memory_mib=40_000)), ("E guests.a.memory_mib",), facts=HERE),
    Row("MEM-NODE-SHORT", "bound to none", having(gp("a", memory_mib=100_000)), facts=HERE),
    Row("MEM-NODE-SHORT", "bound to all is another code's", having(gp("a", numatune="0-3", memory_mib=200_000)), facts=HERE),
    Row("HUGEPAGES-SHORT", "ordinary pages", having(gp("a")), facts=HERE),
    Row("HUGEPAGES-SHORT", "the machine has them", having(huge("a", 4096)), facts=HERE),
    Row("HUGEPAGES-SHORT", "the machine has too few", having(huge("a", 4097)), ("E guests.a.hugepages_mib",), facts=HERE),
    Row("HUGEPAGES-SHORT", "the settings make them", having(huge("a", 8192), settings=pool(2, 4096)), facts=HERE),
    Row("HUGEPAGES-SHORT", "the settings take them away", having(huge("a", 16), settings=pool(2, 0)), ("E guests.a.hugepages_mib",), facts=HERE),
    Row("HUGEPAGES-SHORT", "of another size", having(huge("a", 1024, 1024)), ("E guests.a.hugepages_mib",), facts=HERE),
    Row("HUGEPAGES-SHORT", "together", having(huge("a", 2048), huge("b", 2050)), ("E guests.a.hugepages_mib",), facts=HERE),
    Row("HUGEPAGES-SHORT", "on its node", having(huge("a", 1024, cpuset="n3")), facts=HERE),
    Row("HUGEPAGES-SHORT", "not on its node", having(huge("a", 1026, cpuset="n3")), ("E guests.a.hugepages_mib",), facts=HERE),
    Row("HUGEPAGES-SHORT", "more on that node", having(huge("a", 1026, cpuset="n3"), settings=pool(2, 513, 3)), facts=HERE),
    Row("MEM-LOCK-NO-LIMIT", "it locks nothing", having(gp("a"), rt("b", lock_memory=False))),
    Row("MEM-LOCK-NO-LIMIT", "limited", having(rt("a", overrides=LIMIT))),
    Row("MEM-LOCK-NO-LIMIT", "a limit replaced", having(rt("a", overrides=(Override(op="replace", sel="memtune/hard_limit/@unit", xml="GiB"),)))),
    Row("MEM-LOCK-NO-LIMIT", "another override", having(rt("a", overrides=(Override(op="add", xml="<x/>"),))), ("W guests.a.lock_memory",)),
    Row("MEM-LOCK-NO-LIMIT", "an rt guest", having(rt("a")), ("W guests.a.lock_memory",)),
    Row("MEM-LOCK-NO-LIMIT", "a gp guest that locks", having(gp("a", lock_memory=True)), ("W guests.a.lock_memory",)),
    Row("MEM-LOCK-NO-LIMIT", "the limit taken out", having(rt("a", overrides=(Override(op="remove", sel="memtune/hard_limit"),))), ("W guests.a.lock_memory",)),
    Row("MEM-OVERLAP", "apart", at(0x0400_0000, 0x1400_0000), facts=SIMULATED),
    Row("MEM-OVERLAP", "anywhere", at(None, None, None), facts=SIMULATED),
    Row("MEM-OVERLAP", "on each other", at(0x0400_0000, 0x13F0_0000), ("E guests.g1.memory_mib",), facts=SIMULATED),
    Row("MEM-OVERLAP", "under KVM it does not count", at(0x0400_0000, 0x0400_0000), facts=SMALL),
    Row("MEM-OVERLAP", "on the boot code", at(0x1000), ("E guests.g0.memory_mib",), facts=SIMULATED),
    Row("MEM-OVERLAP", "beyond the memory", at(0xF000_0000), ("E guests.g0.memory_mib",), facts=SIMULATED),
    Row("MEM-OVERLAP", "no room for the areas", at(0x0400_0000, areas=tuple(MemoryArea(name=f"a{n}", size=512 * MIB) for n in range(8))), ("E areas",), facts=SIMULATED),
    Row("RT-NO-LOCKED", "auto and true", having(rt("a"), rt("b", lock_memory=True), gp("c"))),
    Row("RT-NO-LOCKED", "false", having(rt("a", lock_memory=False)), ("E guests.a.lock_memory",)),
)  # fmt: skip


@pytest.mark.parametrize("row", CASES, ids=str)
def test_a_rule_finds_what_it_must(row: Row) -> None:
    check_row(row)


def test_each_rule_has_cases() -> None:
    codes = {rule.code for rule in RULES}
    assert {row.code for row in CASES if row.kvm_rt} == {row.code for row in CASES if not row.kvm_rt} == codes


def test_what_is_not_known_is_not_checked() -> None:
    verdict = validate(having(rt("a")), known(topology=None, memory_mib=None, simulated=None))
    checked = {"MEM-LOCK-NO-LIMIT", "RT-NO-LOCKED"}
    assert {rule.code for rule in RULES} - set(verdict.not_checked) == checked


def test_the_host_s_reserve_does_without_a_topology() -> None:
    assert issues("MEM-HOST-RESERVE", having(huge("a", 3074)), known(memory_mib=4096, topology=None))
    assert not issues("MEM-HOST-RESERVE", having(huge("a", 3072)), known(memory_mib=4096, topology=None))


def test_a_disabled_guest_counts_when_it_is_asked_for() -> None:
    desired = having(gp("a", memory_mib=99_999, disabled=True))
    assert not issues("MEM-HOST-RESERVE", desired, KNOWN)
    assert issues("MEM-HOST-RESERVE", desired, KNOWN, include_disabled=True)
