"""What only the simulated host has: its memory over restarts, its faults, its counters, and a host that changes."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.runtime import Counters
from guestwire.agent.drivers.simulated.settings import EVERY, Faults, Settings
from guestwire.agent.services.ports import Changed, GuestEvent, Lost, Resynced
from guestwire.model.cpuset import expand
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import DirectBoot, Disk, Guest
from guestwire.model.machines import MACHINES
from guestwire.model.pinning import pinning
from guestwire.model.topology import tree

QUICK = Settings(boot_s=0.0, shutdown_s=0.0)
SLOW = Settings(boot_s=3600.0, shutdown_s=3600.0)


class Wall:
    """A wall clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.ms


def host(directory: Path | None = None, **options: Any) -> SimulatedHost:
    options = {"clock": Wall(), "settings": QUICK, **options}
    return SimulatedHost(options.pop("machine", MACHINES["4-core"]), directory, **options)


def definition(number: int = 1, **changes: Any) -> Guest:
    values = {"name": f"guest-{number}", "id": f"GUEST{number:04d}", "uuid": str(uuid4()), **changes}
    return Guest(**values)


async def up(simulated: SimulatedHost, uuid: str) -> None:
    """Until its operating system runs."""
    async with simulated.events() as events:
        await state(events, uuid, "running", agent=True)


async def state(events: AsyncIterator[GuestEvent], uuid: str, wanted: str, *, agent: bool | None = None) -> None:
    async with asyncio.timeout(5):
        async for event in events:
            seen = (
                event.guests if isinstance(event, Resynced) else (event.observed,) if isinstance(event, Changed) else ()
            )
            for observed in seen:
                if (
                    observed.guest.uuid == uuid
                    and observed.state == wanted
                    and agent in {None, observed.agent_connected}
                ):
                    return


async def code_of(call: Any) -> str:
    with pytest.raises(GuestwireError) as caught:
        await call
    return caught.value.code


@pytest.mark.parametrize("name", MACHINES)
def test_each_machine_is_whole(name: str) -> None:
    topology = MACHINES[name].topology
    by_id = {cpu.id: cpu for cpu in topology.cpus}
    assert list(by_id) == sorted(by_id)
    for cpu in topology.cpus:
        assert cpu.core is not None
        assert expand(f"c{cpu.core}", topology) == {cpu.id, *cpu.siblings}
        assert all(cpu.id in by_id[sibling].siblings for sibling in cpu.siblings)
        assert cpu.node in {node.id for node in topology.nodes}
    assert tree(topology)


def test_the_machines_are_the_ones_their_names_say() -> None:
    counts = {name: (len(m.topology.cpus), len(m.topology.nodes)) for name, m in MACHINES.items()}
    assert counts == {
        "4-core": (4, 1),
        "16-core-pe": (24, 1),
        "64-thread-4-node": (64, 4),
        "bios-8-cpu": (8, 1),
        "bios-4-cpu": (4, 1),
    }
    assert expand("n1", MACHINES["64-thread-4-node"].topology) == {*range(8, 16), *range(40, 48)}
    assert {cpu.kind for cpu in MACHINES["16-core-pe"].topology.cpus} == {"P", "E"}
    before, after = MACHINES["bios-8-cpu"].topology, MACHINES["bios-4-cpu"].topology
    assert before.fingerprint != after.fingerprint


async def test_everything_survives_a_restart_of_the_process(tmp_path: Path) -> None:
    running, stopped, gone = definition(1, comments="kept"), definition(2), definition(3)
    async with host(tmp_path) as simulated:
        for guest in (running, stopped, gone):
            await simulated.define(guest)
        await simulated.undefine(gone.uuid or "")
        await simulated.start(running.uuid or "")
        await up(simulated, running.uuid or "")
        await simulated.reset(running.uuid or "")
        before = await simulated.facts()
    async with host(tmp_path) as simulated:
        assert [(o.guest, o.state) for o in await simulated.list()] == [(running, "running"), (stopped, "stopped")]
        assert simulated.counters(running.uuid or "") == Counters(boots=1, resets=1)
        assert (await simulated.facts()).boot_id == before.boot_id
        await simulated.destroy(running.uuid or "")


