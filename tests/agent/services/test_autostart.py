"""Guests that start with the host: once for each boot of it, in order, over the simulated host."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.lane_gate import LaneGate
from guestwire.agent.lanes import Lanes
from guestwire.agent.services.autostart import Autostart
from guestwire.agent.services.guest_table import Transition
from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.power import GuestPower
from guestwire.link.clock import now
from guestwire.link.vital import Vital
from guestwire.model.desired import Autostart as AutostartSetting
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.issues import Issue, Verdict
from guestwire.model.machines import MACHINES


def guest(number: int, name: str, **fields: Any) -> Guest:
    uuid = f"00000000-0000-4000-8000-{number:012d}"
    return Guest(name=name, id=f"GUEST{number:04d}", uuid=uuid, **{"autostart": "headless", **fields})


GUESTS = (guest(1, "late", order=5), guest(2, "rt", kind="rt"), guest(3, "off", autostart="off"),
          guest(4, "disabled", disabled=True), guest(5, "console", autostart="console", order=5))  # fmt: skip


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class Bench:
    """What outlives a restart of the agent: host, journal notes, log."""

    host: SimulatedHost
    desired: Desired
    boot: str = "boot-1"
    notes: dict[str, bytes] = field(default_factory=dict)
    disk_full: bool = False
    said: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    told: list[Transition] = field(default_factory=list)
    died: list[str] = field(default_factory=list)
    booted: asyncio.Event = field(default_factory=_set)
    verdict: Verdict = field(default_factory=Verdict)
    unreadable: list[GuestwireError] = field(default_factory=list)
    away: list[GuestwireError] = field(default_factory=list)
    asked: int = 0
    sharing_within_s: float = 0.2
    lanes: LaneGate = field(default_factory=lambda: LaneGate(Lanes(), lambda: round(now().mono * 1000)))

    async def boot_id(self) -> str:
        return self.boot

    async def arrived(self) -> None:
        """Whether a change waits for the boot is the test's to say."""
        await self.booted.wait()

    async def sharing(self) -> None:
        """The communication services: away as often as the test says."""
        self.asked += 1
        if self.away:
            raise self.away.pop()

    async def validate(self) -> Verdict:
        if self.unreadable:
            raise self.unreadable.pop()
        return self.verdict

    async def set_note(self, key: str, value: bytes) -> None:
        if self.disk_full:
            raise GuestwireError("JOURNAL-FULL")
        self.notes[key] = value

    def info(self, event: str, **fields: object) -> None:
        self.said.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.said.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.said.append(("error", event, fields))

    @asynccontextmanager
    async def hold(self, lanes: tuple[str, ...]) -> AsyncIterator[None]:
        ticket = self.lanes.enter(lanes, wait_ms=20_000, forced=True)
        try:
            await ticket.wait()
            yield
        finally:
            ticket.leave()

    @asynccontextmanager
    async def agent(self) -> AsyncIterator[tuple[GuestService, Autostart]]:
        """One run of the agent."""
        vital = Vital(lambda name, error: self.died.append(f"{name}: {error!r}"))
        async with GuestService(self.host, lambda: now().wall_ms, self.told.append, vital) as guests:
            power = GuestPower(guests, lambda: self.desired, self.validate)
            yield (
                guests,
                Autostart(
                    guests, power, lambda: self.desired, self.hold, self.boot_id, self.notes.get, self.set_note, self,
                    vital, self.arrived, self.sharing, look_again_s=0.01, sharing_within_s=self.sharing_within_s,
                ),
            )  # fmt: skip

    async def start_agent(self) -> list[tuple[str, str]]:
        """What a run of the agent starts."""
        async with self.agent() as (_, autostart):
            return [(outcome.name, outcome.result) for outcome in await autostart.run()]

    def began(self) -> list[str]:
        return [change.guest.name for change in self.told if change.after == "starting"]


