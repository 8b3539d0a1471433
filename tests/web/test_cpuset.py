"""What the dashboard says of CPU sets, pins and memory is what the hosts say: the same cases go through both."""

from typing import Any

import pytest

from guestwire.model import cpuset
from guestwire.model.areas import MemoryArea
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES
from guestwire.model.pinning import host_cpus, pinning
from guestwire.model.policy import Policy
from guestwire.model.reservations import remaining_host_memory_mib
from guestwire.model.settings import HostSettings, HugePool

TEXTS = (
    "0", "3", "0-3", "0-3,7", "7,0-3", "0,0,1", "c0", "c24-c26", "n0", "n1-n2", "~n0", "~0", "~0-3,c5", "p0", "d0", "~p0",
    "", "~", ",", "0,", "a", "0-", "3-1", "n0-1", "n0-c1", "0-n1", " 0", "0 ", "x1", "1234567", "^3", "-1", "0--1", "~~0",
    "63", "64", "24", "n4", "c40", "d1", "p1", "20-30", "01", "c00-c1",
)  # fmt: skip
LISTS: tuple[tuple[int, ...], ...] = ((), (0,), (0, 1), (0, 1, 2, 3, 7), (7, 3, 5), (1, 1, 2), (10, 9, 2), (63, 0, 62))
MACHINE_NAMES = ("4-core", "16-core-pe", "64-thread-4-node", "bios-8-cpu")


def expected(text: str, machine: str) -> Any:
    try:
        return sorted(cpuset.expand(text, MACHINES[machine].topology))
    except GuestwireError as err:
        return [err.code, err.message.replace("''", "'")]


@pytest.mark.parametrize("machine", MACHINE_NAMES)
def test_sets_mean_the_same(module_page: Any, machine: str) -> None:
    cpus = MACHINES[machine].topology.model_dump(mode="json")["cpus"]
    found = module_page.table(
        "core/cpuset.js",
        """(m, [text, cpus]) => {
          try { return [...m.expand(text, cpus)].sort((a, b) => a - b); }
          catch (error) { return [error.code, error.message.replace("''", "'")]; }
        }""",
        [[text, cpus] for text in TEXTS],
    )
    assert dict(zip(TEXTS, found, strict=True)) == {text: expected(text, machine) for text in TEXTS}


def test_lists_are_written_the_same(module_page: Any) -> None:
    found = module_page.table("core/cpuset.js", "(m, cpus) => m.listText(cpus)", [list(one) for one in LISTS])
    assert found == [cpuset.to_libvirt(one) for one in LISTS]


def guests(*given: dict[str, Any]) -> tuple[Guest, ...]:
    return tuple(Guest(name=f"g{number}", **one) for number, one in enumerate(given))


PLANS: tuple[tuple[str, Desired], ...] = (
    (
        "16-core-pe",
        Desired(guests=guests({"kind": "rt", "cpuset": "14-15", "vcpus": 1}, {"cpuset": "0-3", "vcpus": 2})),
    ),
    ("16-core-pe", Desired(guests=guests({"kind": "rt", "cpuset": "12-15,20-22", "vcpus": 3}), host_cpuset="0-5")),
    ("16-core-pe", Desired(guests=guests({"kind": "rt", "cpuset": "20-22", "vcpus": 5}))),
    ("64-thread-4-node", Desired(guests=guests({"kind": "rt", "cpuset": "n3", "vcpus": 4}, {"cpuset": "~n3"}))),
    (
        "64-thread-4-node",
        Desired(
            policy=Policy(profile="system-manager"),
            guests=guests({"kind": "rt", "cpuset": "62-63", "vcpus": 2}, {"kind": "rt", "cpuset": "60", "vcpus": 1}),
        ),
    ),
    ("4-core", Desired(guests=guests({"kind": "rt"}, {}, {"cpuset": "2"}), host_cpuset="~2")),
)


@pytest.mark.parametrize("case", range(len(PLANS)))
def test_pins_are_those_of_the_hosts(module_page: Any, case: int) -> None:
    machine, desired = PLANS[case]
    topology = MACHINES[machine].topology
    found = module_page.run(
        "core/cpu_plan.js",
        """(m, [desired, cpus]) => m.cpuPlan(desired, cpus).columns.map((one) => (
          { key: one.key, cpus: [...one.cpus].sort((a, b) => a - b), pins: [...one.pins].sort((a, b) => a[0] - b[0]) }))""",
        [desired.model_dump(mode="json"), topology.model_dump(mode="json")["cpus"]],
    )
    assert found[0]["cpus"] == sorted(host_cpus(desired.guests, topology, desired.host_cpuset))
    kvm_rt = desired.policy.profile == "kvm-rt"
    for guest, column in zip(desired.guests, found[1:], strict=True):
        if guest.kind != "rt" or guest.cpuset is None:
            assert column["pins"] == []
            continue
        pins = pinning(guest, topology, desired.policy.profile)
        assert pins is not None
        own = [next(iter(cpus)) for cpus in pins.vcpus if len(cpus) == 1]
        wanted = {cpu: str(number) for number, cpu in enumerate(own)}
        wanted |= {cpu: "e" for cpu in pins.emulator if kvm_rt and cpu not in wanted}
        assert column["pins"] == [list(pair) for pair in sorted(wanted.items())]