async def test_a_guest_that_was_shutting_down_goes_on_doing_so_after_a_restart(tmp_path: Path) -> None:
    guest, wall = definition(), Wall()
    settings = Settings(boot_s=0.0, shutdown_s=60.0)
    async with host(tmp_path, clock=wall, settings=settings) as simulated:
        await simulated.define(guest)
        await simulated.start(guest.uuid or "")
        await up(simulated, guest.uuid or "")
        await simulated.shutdown(guest.uuid or "")
    wall.ms += 60_000
    async with host(tmp_path, clock=wall, settings=settings) as simulated, simulated.events() as events:
        await state(events, guest.uuid or "", "stopped")


async def test_a_guest_that_was_paused_while_it_booted_boots_on_when_it_is_resumed_after_a_restart(
    tmp_path: Path,
) -> None:
    guest, wall = definition(), Wall()
    async with host(tmp_path, clock=wall, settings=SLOW) as simulated:
        await simulated.define(guest)
        await simulated.start(guest.uuid or "")
        await simulated.pause(guest.uuid or "")
    wall.ms += 3_599_999
    async with host(tmp_path, clock=wall, settings=SLOW) as simulated, simulated.events() as events:
        loop = asyncio.get_running_loop()
        passed = loop.create_future()
        loop.call_later(0.01, passed.set_result, None)
        await passed
        assert [(o.state, o.agent_connected) for o in await simulated.list()] == [("paused", False)]
        await simulated.resume(guest.uuid or "")
        await state(events, guest.uuid or "", "running", agent=True)
        await simulated.destroy(guest.uuid or "")


async def test_a_torn_last_line_is_dropped_and_a_damaged_log_refused(tmp_path: Path) -> None:
    guest = definition()
    async with host(tmp_path) as simulated:
        await simulated.define(guest)
    log = tmp_path / "guests.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"uuid":"torn')
    async with host(tmp_path) as simulated:
        assert [observed.guest for observed in await simulated.list()] == [guest]
    assert b"torn" not in log.read_bytes()
    log.write_bytes(b"{}\n" + whole)
    with pytest.raises(GuestwireError) as caught:
        await host(tmp_path).__aenter__()
    assert caught.value.code == "INTERNAL"


async def test_the_log_does_not_grow_without_end(tmp_path: Path) -> None:
    guest = definition()
    async with host(tmp_path, settings=SLOW) as simulated:
        await simulated.define(guest)
        await simulated.start(guest.uuid or "")
        for _ in range(4000):
            await simulated.reset(guest.uuid or "")
        assert (tmp_path / "guests.jsonl").stat().st_size < 300_000
    async with host(tmp_path) as simulated:
        assert simulated.counters(guest.uuid or "") == Counters(boots=1, resets=4000)
        await simulated.destroy(guest.uuid or "")


async def test_a_full_disk_refuses_before_any_effect_but_not_a_power_off() -> None:
    guest = definition()
    async with host() as simulated:
        await simulated.define(guest)
        await simulated.start(guest.uuid or "")
        simulated.set_faults(Faults(disk_full=True))
        assert await code_of(simulated.define(definition(2))) == "RESOURCE-EXHAUSTED"
        assert await code_of(simulated.reset(guest.uuid or "")) == "RESOURCE-EXHAUSTED"
        assert simulated.counters(guest.uuid or "").resets == 0
        await simulated.destroy(guest.uuid or "")
        assert await code_of(simulated.start(guest.uuid or "")) == "RESOURCE-EXHAUSTED"
        assert [observed.state for observed in await simulated.list()] == ["stopped"]


async def test_a_lost_connection_hides_the_guests_and_a_new_one_lists_them() -> None:
    guest = definition()
    async with host() as simulated, simulated.events() as events:
        await simulated.define(guest)
        await simulated.start(guest.uuid or "")
        await up(simulated, guest.uuid or "")
        async with simulated.console(guest.uuid or "") as console:
            simulated.lose_connection("for a test")
            async for _ in console:  # it ends
                pass
        assert await anext(events) == Lost(1, "for a test")
        assert not simulated.connected
        for call in (simulated.list(), simulated.start(guest.uuid or ""), simulated.reset(guest.uuid or "")):
            assert await code_of(call) == "DRIVER-LOST"
        simulated.power_off_inside(guest.uuid or "")
        simulated.restore_connection()
        resynced = await anext(events)
        assert isinstance(resynced, Resynced)
        assert (resynced.epoch, [observed.state for observed in resynced.guests]) == (2, ["stopped"])