@asynccontextmanager
async def opened(*, active: bool = True, guests: tuple[Guest, ...] = GUESTS) -> AsyncIterator[Bench]:
    desired = Desired(guests=guests, autostart=AutostartSetting(active=active))
    host = SimulatedHost(MACHINES["4-core"], clock=lambda: now().wall_ms)
    async with host, asyncio.timeout(30):
        for each in guests:
            await host.define(each)
        bench = Bench(host, desired)
        yield bench
        bench.lanes.close()
    assert not bench.died


async def test_what_is_to_start_does_in_its_order() -> None:
    async with opened() as bench:
        assert await bench.start_agent() == [("rt", "started"), ("late", "started"), ("console", "started")]
        assert bench.began() == ["rt", "late", "console"]
        assert [(level, event) for level, event, _ in bench.said] == [
            ("info", "autostart"), *[("info", "autostart of a guest")] * 3,
        ]  # fmt: skip


async def test_once_for_each_boot_of_the_host() -> None:
    async with opened() as bench:
        await bench.start_agent()
        for each in GUESTS:
            await bench.host.destroy(str(each.uuid))
        assert await bench.start_agent() == [], "an agent that was restarted, or upgraded"
        bench.boot = "boot-2"
        assert len(await bench.start_agent()) == 3


async def test_what_was_switched_on_since_waits_for_the_next_boot() -> None:
    async with opened(active=False) as bench:
        assert await bench.start_agent() == []
        bench.desired = bench.desired.model_copy(update={"autostart": AutostartSetting(active=True)})
        assert await bench.start_agent() == []
        bench.boot = "boot-2"
        assert len(await bench.start_agent()) == 3


async def test_a_guest_that_fails_does_not_keep_others_off() -> None:
    missing = guest(1, "a", boot={"kernel": "/nowhere/vmlinuz"})
    async with opened(guests=(missing, guest(2, "b", order=1))) as bench:
        assert await bench.start_agent() == [("a", "failed"), ("b", "started")]
        ((level, _, fields),) = [said for said in bench.said if said[2].get("name") == "a"]
        assert (level, fields["code"]) == ("error", "DRIVER-ERROR")
        assert "/nowhere/vmlinuz" in str(fields["reason"])


async def test_a_configuration_that_breaks_rules_here_starts_nothing() -> None:
    """The machine changed under it."""
    async with opened() as bench:
        bench.verdict = Verdict(issues=(Issue(code="TOPO-MISMATCH", severity="E", path="base_topology", message="x"),))
        assert await bench.start_agent() == []
        assert ("error", "autostart started no guest") in [(level, event) for level, event, _ in bench.said]
        assert "TOPO-MISMATCH" in str(bench.said)
        assert bench.began() == []


async def test_what_cannot_be_found_out_now_is_asked_again() -> None:
    async with opened() as bench:
        bench.unreadable = [GuestwireError("DRIVER-ERROR"), GuestwireError("DRIVER-LOST")]
        assert len(await bench.start_agent()) == 3
        assert [fields["code"] for level, _, fields in bench.said if level == "warning"] == [
            "DRIVER-LOST",
            "DRIVER-ERROR",
        ]


async def test_an_agent_that_died_goes_on_and_starts_nothing_twice() -> None:
    """What was started before it died, and was shut down since, stays off."""
    guests = (guest(1, "a"), guest(2, "b", order=1))
    async with opened(guests=guests) as bench:
        held = bench.lanes.enter((f"guest:{guests[1].uuid}",), wait_ms=1000)
        async with bench.agent() as (_, autostart), autostart:
            while len(bench.notes) == 0:
                await asyncio.sleep(0.01)
        await bench.host.destroy(str(guests[0].uuid))
        held.leave()
        assert await bench.start_agent() == [("b", "started")]
        assert await bench.start_agent() == []


