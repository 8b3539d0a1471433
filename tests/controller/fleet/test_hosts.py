"""Hosts as people deal with them, groups of them, and what is read of them: on both kinds of database."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from alarm_desk import Told
from api_world import SaidLog
from fleet_people import FakeCalls, guest_view, host_facts, person
from fleet_words import SITE, FakeClock, Speaker
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.alarms.alarms import Alarms
from guestwire.controller.alarms.comparing import Raise, Subject
from guestwire.controller.alarms.rule import AlarmRule, PresenceTrigger
from guestwire.controller.alarms.watching import AlarmWatching
from guestwire.controller.feed import Feed
from guestwire.controller.fleet.core import FleetCore, attended, fleet_core
from guestwire.controller.fleet.errands import ErrandRunner
from guestwire.controller.fleet.groups import Groups, GroupWords
from guestwire.controller.fleet.hosts import Hosts
from guestwire.controller.fleet.inventory import Inventory
from guestwire.controller.fleet.membership import Membership
from guestwire.controller.fleet.people import HostWords, merged
from guestwire.controller.fleet.views import HostSummary
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Reach
from guestwire.controller.store import alarm_rules, alarms, audit_rows, groups, hosts
from guestwire.controller.store.alarm_rules import RuleRow
from guestwire.controller.store.audit_rows import Wanted
from guestwire.controller.store.database import Database
from guestwire.controller.store.groups import GroupRow
from guestwire.controller.store.host_queries import Sort
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.model.host import RebootRequired
from guestwire.protocol import operation_models as m
from guestwire.protocol.capabilities import CapabilitiesBody
from guestwire.protocol.reported import ReportedBody

H1, H2, E1 = HostRef(SITE, "h1"), HostRef(SITE, "h2"), HostRef("east", "h1")
ANNA = person()


class Stage:
    """A fleet of three hosts, and everything people need to deal with it."""

    def __init__(
        self, database: Database, core: FleetCore, calls: FakeCalls, inventory: Inventory, clock: FakeClock, feed: Feed
    ) -> None:
        self.database = database
        self.core = core
        self.calls = calls
        self.inventory = inventory
        self.clock = clock
        self.feed = feed
        self.access = Access(core.membership)
        self.alarms = Alarms(database, self.access, feed, clock)
        self.watching = AlarmWatching(database, self.alarms, dict, Told(), clock, SaidLog())
        self.hosts = Hosts(
            database, core.registry, core.hearing, core.keeping, core.membership, inventory, self.access, clock,
            held_back=lambda ref: 7 if ref == H1 else 0, forgetting=self.watching.forgetting,
            key_of=lambda ref: {H1: "0123456789abcdef"}.get(ref),
        )  # fmt: skip
        self.groups = Groups(database, core.membership, self.access, feed, clock)
        self.speakers = {ref: Speaker(ref, clock) for ref in (H1, H2, E1)}

    async def quiet(self) -> None:
        """Once everything is written, and every host was read."""
        async with asyncio.timeout(10):
            while len(self.core.registry.errands):
                await asyncio.sleep(0.005)
        await self.core.keeping.flush()

    async def come(self, *refs: HostRef) -> None:
        for ref in refs:
            self.core.registry.link_up(Reach(ref.site))
            self.core.registry.hear_presence(self.speakers[ref].heartbeat())
        await self.quiet()

    async def tells(self, ref: HostRef, **how: Any) -> None:
        """A host tells how it does: that it must be rebooted, and what else is said."""
        body = ReportedBody(
            epoch=1, n=1, hypervisor_connected=True, revision=1, active_hash="a", reboot_required=RebootRequired(required=True), **how
        )  # fmt: skip
        self.core.hearing.reported(self.speakers[ref].said("reported", body, 1))
        await self.quiet()

    async def selected(self) -> set[str]:
        """Which of these select h1."""
        terms = (
            "sync=drifted", "sync=unknown", "sync!=in_sync", "running>0", "not running>0", "running!=7", "drift>=2", "reboot=yes",
            "reboot!=yes", "not reboot=yes", "clock=synchronised", "clock=unknown", "last.running=1", "last.running=2",
        )  # fmt: skip
        return {term for term in terms if H1 in await self.find(term)}

    async def find(self, q: str, who: Person = ANNA, sort: Sort | None = None) -> list[HostRef]:
        found, _ = await self.hosts.find(who, q, sort or Sort(), None, 100)
        return [HostRef(one.site, one.host) for one in found]

    async def audited(self) -> list[tuple[str, str, str, dict[str, object]]]:
        async with self.database.read() as tx:
            rows = await audit_rows.oldest(tx, Wanted(), above=0, limit=100)
        return [(row.person, row.action, row.target, json.loads(row.detail)) for row in rows]


@pytest.fixture
async def stage(database: Database) -> AsyncIterator[Stage]:
    clock, feed, calls = FakeClock(), Feed(), FakeCalls()

    def trouble(error: GuestwireError) -> None:
        raise AssertionError(error)

    def defect(what: str, error: BaseException) -> None:
        raise AssertionError(what) from error

    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(fleet_core(database, feed, clock, trouble))
        inventory = await stack.enter_async_context(attended(core, calls, database, clock, defect, spread_s=0.0))
        made = Stage(database, core, calls, inventory, clock, feed)
        await made.come(H1, H2, E1)
        yield made


async def refused(code: str, doing: Awaitable[object]) -> GuestwireError:
    with pytest.raises(GuestwireError) as raised:
        await doing
    assert raised.value.code == code
    return raised.value


# -- letting in


async def test_of_a_host_that_nobody_approved_only_who_it_is_is_asked(stage: Stage) -> None:
    assert stage.calls.of(H1) == ["host-show"]
    shown = await stage.hosts.show(ANNA, H1)
    assert (shown.approval, shown.hostname, shown.guest_list, shown.held_back) == ("pending", "Machine-h1", (), 7)
    assert shown.key_id == "0123456789abcdef"
    assert (await stage.hosts.show(ANNA, H2)).key_id is None
    assert shown.label == "own h1", "its own, for want of another"


async def test_an_approved_host_is_read_as_a_whole(stage: Stage) -> None:
    shown = await stage.hosts.decide(ANNA, H1, "approved")
    assert (shown.approval, shown.approved_by, shown.approved_at) == ("approved", "anna", stage.clock().wall_ms)
    await stage.quiet()
    assert stage.calls.of(H1) == ["host-show", "host-show", "guest-list", "host-topology"]
    shown = await stage.hosts.show(ANNA, H1)
    [guest] = shown.guest_list
    assert (guest.name, guest.state, guest.kind, shown.cpus, shown.driver) == ("rt1", "running", "rt", 8, "libvirt")
    at, document = await stage.hosts.document(ANNA, H1, "inventory")
    assert at == stage.clock().wall_ms
    assert document["topology"]["devices"][0]["driver"] == "igb"
    assert stage.core.registry.approved(H1)
    await stage.hosts.refresh(ANNA, H1)
    assert stage.calls.of(H1)[4:] == ["host-show", "guest-list", "host-topology"], "its CPUs may have gone offline"
    await stage.hosts.decide(ANNA, H1, "rejected")
    assert not stage.core.registry.approved(H1)
    assert [(who, action, target, detail["approval"]) for who, action, target, detail in await stage.audited()] == [
        ("anna", "host-approve", "plant/h1", "approved"),
        ("anna", "host-approve", "plant/h1", "rejected"),
    ]


async def test_a_host_that_says_it_is_another_is_not_read(stage: Stage) -> None:
    stage.calls.answers["host-show"] = lambda _: m.HostShow(host=host_facts(H2))
    await refused("MISADDRESSED", stage.inventory.read(H1))
    stage.calls.answers["host-show"] = lambda ref: m.HostShow(host=host_facts(ref))
    stage.calls.verified = False
    await refused("UNSIGNED-RESPONSE", stage.inventory.read(H1))
    stage.calls.verified = True
    await refused("NOT-FOUND", stage.inventory.read(HostRef(SITE, "h9")))


async def test_while_a_host_is_not_there_nobody_knows_how_its_guests_are(stage: Stage) -> None:
    await stage.hosts.decide(ANNA, H1, "approved")
    await stage.quiet()
    stage.core.registry.link_down(Reach(SITE))
    stage.core.registry.look(stage.clock.go(25))
    await stage.quiet()
    shown = await stage.hosts.show(ANNA, H1)
    assert (shown.state, [guest.state for guest in shown.guest_list]) == ("unknown", ["unknown"])


TOLD = {"guests_running": 1, "sync": "drifted", "drift": 2, "reboot": True, "clock": "synchronised"}
NOT_KNOWN = {"guests_running": None, "sync": "unknown", "drift": None, "reboot": None, "clock": "unknown"}


def _said(document: Mapping[str, object]) -> dict[str, object]:
    return {name: document[name] for name in TOLD}


@pytest.mark.parametrize("lost", ["host", "way"])
async def test_how_a_host_does_is_unknown_90_s_after_it_or_the_way_to_it_was_lost(stage: Stage, lost: str) -> None:
    """In lists, in the stream, of its guests, and for selections; what it told last stands beside it."""
    await stage.hosts.decide(ANNA, H1, "approved")
    await stage.tells(H1, guests=3, guests_running=1, state="drifted", drift=2)
    told_at = stage.clock().wall_ms
    await stage.quiet()
    shown = (await stage.hosts.show(ANNA, H1)).model_dump()
    assert (_said(shown), shown["guest_list"][0]["state"]) == (TOLD, "running")
    assert await stage.selected() == {
        "sync=drifted", "sync!=in_sync", "running>0", "running!=7", "drift>=2", "reboot=yes", "clock=synchronised", "last.running=1"
    }  # fmt: skip
    if lost == "way":
        stage.core.registry.link_down(Reach(SITE))
    with stage.feed.subscribe() as viewer:
        for _ in range(9):
            stage.core.registry.look(stage.clock.go(10))
        await stage.core.keeping.flush()
        changes = {change.key: change.document for change in await viewer.take() if change.document}
    assert (changes["plant/h1"]["state"], _said(changes["plant/h1"])) == (
        "unknown" if lost == "way" else "offline",
        NOT_KNOWN,
    )
    [listed], _ = await stage.hosts.find(ANNA, "host=h1 site=plant", Sort(), None, 10)
    assert (_said(listed.model_dump()), listed.guests, listed.cpus) == (NOT_KNOWN, 3, 8), "what it has is as it was"
    shown = (await stage.hosts.show(ANNA, H1)).model_dump()
    assert _said(shown) == NOT_KNOWN
    assert shown["last_known"] == {**TOLD, "as_of": told_at}
    assert [(guest["state"], guest["last_state"]) for guest in shown["guest_list"]] == [("unknown", "running")]
    assert await stage.selected() == {"sync=unknown", "clock=unknown", "sync!=in_sync", "last.running=1"}


async def test_of_a_host_that_has_told_nothing_nobody_knows_how_it_does(stage: Stage) -> None:
    shown = (await stage.hosts.show(ANNA, H2)).model_dump()
    assert _said(shown) == {**NOT_KNOWN, "clock": "synchronised"}, "its clock was asked for"
    assert shown["last_known"] is None


async def test_an_errand_that_failed_is_done_again(stage: Stage) -> None:
    down = GuestwireError("BUSY")
    stage.calls.answers["host-show"] = lambda _: down
    stage.core.registry.errands.inventory(H1)
    async with asyncio.timeout(10):
        while len(stage.calls.of(H1)) < 2:
            await asyncio.sleep(0.005)
    assert len(stage.core.registry.errands) == 1, "it waits for its next turn"


async def test_a_host_that_was_given_up_is_read_when_it_comes_back(stage: Stage) -> None:
    """Its site could not be reached for longer than it is tried; the host itself has not restarted."""
    registry, calls, show = stage.core.registry, stage.calls, stage.calls.answers["host-show"]
    registry.link_down(Reach(SITE))
    registry.look(stage.clock.go(25))
    assert registry.state(H1) == "unknown"
    calls.answers["host-show"] = lambda _: GuestwireError("HOST-UNREACHABLE")

    def defect(what: str, error: BaseException) -> None:
        raise AssertionError(what) from error

    async with ErrandRunner(stage.inventory, calls, registry, defect, spread_s=0.0, again_s=(0.0, 0.0)) as errands:
        registry.errands = errands
        errands.inventory(H1)
        await stage.quiet()
        assert calls.of(H1) == ["host-show"] * 4
        calls.answers["host-show"] = show
        await stage.come(H1)
        assert calls.of(H1) == ["host-show"] * 5


async def test_a_host_that_counts_from_too_low_is_told(stage: Stage) -> None:
    await stage.hosts.decide(ANNA, H1, "approved")
    stage.core.registry.errands.epoch_behind(H1, 9)
    await stage.quiet()
    assert stage.calls.of(H1).count("epoch-behind") == 1
    assert m.EpochBehind(known=9) in stage.calls.requests


# -- saying and finding


async def test_labels_are_said_found_and_taken_away(stage: Stage) -> None:
    shown = await stage.hosts.show(ANNA, H1)
    words = HostWords(label="Press 1", labels={"line": "3", "rack": "ÄÖ"}, notes="behind the\nLadle crane")
    shown = await stage.hosts.change(ANNA, H1, words, shown.revision)
    assert (shown.label, shown.labels, shown.notes) == (
        "Press 1",
        {"line": "3", "rack": "ÄÖ"},
        "behind the\nLadle crane",
    )
    for q in (
        "label.line=3",
        "label=press*",
        "ladle",
        '"behind the"',
        "label.rack=äö",
        "machine-h1 site=plant",
        "label=Press*",
    ):
        assert await stage.find(q) == [H1], q
    shown = await stage.hosts.change(ANNA, H1, HostWords(labels={"rack": None, "new": "1"}), shown.revision)
    assert (shown.labels, shown.label) == ({"line": "3", "new": "1"}, "Press 1")
    assert await stage.find("label.rack=*") == []
    shown = await stage.hosts.change(ANNA, H1, HostWords(label=""), shown.revision)
    assert shown.label == "own h1"
    error = await refused("REVISION-STALE", stage.hosts.change(ANNA, H1, words, 1))
    assert error.detail["revision"] == shown.revision
    assert [row[1] for row in await stage.audited()] == ["host-label"] * 3


@pytest.mark.parametrize(
    "words",
    [
        HostWords(labels={"Line": "3"}),
        HostWords(labels={"line": "a\nb"}),
        HostWords(label="a\0b"),
        HostWords(notes="a\x07b"),
        HostWords(labels={"": "x"}),
    ],
)
async def test_what_cannot_be_said_of_a_host(stage: Stage, words: HostWords) -> None:
    await refused("INVALID-BODY", stage.hosts.change(ANNA, H1, words, 1))


def test_a_host_has_no_more_than_so_many_labels() -> None:
    sixty = {f"l{n}": "x" for n in range(60)}
    assert len(merged(sixty, {"more": "x"})) == 61
    with pytest.raises(GuestwireError):
        merged(sixty, {f"m{n}": "x" for n in range(5)})


@given(
    st.dictionaries(st.sampled_from("abcd"), st.text("xyz", max_size=3)),
    st.dictionaries(st.sampled_from("abcd"), st.none() | st.text("xyz", max_size=3)),
)
def test_labels_after_a_change(before: dict[str, str], said: dict[str, str | None]) -> None:
    found = merged(before, said)
    for name in "abcd":
        assert found.get(name) == (said[name] if name in said else before.get(name))


async def test_hosts_are_listed_to_those_who_may_see_them(stage: Stage) -> None:
    assert await stage.find("") == [E1, H1, H2]
    assert await stage.find("", person("observer", "site:plant")) == [H1, H2]
    assert await stage.find("", person("observer", "host:plant/h2")) == [H2]
    assert await stage.find("", Person("x", "x")) == []
    assert await stage.find("state=online host=h1", sort=Sort("label", descending=True)) == [H1, E1]
    await refused("SELECTION-INVALID", stage.find("colour=red"))
    found, keys = await stage.hosts.find(ANNA, "", Sort(), None, 2)
    rest, _ = await stage.hosts.find(ANNA, "", Sort(), keys[-1], 2)
    assert [one.host for one in (*found, *rest)] == ["h1", "h1", "h2"]


async def test_who_may_do_what_to_hosts(stage: Stage) -> None:
    eve = person("operator", "site:east")
    for doing in (
        stage.hosts.show(eve, H1),
        stage.hosts.document(eve, H1, "inventory"),
        stage.hosts.refresh(eve, H1),
        stage.hosts.change(eve, E1, HostWords(label="mine"), 1),
        stage.hosts.decide(person("engineer"), H1, "approved"),
        stage.hosts.forget(person("engineer"), H1),
        stage.groups.add(eve, "g", GroupWords(selection="site=east")),
    ):
        await refused("DENIED", doing)
    assert (await stage.hosts.show(eve, E1)).host == "h1"
    await refused("NOT-FOUND", stage.hosts.show(ANNA, HostRef(SITE, "h9")))
    await refused("NOT-FOUND", stage.hosts.document(ANNA, H1, "reported"))


async def test_targets_are_approved_and_may_be_acted_on(stage: Stage) -> None:
    for ref in (H1, E1):
        await stage.hosts.decide(ANNA, ref, "approved")
    assert await stage.hosts.targets(ANNA, "state=online", "guest-start") == [E1, H1]
    assert await stage.hosts.targets(person("operator", "site:plant"), "", "guest-start") == [H1]
    assert await stage.hosts.targets(person("observer"), "", "guest-start") == []


async def test_documents_are_shown_as_json_has_them(stage: Stage) -> None:
    body = CapabilitiesBody(epoch=1, n=1, operations={"host-show": bytes(16)}, hash=bytes(32), features=("x-y",))
    stage.core.hearing.capabilities(stage.speakers[H1].said("capabilities", body, 1))
    await stage.quiet()
    _, document = await stage.hosts.document(ANNA, H1, "capabilities")
    assert json.loads(json.dumps(document)) == document
    assert (document["operations"]["host-show"], document["features"]) == ("00" * 16, ["x-y"])
    assert await stage.find("feature=x-y feature=kvm feature=cgroup-v2") == [H1]


async def test_a_host_that_is_gone_is_forgotten(stage: Stage) -> None:
    await refused("HOST-IS-THERE", stage.hosts.forget(ANNA, H1))
    stage.core.registry.hear_presence(stage.speakers[H1].farewell())
    await stage.quiet()
    away = AlarmRule(trigger=PresenceTrigger(on="presence", states=("offline",)), severity="info", summary="away")
    async with stage.database.write() as tx:
        for ref in (H1, H2):
            await stage.alarms.begin(tx, "away", away, Raise(Subject(ref), "away", None, 0))
    with stage.feed.subscribe() as subscriber:
        await stage.hosts.forget(ANNA, H1)
        changes = await subscriber.take()
    assert [(change.key, change.hosts) for change in changes if change.document is None] == [("plant/h1", (H1,))]
    assert [change.document["state"] for change in changes if change.kind == "alarm" and change.document] == ["cleared"]
    async with stage.database.read() as tx:
        assert [one.host for one in await alarms.every_open(tx)] == [H2]
    await refused("NOT-FOUND", stage.hosts.show(ANNA, H1))
    stage.core.registry.hear_presence(stage.speakers[H1].heartbeat())
    await stage.quiet()
    assert (await stage.hosts.show(ANNA, H1)).approval == "pending", "it is heard of for the first time"
    assert HostSummary.model_validate((await stage.hosts.find(ANNA, "host=h2", Sort(), None, 1))[0][0].model_dump())


# -- groups


async def test_a_group_has_who_is_in_its_selection_now(stage: Stage) -> None:
    group = await stage.groups.add(ANNA, "line", GroupWords(selection="label.line=3", description="Hall 2"))
    assert (group.hosts, group.revision, group.changed_by) == (0, 1, "anna")
    await stage.hosts.change(ANNA, H1, HostWords(labels={"line": "3"}), 1)
    assert stage.core.membership.members("line") == {H1}
    assert (await stage.groups.show(ANNA, "line")).hosts == 1
    eve = person("operator", "group:line", "eve")
    assert await stage.find("", eve) == [H1]
    await stage.hosts.change(ANNA, H1, HostWords(labels={"line": "4"}), 2)
    assert await stage.find("", eve) == [], "at once"
    await stage.groups.put(ANNA, "line", GroupWords(selection="label.line=4"), 1)
    assert stage.core.membership.members("line") == {H1}
    assert await stage.find("group=line") == [H1]
    assert await stage.find("group!=line") == [E1, H2]
    await stage.groups.remove(ANNA, "line", 2)
    assert stage.core.membership.members("line") == frozenset()
    assert [(row[1], row[2]) for row in await stage.audited() if row[1] == "group-set"] == [("group-set", "line")] * 3


async def test_groups_follow_hosts_that_come_and_go(stage: Stage) -> None:
    await stage.groups.add(ANNA, "here", GroupWords(selection="state=online site=plant"))
    assert stage.core.membership.members("here") == {H1, H2}
    stage.core.registry.hear_presence(stage.speakers[H1].farewell())
    async with asyncio.timeout(10):
        while stage.core.membership.members("here") != {H2}:
            await asyncio.sleep(0.005)


async def test_groups_of_groups(stage: Stage) -> None:
    await stage.groups.add(ANNA, "plant", GroupWords(selection="site=plant"))
    await stage.groups.add(ANNA, "one", GroupWords(selection="group=plant host=h1"))
    assert stage.core.membership.members("one") == {H1}
    error = await refused("GROUP-IN-USE", stage.groups.remove(ANNA, "plant", 1))
    assert (error.detail["groups"], error.detail["rules"]) == (["one"], [])
    error = await refused("SELECTION-INVALID", stage.groups.put(ANNA, "plant", GroupWords(selection="group=one"), 1))
    assert error.field == "selection"
    await stage.groups.put(ANNA, "plant", GroupWords(selection="host=h1"), 1)
    assert stage.core.membership.members("one") == {H1, E1}
    assert [group.name for group in await stage.groups.page(ANNA, "", 10)] == ["one", "plant"]
    assert [group.name for group in await stage.groups.page(ANNA, "one", 10)] == ["plant"]


async def test_a_group_that_alarm_rules_go_by_stays(stage: Stage) -> None:
    await stage.groups.add(ANNA, "line", GroupWords(selection="site=plant"))
    rule = AlarmRule(trigger=PresenceTrigger(on="presence", states=("offline",)), summary="away", hosts="group=line")
    async with stage.database.write() as tx:
        await alarm_rules.put(tx, RuleRow("away", rule, 1, 0, "anna"))
    error = await refused("GROUP-IN-USE", stage.groups.remove(ANNA, "line", 1))
    assert error.detail["rules"] == ["away"]


async def test_people_who_change_groups_at_once_leave_none_that_cannot_be_worked_out(stage: Stage) -> None:
    for name in ("a", "b", "c", "d"):
        await stage.groups.add(ANNA, name, GroupWords(selection="site=plant"))
    for code, first, second in (
        (
            "SELECTION-INVALID",
            stage.groups.put(ANNA, "a", GroupWords(selection="group=b"), 1),
            stage.groups.put(ANNA, "b", GroupWords(selection="group=a"), 1),
        ),
        (
            "NOT-FOUND",
            stage.groups.remove(ANNA, "c", 1),
            stage.groups.put(ANNA, "d", GroupWords(selection="group=c"), 1),
        ),
    ):
        found = await asyncio.gather(first, second, return_exceptions=True)
        assert [one.code for one in found if isinstance(one, GuestwireError)] == [code]
        assert isinstance(found[1], GuestwireError), "who comes second is told"
        assert found[1].field == "selection"
    await stage.core.membership.reload()
    assert stage.core.membership.members("a") == stage.core.membership.members("b") == {H1, H2}


async def test_a_group_that_cannot_be_worked_out_has_nobody_and_stops_no_other(stage: Stage) -> None:
    """Nor a start of the controller: it is told, once, and may be mended."""
    selections = {"a": "group=b", "b": "group=a", "lost": "group=gone", "plant": "site=plant"}
    async with stage.database.write() as tx:
        for name, selection in selections.items():
            await groups.put(tx, GroupRow(name, selection, "", 1, 0, "anna"))
    troubles: list[GuestwireError] = []
    async with Membership(stage.database, stage.clock, troubles.append) as membership:
        assert [len(membership.members(name)) for name in selections] == [0, 0, 0, 2]
        await membership.refresh([H1])
        assert [one.code for one in troubles] == ["SELECTION-INVALID", "SELECTION-INVALID", "NOT-FOUND"]
        async with stage.database.write() as tx:
            await groups.put(tx, GroupRow("a", "site=east", "", 2, 0, "anna"))
        await membership.changed_groups()
        assert (membership.members("a"), membership.members("b")) == ({E1}, {E1})


async def test_no_group_makes_another_one_too_large(stage: Stage) -> None:
    await stage.groups.add(ANNA, "part", GroupWords(selection="site=plant"))
    await stage.groups.add(ANNA, "whole", GroupWords(selection=" or ".join(["group=part"] * 13)))
    many = GroupWords(selection=" or ".join(f"host=h{n}" for n in range(40)))
    await refused("SELECTION-INVALID", stage.groups.put(ANNA, "part", many, 1))
    assert stage.core.membership.members("whole") == {H1, H2}


@pytest.mark.parametrize(
    ("code", "doing"),
    [
        ("EXISTS", lambda groups: groups.add(ANNA, "g", GroupWords(selection="a"))),
        ("INVALID-BODY", lambda groups: groups.add(ANNA, "G G", GroupWords(selection="a"))),
        ("SELECTION-INVALID", lambda groups: groups.add(ANNA, "n", GroupWords(selection="x=1"))),
        ("NOT-FOUND", lambda groups: groups.add(ANNA, "n", GroupWords(selection="group=none"))),
        ("NOT-FOUND", lambda groups: groups.put(ANNA, "n", GroupWords(selection="a"), 1)),
        ("REVISION-STALE", lambda groups: groups.put(ANNA, "g", GroupWords(selection="a"), 7)),
        ("REVISION-STALE", lambda groups: groups.remove(ANNA, "g", 7)),
        ("NOT-FOUND", lambda groups: groups.show(ANNA, "n")),
    ],
)
async def test_what_cannot_be_done_to_groups(
    stage: Stage, code: str, doing: Callable[[Groups], Awaitable[object]]
) -> None:
    await stage.groups.add(ANNA, "g", GroupWords(selection="site=plant"))
    await refused(code, doing(stage.groups))


async def test_somebody_who_sees_part_of_a_group_counts_that(stage: Stage) -> None:
    await stage.groups.add(ANNA, "all", GroupWords(selection="state=online"))
    assert (await stage.groups.show(person("observer", "site:east"), "all")).hosts == 1


async def test_guests_of_an_inventory_take_the_place_of_those_before(stage: Stage) -> None:
    await stage.hosts.decide(ANNA, H1, "approved")
    await stage.quiet()
    stage.calls.answers["guest-list"] = lambda _: m.GuestList(guests=(guest_view("other", 2),))
    await stage.hosts.refresh(ANNA, H1)
    async with stage.database.read() as tx:
        assert [guest.name for guest in await hosts.guests_of(tx, H1)] == ["other"]
    assert (await stage.find("guest=other"), await stage.find("guest=rt1")) == ([H1], [])
