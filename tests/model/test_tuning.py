"""What the kernel is set to while rt guests run."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from topologies import forgotten

from guestwire.model.cpuset import expand, from_libvirt, to_libvirt, to_mask
from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES
from guestwire.model.pinning import pinning
from guestwire.model.policy import Policy, Profile
from guestwire.model.topology import Topology
from guestwire.model.tuning import (
    DEFAULT_AFFINITY,
    SLICES,
    WORKQUEUES,
    KernelFacts,
    KernelValue,
    cpu_of,
    left_out,
    online_path,
    paths,
    remembered,
    same,
    taken,
    wanted,
)

BIG, SMALL, HYBRID, PAIRS = (
    MACHINES[name].topology for name in ("64-thread-4-node", "4-core", "16-core-pe", "bios-8-cpu")
)


def irq(number: int) -> str:
    return f"/proc/irq/{number}/smp_affinity_list"


def guest(name: str, cpuset: str | None, **fields: Any) -> Guest:
    number = sum(map(ord, name))
    return Guest(name=name, uuid=f"00000000-0000-4000-8000-{number:012d}", cpuset=cpuset, **{"kind": "rt", **fields})


def facts(
    topology: Topology,
    irqs: Mapping[int, str] | None = None,
    *,
    cgroup: Literal["v1", "v2", "none"] = "v2",
    fixed: Collection[int] = (0,),
) -> KernelFacts:
    """A host as it booted. `fixed`: CPUs that cannot go offline."""
    before = {
        WORKQUEUES: to_mask(topology.cpu_ids()),
        DEFAULT_AFFINITY: to_mask(topology.cpu_ids()),
        **{irq(number): text for number, text in (irqs or {}).items()},
        **{online_path(cpu): "1" for cpu in topology.cpu_ids() if cpu not in fixed},
    }
    if cgroup == "v2":
        before |= dict.fromkeys(SLICES, "")
    return KernelFacts(cgroup, before)


def values(
    topology: Topology, *guests: Guest, profile: Profile = "kvm-rt", kernel: KernelFacts | None = None
) -> tuple[KernelValue, ...]:
    desired = Desired(guests=guests, policy=Policy(profile=profile))
    running = [guest.uuid for guest in guests if guest.uuid and not guest.disabled]
    return wanted(desired, running, topology, kernel or facts(topology))


def notes(topology: Topology, *guests: Guest, kernel: KernelFacts) -> str:
    return " ".join(left_out(Desired(guests=guests), [guest.uuid or "" for guest in guests], topology, kernel))


def down(found: tuple[KernelValue, ...]) -> str:
    """The CPUs that go offline."""
    assert all(value.value == "0" for value in found if cpu_of(value.path) is not None)
    return to_libvirt(cpu for value in found if (cpu := cpu_of(value.path)) is not None)


def text_of(found: tuple[KernelValue, ...], path: str) -> str | None:
    return next((value.value for value in found if value.path == path), None)


def test_nothing_is_wanted_while_no_rt_guest_runs() -> None:
    off = guest("off", "30-31", disabled=True)
    assert values(BIG, off, guest("gp", "6", kind="gp"), guest("comm", None, kind="gp_comm")) == ()


def test_an_rt_guest_has_its_cores_to_itself_and_all_that_stands_on_them_leaves_first() -> None:
    kernel = facts(BIG, {24: "0-63", 25: "30,62", 26: "2", 9: "7,31"})
    found = values(BIG, guest("rt", "30-31"), kernel=kernel)
    rest = to_libvirt(BIG.cpu_ids() - {30, 31, 62, 63})
    assert [(value.path, value.value, value.required) for value in found] == [
        *((path, rest, False) for path in SLICES),
        (WORKQUEUES, "3fffffff,3fffffff", False),
        (DEFAULT_AFFINITY, "3fffffff,3fffffff", False),
        (irq(9), "7", False),
        (irq(24), rest, False),
        (irq(25), rest, False),
        (online_path(62), "0", True),
        (online_path(63), "0", True),
    ]
    assert all(value.why for value in found)


@pytest.mark.parametrize(
    ("topology", "cpuset", "vcpus", "offline"),
    [
        (BIG, "30-31", 1, "62-63"),
        (BIG, "c30-c31", 1, "62-63"),  # both threads of each core are named: one of each carries a thread
        (BIG, "n3", 4, "56-63"),
        (BIG, "30,62", 1, "62"),  # too few cores: all threads on one CPU
        (BIG, "62-63", 1, "30-31"),
        (BIG, "1,32", 1, "33"),  # CPU 0 stays
        (BIG, "1-2,33", 3, "33-34"),
        (PAIRS, "2-3", 1, "6-7"),
        (SMALL, "2-3", 1, ""),
        (HYBRID, "12-15", 1, "13,15"),
        (HYBRID, "12-15", 2, "13,15"),
        (HYBRID, "12,14", 1, "13,15"),
        (HYBRID, "22-23", 1, ""),  # efficiency cores have one thread
        (HYBRID, "14,22", 1, "15"),
    ],
)
def test_siblings_on_which_nothing_is_pinned_go_offline(
    topology: Topology, cpuset: str, vcpus: int, offline: str
) -> None:
    assert down(values(topology, guest("rt", cpuset, vcpus=vcpus))) == offline


def test_profile_system_manager_shields_and_takes_nothing_down() -> None:
    found = values(BIG, guest("rt", "63"), profile="system-manager", kernel=facts(BIG, {24: "31,63"}))
    assert down(found) == ""
    assert {text_of(found, path) for path in SLICES} == {"0-62"}
    assert text_of(found, irq(24)) == "31"


def test_a_cpu_that_another_running_guest_names_stays_online() -> None:
    kernel = facts(BIG)
    guests = (guest("rt", "30-31"), guest("gp", "62", kind="gp"))
    assert down(values(BIG, *guests, kernel=kernel)) == "63"
    assert "62 stay online: guests that run" in notes(BIG, *guests, kernel=kernel)
    stopped = guests[1].model_copy(update={"disabled": True})
    assert down(values(BIG, guests[0], stopped)) == "62-63"


def test_cpus_of_two_rt_guests_on_one_core_stay_online() -> None:
    assert down(values(BIG, guest("a", "30-31"), guest("b", "60,62"))) == "28,63"
    # the emulator of the first may use 29 and 31, the siblings of what the second is pinned to: one of them stays
    assert down(values(BIG, guest("a", "28-29,31"), guest("b", "61,63"))) == "31,60"


def test_cgroup_v1_takes_nothing_down_and_says_so() -> None:
    kernel = facts(BIG, {24: "0-63"}, cgroup="v1")
    rt = guest("rt", "30-31")
    found = values(BIG, rt, kernel=kernel)
    assert [value.path for value in found] == [WORKQUEUES, DEFAULT_AFFINITY, irq(24)]
    told = notes(BIG, rt, kernel=kernel)
    assert "62-63 stay online: with cgroup v1" in told
    assert "isolcpus=" in told


def test_a_cpu_that_this_kernel_cannot_take_down_stays() -> None:
    kernel = facts(BIG, fixed=(0, 62))
    assert down(values(BIG, guest("rt", "30-31"), kernel=kernel)) == "63"
    assert "62 stay online: this kernel" in notes(BIG, guest("rt", "30-31"), kernel=kernel)


def test_cpus_isolated_at_boot_need_no_shield_but_their_interrupts_leave() -> None:
    isolated = BIG.model_copy(
        update={"cpus": tuple(cpu.model_copy(update={"isolated": cpu.id % 32 >= 30}) for cpu in BIG.cpus)}
    )
    found = values(isolated, guest("rt", "30-31"), kernel=facts(isolated, {24: "0-63"}))
    assert not set(SLICES) & {value.path for value in found}
    assert text_of(found, irq(24)) == "0-29,32-61"
    assert down(found) == "62-63"
    part = guest("rt", "29-31")
    assert text_of(values(isolated, part), SLICES[0]) == "0-28,32-60"


def test_a_slice_keeps_what_its_owner_left_it() -> None:
    kernel = facts(SMALL)
    kernel = KernelFacts("v2", {**kernel.before, SLICES[0]: "0-1", SLICES[1]: "1-2", SLICES[2]: "2-3"})
    found = values(SMALL, guest("rt", "2-3"), kernel=kernel)
    assert [text_of(found, path) for path in SLICES] == [None, "1", "0-1"]


def test_a_guest_that_may_run_anywhere_is_told_of() -> None:
    assert "may run on 2-3: gp." in notes(SMALL, guest("rt", "2-3"), guest("gp", None, kind="gp"), kernel=facts(SMALL))


@pytest.mark.parametrize("cpuset", [None, "99", "x"])
def test_a_cpuset_that_means_nothing_here_is_none(cpuset: str | None) -> None:
    assert values(SMALL, guest("rt", cpuset)) == ()
    assert values(SMALL, guest("rt", "3", numatune="?"), guest("other", cpuset)) != ()


def test_an_rt_guest_on_cpu_0_leaves_it_to_the_host() -> None:
    found = values(SMALL, guest("rt", "0-3", vcpus=3))
    assert text_of(found, SLICES[0]) == "0"
    assert text_of(found, DEFAULT_AFFINITY) == "1"


def test_values_stay_the_same_when_linux_has_forgotten_the_siblings_it_took_down() -> None:
    guests = (guest("rt", "c30-c31"),)
    now = forgotten(BIG, 62, 63)
    as_before = remembered(now, {62: (30,), 63: (31,)})
    assert expand("c30", now) == {30}
    assert as_before == BIG
    assert values(as_before, *guests) == values(BIG, *guests)
    assert remembered(BIG, {}) is BIG


def test_paths_are_those_of_every_interrupt_and_cpu() -> None:
    text = "           CPU0       CPU1\n  0:   9  IO-APIC timer\n 24:   0  PCI-MSI eth0\nNMI:  0  Non-maskable\n"
    found = paths(SMALL, text)
    assert [path for path in found if "irq/" in path] == [DEFAULT_AFFINITY, irq(0), irq(24)]
    assert {online_path(3), WORKQUEUES, *SLICES} <= set(found)


@pytest.mark.parametrize(
    ("path", "asked", "now", "is_same", "is_taken"),
    [
        (irq(1), "0-3", "0,1,2,3", True, True),
        (irq(1), "0-3", "2", False, True),
        (irq(1), "0-3", "3-4", False, False),
        (irq(1), "0-3", "", False, False),
        (irq(1), "0-3", "(null)", False, False),
        (DEFAULT_AFFINITY, "ff,ffffffff", "ffffffffff", True, True),
        (DEFAULT_AFFINITY, "f", "3", False, True),
        (DEFAULT_AFFINITY, "f", "g", False, False),
        (SLICES[0], "", "\n", True, True),
        (SLICES[0], "0-1", "0", False, True),
        (online_path(1), "0", "0\n", True, True),
        (online_path(1), "0", "1", False, False),
    ],
)
def test_what_the_kernel_made_of_a_value(path: str, asked: str, now: str, is_same: bool, is_taken: bool) -> None:
    assert same(path, asked, now) is is_same
    assert taken(path, asked, now) is is_taken


@given(st.sets(st.integers(0, 300)))
def test_a_mask_is_the_same_without_groups(cpus: set[int]) -> None:
    assert same(WORKQUEUES, to_mask(cpus), f"{sum(1 << cpu for cpu in cpus):x}")


CPUSETS = st.lists(st.integers(0, 63), min_size=1, max_size=6).map(to_libvirt)


@given(
    st.lists(st.tuples(CPUSETS, st.integers(1, 4), st.sampled_from(["rt", "rt", "gp"])), max_size=4),
    st.sampled_from([BIG, SMALL, HYBRID]),
    st.sampled_from(["kvm-rt", "system-manager"]),
    st.sampled_from(["v1", "v2", "none"]),
)
def test_whatever_guests_run_the_host_and_every_thread_keep_a_cpu(
    specs: list[tuple[str, int, str]], topology: Topology, profile: Profile, cgroup: Literal["v1", "v2", "none"]
) -> None:
    guests = [
        guest(chr(97 + number), cpuset, vcpus=vcpus, kind=kind) for number, (cpuset, vcpus, kind) in enumerate(specs)
    ]
    kernel = facts(topology, dict.fromkeys(range(20, 24), to_libvirt(topology.cpu_ids())), cgroup=cgroup)
    found = values(topology, *guests, profile=profile, kernel=kernel)
    offline = from_libvirt(down(found))
    assert 0 not in offline
    assert not (offline and (cgroup == "v1" or profile == "system-manager"))
    on_machine = [
        (one, expand(one.cpuset, topology))
        for one in guests
        if one.cpuset and from_libvirt(one.cpuset) <= topology.cpu_ids()
    ]
    for one, cpus in on_machine:
        if one.kind == "rt":
            pins = pinning(one, topology, profile, topology.online() - cpus)
            assert pins is not None
            assert all(its - offline for its in (*pins.vcpus, pins.emulator))
        else:
            assert not offline & cpus
    kinds = [cpu_of(value.path) is not None for value in found]
    assert kinds == sorted(kinds)
    for value in found:
        if "smp_affinity_list" in value.path or value.path in SLICES:
            rest = from_libvirt(value.value)
            assert rest
            assert not rest & offline
            assert not any(rest & (cpus - {0}) for one, cpus in on_machine if one.kind == "rt")
