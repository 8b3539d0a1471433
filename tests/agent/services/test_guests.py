"""The guest operations over the simulated host."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.settings import Faults, Settings
from guestwire.agent.services.guest_table import Transition
from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.ports import GuestEvent, Guests, Lost
from guestwire.agent.services.running import Running
from guestwire.link.clock import now
from guestwire.link.vital import Vital
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, ReadyWhen
from guestwire.model.machines import MACHINES
from guestwire.protocol import operation_models as m
from guestwire.protocol.envelope import VERSION, Header, body_hash
from guestwire.protocol.ids import request_id
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.steps import Call, Inbound

QUICK = Settings(boot_s=0.02, shutdown_s=0.01)
UUID = "00000000-0000-4000-8000-000000000001"


def call(operation: str, request: Model, identifier: bytes | None = None) -> Call:
    identifier = identifier or request_id(now().wall_ms)
    header = Header(
        VERSION, "request", ("s", "h"), operation, identifier, "operator:a", 0, 1 << 50, 0, body_hash(b""), "c"
    )
    made = Call(BY_NAME[operation], header, Inbound(b"", "c", operation), "operator:a", signed=True, wall_ms=0)
    made.request = request
    return made


def vital(told: list[str] | None = None) -> Vital:
    """Records the tasks that died."""
    record: list[str] = [] if told is None else told
    return Vital(lambda name, _: record.append(name))


@dataclass
class Bench:
    host: SimulatedHost
    service: GuestService
    told: list[Transition]
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def do(
        self,
        operation: str,
        request: Model,
        *,
        again: bool = False,
        patient: bool = False,
        identifier: bytes | None = None,
    ) -> Any:
        running = Running(call(operation, request, identifier), again=again, patient=patient)
        return await getattr(self.service, operation.removeprefix("guest-"))(running)

    async def define(self, guest: Guest) -> None:
        """The only guest, as a definition comes to the hypervisor; the service learns of it by event."""
        await self.host.define(guest.model_copy(update={"id": "GUEST0001", "uuid": UUID}))
        await self.service.settled(UUID)

    def states(self) -> list[tuple[str | None, str | None]]:
        return [(t.before, t.after) for t in self.told]


@asynccontextmanager
async def opened(faults: Faults | None = None, settings: Settings = QUICK) -> AsyncIterator[Bench]:
    told: list[Transition] = []
    async with (
        SimulatedHost(
            MACHINES["4-core"], clock=lambda: now().wall_ms, settings=settings, faults=faults or Faults()
        ) as host,
        GuestService(host, lambda: now().wall_ms, told.append, vital()) as service,
        asyncio.timeout(20),
    ):
        await service._until(lambda: service.table.connected, 5)
        yield Bench(host, service, told)


async def test_a_guest_lives_and_every_state_is_told() -> None:
    async with opened() as bench:
        ready = ReadyWhen(by="console_text", text="up a")
        await bench.define(Guest(name="a", ready_when=ready))
        view = await bench.do("guest-start", m.GuestStart(guest="a", wait="ready"))
        assert view.status.state == "ready"
        assert (await bench.do("guest-pause", m.GuestRef(guest="a"))).status.state == "paused"
        assert (await bench.do("guest-resume", m.GuestRef(guest="GUEST0001"))).status.state == "ready"
        assert (await bench.do("guest-shutdown", m.GuestShutdown(guest="a"))).status.state == "stopped"
        assert bench.states() == [
            (None, "stopped"), ("stopped", "starting"), ("starting", "running"), ("running", "ready"),
            ("ready", "paused"), ("paused", "ready"), ("ready", "stopping"), ("stopping", "stopped"),
        ]  # fmt: skip


async def test_ready_by_the_guest_library_anew_for_each_run() -> None:
    async with opened() as bench:
        await bench.define(Guest(name="a", ready_when=ReadyWhen(by="heartbeat")))
        await bench.do("guest-start", m.GuestStart(guest="a"))
        bench.service.heartbeat("stranger")
        assert bench.states()[-1] == ("starting", "running")
        bench.service.heartbeat("a")
        assert bench.states()[-1] == ("running", "ready")
        bench.host.reboot_inside(UUID)
        await bench.service._until(lambda: bench.states()[-1] == ("ready", "running"), 5)
        assert bench.states()[-1] == ("ready", "running")
        bench.service.heartbeat("a")
        assert bench.states()[-1] == ("running", "ready")
        await bench.do("guest-destroy", m.GuestRef(guest="a"))
        await bench.do("guest-start", m.GuestStart(guest="a"))
        assert bench.states()[-1] == ("starting", "running")


async def test_what_a_guest_said_before_its_start_was_seen_counts() -> None:
    """Two ways: the guest's word may be faster than the hypervisor's."""
    async with opened() as bench:
        await bench.define(Guest(name="a", ready_when=ReadyWhen(by="heartbeat")))
        bench.service.heartbeat("a")
        assert (await bench.do("guest-start", m.GuestStart(guest="a", wait="ready"))).status.state == "ready"
        assert bench.states()[-2:] == [("starting", "running"), ("running", "ready")]


async def test_ready_by_the_guest_agent() -> None:
    async with opened() as bench:
        await bench.define(Guest(name="a", ready_when=ReadyWhen(by="guest_agent")))
        assert (await bench.do("guest-start", m.GuestStart(guest="a", wait="ready"))).status.state == "ready"


async def test_a_guest_that_never_becomes_ready_is_an_error_and_keeps_running() -> None:
    async with opened(Faults(hang_boot=frozenset({"a"}))) as bench:
        ready = ReadyWhen(by="console_text", text="up a", within_s=1)
        await bench.define(Guest(name="a", ready_when=ready))
        with pytest.raises(GuestwireError) as caught:
            await bench.do("guest-start", m.GuestStart(guest="a", wait="ready"))
        assert caught.value.code == "READY-TIMEOUT"
        assert bench.service.table.find("a").status.state == "running"


async def test_a_reset_guest_must_show_its_text_again() -> None:
    async with opened() as bench:
        ready = ReadyWhen(by="console_text", text="up a")
        await bench.define(Guest(name="a", ready_when=ready))
        view = await bench.do("guest-start", m.GuestStart(guest="a", wait="ready"))
        await bench.do("guest-reset", m.GuestRef(guest="a"))
        assert bench.host.counters(view.guest.uuid).resets == 1
        row = bench.service.table.find("a")
        assert row.status.state == "running"
        view = await bench.do("guest-start", m.GuestStart(guest="a", wait="ready"))
        assert view.status.state == "ready"


async def test_a_guest_that_ignores_the_power_button_is_asked_again_then_given_up() -> None:
    async with opened(Faults(ignore_acpi=frozenset({"a"}))) as bench:
        await bench.define(Guest(name="a"))
        await bench.do("guest-start", m.GuestStart(guest="a"))
        with pytest.raises(GuestwireError) as caught:
            await bench.do("guest-shutdown", m.GuestShutdown(guest="a", mode="acpi", within_s=2, again_s=1))
        assert caught.value.code == "SHUTDOWN-TIMEOUT"
        assert caught.value.detail["asked"] == 2
        assert (await bench.do("guest-destroy", m.GuestRef(guest="a"))).status.state == "stopped"


async def test_shutdown_before_the_guest_listens_is_asked_again() -> None:
    async with opened(settings=Settings(boot_s=0.5, shutdown_s=0.01)) as bench:
        await bench.define(Guest(name="a"))
        await bench.do("guest-start", m.GuestStart(guest="a"))
        view = await bench.do("guest-shutdown", m.GuestShutdown(guest="a", within_s=10, again_s=1))
        assert view.status.state == "stopped"


@pytest.mark.parametrize("operation", ["guest-pause", "guest-reset"])
async def test_what_needs_a_running_guest_says_so(operation: str) -> None:
    async with opened() as bench:
        await bench.define(Guest(name="a"))
        with pytest.raises(GuestwireError) as caught:
            await bench.do(operation, m.GuestRef(guest="a"))
        assert (caught.value.code, caught.value.detail["state"]) == ("WRONG-STATE", "stopped")


async def test_without_the_hypervisor_states_are_unknown_and_commands_say_why() -> None:
    async with opened() as bench:
        await bench.define(Guest(name="a"))
        bench.host.lose_connection()
        await bench.service._until(lambda: not bench.service.table.connected, 5)
        assert bench.service.table.find("a").status.state == "unknown"
        with pytest.raises(GuestwireError) as caught:
            await bench.do("guest-start", m.GuestStart(guest="a"))
        assert caught.value.code == "DRIVER-LOST"


async def test_a_command_that_a_crash_interrupted_waits_for_the_hypervisor() -> None:
    async with opened() as bench:
        await bench.define(Guest(name="a"))
        bench.host.lose_connection()
        await bench.service._until(lambda: not bench.service.table.connected, 5)
        start = asyncio.create_task(bench.do("guest-start", m.GuestStart(guest="a"), patient=True))
        await asyncio.sleep(0)
        bench.host.restore_connection()
        assert (await start).status.state == "running"


async def test_a_cancelled_shutdown_stops_asking() -> None:
    async with opened(Faults(ignore_acpi=frozenset({"a"}))) as bench:
        await bench.define(Guest(name="a"))
        await bench.do("guest-start", m.GuestStart(guest="a"))
        running = Running(call("guest-shutdown", m.GuestShutdown(guest="a", mode="acpi", within_s=30, again_s=1)))
        task = asyncio.create_task(bench.service.shutdown(running))
        await asyncio.sleep(0)
        running.cancel_requested = True
        with pytest.raises(GuestwireError, match="CANCELED"):
            await task
        assert bench.service.table.find("a").status.state == "running"


class Late:
    """A simulated host that is connected only when it is told to: what libvirt is just after the agent's start."""

    def __init__(self, host: SimulatedHost) -> None:
        self._host = host
        self.up = asyncio.Event()
        self.lost = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[GuestEvent]]:
        async def since_up(events: AsyncIterator[GuestEvent]) -> AsyncIterator[GuestEvent]:
            yield Lost(0, "not connected yet")
            self.lost.set()
            await self.up.wait()
            async for event in events:
                yield event

        async with self._host.events() as events:
            yield since_up(events)


