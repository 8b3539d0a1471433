"""Alarms: one for each rule and subject while it is open; people acknowledge and clear those they may; restarts change nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from alarm_desk import ADMIN, H1, H2, OBSERVER, OPERATOR, WHOLE, AlarmDesk, Told, alarm_desk

from guestwire.controller.alarms.comparing import Reading, Subject
from guestwire.controller.alarms.noticing import Noticing
from guestwire.controller.alarms.rule import AlarmRule, PresenceTrigger, TroubleTrigger
from guestwire.controller.alarms.shipped_rules import SHIPPED
from guestwire.controller.alarms.watching import AlarmWatching
from guestwire.controller.composing.telling import TroubleTelling
from guestwire.controller.host_ref import HostRef
from guestwire.controller.notices.taking import Came
from guestwire.controller.store import alarm_rules, webhooks
from guestwire.controller.store.alarm_rules import RuleRow
from guestwire.controller.store.alarms import AlarmFilter
from guestwire.controller.store.database import Database
from guestwire.controller.telemetry.troubles import Trouble
from guestwire.controller.users.access import Access, NoGroups
from guestwire.controller.users.person import Binding, Person
from guestwire.controller.webhooks.webhooks import Webhooks, WebhookWords
from guestwire.model.errors import GuestwireError
from guestwire.protocol.notices import AlarmNotice

OFFLINE = AlarmRule(
    trigger=PresenceTrigger(on="presence", states=("offline",)), severity="critical", summary="{host} is away"
)


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[AlarmDesk]:
    async with alarm_desk(database) as made:
        for name in SHIPPED:
            await made.rules.remove(ADMIN, name, 1)
        await made.rules.put(ADMIN, "away", OFFLINE, None)
        yield made


def _stands(desk: AlarmDesk, **states: str) -> None:
    hosts = {"h1": H1, "h2": H2}
    desk.readings.now["presence"] = {Subject(hosts[name]): Reading(state) for name, state in states.items()}


async def _told(desk: AlarmDesk) -> list[dict[str, Any]]:
    return [change.document for change in await desk.seen.take() if change.kind == "alarm" and change.document]


async def test_an_alarm_from_its_beginning_to_its_end(desk: AlarmDesk) -> None:
    _stands(desk, h1="offline", h2="online")
    await desk.watching.look()
    desk.clock.move(10)
    await desk.watching.look()
    (alarm,) = await desk.all()
    assert (alarm.rule, alarm.host, alarm.severity, alarm.state, alarm.text) == (
        "away",
        H1,
        "critical",
        "active",
        "plant/h1 is away",
    )
    assert (alarm.times, desk.woken) == (1, [None])
    (acknowledged,) = await desk.alarms.acknowledge(OPERATOR, [alarm.id, alarm.id], "on my way")
    assert (acknowledged.state, acknowledged.acknowledged_by, acknowledged.note) == (
        "acknowledged",
        "olaf",
        "on my way",
    )
    assert await desk.alarms.acknowledge(ADMIN, [alarm.id], "me too") == [acknowledged]
    _stands(desk, h1="online", h2="online")
    await desk.watching.look()
    (over,) = await desk.all()
    assert (over.state, over.cleared_by, over.acknowledged_by) == ("cleared", "", "olaf")
    with pytest.raises(GuestwireError, match="ALARM-CLEARED"):
        await desk.alarms.acknowledge(ADMIN, [alarm.id], "")
    _stands(desk, h1="offline")
    await desk.watching.look()
    assert [one.state for one in await desk.all()] == ["active", "cleared"]
    assert await desk.alarms.raised([H2], 0) == []
    assert len(await desk.alarms.raised([H1], 0)) == 2
    assert {change.document["state"] for change in await desk.seen.take() if change.kind == "alarm"} == {
        "active",
        "cleared",
    }  # type: ignore[index]


async def test_a_controller_that_starts_anew_knows_what_is_open(desk: AlarmDesk) -> None:
    _stands(desk, h1="offline", h2="offline")
    await desk.watching.look()
    again = await desk.looked_again()
    _stands(desk, h1="online")  # nothing was heard of h2 yet
    await again.look()
    assert {one.host: one.state for one in await desk.all()} == {H1: "cleared", H2: "active"}
    await again.look()
    assert len(await desk.all()) == 2


async def test_that_its_source_is_lost_shows_and_neither_ends_nor_repeats_it(desk: AlarmDesk) -> None:
    pager = await Webhooks(desk.database, Access(NoGroups()), desk.feed, desk.clock).make(
        ADMIN, WebhookWords(name="pager", url="https://pager.example/")
    )
    _stands(desk, h1="offline", h2="offline")
    await desk.watching.look()
    await desk.seen.take()
    desk.clock.move(10)
    _stands(desk)
    await desk.watching.look()
    lost_at = desk.clock().wall_ms
    assert {(one.host, one.state, one.source_lost_at) for one in await desk.all()} == {
        (H1, "active", lost_at),
        (H2, "active", lost_at),
    }
    assert {one["source_lost_at"] for one in await _told(desk)} == {lost_at}
    desk.clock.move(60)
    again = await desk.looked_again()
    await again.look()
    assert {one.source_lost_at for one in await desk.all()} == {lost_at}, "since when, over a restart too"
    again = await desk.looked_again()
    _stands(desk, h1="offline", h2="online")
    await again.look()
    found = {one.host: one for one in await desk.all()}
    assert (found[H1].state, found[H1].times, found[H1].source_lost_at) == ("active", 1, None)
    assert (found[H2].state, found[H2].source_lost_at) == ("cleared", None)
    assert {one["state"]: one["source_lost_at"] for one in await _told(desk)} == {"active": None, "cleared": None}
    async with desk.database.read() as tx:
        events = [one.event for one in await webhooks.waiting(tx, pager.id, 100)]
    assert events == ["raised", "raised", "cleared"], "nobody is woken for it"


async def _forget(watching: AlarmWatching, database: Database, host: HostRef, error: str | None = None) -> None:
    async with watching.forgetting(host) as forget, database.write() as tx:
        await forget(tx)
        if error is not None:
            raise GuestwireError(error)


async def test_the_alarms_of_a_host_that_is_forgotten_are_over(desk: AlarmDesk) -> None:
    """Those of events too. It may be known anew, and is away still: that is told then."""
    trouble = AlarmRule(trigger=TroubleTrigger(on="trouble"), severity="info", summary="{text}")
    await desk.rules.put(ADMIN, "trouble", trouble, None)
    await desk.noticing.trouble(H1, "clock-wrong", "an hour")
    _stands(desk, h1="offline", h2="offline")
    await desk.watching.look()
    await desk.seen.take()
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await _forget(desk.watching, desk.database, H1, "NOT-FOUND")
    await desk.watching.look()
    assert {one.state for one in await desk.all()} == {"active"}, "it was not forgotten"
    await _forget(desk.watching, desk.database, H1)
    over = {"state": "cleared", "cleared_by": ""}
    assert [{name: one[name] for name in over} for one in await _told(desk)] == [over, over]
    assert [(one.rule, one.host) for one in await desk.all(states=("active",))] == [("away", H2)]
    await desk.watching.look()
    assert {(one.rule, one.host) for one in await desk.all(states=("active",))} == {("away", H1), ("away", H2)}


async def test_a_look_that_is_under_way_tells_nothing_of_a_host_that_is_forgotten_meanwhile(desk: AlarmDesk) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Told):
        async def hosts(self, selection: str) -> frozenset[HostRef]:
            begun.set()
            await go_on.wait()
            return await super().hosts(selection)

    slow = Slow()
    slow.now = {"presence": {Subject(H1): Reading("offline")}}
    watching = AlarmWatching(desk.database, desk.alarms, desk.rules.in_force, slow, desk.clock, desk.log)
    async with asyncio.timeout(10), asyncio.TaskGroup() as doing:
        doing.create_task(watching.look())
        await begun.wait()
        forgetting = doing.create_task(_forget(watching, desk.database, H1))
        await asyncio.sleep(0)
        assert not forgetting.done()
        go_on.set()
    assert [one.state for one in await desk.all()] == ["cleared"]


async def test_who_has_a_site_sees_that_its_connection_is_lost(desk: AlarmDesk) -> None:
    desk.readings.now["connection"] = {
        Subject(WHOLE, "broker"): Reading("waiting", {"connection": "broker", "text": "refused"})
    }
    await desk.rules.put(ADMIN, "connection-lost", SHIPPED["connection-lost"], None)
    await desk.watching.look()
    desk.clock.move(60)
    await desk.watching.look()
    operator = Person("u-sid", "sid", (Binding("operator", "site:plant"),))
    [alarm] = await desk.all(operator)
    assert (alarm.host, alarm.part, alarm.text) == (
        WHOLE, "broker", "the controller has no connection broker to plant: refused",
    )  # fmt: skip
    assert await desk.all(OPERATOR) == []
    [acknowledged] = await desk.alarms.acknowledge(operator, [alarm.id], "")
    assert acknowledged.state == "acknowledged"


async def test_who_may_see_and_do_what(desk: AlarmDesk) -> None:
    _stands(desk, h1="offline", h2="offline")
    await desk.watching.look()
    seen = {one.host: one.id for one in await desk.all(OBSERVER)}
    assert [one.host for one in await desk.all(OPERATOR)] == [H1]
    assert seen.keys() == {H1, H2}
    for person, host, code in ((OPERATOR, H2, "NOT-FOUND"), (OBSERVER, H1, "DENIED")):
        with pytest.raises(GuestwireError, match=code):
            await desk.alarms.acknowledge(person, [seen[host]], "")
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await desk.alarms.clear(ADMIN, [seen[H1], "0198c2f4-0000-0000-0000-000000000000"], "")
    assert {one.state for one in await desk.all()} == {"active"}, "all or none"
    assert [one.state for one in await desk.all(states=("cleared",))] == []
    assert [one.host for one in await desk.all(host=H2)] == [H2]
    assert await desk.all(severities=("info",)) == []


async def test_events_raise_once_and_end_by_themselves_or_by_hand(desk: AlarmDesk) -> None:
    rule = AlarmRule(trigger=TroubleTrigger(on="trouble"), summary="{text}", clear_after_s=60)
    await desk.rules.put(ADMIN, "trouble", rule, None)
    await desk.noticing.trouble(H1, "clock-wrong", "an hour off")
    await desk.noticing.trouble(H1, "clock-wrong", "two hours off")
    (alarm,) = await desk.all()
    assert (alarm.text, alarm.times, alarm.part) == ("two hours off", 2, "clock-wrong")
    desk.clock.move(61)
    await desk.watching.look()
    assert [one.state for one in await desk.all()] == ["cleared"]
    await desk.noticing.trouble(H1, "clock-wrong", "again")
    (newest, _) = await desk.all()
    (over,) = await desk.alarms.clear(OPERATOR, [newest.id], "")
    assert (over.state, over.cleared_by) == ("cleared", "olaf")


async def test_a_notice_raises_in_the_transaction_that_keeps_it(desk: AlarmDesk) -> None:
    await desk.rules.put(ADMIN, "host-alarm", SHIPPED["host-alarm"].model_copy(update={"hosts": "host=h1"}), None)
    notice = AlarmNotice(log=bytes(16), seq=1, at=1, event="journal", text="it is full", code="JOURNAL-FULL")
    with pytest.raises(RuntimeError):
        async with desk.database.write() as tx:
            await desk.noticing.noticed(tx, Came(H1, "alarm", notice))
            raise RuntimeError
    assert await desk.all() == []
    async with desk.database.write() as tx:
        changes = [
            *await desk.noticing.noticed(tx, Came(H1, "alarm", notice)),
            *await desk.noticing.noticed(tx, Came(H2, "alarm", notice)),
        ]
    assert [change.document["text"] for change in changes if change.document] == ["plant/h1: it is full"]
    assert [one.host for one in await desk.all()] == [H1]


async def test_a_rule_that_cannot_be_judged_stops_no_notice(desk: AlarmDesk) -> None:
    """Its group was removed. It is told once."""
    rule = SHIPPED["host-alarm"]
    async with desk.database.write() as tx:
        await alarm_rules.put(tx, RuleRow("a-lost", rule.model_copy(update={"hosts": "group=line7"}), 1, 0, ""))
        await alarm_rules.put(tx, RuleRow("host-alarm", rule, 1, 0, ""))
    await desk.rules.load()
    notice = AlarmNotice(log=bytes(16), seq=1, at=1, event="journal", text="it is full", code="JOURNAL-FULL")
    for _ in range(2):
        async with desk.database.write() as tx:
            await desk.noticing.noticed(tx, Came(H1, "alarm", notice))
    assert [(one.rule, one.times) for one in await desk.all()] == [("host-alarm", 2)]
    assert [fields["rule"] for _, _, fields in desk.log.lines] == ["a-lost"]


async def test_a_trouble_is_told_again_only_while_the_database_takes_nothing(desk: AlarmDesk) -> None:
    class Refusing(Noticing):
        def __init__(self) -> None:
            self.told: list[str] = []

        async def trouble(self, ref: HostRef, kind: str, text: str) -> None:
            self.told.append(text)
            raise GuestwireError("NOT-FOUND")

    noticing = Refusing()
    async with TroubleTelling(noticing, desk.log) as telling:
        telling.telemetry(Trouble(H1, "clock-wrong", "an hour off"))
        with pytest.raises(GuestwireError, match="NOT-FOUND"):
            async with asyncio.timeout(10):
                await telling.task
    assert noticing.told == ["an hour off"]


async def test_rules_change_and_go(desk: AlarmDesk) -> None:
    _stands(desk, h1="offline", h2="offline")
    await desk.watching.look()
    with pytest.raises(GuestwireError, match="REVISION-STALE"):
        await desk.rules.put(ADMIN, "away", OFFLINE, 7)
    with pytest.raises(GuestwireError, match="EXISTS"):
        await desk.rules.put(ADMIN, "away", OFFLINE, None)
    with pytest.raises(GuestwireError, match="DENIED"):
        await desk.rules.put(OPERATOR, "away", OFFLINE, 1)
    with pytest.raises(GuestwireError, match="SELECTION-INVALID"):
        await desk.rules.put(ADMIN, "away", OFFLINE.model_copy(update={"hosts": "state=="}), 1)
    quieter = OFFLINE.model_copy(update={"severity": "info"})
    assert (await desk.rules.put(ADMIN, "away", quieter, 1)).revision == 2
    await desk.watching.look()
    assert {one.state for one in await desk.all()} == {"active"}, "what is open stays"
    await desk.rules.put(ADMIN, "away", quieter.model_copy(update={"enabled": False}), 2)
    assert {one.state for one in await desk.all()} == {"cleared"}
    await desk.watching.look()
    assert len(await desk.all()) == 2
    await desk.rules.remove(ADMIN, "away", 3)
    await desk.rules.load()
    assert not desk.rules.in_force(), "what people removed does not come back"
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await desk.rules.show(ADMIN, "away")


async def test_a_rule_that_cannot_be_judged_leaves_its_alarms_and_the_others(desk: AlarmDesk) -> None:
    _stands(desk, h1="offline")
    await desk.watching.look()
    desk.readings.broken = GuestwireError("SELECTION-INVALID")
    await desk.watching.look()
    await desk.watching.look()
    assert [one.state for one in await desk.all()] == ["active"]
    assert [event for _, event, _ in desk.log.lines] == ["an alarm rule cannot be judged"]
    desk.readings.broken = GuestwireError("DATABASE-UNAVAILABLE")
    with pytest.raises(GuestwireError, match="DATABASE-UNAVAILABLE"):
        await desk.watching.look()


async def test_who_sees_very_many_hosts_sees_their_alarms(desk: AlarmDesk) -> None:
    many = tuple(Binding("observer", f"host:plant/x{n}") for n in range(1500))
    person = Person("u-many", "many", (*many, Binding("observer", f"host:{H1}")))
    assert await desk.alarms.page(person, AlarmFilter(), None, 10) == []