ASSIGNED: tuple[tuple[str, list[int], bool, list[Any]], ...] = (
    # machine's CPUs: 0-23; key, CPUs, on -> edits
    ("g0", [13], True, [["set", "guest.g0.cpuset", "13-15"]]),
    ("g0", [14, 15], False, [["default", "guest.g0.cpuset", None]]),
    ("g1", [0], True, [["set", "guest.g1.cpuset", "0"]]),
    ("g2", [8], True, [["set", "guest.g2.cpuset", "4-5,8"]]),
    ("", [13], False, [["set", "host_cpuset", "0-12,16-23"]]),
    ("", list(range(24)), False, []),
    ("nobody", [1], True, []),
)


def test_a_toggle_is_an_edit(module_page: Any) -> None:
    desired = Desired(guests=guests({"kind": "rt", "cpuset": "14-15"}, {}, {"cpuset": "c2"})).model_dump(mode="json")
    cpus = MACHINES["16-core-pe"].topology.model_dump(mode="json")["cpus"]
    found = module_page.table(
        "core/cpu_plan.js",
        """(m, [desired, cpus, key, chosen, on]) => m.assign(desired, cpus, key, chosen, on)
          .map((one) => [one.op, one.path, one.value ?? null])""",
        [[desired, cpus, key, chosen, on] for key, chosen, on, _ in ASSIGNED],
    )
    assert found == [edits for *_, edits in ASSIGNED]


def test_a_host_that_has_what_is_left_says_so(module_page: Any) -> None:
    """An edit and its opposite leave no difference."""
    desired = Desired(guests=guests({"kind": "rt", "cpuset": "14-15"}), host_cpuset="0-12,16-23").model_dump(
        mode="json"
    )
    cpus = MACHINES["16-core-pe"].topology.model_dump(mode="json")["cpus"]
    found = module_page.run(
        "core/cpu_plan.js", "(m, [desired, cpus]) => m.assign(desired, cpus, '', [13], true)", [desired, cpus]
    )
    assert found == [{"op": "default", "path": "host_cpuset"}]


MEMORY: tuple[tuple[str, Desired], ...] = (
    ("4-core", Desired()),
    ("4-core", Desired(guests=guests({"memory_mib": 4096}, {"memory_mib": 512, "disabled": True}))),
    (
        "64-thread-4-node",
        Desired(
            guests=guests(
                {"kind": "rt", "memory_mib": 1000, "hugepages_mib": 2, "cpuset": "n1", "heap_mib": 64},
                {"memory_mib": 3000, "hugepages_mib": 1024},
            ),
            areas=(MemoryArea(name="plc", size=70_000), MemoryArea(name="heap", kind="heap", size=100 << 20)),
            settings=HostSettings(
                hugepages=(
                    HugePool(size_mib=2, pages=4096, node=1),
                    HugePool(size_mib=1024, pages=2),
                    HugePool(size_mib=1024, pages=1, node=0),
                )
            ),
        ),
    ),
    ("16-core-pe", Desired(guests=guests({"memory_mib": 40_000}), areas=(MemoryArea(name="a", size=1 << 20),))),
)


@pytest.mark.parametrize("case", range(len(MEMORY)))
def test_memory_adds_up_as_at_the_hosts(module_page: Any, case: int) -> None:
    machine, desired = MEMORY[case]
    topology, total = MACHINES[machine].topology, MACHINES[machine].memory_mib
    found = module_page.run(
        "core/memory_map.js",
        """(m, [desired, total, machine]) => {
          const map = m.memoryMap(desired, total, machine);
          const sum = map.parts.filter((part) => part.kind !== "short").reduce((all, part) => all + part.mib, 0);
          return { left: map.left, kept: map.kept, sum, nodes: machine.nodes.map((node) => m.ofNode(map, node).total) };
        }""",
        [desired.model_dump(mode="json"), total, topology.model_dump(mode="json")],
    )
    left = remaining_host_memory_mib(desired, total, topology)
    assert found["left"] + found["kept"] == left
    assert found["nodes"] == [node.memory_mib for node in topology.nodes]
    assert found["sum"] == (total if left >= found["kept"] else total - found["left"])


def test_regions_are_as_large_as_at_the_hosts(module_page: Any) -> None:
    sizes = [1, 4096, (1 << 20) - 4096, (1 << 20) - 4095, 1 << 20, 6 << 20, (32 << 20) - 4096, 32 << 20, 512 << 20]
    found = module_page.table("core/memory_map.js", "(m, size) => m.backingSize(size)", sizes)
    assert found == [MemoryArea(name="a", size=size).backing_size for size in sizes]