async def test_before_the_hypervisor_is_listed_no_guest_is_said_to_be_missing() -> None:
    """A refusal for good would be journalled: the same request could never run."""
    simulated = SimulatedHost(MACHINES["4-core"], clock=lambda: now().wall_ms, settings=QUICK)
    async with simulated as host, asyncio.timeout(20):
        await host.define(Guest(name="a", id="GUEST0001", uuid=UUID))
        late = Late(host)
        driver: Guests = late  # type: ignore[assignment]
        async with GuestService(driver, lambda: now().wall_ms, lambda _: None, vital()) as service:
            await late.lost.wait()
            start = call("guest-start", m.GuestStart(guest="a"))
            show = call("guest-show", m.GuestRef(guest="a"))
            for ask, request in ((service.lane_of, start), (service.show, show)):
                with pytest.raises(GuestwireError) as caught:
                    ask(request)
                assert (caught.value.code, caught.value.after_ms) == ("BUSY", 1000)
            late.up.set()
            await service._until(lambda: service.table.connected, 5)
            lane = (f"guest:{UUID}",)
            assert service.lane_of(start) == lane
            host.lose_connection()
            await service._until(lambda: not service.table.connected, 5)
            assert service.lane_of(start) == lane, "it is still known: the command itself says DRIVER-LOST"
            with pytest.raises(GuestwireError, match="NOT-FOUND"):
                service.lane_of(call("guest-start", m.GuestStart(guest="b")))