async def test_a_guests_lane_is_waited_for() -> None:
    """A command that a crash interrupted has it; a client's commands get it in between."""
    async with opened(guests=(guest(1, "a"),)) as bench:
        held = bench.lanes.enter((f"guest:{guest(1, 'a').uuid}",), wait_ms=1000)
        async with bench.agent() as (_, autostart):
            running = asyncio.create_task(autostart.run())
            while bench.lanes.lanes.waiting == 0:
                await asyncio.sleep(0.01)
            assert bench.began() == []
            held.leave()
            assert [outcome.result for outcome in await running] == ["started"]
            assert list(bench.lanes.lanes.held()) == []


async def test_the_hypervisor_may_come_late() -> None:
    async with opened() as bench:
        bench.host.lose_connection()
        async with bench.agent() as (_, autostart):
            running = asyncio.create_task(autostart.run())
            await asyncio.sleep(0)
            bench.host.restore_connection()
            assert len(await running) == 3


async def test_a_full_disk_keeps_no_guest_off() -> None:
    async with opened() as bench:
        bench.disk_full = True
        assert len(await bench.start_agent()) == 3
        assert "autostart could not be noted" in str(bench.said)


async def test_at_most_two_start_at_once() -> None:
    """Commands of clients have room beside them."""
    async with opened(guests=tuple(guest(n, f"g{n}", memory_mib=64) for n in range(1, 6))) as bench:
        await bench.start_agent()
        on_the_way: set[str] = set()
        most = 0
        for change in bench.told:
            (on_the_way.add if change.after == "starting" else on_the_way.discard)(change.guest.name)
            most = max(most, len(on_the_way))
        assert most == 2


async def test_what_waits_for_the_boot_comes_first() -> None:
    """It may be a guest that is to start, or what guests are started with."""
    async with opened(guests=GUESTS[:1]) as bench:
        bench.booted.clear()
        starting = asyncio.create_task(bench.start_agent())
        async with asyncio.timeout(10):
            while not bench.booted._waiters:  # type: ignore[attr-defined]
                await asyncio.sleep(0)
        bench.desired = bench.desired.model_copy(update={"guests": GUESTS[1:2]})
        await bench.host.define(GUESTS[1])
        bench.booted.set()
        assert await starting == [("rt", "started")]


async def test_a_boot_of_the_host_that_the_agent_lives_through() -> None:
    async with opened(guests=GUESTS[:1]) as bench, bench.agent() as (guests, autostart), autostart:
        for boot in ("boot-1", "boot-2"):
            bench.boot = boot
            autostart.look()
            async with asyncio.timeout(10):
                while boot not in bench.notes.get("autostart", b"").decode():
                    await asyncio.sleep(0.001)
            assert await guests.connected_within(5)
            async with asyncio.timeout(10):
                while guests.table.rows()[0].observed.state != "running":
                    await asyncio.sleep(0.001)
            bench.host.reboot_host()


ALONE, SHARES = guest(1, "alone"), guest(2, "shares", kind="gp_comm")


@pytest.mark.parametrize(
    ("guests", "times", "asked"), [((ALONE, SHARES), 1, 2), ((ALONE, SHARES), 0, 1), ((ALONE,), 1, 0)]
)
async def test_guests_that_share_wait_for_the_services(guests: tuple[Guest, ...], times: int, asked: int) -> None:
    async with opened(guests=guests) as bench:
        bench.away = [GuestwireError("COMM-NOT-STARTED")] * times
        assert await bench.start_agent() == [(one.name, "started") for one in guests]
        assert bench.asked == asked


async def test_services_that_stay_away_keep_nobody_off_for_ever() -> None:
    async with opened(guests=(ALONE, SHARES)) as bench:
        bench.sharing_within_s = 0.02
        bench.away = [GuestwireError("COMM-NOT-STARTED")] * 1000
        assert await bench.start_agent() == [("alone", "started"), ("shares", "started")], (
            "whoever starts one says what lacks"
        )
        assert ("error", "autostart waits no longer") in [(level, event) for level, event, _ in bench.said]