async def test_a_connection_lost_before_the_effect_is_told_from_one_lost_after_it() -> None:
    guest = definition()
    async with host(settings=SLOW) as simulated:
        await simulated.define(guest)
        await simulated.start(guest.uuid or "")
        for faults, code, resets in (
            (Faults(delay_before_s=0.01), "DRIVER-LOST", 0),
            (Faults(delay_after_s=0.01), "INDETERMINATE", 1),
        ):
            simulated.set_faults(faults)
            call = asyncio.create_task(simulated.reset(guest.uuid or ""))
            await asyncio.sleep(0)
            simulated.lose_connection()
            assert await code_of(call) == code
            simulated.restore_connection()
            assert simulated.counters(guest.uuid or "").resets == resets
        simulated.set_faults(Faults())


async def test_a_deaf_guest_and_one_that_is_not_up_ignore_the_power_button() -> None:
    deaf, early = definition(1), definition(2)
    faults = Faults(ignore_acpi=frozenset({deaf.name}), hang_boot=frozenset({early.name}))
    async with host(faults=faults) as simulated, simulated.events() as events:
        for guest in (deaf, early):
            await simulated.define(guest)
            await simulated.start(guest.uuid or "")
        await up(simulated, deaf.uuid or "")
        for guest in (deaf, early):
            await simulated.shutdown(guest.uuid or "")
        assert [observed.state for observed in await simulated.list()] == ["running", "running"]
        await simulated.shutdown(deaf.uuid or "", "agent")
        await state(events, deaf.uuid or "", "stopped")


async def test_a_guest_can_crash_and_start_again() -> None:
    guest = definition()
    async with host(faults=Faults(crash_after_s=0.0)) as simulated, simulated.events() as events:
        await simulated.define(guest)
        await simulated.start(guest.uuid or "")
        await state(events, guest.uuid or "", "crashed")
        simulated.set_faults(Faults())
        await simulated.start(guest.uuid or "")
        await up(simulated, guest.uuid or "")
        simulated.crash(guest.uuid or "")
        assert (await simulated.list())[0].state == "crashed"
        assert simulated.counters(guest.uuid or "").boots == 2


async def test_a_guest_that_reboots_by_itself_is_told_from_one_that_was_reset() -> None:
    guest = definition()
    async with host() as simulated, simulated.events() as events:
        await simulated.define(guest)
        await simulated.start(guest.uuid or "")
        await state(events, guest.uuid or "", "running", agent=True)
        simulated.reboot_inside(guest.uuid or "")
        event = await anext(events)
        assert isinstance(event, Changed)
        assert (event.rebooted, event.observed.agent_connected) == (True, False)
        assert simulated.counters(guest.uuid or "") == Counters(boots=1, resets=0)


async def test_time_stands_still_for_a_paused_guest() -> None:
    guest = definition()
    async with host(settings=Settings(boot_s=0.02)) as simulated, simulated.events() as events:
        await simulated.define(guest)
        await simulated.start(guest.uuid or "")
        await simulated.pause(guest.uuid or "")
        loop = asyncio.get_running_loop()
        passed = loop.create_future()
        loop.call_later(0.05, passed.set_result, None)
        await passed
        assert not (await simulated.list())[0].agent_connected
        await simulated.resume(guest.uuid or "")
        await state(events, guest.uuid or "", "running", agent=True)


async def test_guests_without_agents() -> None:
    guest = definition()
    async with host(faults=Faults(no_agent=frozenset({EVERY}))) as simulated:
        await simulated.define(guest)
        await simulated.start(guest.uuid or "")
        async with simulated.console(guest.uuid or "") as console, asyncio.timeout(5):
            seen = b""
            while b"up guest-1" not in seen:
                seen += await anext(console)
        assert not (await simulated.list())[0].agent_connected