async def test_a_follower_that_dies_is_noticed() -> None:
    died: list[str] = []

    def broken(_: Transition) -> None:
        raise ValueError("a defect")

    watch = vital(died)
    async with (
        SimulatedHost(MACHINES["4-core"], clock=lambda: now().wall_ms, settings=QUICK) as host,
        GuestService(host, lambda: now().wall_ms, broken, watch) as service,
        asyncio.timeout(20),
    ):
        await service._until(lambda: service.table.connected, 5)
        await host.define(Guest(name="a", id="GUEST0001", uuid=UUID))
        await watch.until(asyncio.Event())
    assert died == ["guest-events"]


async def test_a_watcher_of_a_console_that_dies_is_noticed() -> None:
    died: list[str] = []
    watch = vital(died)

    class Broken(Late):
        def console(self, uuid: str) -> Any:
            raise ValueError("a defect")

    simulated = SimulatedHost(MACHINES["4-core"], clock=lambda: now().wall_ms, settings=QUICK)
    async with simulated as host, asyncio.timeout(20):
        late = Broken(host)
        late.up.set()
        driver: Guests = late  # type: ignore[assignment]
        async with GuestService(driver, lambda: now().wall_ms, lambda _: None, watch):
            ready = ReadyWhen(by="console_text", text="up a")
            await host.define(Guest(name="a", id="GUEST0001", uuid=UUID, ready_when=ready))
            await host.start(UUID)
            await watch.until(asyncio.Event())
    assert died == [f"ready-{UUID}"]
