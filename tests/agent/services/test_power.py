"""Many guests on and off, in order, over the simulated host."""

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
from guestwire.agent.services.power import GuestPower
from guestwire.agent.services.running import Running
from guestwire.agent.services.start_conditions import StartConditions
from guestwire.agent.services.work import OwnWork
from guestwire.link.clock import now
from guestwire.link.vital import Vital
from guestwire.model.base import Model
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, ReadyWhen
from guestwire.model.host import RebootRequired
from guestwire.model.issues import Issue, Verdict
from guestwire.model.machines import MACHINES
from guestwire.model.policy import Policy
from guestwire.protocol.config_models import GuestOutcomes, GuestsBoot, GuestsShutdown
from guestwire.protocol.envelope import VERSION, Header, body_hash
from guestwire.protocol.ids import request_id
from guestwire.protocol.operation_models import GuestStart, Progress
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.steps import Call, Inbound

QUICK = Settings(boot_s=0.02, shutdown_s=0.01)


def guest(number: int, name: str, **fields: Any) -> Guest:
    uuid = f"00000000-0000-4000-8000-{number:012d}"
    return Guest(name=name, id=f"GUEST{number:04d}", uuid=uuid, **{"autostart": "headless", **fields})


def ready(number: int, name: str, **fields: Any) -> Guest:
    """A guest that shows when it hears its power button."""
    return guest(number, name, ready_when=ReadyWhen(by="console_text", text=f"up {name}"), **fields)


