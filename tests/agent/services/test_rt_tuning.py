"""The host tuned while rt guests run, and as it was when none does: over a kernel made of a dict, and the simulated host."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from topologies import forgotten

from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.services.guest_table import Transition
from guestwire.agent.services.rt_tuning import NOTE, RtTuning, TunedValue
from guestwire.link.vital import Vital
from guestwire.model.cpuset import from_libvirt, to_mask
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import ManagementPath
from guestwire.model.guest import Guest, GuestState
from guestwire.model.host import HostFacts
from guestwire.model.machines import MACHINES, Machine
from guestwire.model.policy import Policy
from guestwire.model.topology import Topology
from guestwire.model.tuning import (
    DEFAULT_AFFINITY,
    INTERRUPTS,
    SLICES,
    THROTTLING,
    WORKQUEUES,
    cpu_of,
    online_path,
)

BIG = MACHINES["64-thread-4-node"]
ALL = "0-63"
MOVABLE, MANAGED = (24, 25, 26), (40, 41)


def irq(number: int) -> str:
    return f"/proc/irq/{number}/smp_affinity_list"


def guest(number: int, cpuset: str | None, **fields: Any) -> Guest:
    uuid = f"00000000-0000-4000-8000-{number:012d}"
    return Guest(name=f"g{number}", id=f"GUEST{number:04d}", uuid=uuid, cpuset=cpuset, **{"kind": "rt", **fields})


A, B, GP = guest(1, "30-31"), guest(2, "c28-c29"), guest(3, "62", kind="gp")


class Killed(BaseException):
    """The agent was killed."""


class Kernel:
    """The KernelValues and HostInspection ports over a dict. As Linux: it forgets the siblings of a CPU that is offline, and
    does not move managed interrupts.

    refuse    what a write to a path raises; weak: what it makes of a value instead
    fuse      durable writes (kernel or journal) until the agent is killed; late: after the write, not before
    """

    def __init__(self, machine: Machine = BIG) -> None:
        self.machine = machine
        self.boot = "boot-1"
        self.refuse: dict[str, GuestwireError] = {}
        self.weak: dict[str, str] = {}
        self.fuse: int | None = None
        self.late = False
        self.attempts = 0
        self.reads = 0
        self.writes: list[tuple[str, str]] = []
        self.notes: dict[str, bytes] = {}
        self.tree = self.booted()

    def booted(self) -> dict[str, str]:
        cpus = self.machine.topology.cpu_ids()
        return {
            INTERRUPTS: "".join(f" {number}:  0  0  PCI-MSI x\n" for number in (*MOVABLE, *MANAGED)),
            **{irq(number): text for number, text in zip(MOVABLE, (ALL, "30,62", "2-3"), strict=True)},
            **{irq(number): ALL for number in MANAGED},
            DEFAULT_AFFINITY: to_mask(cpus),
            WORKQUEUES: to_mask(cpus),
            THROTTLING: "950000",
            **dict.fromkeys(SLICES, ""),
            **{online_path(cpu): "1" for cpu in cpus if cpu},
        }

    def offline(self) -> frozenset[int]:
        return frozenset(cpu for path, text in self.tree.items() if (cpu := cpu_of(path)) is not None and text == "0")

    async def read(self, paths: Sequence[str]) -> Mapping[str, str | None]:
        self.reads += 1
        return {path: self.tree.get(path) for path in paths}

    async def write(self, path: str, value: str) -> str:
        await asyncio.sleep(0)
        self.attempts += 1
        if path not in self.tree:
            raise GuestwireError("NOT-FOUND")
        if path in map(irq, MANAGED):
            raise GuestwireError("UNSUPPORTED", "Input/output error", detail={"errno": 5})
        if path in self.refuse:
            raise self.refuse[path]
        self.lasting(lambda: self.tree.update({path: self.weak.get(value, value)}))
        self.writes.append((path, value))
        return self.tree[path]

    async def set_note(self, key: str, value: bytes) -> None:
        await asyncio.sleep(0)
        self.lasting(lambda: self.notes.update({key: value}))

    def lasting(self, effect: Callable[[], None]) -> None:
        if self.fuse == 0 and not self.late:
            raise Killed
        effect()
        if self.fuse is not None:
            if self.fuse == 0:
                raise Killed
            self.fuse -= 1

    async def topology(self) -> Topology:
        return forgotten(self.machine.topology, *self.offline())

    async def described(self, topology: Topology, broker: str | None) -> Topology:
        return topology

    async def facts(self) -> HostFacts:
        return HostFacts(
            hostname="h", kernel="6.1", boot_id=self.boot, machine="x86_64", cpus=64, memory_mib=1, memory_free_mib=1,
            capabilities=self.machine.capabilities, topology_fingerprint="",
        )  # fmt: skip

    async def management(self, broker: str | None) -> ManagementPath:
        return ManagementPath()


@dataclass
class Log:
    said: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def info(self, event: str, **fields: object) -> None:
        self.said.append((event, fields))

    warning = error = info

    def paths(self, text: str) -> list[object]:
        return [fields.get("path") for event, fields in self.said if text in event]


async def off(tuning: RtTuning, one: Guest) -> None:
    """The guest was seen off."""
    tuning.guest_changed(Transition(one, "running", "stopped", 0, "event"))
    await tuning.reconcile()


@dataclass
class Agent:
    """The agent that tunes, on a kernel that outlives it."""

    kernel: Kernel
    on: dict[str, Guest] | None = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    log: Log = field(default_factory=Log)
    defects: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.tuning = RtTuning(
            self.kernel, self.kernel, lambda: Desired(policy=self.policy), lambda: self.on, self.kernel.notes.get,
            self.kernel.set_note, self.log, Vital(lambda name, _: self.defects.append(name)),
        )  # fmt: skip

    async def start(self, one: Guest) -> None:
        assert self.on is not None
        await self.tuning.before_start(one)
        self.on[one.uuid or ""] = one

    async def stop(self, one: Guest) -> None:
        assert self.on is not None
        self.on.pop(one.uuid or "", None)
        await off(self.tuning, one)

    async def states(self) -> dict[str, TunedValue]:
        return {value.path: value for value in (await self.tuning.report()).values}


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


async def test_values_come_with_the_first_rt_guest_and_go_with_the_last(kernel: Kernel) -> None:
    agent = Agent(kernel)
    await agent.start(A)
    assert kernel.offline() == {62, 63}
    assert await kernel.topology() != await agent.tuning.topology() == BIG.topology
    assert kernel.tree[irq(24)] == "0-29,32-61"
    assert kernel.tree[irq(26)] == "2-3"
    assert {kernel.tree[path] for path in SLICES} == {"0-29,32-61"}
    await agent.start(B)
    assert kernel.offline() == {60, 61, 62, 63}
    assert kernel.tree[irq(24)] == "0-27,32-59"
    await agent.stop(A)
    assert kernel.offline() == {60, 61}
    assert kernel.tree[irq(24)] == "0-27,30-59,62-63"
    await agent.stop(B)
    assert kernel.tree == kernel.booted()
    assert kernel.tree[THROTTLING] == "950000"


async def test_interrupts_leave_before_a_cpu_goes_and_come_after_it_is_back(kernel: Kernel) -> None:
    agent = Agent(kernel)
    await agent.start(A)
    order = [path for path, _ in kernel.writes]
    kernel.writes.clear()
    assert order[-2:] == [online_path(62), online_path(63)]
    await agent.stop(A)
    assert [path for path, _ in kernel.writes] == order[::-1]


async def test_guests_of_other_kinds_cost_nothing(kernel: Kernel) -> None:
    agent = Agent(kernel)
    await agent.start(GP)
    await agent.stop(GP)
    assert kernel.writes == []
    assert kernel.notes == {}
    assert (await agent.tuning.report()).values == ()


async def test_a_guest_that_is_about_to_need_a_cpu_gets_it_back_first(kernel: Kernel) -> None:
    agent = Agent(kernel)
    await agent.start(A)
    await agent.start(GP)
    assert kernel.offline() == {63}
    assert any("62 stay online" in text for text in (await agent.tuning.report()).left_out)
    await agent.stop(GP)
    assert kernel.offline() == {62, 63}


async def test_a_managed_interrupt_keeps_no_guest_off_and_is_asked_once(kernel: Kernel) -> None:
    agent = Agent(kernel)
    await agent.start(A)
    shown = await agent.states()
    assert {shown[irq(number)].state for number in MANAGED} == {"refused"}
    assert shown[irq(40)].reason == "Input/output error"
    assert shown[irq(40)].original is None
    noted, attempts = kernel.notes[NOTE], kernel.attempts
    await agent.tuning.reconcile()
    assert kernel.notes[NOTE] == noted
    assert kernel.attempts == attempts
    assert [event for event, _ in agent.log.said] == ["the kernel refuses values"]
    assert agent.log.said[0][1]["count"] == 2


async def test_the_report_says_what_each_value_is_was_and_is_wanted(kernel: Kernel) -> None:
    agent = Agent(kernel)
    await agent.start(A)
    shown = await agent.states()
    sibling = shown[online_path(62)]
    assert (sibling.wanted, sibling.now, sibling.original, sibling.state) == ("0", "0", "1", "set")
    throttling = shown[THROTTLING]
    assert (throttling.wanted, throttling.now, throttling.state) == (None, "950000", "observed")
    assert shown[irq(25)].original == "30,62"


@pytest.mark.parametrize(
    ("errno", "code"),
    [(16, "RESOURCE-EXHAUSTED"), (28, "RESOURCE-EXHAUSTED"), (13, "UNSUPPORTED"), (30, "UNSUPPORTED")],
)
async def test_a_required_value_that_is_refused_keeps_the_guest_off_and_nothing_is_left(
    kernel: Kernel, errno: int, code: str
) -> None:
    agent = Agent(kernel)
    await agent.start(B)
    before = dict(kernel.tree)
    kernel.refuse[online_path(63)] = GuestwireError("UNSUPPORTED", "no", detail={"errno": errno})
    with pytest.raises(GuestwireError) as failed:
        await agent.start(A)
    assert failed.value.code == code
    assert failed.value.detail["path"] == online_path(63)
    assert kernel.tree == before
    await agent.stop(B)
    assert kernel.tree == kernel.booted()


async def test_what_is_refused_to_another_guest_keeps_none_off(kernel: Kernel) -> None:
    kernel.refuse[online_path(63)] = GuestwireError("UNSUPPORTED", "no")
    agent = Agent(kernel, on={A.uuid or "": A})
    await agent.tuning.reconcile()
    await agent.start(B)
    assert kernel.offline() == {60, 61, 62}


async def test_what_the_kernel_takes_otherwise_is_taken_back(kernel: Kernel) -> None:
    kernel.weak["0"] = "1"
    agent = Agent(kernel)
    with pytest.raises(GuestwireError) as failed:
        await agent.start(A)
    assert failed.value.code == "UNSUPPORTED"
    assert kernel.tree == kernel.booted()


async def test_what_a_running_guest_cannot_have_is_not_left_half_made(kernel: Kernel) -> None:
    kernel.weak["0"] = "1"
    agent = Agent(kernel, on={A.uuid or "": A})
    await agent.tuning.reconcile()
    assert kernel.offline() == frozenset()
    shown = (await agent.states())[online_path(62)]
    assert (shown.state, shown.original) == ("refused", None)


async def test_what_somebody_else_changed_is_left_alone_and_said_once(kernel: Kernel) -> None:
    agent = Agent(kernel)
    await agent.start(A)
    kernel.tree |= {irq(24): "1", online_path(62): "1"}
    for _ in range(2):
        await agent.tuning.reconcile()
    shown = await agent.states()
    assert (shown[irq(24)].state, shown[online_path(62)].state) == ("changed", "changed")
    assert sorted(map(str, agent.log.paths("somebody else"))) == sorted([irq(24), online_path(62)])
    await agent.stop(A)
    assert kernel.tree == {**kernel.booted(), irq(24): "1"}


async def test_what_somebody_else_changed_while_the_agent_was_dead_is_theirs(kernel: Kernel) -> None:
    agent = Agent(kernel)
    kernel.fuse = 1  # the originals are noted, nothing is written
    with pytest.raises(Killed):
        await agent.start(A)
    kernel.fuse, agent.on = None, {A.uuid or "": A}
    assert kernel.tree == kernel.booted()
    kernel.tree[irq(24)] = "0-40"
    for _ in range(2):
        agent.restart()
        await agent.tuning.reconcile()
    assert kernel.tree[irq(24)] == "0-40"
    assert kernel.offline() == {62, 63}
    await agent.stop(A)
    assert kernel.tree == {**kernel.booted(), irq(24): "0-40"}


async def test_what_was_written_in_another_boot_of_the_host_is_forgotten(kernel: Kernel) -> None:
    agent = Agent(kernel)
    await agent.start(A)
    kernel.tree = {**kernel.booted(), irq(24): "5", irq(25): "0-29,32-61"}
    kernel.boot = "boot-2"
    agent.on = {}
    agent.restart()
    assert await agent.tuning.reconcile()
    assert kernel.tree == {**kernel.booted(), irq(24): "5", irq(25): "0-29,32-61"}


async def test_nothing_is_done_while_nobody_knows_which_guests_run(kernel: Kernel) -> None:
    agent = Agent(kernel)
    await agent.start(A)
    tuned, agent.on = dict(kernel.tree), None
    assert not await agent.tuning.reconcile()
    for call in (agent.tuning.before_start(B), agent.tuning.report()):
        with pytest.raises(GuestwireError) as failed:
            await call
        assert failed.value.code == "DRIVER-LOST"
    await agent.tuning.before_start(GP)
    assert kernel.tree == tuned


async def test_a_full_journal_changes_nothing(kernel: Kernel) -> None:
    async def full(key: str, value: bytes) -> None:
        raise GuestwireError("JOURNAL-FULL")

    tuning = RtTuning(kernel, kernel, Desired, dict, kernel.notes.get, full, Log(), Vital(lambda *_: None))
    with pytest.raises(GuestwireError) as failed:
        await tuning.before_start(A)
    assert failed.value.code == "JOURNAL-FULL"
    assert kernel.tree == kernel.booted()


async def test_a_write_that_failed_and_had_its_effect_counts(kernel: Kernel) -> None:
    agent = Agent(kernel)
    inner = kernel.write

    async def write(path: str, value: str) -> str:
        await inner(path, value)
        raise GuestwireError("DRIVER-ERROR", "lost")

    kernel.write = write  # type: ignore[method-assign]
    await agent.start(A)
    assert kernel.offline() == {62, 63}
    await agent.stop(A)
    assert kernel.tree == kernel.booted()


async def test_what_cannot_be_put_back_is_tried_again(kernel: Kernel) -> None:
    agent = Agent(kernel)
    await agent.start(A)
    kernel.refuse[online_path(63)] = GuestwireError("UNSUPPORTED", "not now")
    await agent.stop(A)
    assert kernel.offline() == {63}
    left = (await agent.states())[online_path(63)]
    assert (left.wanted, left.original, left.state, left.reason) == (None, "1", "refused", "not now")
    kernel.refuse.clear()
    agent.restart()
    await agent.tuning.reconcile()
    assert kernel.tree == kernel.booted()


async def test_a_kernel_that_hangs_is_given_up(kernel: Kernel) -> None:
    class Hanging(Kernel):
        async def write(self, path: str, value: str) -> str:
            await asyncio.Event().wait()
            return ""

    hanging = Hanging()
    tuning = RtTuning(
        hanging, hanging, Desired, dict, hanging.notes.get, hanging.set_note, Log(), Vital(lambda *_: None),
        deadline_s=0.01,
    )  # fmt: skip
    with pytest.raises(GuestwireError, match=r"within 0\.01 s"):
        await tuning.before_start(A)


# -- in the background


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not met():
            await asyncio.sleep(0)


async def test_values_follow_the_guests_in_the_background(kernel: Kernel) -> None:
    agent = Agent(kernel, on={A.uuid or "": A})
    assert agent.on is not None
    async with agent.tuning:
        await until(lambda: kernel.offline() == {62, 63})
        agent.on.clear()
        agent.tuning.guest_changed(Transition(A, "running", "stopped", 0, "event"))
        await until(lambda: kernel.tree == kernel.booted())
        await agent.tuning.before_start(A)  # and the start fails
        agent.tuning.guest_changed(Transition(A, "starting", "stopped", 0, "event"))
        await until(lambda: kernel.tree == kernel.booted())
    assert agent.defects == []


async def test_a_guest_that_pauses_is_no_reason_to_look_at_the_kernel(kernel: Kernel) -> None:
    """It would be read in full with each command."""
    agent = Agent(kernel, on={A.uuid or "": A})

    async def reads(*states: tuple[GuestState, GuestState]) -> bool:
        for _ in range(100):
            await asyncio.sleep(0)
        read = kernel.reads
        for before, after in states:
            agent.tuning.guest_changed(Transition(A, before, after, 0, "event"))
        for _ in range(100):
            await asyncio.sleep(0)
        return kernel.reads > read

    async with agent.tuning:
        await until(lambda: kernel.offline() == {62, 63})
        assert not await reads(
            ("running", "paused"), ("paused", "running"), ("running", "ready"), ("ready", "stopping")
        )
        assert await reads(("ready", "unknown"))
        assert await reads(("unknown", "running"))
        assert await reads(("stopped", "running"))


async def test_a_guest_that_was_seen_on_needs_no_word_when_it_is_off(kernel: Kernel) -> None:
    agent = Agent(kernel)
    await agent.start(A)
    await agent.tuning.reconcile()
    agent.on = {}
    await agent.tuning.reconcile()
    assert kernel.tree == kernel.booted()


async def test_a_guest_that_starts_keeps_its_values_while_another_stops(kernel: Kernel) -> None:
    agent = Agent(kernel)
    await agent.start(B)
    await agent.tuning.before_start(A)
    await agent.stop(B)
    assert kernel.offline() == {62, 63}
    await off(agent.tuning, A)
    assert kernel.tree == kernel.booted()


# -- kills

GUESTS = (A, B, GP, guest(4, "8-9", vcpus=2), guest(5, "61", kind="gp"))
STEPS = st.tuples(
    st.sampled_from(["start", "stop", "else", "reboot"]), st.sampled_from(GUESTS), st.none() | st.integers(0, 24),
    st.booleans(), st.booleans(),
)  # fmt: skip


@given(st.lists(STEPS, max_size=8))
def test_whatever_happened_the_host_is_as_it_was_when_all_are_off(
    steps: list[tuple[str, Guest, int | None, bool, bool]],
) -> None:
    asyncio.run(play(steps))


async def play(steps: list[tuple[str, Guest, int | None, bool, bool]]) -> None:
    kernel = Kernel()
    agent = Agent(kernel)
    assert agent.on is not None
    theirs: dict[str, str] = {}
    for what, one, fuse, late, again in steps:
        if what == "reboot":
            kernel.tree, kernel.boot = kernel.booted(), kernel.boot + "+"
            agent.on.clear()
            theirs.clear()
        elif what == "else":
            theirs |= {irq(24): "1"}
            kernel.tree |= theirs
        kernel.fuse, kernel.late = fuse, late
        try:
            if what == "reboot":
                agent.restart()
                await agent.tuning.reconcile()
            elif what != "else":
                await (agent.start if what == "start" else agent.stop)(one)
        except Killed:
            kernel.fuse = None
            agent.restart()
            if again:
                kernel.fuse = fuse
                try:
                    await agent.tuning.reconcile()
                except Killed:
                    agent.restart()
        kernel.fuse = None
        await agent.tuning.reconcile()
        check(kernel, agent, theirs)
    for one in list(agent.on.values()):
        await agent.stop(one)
    await agent.tuning.reconcile()
    assert kernel.tree == {**kernel.booted(), **theirs}


def check(kernel: Kernel, agent: Agent, theirs: Mapping[str, str]) -> None:
    """What holds after a reconcile."""
    offline = kernel.offline()
    assert agent.on is not None
    for one in agent.on.values():
        if one.kind == "gp":
            assert one.cpuset is not None
            assert not from_libvirt(one.cpuset) & offline
    rt = [one for one in agent.on.values() if one.kind == "rt"]
    if not rt:
        assert kernel.tree == {**kernel.booted(), **theirs}
    for number in MOVABLE:
        if irq(number) not in theirs:
            assert not from_libvirt(kernel.tree[irq(number)]) & offline
    if A in rt and not any(one.kind == "gp" for one in agent.on.values()):
        assert {62, 63} <= offline


async def first(agent: Agent) -> None:
    await agent.start(A)
    await agent.stop(A)


async def second(agent: Agent) -> None:
    await agent.start(B)
    await agent.stop(A)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(("before", "what"), [((), first), ((A,), second)])
async def test_a_kill_at_each_write_leaves_nothing(
    before: tuple[Guest, ...], what: Callable[[Agent], Awaitable[None]], late: bool
) -> None:
    for fuse in range(60):
        kernel = Kernel()
        agent = Agent(kernel)
        for one in before:
            await agent.start(one)
        kernel.fuse, kernel.late = fuse, late
        killed = False
        try:
            await what(agent)
        except Killed:
            killed = True
        kernel.fuse, agent.on = None, {}
        agent.restart()
        await agent.tuning.reconcile()
        assert kernel.tree == kernel.booted(), fuse
        if not killed:
            break
    assert fuse > 12
    assert not killed


# -- the simulated host


@pytest.fixture
async def host() -> AsyncIterator[SimulatedHost]:
    async with SimulatedHost(BIG, clock=lambda: 0) as host:
        yield host


async def test_on_the_simulated_host(host: SimulatedHost) -> None:
    notes: dict[str, bytes] = {}

    async def set_note(key: str, value: bytes) -> None:
        notes[key] = value

    on: dict[str, Guest] = {}
    tuning = RtTuning(host.values, host, Desired, lambda: on, notes.get, set_note, Log(), Vital(lambda *_: None))
    await tuning.before_start(A)
    on[A.uuid or ""] = A
    topology = await host.topology()
    assert topology.cpu_ids() - topology.online() == {62, 63}
    shown = {value.path: value for value in (await tuning.report()).values}
    assert shown[irq(24)].now == "0-29,32-61"
    assert shown[irq(40 + 30)].state == "refused"  # the disk's, managed
    assert shown[DEFAULT_AFFINITY].state == "set"
    on.clear()
    await off(tuning, A)
    assert await host.topology() == BIG.topology
    read = await host.values.read([irq(24), DEFAULT_AFFINITY])
    assert read == {irq(24): ALL, DEFAULT_AFFINITY: "ffffffff,ffffffff"}
