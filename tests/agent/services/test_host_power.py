"""Reboot and power off of the host, over the simulated host's guests and a control that records."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.host_power import HostPowerService
from guestwire.agent.services.ports import HostControl
from guestwire.agent.services.running import Running
from guestwire.link.clock import now
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES
from guestwire.protocol.config_models import HostPower
from guestwire.protocol.envelope import VERSION, Header, body_hash
from guestwire.protocol.ids import request_id
from guestwire.protocol.operation_models import Empty
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.steps import Call, Inbound

UUID = "00000000-0000-4000-8000-000000000001"


@dataclass
class Recorded:
    """The part of a HostControl that is about power; the journal's notes; a log."""

    done: list[str] = field(default_factory=list)
    notes: dict[str, bytes] = field(default_factory=dict)
    boot: str = "boot-1"
    said: list[str] = field(default_factory=list)
    fails: bool = False

    async def reboot(self, *, force: bool = False) -> None:
        self._begin(f"reboot {force}")

    async def power_off(self, *, force: bool = False) -> None:
        self._begin(f"power off {force}")

    def _begin(self, what: str) -> None:
        assert self.notes, "what the probe needs is known before"
        if self.fails:
            raise GuestwireError("DRIVER-ERROR", "no such unit")
        self.done.append(what)

    async def boot_id(self) -> str:
        return self.boot

    async def set_note(self, key: str, value: bytes) -> None:
        self.notes[key] = value

    def info(self, event: str, **fields: object) -> None:
        self.said.append(event)

    warning = error = info


@dataclass
class Bench:
    host: SimulatedHost
    guests: GuestService
    recorded: Recorded
    power: HostPowerService


def call(operation: str = "host-reboot", *, force: bool = False) -> Call:
    header = Header(
        VERSION, "request", ("s", "h"), operation, request_id(now().wall_ms), "a", 0, 1 << 50, 0, body_hash(b""), "c"
    )
    made = Call(BY_NAME[operation], header, Inbound(b"", "c", operation), "operator:a", signed=True, wall_ms=0)
    made.request = HostPower(force=force)
    return made


@asynccontextmanager
async def opened() -> AsyncIterator[Bench]:
    recorded = Recorded()
    control: HostControl = recorded  # type: ignore[assignment]
    async with SimulatedHost(MACHINES["4-core"], clock=lambda: now().wall_ms) as host:
        await host.define(Guest(name="a", id="GUEST0001", uuid=UUID))
        vital = Vital(lambda name, error: None)
        async with GuestService(host, lambda: now().wall_ms, lambda _: None, vital) as guests:
            await guests.connected_within(5)
            power = HostPowerService(
                control, guests, recorded.boot_id, recorded.notes.get, recorded.set_note, recorded
            )  # fmt: skip
            yield Bench(host, guests, recorded, power)


@pytest.mark.parametrize("force", [False, True])
async def test_the_host_goes_down_as_it_is_told(force: bool) -> None:
    async with opened() as bench:
        assert await bench.power.reboot(Running(call(force=force))) == Empty()
        assert await bench.power.power_off(Running(call("host-poweroff", force=force))) == Empty()
        assert bench.recorded.done == [f"reboot {force}", f"power off {force}"]
        assert bench.recorded.said == ["host reboot", "host power off"]


@pytest.mark.parametrize("paused", [False, True])
async def test_while_guests_run_only_by_force(paused: bool) -> None:
    """SM 10."""
    async with opened() as bench:
        await bench.host.start(UUID)
        if paused:
            await bench.host.pause(UUID)
        await bench.guests._reach(UUID, ("paused" if paused else "running",), 5)
        for ask in (bench.power.reboot, bench.power.power_off):
            with pytest.raises(GuestwireError) as caught:
                await ask(Running(call()))
            assert (caught.value.code, caught.value.detail["guests"]) == ("GUESTS-RUNNING", ["a"])
        assert bench.recorded.done == []
        await bench.power.reboot(Running(call(force=True)))
        assert bench.recorded.done == ["reboot True"]


async def test_while_nobody_knows_what_runs_only_by_force() -> None:
    async with opened() as bench:
        bench.host.lose_connection()
        await bench.guests._until(lambda: not bench.guests.table.connected, 5)
        with pytest.raises(GuestwireError, match="DRIVER-LOST"):
            await bench.power.reboot(Running(call()))
        await bench.power.reboot(Running(call(force=True)))
        assert bench.recorded.done == ["reboot True"]


async def test_nothing_else_happens_meanwhile_and_force_waits_for_nobody() -> None:
    async with opened() as bench:
        assert bench.power.lanes(call()) == ("host", f"guest:{UUID}")
        assert bench.power.lanes(call(force=True)) == ("host",)


async def test_after_a_crash_the_boot_id_says_whether_it_happened() -> None:
    async with opened() as bench:
        asked = call()
        assert await bench.power.happened(asked) is False, "it was never let through"
        await bench.power.reboot(Running(asked))
        assert await bench.power.happened(asked) is None, "the host may be about to go down"
        bench.recorded.boot = "boot-2"
        assert await bench.power.happened(asked) is True
        assert await bench.power.happened(call()) is False, "another request"


async def test_a_refused_one_is_not_noted() -> None:
    async with opened() as bench:
        await bench.host.start(UUID)
        await bench.guests._reach(UUID, ("running",), 5)
        asked = call()
        with pytest.raises(GuestwireError, match="GUESTS-RUNNING"):
            await bench.power.reboot(Running(asked))
        bench.recorded.boot = "boot-2"
        assert await bench.power.happened(asked) is False


async def test_what_the_control_says_is_the_answer() -> None:
    async with opened() as bench:
        bench.recorded.fails = True
        running = Running(call())
        with pytest.raises(GuestwireError, match="no such unit"):
            await bench.power.reboot(running)
        assert running.effects == 1