class Tuned(SimulatedHost):
    """A simulated host that says which guests were tuned anew, or fails to."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(MACHINES["4-core"], clock=lambda: now().wall_ms, **arguments)
        self.tuned: list[str] = []
        self.untunable: frozenset[str] = frozenset()

    async def retune(self, uuid: str) -> None:
        if uuid in self.untunable:
            raise GuestwireError("DRIVER-ERROR", "no such thread")
        self.tuned.append(uuid)


@dataclass
class Bench:
    host: Tuned
    guests: GuestService
    power: GuestPower
    desired: Desired
    told: list[Transition]
    verdict: Verdict = field(default_factory=Verdict)
    reboot: RebootRequired = field(default_factory=RebootRequired)
    progress: list[Progress] = field(default_factory=list)

    def running(self, operation: str, request: Model, *, again: bool = False) -> Running:
        header = Header(
            VERSION,
            "request",
            ("s", "h"),
            operation,
            request_id(now().wall_ms),
            "a",
            0,
            1 << 50,
            0,
            body_hash(b""),
            "c",
        )
        call = Call(BY_NAME[operation], header, Inbound(b"", "c", operation), "operator:a", signed=True, wall_ms=0)
        call.request = request
        return Running(call, again=again, patient=again, report=self.progress.append)

    async def boot(self, *, again: bool = False, **fields: Any) -> GuestOutcomes:
        return await self.power.boot(self.running("guests-boot", GuestsBoot(**fields), again=again))

    async def shutdown(self, **fields: Any) -> GuestOutcomes:
        return await self.power.shutdown(self.running("guests-shutdown", GuestsShutdown(**fields)))

    def began(self, state: str) -> list[str]:
        """The names of the guests that came to a state, in order."""
        return [change.guest.name for change in self.told if change.after == state]

    def states(self) -> dict[str, str]:
        return {row.guest.name: row.status.state for row in self.guests.table.rows()}


@asynccontextmanager
async def opened(
    *guests: Guest, faults: Faults | None = None, settings: Settings = QUICK, policy: Policy | None = None
) -> AsyncIterator[Bench]:
    """A host that has these guests, as its active configuration says."""
    desired = Desired(guests=guests, policy=policy or Policy())
    told: list[Transition] = []

    async def reboot() -> RebootRequired:
        await asyncio.sleep(0)  # others get their turn, as while a file is read
        return bench.reboot

    async def validate() -> Verdict:
        return bench.verdict

    async with Tuned(settings=settings, faults=faults or Faults()) as host, asyncio.timeout(30):
        conditions = StartConditions(lambda: bench.desired, host.topology, reboot)
        vital = Vital(lambda name, error: None)
        async with GuestService(host, lambda: now().wall_ms, told.append, vital, conditions.check) as service:
            bench = Bench(host, service, GuestPower(service, lambda: bench.desired, validate), desired, told)
            for each in guests:
                await host.define(each)
            await service._until(lambda: len(service.table.rows()) == len(guests), 5)
            yield bench


def results(outcomes: GuestOutcomes) -> list[tuple[str, str, str | None]]:
    return [(outcome.name, outcome.result, outcome.code) for outcome in outcomes.guests]


async def test_guests_start_in_their_order_and_those_of_one_order_together() -> None:
    """An order waits until the one before it runs."""
    async with opened(guest(1, "c", order=2), guest(2, "a"), guest(3, "b", order=1), guest(4, "b2", order=1)) as bench:
        bench.host.set_faults(Faults(delay_before_s=0.02))
        outcomes = await bench.boot()
        assert results(outcomes) == [(name, "started", None) for name in ("a", "b", "b2", "c")]
        states = [(t.guest.name, t.after) for t in bench.told if t.after in ("starting", "running")]
        assert states[:2] == [("a", "starting"), ("a", "running")]
        assert states[2:4] == [("b", "starting"), ("b2", "starting")], "both are on their way before either runs"
        assert states[-2:] == [("c", "starting"), ("c", "running")]


async def test_with_wait_ready_an_order_waits_until_the_one_before_is_ready() -> None:
    async with opened(ready(1, "a"), guest(2, "b", order=1)) as bench:
        assert results(await bench.boot(wait="ready")) == [("a", "started", None), ("b", "started", None)]
        states = [(t.guest.name, t.after) for t in bench.told]
        assert states.index(("a", "ready")) < states.index(("b", "starting"))


@pytest.mark.parametrize(
    ("request_fields", "started"),
    [
        ({}, ["a"]),
        ({"all": True}, ["a", "b"]),
        ({"guests": ("GUEST0002",)}, ["b"]),
        ({"guests": ("a", "GUEST0001")}, ["a"]),
    ],
)
async def test_which_guests_a_boot_means(request_fields: dict[str, Any], started: list[str]) -> None:
    """autostart by default; all that are not disabled; those named."""
    async with opened(guest(1, "a"), guest(2, "b", autostart="off"), guest(3, "c", disabled=True)) as bench:
        assert [name for name, _, _ in results(await bench.boot(**request_fields))] == started
        assert {name for name, state in bench.states().items() if state == "running"} == set(started)


async def test_a_disabled_guest_that_is_named_stays_off() -> None:
    async with opened(guest(1, "a"), guest(2, "b", disabled=True)) as bench:
        assert results(await bench.boot(guests=("b", "a"))) == [("a", "started", None), ("b", "failed", "WRONG-STATE")]
        assert bench.states() == {"a": "running", "b": "stopped"}


async def test_at_most_four_guests_start_at_once() -> None:
    async with opened(*(guest(n, f"g{n}", memory_mib=64) for n in range(1, 8))) as bench:
        bench.host.set_faults(Faults(delay_before_s=0.02))
        await bench.boot()
        on_the_way, most = set(), 0
        for change in bench.told:
            (on_the_way.add if change.after == "starting" else on_the_way.discard)(change.guest.name)
            most = max(most, len(on_the_way))
        assert most == 4


async def test_errors_of_the_configuration_come_before_anything_starts() -> None:
    async with opened(guest(1, "a")) as bench:
        issue = Issue(code="CPU-OVERLAP", severity="E", path="guests.a.cpuset", message="both want CPU 3")
        bench.verdict = Verdict(issues=(issue,))
        with pytest.raises(GuestwireError) as caught:
            await bench.boot()
        assert caught.value.code == "VALIDATION-FAILED"
        assert [found["path"] for found in caught.value.detail["issues"]] == ["guests.a.cpuset"]
        bench.verdict = Verdict(issues=(issue.model_copy(update={"severity": "W"}),))
        assert results(await bench.boot()) == [("a", "started", None)]


async def test_a_guest_that_fails_does_not_keep_others_off() -> None:
    missing = guest(1, "a", boot={"kernel": "/nowhere/vmlinuz"})
    async with opened(missing, guest(2, "b", order=1)) as bench:
        outcomes = await bench.boot()
        assert results(outcomes) == [("a", "failed", "DRIVER-ERROR"), ("b", "started", None)]
        assert "/nowhere/vmlinuz" in outcomes.guests[0].message


async def test_guests_that_run_are_tuned_anew_and_their_errors_ignored() -> None:
    async with opened(guest(1, "a"), guest(2, "b"), guest(3, "c", order=1), guest(4, "d")) as bench:
        await bench.boot(guests=("a", "b", "d"))
        await bench.host.pause(str(bench.desired.guests[3].uuid))
        await bench.guests._reach(str(bench.desired.guests[3].uuid), ("paused",), 5)
        bench.host.untunable = frozenset({str(bench.desired.guests[1].uuid)})
        assert results(await bench.boot()) == [
            ("a", "retuned", None), ("b", "unchanged", "DRIVER-ERROR"), ("d", "unchanged", None), ("c", "started", None),
        ]  # fmt: skip
        assert bench.host.tuned == [bench.desired.guests[0].uuid]


async def test_a_clean_boot_wants_every_guest_off() -> None:
    async with opened(guest(1, "a"), guest(2, "b", autostart="off")) as bench:
        await bench.boot(guests=("b",))
        with pytest.raises(GuestwireError) as caught:
            await bench.boot(clean=True)
        assert (caught.value.code, caught.value.detail["guests"]) == ("GUESTS-RUNNING", ["b"])
        assert bench.states()["a"] == "stopped"


async def test_a_clean_boot_stops_at_the_first_failure() -> None:
    missing = guest(2, "b", order=1, boot={"kernel": "/nowhere/vmlinuz"})
    async with opened(guest(1, "a"), missing, guest(3, "c", order=2)) as bench:
        with pytest.raises(GuestwireError) as caught:
            await bench.boot(clean=True)
        assert caught.value.code == "DRIVER-ERROR"
        assert [(o["name"], o["result"]) for o in caught.value.detail["guests"]] == [("a", "started"), ("b", "failed")]
        assert bench.states() == {"a": "running", "b": "stopped", "c": "stopped"}


async def test_a_clean_boot_that_a_crash_interrupted_goes_on() -> None:
    async with opened(guest(1, "a"), guest(2, "b", order=1)) as bench:
        await bench.boot(guests=("a",))
        outcomes = await bench.boot(clean=True, again=True)
        assert results(outcomes) == [("a", "retuned", None), ("b", "started", None)]


async def test_a_guest_of_the_configuration_that_the_hypervisor_lost_is_a_failure_of_its_own() -> None:
    async with opened(guest(1, "a"), guest(2, "b")) as bench:
        await bench.host.undefine(str(bench.desired.guests[0].uuid))
        await bench.guests._until(lambda: len(bench.guests.table.rows()) == 1, 5)
        assert results(await bench.boot()) == [("a", "failed", "NOT-FOUND"), ("b", "started", None)]


async def test_progress_names_each_guest_and_how_much_is_done() -> None:
    async with opened(guest(1, "a"), guest(2, "b", order=1)) as bench:
        await bench.boot()
        assert [(p.step, p.percent, p.message) for p in bench.progress] == [
            ("a", 0, "starting"), ("a", 50, "started"), ("b", 50, "starting"), ("b", 100, "started"),
        ]  # fmt: skip


async def test_a_cancelled_boot_begins_nothing_more() -> None:
    async with opened(guest(1, "a"), guest(2, "b", order=1)) as bench:
        running = bench.running("guests-boot", GuestsBoot())
        bench.guests._on_transition = lambda change: (  # type: ignore[method-assign, assignment]
            setattr(running, "cancel_requested", True) if change.after == "running" else None
        )
        with pytest.raises(GuestwireError, match="CANCELED"):
            await bench.power.boot(running)
        assert bench.states() == {"a": "running", "b": "stopped"}


async def test_reboot_required_keeps_every_guest_off() -> None:
    """SM 10. Those that run stay, and may be tuned."""
    async with opened(guest(1, "a"), guest(2, "b")) as bench:
        await bench.boot(guests=("b",))
        bench.reboot = RebootRequired(required=True, reasons=("isolcpus",))
        assert results(await bench.boot()) == [("a", "failed", "REBOOT-REQUIRED"), ("b", "retuned", None)]
        start = bench.running("guest-start", GuestStart(guest="a"))
        with pytest.raises(GuestwireError) as caught:
            await bench.guests.start(start)
        assert caught.value.detail["reasons"] == ["isolcpus"]


@pytest.mark.parametrize(("profile", "failed"), [("system-manager", [("c", "GP-CPU-RUNNING-MAX")]), ("kvm-rt", [])])
async def test_the_vcpus_of_running_gp_guests_fit_the_machine(profile: Any, failed: list[tuple[str, str]]) -> None:
    """SM 8.2: more may be configured than may run; also when all are started at once."""
    three = (guest(1, "a", vcpus=2), guest(2, "b", vcpus=2), guest(3, "c", vcpus=2))
    async with opened(*three, guest(4, "rt", kind="rt"), policy=Policy(profile=profile)) as bench:
        bench.host.set_faults(Faults(delay_before_s=0.01))
        found = [(name, code) for name, result, code in results(await bench.boot()) if result == "failed"]
        assert found == failed


async def test_guests_shut_down_in_the_reverse_of_their_order() -> None:
    async with opened(ready(1, "a"), ready(2, "b", order=1), ready(3, "c", order=2)) as bench:
        await bench.boot(wait="ready")
        assert [name for name, _, _ in results(await bench.shutdown())] == ["c", "b", "a"]
        assert bench.began("stopping") == ["c", "b", "a"]
        await bench.boot(wait="ready")
        bench.told.clear()
        await bench.shutdown(serial=True)
        told = [(t.guest.name, t.after) for t in bench.told]
        assert told == [(name, state) for name in ("c", "b", "a") for state in ("stopping", "stopped")]


async def test_all_are_asked_at_once() -> None:
    slow = Faults(slow_shutdown_s=0.2)
    async with opened(*(ready(n, f"g{n}", memory_mib=64) for n in range(1, 8)), faults=slow) as bench:
        await bench.boot(wait="ready")
        bench.progress.clear()
        await bench.shutdown()
        assert [p.message.split(":")[0] for p in bench.progress] == ["asking the guest to shut down"] * 7 + [
            "stopped"
        ] * 7
        assert [p.percent for p in bench.progress][-2:] == [85, 100]


async def test_one_that_does_not_shut_down_does_not_keep_the_others_on() -> None:
    async with opened(ready(1, "a"), ready(2, "b"), faults=Faults(ignore_acpi=frozenset({"b"}))) as bench:
        await bench.boot(wait="ready")
        outcomes = await bench.shutdown(within_s=1)
        assert results(outcomes) == [("b", "failed", "SHUTDOWN-TIMEOUT"), ("a", "stopped", None)]
        assert bench.states() == {"a": "stopped", "b": "ready"}


async def test_force_takes_the_power_of_what_is_not_off_in_time() -> None:
    async with opened(
        ready(1, "a"), ready(2, "b"), ready(3, "c"), faults=Faults(ignore_acpi=frozenset({"b"}))
    ) as bench:
        await bench.boot(wait="ready")
        await bench.host.pause(str(bench.desired.guests[2].uuid))
        await bench.guests._reach(str(bench.desired.guests[2].uuid), ("paused",), 5)
        outcomes = await bench.shutdown(within_s=1, force=True)
        assert results(outcomes) == [("c", "destroyed", None), ("b", "destroyed", None), ("a", "stopped", None)]
        assert set(bench.states().values()) == {"stopped"}


async def test_only_what_was_named_or_runs_is_shut_down() -> None:
    async with opened(ready(1, "a"), ready(2, "b"), ready(3, "c")) as bench:
        await bench.boot(guests=("a", "b"), wait="ready")
        assert results(await bench.shutdown(guests=("a", "c"))) == [("c", "unchanged", None), ("a", "stopped", None)]
        assert results(await bench.shutdown()) == [("b", "stopped", None)]
        assert results(await bench.shutdown()) == []


async def test_lanes_are_those_of_the_guests_named_or_all() -> None:
    async with opened(guest(1, "a"), guest(2, "b")) as bench:
        lanes = [f"guest:{each.uuid}" for each in bench.desired.guests]
        for fields, expected in (
            ({}, lanes),
            ({"guests": ("b", "GUEST0002")}, lanes[1:]),
            ({"guests": ("b",), "clean": True}, lanes),
        ):
            assert list(bench.power.boot_lanes(bench.running("guests-boot", GuestsBoot(**fields)).call)) == expected
        shutdown = bench.running("guests-shutdown", GuestsShutdown(guests=("a",))).call
        assert bench.power.shutdown_lanes(shutdown) == (lanes[0],)
        with pytest.raises(GuestwireError, match="NOT-FOUND"):
            bench.power.boot_lanes(bench.running("guests-boot", GuestsBoot(guests=("z",))).call)


async def test_what_keeps_a_turn_from_coming_is_that_guests_failure() -> None:
    @asynccontextmanager
    async def never(guest: Guest) -> AsyncIterator[None]:
        if guest.name == "a":
            raise GuestwireError("DEADLINE")
        yield

    async with opened(guest(1, "a"), guest(2, "b")) as bench:
        outcomes = await bench.power.start_in_order(OwnWork(), bench.desired.guests, turn=never)
        assert [(o.name, o.code) for o in outcomes] == [("a", "DEADLINE"), ("b", None)]