async def test_files_that_a_start_needs(tmp_path: Path) -> None:
    (tmp_path / "kernel").touch()
    there = DirectBoot(kernel=str(tmp_path / "kernel"))
    async with host() as simulated:
        good = definition(1, boot=there, disks=(Disk(path="/simulated/disk.qcow2"),))
        bad = definition(2, boot=there.model_copy(update={"initrd": str(tmp_path / "initrd")}))
        for guest in (good, bad):
            await simulated.define(guest)
        await simulated.start(good.uuid or "")
        assert await code_of(simulated.start(bad.uuid or "")) == "DRIVER-ERROR"
        await simulated.destroy(good.uuid or "")
        simulated.set_faults(Faults(missing_files=frozenset({"/simulated/disk.qcow2"})))
        assert await code_of(simulated.start(good.uuid or "")) == "DRIVER-ERROR"


async def test_memory_is_what_is_left() -> None:
    half = MACHINES["4-core"].memory_mib // 2 + 1
    one, two = definition(1, memory_mib=half), definition(2, memory_mib=half)
    async with host() as simulated:
        for guest in (one, two):
            await simulated.define(guest)
        await simulated.start(one.uuid or "")
        assert await code_of(simulated.start(two.uuid or "")) == "DRIVER-ERROR"
        await simulated.destroy(one.uuid or "")
        await simulated.start(two.uuid or "")
        facts = await simulated.facts()
        assert facts.memory_free_mib == facts.memory_mib - half


async def test_a_bios_change_takes_cpus_away_and_the_next_start_says_so() -> None:
    pinned = definition(1, cpuset="4-5")
    auto = definition(2)
    async with host(machine=MACHINES["bios-8-cpu"]) as simulated, simulated.events() as events:
        for guest in (pinned, auto):
            await simulated.define(guest, pinning(guest, MACHINES["bios-8-cpu"].topology))
        for guest in (pinned, auto):
            await simulated.start(guest.uuid or "")
        before = await simulated.facts()
        simulated.reboot_host(MACHINES["bios-4-cpu"])
        resynced = await anext(events)
        assert isinstance(resynced, Resynced)
        assert [(o.guest.name, o.state) for o in resynced.guests] == [("guest-1", "stopped"), ("guest-2", "stopped")]
        after = await simulated.facts()
        assert (after.cpus, after.boot_id != before.boot_id) == (4, True)
        assert after.topology_fingerprint != before.topology_fingerprint
        with pytest.raises(GuestwireError) as caught:
            await simulated.start(pinned.uuid or "")
        assert (caught.value.code, caught.value.detail["code"]) == ("DRIVER-ERROR", 38)


async def test_an_rt_guest_has_its_cpus_to_itself() -> None:
    guest = definition(kind="rt", vcpus=2, cpuset="1-3")
    async with host(settings=SLOW) as simulated:
        await simulated.define(guest, pinning(guest, MACHINES["4-core"].topology))
        await simulated.start(guest.uuid or "")
        threads = await simulated.threads(guest.uuid or "")
        assert [(t.role, t.vcpu, t.cpus, t.policy, t.priority) for t in threads] == [
            ("emulator", None, "3", "other", 0),
            ("vcpu", 0, "1", "fifo", 1),
            ("vcpu", 1, "2", "fifo", 1),
        ]


async def test_a_console_loses_the_oldest_text_and_never_grows() -> None:
    guest = definition()
    async with host(settings=SLOW) as simulated:
        await simulated.define(guest)
        await simulated.start(guest.uuid or "")
        simulated.write_console(guest.uuid or "", b"x" * 10_000 + b"end")
        async with simulated.console(guest.uuid or "") as console:
            kept = await anext(console)
            assert len(kept) == 4096
            assert kept.endswith(b"xend")
            for _ in range(100):
                simulated.write_console(guest.uuid or "", b"y" * 10_000)
            assert len(await anext(console)) == 64 * 1024


async def test_an_idle_host_holds_nothing_open(tmp_path: Path) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    tasks = asyncio.all_tasks()
    async with host(tmp_path) as simulated:
        guest = definition()
        await simulated.define(guest)
        await simulated.start(guest.uuid or "")
        await up(simulated, guest.uuid or "")
        assert asyncio.all_tasks() == tasks
        assert {path.name for path in Path("/proc/self/fd").iterdir()} <= {path.name for path in before}


def test_settings_and_faults_are_values() -> None:
    for value in (Settings(), Faults()):
        assert dataclasses.is_dataclass(value)
        assert hash(value) == hash(dataclasses.replace(value))
