"""Areas, events, queues, locks and networks through plan and apply: what is planned is what guestwire-comm is given, and what
guests are plugged; and back again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from comm_twin import CommTwin

from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.agent.services.configuration.ports import Records
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.communication import CommDocument, communication_of
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.events import Event
from guestwire.model.guest import Guest, Nic
from guestwire.model.networks import VirtualNet
from guestwire.protocol import config_models as c

from .conftest import Hosts, Rig
from .test_failures import AFTER, BEFORE, WRITES, Failing

A = Guest(name="a", kind="gp_comm", memory_mib=64)
B = Guest(name="b", kind="gp_comm", memory_mib=64)
PLAIN = Guest(name="plain", memory_mib=64)
AREA = MemoryArea(name="m", size=1000, default_access="----", overrides={"a": "RW--", "b": "R---"})
OTHER = MemoryArea(name="n", size=2 << 20, default_access="RW--")
EVENT = Event(name="e", signal=("a",), wait=("b",))
DIRECT = Event(name="d", signal=("a",), wait=("b",), delivery="direct")
NET = VirtualNet(name="lan", cidr="10.77.0.0/24")
GUESTS = (A, B, PLAIN)


@dataclass
class Both:
    """A host, and its guestwire-comm."""

    rig: Rig
    twin: CommTwin

    async def settled(self) -> None:
        """Wait until guestwire-comm has what is active."""
        expected = communication_of(await self.rig.active(), "h")
        async with asyncio.timeout(10):
            while self.twin.document != expected:
                await asyncio.sleep(0.001)

    def plugged(self, name: str) -> dict[str, bool]:
        """The areas in a guest, and whether it may write."""
        row = self.rig.guests.table.by_name(name)
        assert row is not None
        return {plug.name: plug.writable for plug in self.rig.host.plugged(row.uuid) if plug.index > 1}

    def steps(self, since: int = 0) -> list[str]:
        return [text for state, text in self.rig.told[since:] if state == "step"]

    async def items(self, desired: Desired, **options: Any) -> list[tuple[str, str, str | None, str, int]]:
        plan = await self.rig.plan(desired, **options)
        return [(item.op, item.object, item.field, item.effect, item.risk) for item in plan.items]


@asynccontextmanager
async def opened(hosts: Hosts, folder: Path) -> AsyncIterator[Both]:
    folder.mkdir(exist_ok=True)
    async with CommTwin(folder) as twin, hosts.open(comm=folder) as rig:
        yield Both(rig, twin)


@pytest.fixture
async def both(hosts: Hosts, tmp_path: Path) -> AsyncIterator[Both]:
    async with opened(hosts, tmp_path / "comm") as made:
        await made.rig.apply(Desired(guests=GUESTS, areas=(AREA,), events=(EVENT,)))
        await made.settled()
        yield made


async def changed(both: Both, **changes: Any) -> Desired:
    return (await both.rig.active()).model_copy(update=changes)


async def refused(work: Any) -> GuestwireError:
    with pytest.raises(GuestwireError) as err:
        await work
    return err.value


async def test_what_is_applied_is_what_the_services_have(both: Both) -> None:
    active = await both.rig.active()
    assert both.twin.document == communication_of(active, "h")
    assert [guest.name for guest in (both.twin.document or CommDocument()).guests] == ["a", "b"]
    assert both.twin.settled >= 1
    assert await both.items(active) == []


async def test_a_guest_that_starts_gets_its_areas(both: Both) -> None:
    for name in ("a", "b", "plain"):
        await both.rig.start(name)
    assert both.plugged("a") == {"m": True}
    assert both.plugged("b") == {"m": False}
    assert both.plugged("plain") == {}


async def test_what_changes_is_plugged_into_guests_that_run(both: Both) -> None:
    await both.rig.start("a")
    await both.rig.start("b")
    added = await changed(both, areas=(AREA, OTHER))
    assert await both.items(added) == [("create", "areas.n", None, "live", 1)]
    await both.rig.apply(added)
    assert both.plugged("a") == {"m": True, "n": True}
    access = AREA.model_copy(update={"overrides": {"a": "R---", "b": "RW--"}})
    taken = await changed(both, areas=(access, OTHER))
    assert await both.items(taken) == [
        ("update", "areas.m", "overrides.a", "live", 2),
        ("update", "areas.m", "overrides.b", "live", 1),
    ]
    plan = await both.rig.plan(taken)
    assert [(item.before, item.after) for item in plan.items] == [('"RW--"', '"R---"'), ('"R---"', '"RW--"')]
    await both.rig.apply(taken)
    assert both.plugged("a") == {"m": False, "n": True}
    assert both.plugged("b") == {"m": True, "n": True}
    gone = await changed(both, areas=(OTHER,))
    assert await both.items(gone) == [("delete", "areas.m", None, "live", 2)]
    await both.rig.apply(gone)
    assert both.plugged("a") == both.plugged("b") == {"n": True}


async def test_everything_else_that_is_shared(both: Both) -> None:
    queue = Queue(name="q", area="m", writers=("a",), reader="a", slots=2, slot_bytes=16)
    wanted = await changed(both, queues=(queue,), locks=(Lock(name="l", area="m"),), networks=(NET,), events=())
    assert await both.items(wanted) == [
        ("delete", "events.e", None, "live", 2), ("create", "queues.q", None, "live", 1),
        ("create", "locks.l", None, "live", 1), ("create", "networks.lan", None, "live", 2),
    ]  # fmt: skip
    await both.rig.apply(wanted)
    assert both.twin.document == communication_of(await both.rig.active(), "h")


async def test_a_network_is_there_before_a_guest_that_names_it(both: Both) -> None:
    guests = (A, B, PLAIN.model_copy(update={"nics": (Nic(network="lan"),)}))
    defined: list[bool] = []
    define = both.rig.host.define

    async def watched(*args: Any) -> Any:
        defined.append(bool((both.twin.document or CommDocument()).networks))
        return await define(*args)

    both.rig.host.define = watched  # type: ignore[method-assign]
    await both.rig.apply(await changed(both, networks=(NET,), guests=guests))
    assert defined == [True]


async def test_direct_events_are_devices_of_both_ends(both: Both) -> None:
    await both.rig.start("a")
    await both.rig.start("b")
    request = await both.rig.plan(wanted := await changed(both, events=(EVENT, DIRECT)))
    assert request.risk == 1
    calls = Recorder()
    both.rig.host.set_faults(Faults(fail_calls=calls))
    await both.rig.apply(wanted)
    plugged = [call for call in calls.seen if call.startswith("guests.plug")]  # and looked at when the change has ended
    assert plugged[:2] == ["guests.plug:a", "guests.plug:b"]


async def test_communication_comes_with_the_next_start(both: Both) -> None:
    await both.rig.start("plain")
    guests = (A, B, PLAIN.model_copy(update={"kind": "gp_comm"}))
    area = AREA.model_copy(update={"default_access": "R---"})
    wanted = await changed(both, guests=guests, areas=(area,))
    plan = await both.rig.plan(wanted)
    assert [(item.field, item.effect, item.waits) for item in plan.items if item.field == "kind"] == [
        ("kind", "guest_restart", True)
    ]
    await both.rig.apply(wanted)
    assert both.plugged("plain") == {}
    row = both.rig.guests.table.by_name("plain")
    assert row is not None
    await both.rig.host.destroy(row.uuid)
    await both.rig.start("plain")
    assert both.plugged("plain") == {"m": False}


async def test_a_change_that_fails_leaves_the_services_and_the_guests_as_they_were(both: Both) -> None:
    await both.rig.start("a")
    before, document = both.plugged("a"), both.twin.document
    wanted = await changed(both, areas=(OTHER,), guests=(A, B, PLAIN, Guest(name="new", memory_mib=64)))
    for failing in ("guests.define:new", "guests.plug:a"):
        both.rig.host.set_faults(Faults(fail_calls={failing: "injected"}, fail_times=1))
        assert (await refused(both.rig.apply(wanted))).code == "ROLLED-BACK"
        assert (both.plugged("a"), both.twin.document) == (before, document), failing
    both.rig.host.set_faults(Faults())
    both.twin.fail["comm-apply"] = GuestwireError("REGION-FULL")
    error = await refused(both.rig.apply(wanted))
    assert (error.code, error.detail["code"]) == ("ROLLBACK-INCOMPLETE", "REGION-FULL")
    both.twin.fail.clear()
    assert (both.plugged("a"), both.twin.document) == (before, document)
    both.rig.host.set_faults(Faults())
    await both.rig.apply(wanted)
    assert both.plugged("a") == {"n": True}


async def test_a_document_that_the_services_refuse_changes_nothing(both: Both) -> None:
    refusing = both.twin._make

    def make(document: CommDocument) -> None:
        if document.areas == (OTHER,):
            raise GuestwireError("REGION-FULL")
        refusing(document)

    both.twin._make = make  # type: ignore[method-assign]
    error = await refused(both.rig.apply(await changed(both, areas=(OTHER,))))
    assert (error.code, error.detail["code"]) == ("ROLLED-BACK", "REGION-FULL")
    assert (both.twin.document or CommDocument()).areas == (AREA,)


async def test_what_waits_to_be_confirmed_is_not_settled_and_comes_back(both: Both) -> None:
    await both.rig.start("a")
    applied = await both.rig.apply(await changed(both, areas=(OTHER,)), confirm_s=60)
    assert (applied.state, both.plugged("a")) == ("confirm_wait", {"n": True})
    asked = [name for name, _ in both.twin.issuers if name in ("comm-apply", "comm-settle")]
    assert asked[-1] == "comm-apply"
    shown = await both.rig.show()
    running = both.rig.running("config-cancel", c.ConfigCancel(plan_id=shown.plan_id or ""))
    await both.rig.configured.waiting.cancel(running)
    assert ((both.twin.document or CommDocument()).areas, both.plugged("a")) == ((AREA,), {"m": True})


async def test_a_rollback_brings_an_area_back(both: Both) -> None:
    before = await both.rig.active()
    await both.rig.start("a")
    await both.rig.apply(await changed(both, areas=(), events=()))
    assert both.plugged("a") == {}
    await both.rig.apply(before, origin="rollback")
    assert both.plugged("a") == {"m": True}


async def test_services_that_do_not_run_are_asked_for_nothing(both: Both) -> None:
    wanted = await changed(both, areas=(OTHER,))
    await both.twin.stop()
    plan = await both.rig.plan(wanted)
    assert [item.object for item in plan.items] == ["areas.m", "areas.n"]
    assert (await refused(both.rig.apply(wanted))).code == "COMM-NOT-STARTED"
    assert (await both.rig.show()).revision.number == 1
    await both.twin.start()
    both.twin.state = "stopped"
    assert (await refused(both.rig.apply(wanted))).code == "COMM-NOT-STARTED"


async def until(both: Both, fields: list[str]) -> None:
    """Wait until the drift is in those fields of `communication`."""
    async with asyncio.timeout(10):
        while [item.field for item in await both.rig.configured.configuration.drift()] != fields:
            await asyncio.sleep(0.001)


async def test_services_that_are_stopped_are_drift(both: Both) -> None:
    both.twin.state = "stopped"
    both.rig.configured.communication_changed()
    await until(both, ["state"])
    shown = await both.rig.show()
    assert shown.state == "drifted"
    assert [(item.object, item.before, item.after) for item in shown.drift] == [
        ("communication", '"stopped"', '"running"')
    ]
    both.twin.state = "running"
    both.rig.configured.communication_changed()
    await until(both, [])
    assert (await both.rig.show()).state == "in_sync"


async def test_services_that_lost_their_document_get_it_again(both: Both) -> None:
    await both.rig.start("a")
    document = both.twin.document
    await both.twin.stop()
    await both.twin.start(forgets=True)
    given = len(both.twin.applied)
    both.rig.configured.communication_changed()
    await both.settled()
    assert both.twin.applied[given:] == [document]
    async with asyncio.timeout(10):
        while both.plugged("a") != {"m": True}:
            await asyncio.sleep(0.001)
    both.rig.configured.communication_changed()
    await until(both, [])
    assert len(both.twin.applied) == given + 1


async def test_without_the_services_it_is_as_it_was(rig: Rig) -> None:
    error = await refused(rig.apply(Desired(guests=GUESTS, areas=(AREA,))))
    assert (error.code, error.detail["places"]) == ("COMM-UNAVAILABLE", ["areas"])
    await rig.apply(Desired(guests=GUESTS))
    await rig.start("a")


async def nobody_works_on_it(_issuer: str, _request_id: bytes) -> None:
    """The request is over."""


class Died(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
async def test_an_agent_that_dies_at_any_record_leaves_the_document_as_it_was(
    hosts: Hosts, tmp_path: Path, moment: str
) -> None:
    armed = False
    at = number = 0

    def dies(_name: str, now: str) -> None:
        nonlocal at
        if armed and now == moment:
            at += 1
            if at == number + 1:
                raise Died

    folder = tmp_path / "comm"
    folder.mkdir()
    failing = lambda records: cast("Records", Failing(records, WRITES, dies))  # noqa: E731
    async with CommTwin(folder) as twin:
        async with hosts.open(comm=folder) as rig:
            await rig.apply(Desired(guests=GUESTS, areas=(AREA,)))
            await rig.start("a")
            before, document = await rig.active(), twin.document
        wanted = before.model_copy(update={"areas": (OTHER,), "guests": (*before.guests, Guest(name="new"))})
        while True:
            at, died = 0, False
            async with hosts.open(comm=folder, records=failing) as rig:
                armed = True
                try:
                    await rig.apply(wanted)
                except Died:
                    died = True
                armed = False
            if not died:
                break
            async with hosts.open(comm=folder) as rig:
                await rig.configured.waiting.take_up_orphan(nobody_works_on_it)
                both = Both(rig, twin)
                async with asyncio.timeout(10):
                    while rig.journal.config.under_way is not None:
                        await asyncio.sleep(0.001)
                await both.settled()
                assert (await rig.active() == before) == (twin.document == document), number
                if await rig.active() != before:
                    await rig.apply(before)  # it had been kept
            number += 1
        assert number > 10
        assert (twin.document or CommDocument()).areas == (OTHER,)


async def test_every_answer_of_the_services_may_fail(both: Both) -> None:
    await both.rig.start("a")
    before, document = both.plugged("a"), both.twin.document
    wanted = await changed(both, areas=(OTHER,))
    number, at = 0, 0
    held = both.twin._held

    async def failing(name: str) -> None:
        nonlocal at
        if name in ("comm-apply", "comm-plugs"):
            at += 1
            if at == number + 1:
                raise GuestwireError("REGION-FULL")
        await held(name)

    both.twin._held = failing  # type: ignore[method-assign]
    while True:
        at = 0
        try:
            await both.rig.apply(wanted)
        except GuestwireError as err:
            assert err.code == "ROLLED-BACK", number  # noqa: PT017 (each in turn)
        else:
            break
        assert (both.plugged("a"), both.twin.document) == (before, document), number
        number += 1
    assert number >= 2
    assert both.plugged("a") == {"n": True}


class Recorder(dict[str, str]):
    """Every call of the ports, and none fails."""

    def __init__(self) -> None:
        super().__init__({"": ""})
        self.seen: list[str] = []

    def get(self, key: str, default: Any = None) -> Any:
        if ":" in key:
            self.seen.append(key)
