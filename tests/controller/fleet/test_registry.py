"""The fleet as it is known: what is written and told when hosts come, go and lie, on both kinds of database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from fleet_words import SITE, FakeClock, Speaker

from guestwire.controller.feed import Feed
from guestwire.controller.fleet.core import FleetCore, fleet_core
from guestwire.controller.fleet.keeping import FleetKeeping
from guestwire.controller.fleet.registry import Errands, Registry
from guestwire.controller.fleet.views import detail, presence_of
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Reach
from guestwire.controller.store import hosts
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_tables import GuestRow, HostRow
from guestwire.model.errors import GuestwireError
from guestwire.protocol.capabilities import CapabilitiesBody
from guestwire.protocol.notices import GuestNotice
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.reported import ReportedBody

H1, H2 = HostRef(SITE, "h1"), HostRef(SITE, "h2")


@dataclass
class Heard(Errands):
    """What the fleet gave cause for."""

    came: list[HostRef] = field(default_factory=list)
    read: list[HostRef] = field(default_factory=list)
    behind: list[tuple[HostRef, int]] = field(default_factory=list)

    def host_came(self, ref: HostRef) -> None:
        self.came.append(ref)

    def inventory(self, ref: HostRef) -> None:
        self.read.append(ref)

    def epoch_behind(self, ref: HostRef, known: int) -> None:
        self.behind.append((ref, known))


class Stage:
    """A fleet over a database, on time that stands."""

    def __init__(self, database: Database, core: FleetCore, clock: FakeClock, feed: Feed) -> None:
        self.database = database
        self.core = core
        self.registry = core.registry
        self.clock = clock
        self.feed = feed
        self.heard = Heard()
        self.registry.errands = self.heard
        self.registry.arrivals.append(self.heard)

    async def rows(self) -> dict[HostRef, HostRow]:
        """What is written, once all that waits is."""
        await self.core.keeping.flush()
        async with self.database.read() as tx:
            return {row.ref: row for row in await hosts.every(tx)}

    def wait(self, seconds: float) -> None:
        self.registry.look(self.clock.go(seconds))

    def approve(self, *refs: HostRef) -> None:
        for ref in refs:
            self.registry.approval_is(ref, "approved")


@asynccontextmanager
async def stage_over(database: Database, clock: FakeClock) -> AsyncIterator[Stage]:
    feed = Feed()

    def trouble(error: GuestwireError) -> None:
        raise AssertionError(error)

    async with fleet_core(database, feed, clock, trouble) as core:
        yield Stage(database, core, clock, feed)


@pytest.fixture
async def stage(database: Database) -> AsyncIterator[Stage]:
    async with stage_over(database, FakeClock()) as made:
        yield made


async def test_a_host_that_is_listed_and_never_heard_is_offline_and_waits_to_be_approved(stage: Stage) -> None:
    stage.registry.link_up(Reach(SITE))
    stage.registry.listed(SITE, frozenset({"h1", "h2"}))
    rows = await stage.rows()
    assert {ref: (row.attendance.state, row.words.approval, row.listed) for ref, row in rows.items()} == {
        H1: ("offline", "pending", True),
        H2: ("offline", "pending", True),
    }
    stage.registry.listed(SITE, frozenset({"h2"}))
    assert {ref: row.listed for ref, row in (await stage.rows()).items()} == {H1: False, H2: True}


async def test_a_host_that_comes_is_written_and_read_and_told_of_once_approved(stage: Stage) -> None:
    host = Speaker(H1, stage.clock, epoch=4, boot_id="b1", version="0.2.10", capabilities=bytes(32))
    stage.registry.link_up(Reach(SITE))
    assert stage.registry.hear_presence(host.heartbeat())
    row = (await stage.rows())[H1]
    there = row.attendance
    assert (there.state, there.epoch, there.agent_version, there.heard_at) == (
        "online",
        4,
        "0.2.10",
        stage.clock().wall_ms,
    )
    body = presence_of(row)
    assert body is not None
    assert (body.boot_id, body.n) == ("b1", 1)
    assert (stage.heard.came, H1 in stage.heard.read) == ([], True), "nobody has approved it"
    stage.approve(H1)
    assert stage.heard.came == [H1]
    stage.clock.go(30)
    stage.registry.hear_presence(host.heartbeat())
    assert stage.heard.came == [H1], "it was there all the time"
    host.reconnect()
    stage.registry.hear_presence(host.heartbeat())
    assert stage.heard.came == [H1, H1], "what was under way may be lost"


async def test_heartbeats_are_not_written_each(stage: Stage) -> None:
    host = Speaker(H1, stage.clock)
    stage.registry.link_up(Reach(SITE))
    stage.registry.hear_presence(host.heartbeat())
    first = (await stage.rows())[H1].attendance.heard_at
    for beat in range(1, 9):
        stage.clock.go(30)
        stage.registry.hear_presence(host.heartbeat())
        seen = (await stage.rows())[H1].attendance.heard_at
        assert seen == (first if beat < 8 else stage.clock().wall_ms)


async def test_time_alone_makes_hosts_suspect_and_offline(stage: Stage) -> None:
    host = Speaker(H1, stage.clock)
    stage.registry.link_up(Reach(SITE))
    stage.registry.hear_presence(host.heartbeat())
    states, there = [], []
    for seconds in (44, 2, 44):
        stage.wait(seconds)
        states.append(stage.registry.state(H1))
        there.append(stage.registry.there(H1))
    assert states == ["online", "suspect", "offline"]
    assert there == [True, True, False], "one that is suspect may be there"
    row = (await stage.rows())[H1].attendance
    assert (row.state, row.state_at) == ("offline", stage.clock().wall_ms)


async def test_who_stopped_right_after_it_connected_has_left_whatever_its_broker_says(stage: Stage) -> None:
    stage.registry.link_up(Reach(SITE))
    for count, ref in enumerate((H1, H2)):
        host = Speaker(ref, stage.clock)
        words = [host.farewell(), host.will()]
        for said in words[::-1] if count else words:
            stage.registry.hear_presence(said)
        row = (await stage.rows())[ref]
        shown = detail(row, [], 0)
        assert (stage.registry.state(ref), shown.state, shown.why) == ("offline", "offline", "stopped")


async def test_a_goodbye_that_comes_late_is_shown(stage: Stage) -> None:
    """The way to the host was cut, and what it said last comes when it counts as offline already."""
    host = Speaker(H1, stage.clock)
    stage.registry.link_up(Reach(SITE))
    stage.registry.hear_presence(host.heartbeat())
    stage.registry.hear_presence(host.will())
    stage.wait(95)
    assert stage.registry.state(H1) == "offline"
    stage.registry.hear_presence(host.farewell())
    shown = detail((await stage.rows())[H1], [], 0)
    assert (shown.state, shown.why) == ("offline", "stopped")


async def test_after_its_broker_is_lost_nobody_knows_of_any_host_of_the_site(stage: Stage) -> None:
    other = HostRef("east", "h1")
    for ref in (H1, H2, other):
        stage.registry.link_up(Reach(ref.site))
        stage.registry.hear_presence(Speaker(ref, stage.clock).heartbeat())
    stage.registry.link_down(Reach(SITE))
    stage.wait(15)
    assert {stage.registry.state(ref) for ref in (H1, H2, other)} == {"online"}
    stage.wait(10)
    assert [stage.registry.state(ref) for ref in (H1, H2, other)] == ["unknown", "unknown", "online"]
    assert stage.registry.there(H1), "it may be"
    assert {ref: row.attendance.state for ref, row in (await stage.rows()).items()} == {
        H1: "unknown",
        H2: "unknown",
        other: "online",
    }


async def test_a_connection_that_comes_back_soon_is_no_arrival(stage: Stage) -> None:
    host = Speaker(H1, stage.clock)
    stage.registry.link_up(Reach(SITE))
    stage.registry.hear_presence(host.heartbeat())
    stage.approve(H1)
    before = list(stage.heard.read)
    stage.registry.link_down(Reach(SITE))
    stage.wait(5)
    stage.registry.link_up(Reach(SITE))
    stage.registry.hear_presence(host.heartbeat())
    assert stage.heard.came == [H1]
    stage.registry.link_down(Reach(SITE))
    stage.wait(30)
    stage.registry.link_up(Reach(SITE))
    stage.registry.hear_presence(host.heartbeat())
    assert stage.heard.came == [H1, H1], "for so long nobody knew"
    assert stage.heard.read == before, "it is the same host as before"


async def test_a_host_that_counts_from_too_low_is_told_once_it_is_approved(stage: Stage) -> None:
    host = Speaker(H1, stage.clock, epoch=9)
    stage.registry.link_up(Reach(SITE))
    stage.registry.hear_presence(host.heartbeat())
    stage.clock.go(1)
    host.reconnect(2)
    stage.registry.hear_presence(host.heartbeat())
    assert stage.heard.behind == []
    stage.approve(H1)
    stage.wait(61)
    stage.registry.hear_presence(host.heartbeat())
    assert stage.heard.behind == [(H1, 9)]
    assert stage.registry.state(H1) != "online", "nobody hears it in that epoch"


async def test_another_hash_of_capabilities_has_the_host_read_again(stage: Stage) -> None:
    host = Speaker(H1, stage.clock, capabilities=bytes(32))
    stage.registry.link_up(Reach(SITE))
    stage.registry.hear_presence(host.heartbeat())
    before = len(stage.heard.read)
    stage.registry.hear_presence(host.heartbeat())
    assert len(stage.heard.read) == before
    host.capabilities = bytes([1]) * 32
    stage.registry.hear_presence(host.heartbeat())
    assert len(stage.heard.read) == before + 1


async def test_a_restarted_controller_goes_on_where_it_was(database: Database) -> None:
    clock = FakeClock()
    host = Speaker(H1, clock, epoch=5)
    async with stage_over(database, clock) as first:
        first.registry.link_up(Reach(SITE))
        old = host.heartbeat()
        first.registry.hear_presence(old)
        clock.go(10)
        first.registry.hear_presence(host.heartbeat())
        first.registry.hear_presence(host.farewell())
        row = (await first.rows())[H1]
        async with database.write() as tx:
            await hosts.put_words(tx, H1, replace(row.words, approval="approved"), row.called)
    clock.go(5)
    async with stage_over(database, clock) as second:
        assert second.registry.approved(H1)
        assert second.registry.state(H1) == "unknown", "nobody listens yet"
        second.registry.link_up(Reach(SITE))
        assert second.registry.state(H1) == "offline", "it said goodbye"
        second.registry.hear_presence(old)
        assert second.registry.state(H1) == "offline"
        host.reconnect()
        second.registry.hear_presence(host.heartbeat())
        assert (second.registry.state(H1), second.heard.came) == ("online", [H1])
    for waits in (True, False):
        keeping = FleetKeeping(database, Feed(), lambda _: None)
        registry = Registry(keeping, clock)
        await registry.load(database)
        registry.close()
        assert bool(keeping.waiting) is waits, "what is written already is not written again"
        await keeping.flush()


async def test_a_connection_to_the_host_itself_shows_that_it_is_there(stage: Stage) -> None:
    stage.registry.link_up(Reach(SITE, "h1"))
    assert stage.registry.state(H1) == "online"
    assert set(stage.heard.read) == {H1}
    stage.registry.link_down(Reach(SITE, "h1"))
    stage.wait(21)
    assert stage.registry.state(H1) == "unknown"
    assert (await stage.rows())[H1].attendance.state == "unknown"


async def test_a_loop_that_stood_still_hears_before_it_judges(stage: Stage) -> None:
    """Timers that are late run before sockets are read: what came meanwhile must not make hosts silent."""
    stage.registry.link_up(Reach(SITE))
    host = Speaker(H1, stage.clock)
    stage.registry.hear_presence(host.heartbeat())
    stage.clock.go(100)
    stage.registry.tick()
    assert stage.registry.state(H1) == "online"
    stage.registry.hear_presence(host.heartbeat())
    stage.clock.go(1)
    stage.registry.tick()
    assert stage.registry.state(H1) == "online"


async def test_the_timer_runs_by_itself(database: Database) -> None:
    """On the real clock, with a host that was last heard a minute and a half ago, less a moment."""
    from guestwire.link.clock import now

    async with fleet_core(database, Feed(), now, lambda error: None) as core:
        core.registry.link_up(Reach(SITE))
        past = FakeClock(now())
        past.go(-89.9)
        host = Speaker(H1, past)
        core.registry.hear_presence(host.heartbeat(retained=True))
        known = core.registry.get(H1)
        assert known is not None
        async with asyncio.timeout(5):
            while core.registry.state(H1) == "suspect":
                await asyncio.sleep(0.01)
        assert core.registry.state(H1) == "unknown", "the link has stood for a moment only"


# -- what hosts have


def reported(host: Speaker, n: int, **changed: Any) -> Any:
    body = ReportedBody(
        epoch=host.epoch,
        n=n,
        hypervisor_connected=True,
        guests=2,
        guests_running=1,
        revision=3,
        active_hash="a",
        drift=1,
    ).model_copy(update=changed)
    return host.said("reported", body, n)


async def test_reported_is_kept_and_the_newest_counts(stage: Stage) -> None:
    host = Speaker(H1, stage.clock)
    stage.registry.hear_presence(host.heartbeat())
    hearing = stage.core.hearing
    hearing.reported(reported(host, 2))
    hearing.reported(reported(host, 1, guests=9))
    row = (await stage.rows())[H1].condition
    assert (row.guests, row.guests_running, row.active_revision, row.drift, row.sync) == (2, 1, 3, 1, "in_sync")
    async with stage.database.read() as tx:
        stored = await hosts.document(tx, H1, "reported")
        places = await hosts.places(tx)
    assert stored is not None
    assert (stored.epoch, stored.n, places[H1, "reported"][:2]) == (1, 2, (1, 2))
    before = len(stage.heard.read)
    hearing.reported(reported(host, 3, drift=0))
    assert len(stage.heard.read) == before
    hearing.reported(reported(host, 4, active_hash="b"))
    assert len(stage.heard.read) == before + 1, "its guests may be others now"


async def test_what_was_reported_before_a_restart_is_not_taken_back(database: Database) -> None:
    clock = FakeClock()
    host = Speaker(H1, clock)
    async with stage_over(database, clock) as first:
        first.registry.hear_presence(host.heartbeat())
        first.core.hearing.reported(reported(host, 5))
        await first.rows()
    async with stage_over(database, clock) as second:
        second.core.hearing.reported(reported(host, 4, guests=9))
        assert (await second.rows())[H1].condition.guests == 2


async def test_straight_from_its_host_what_was_said_later_counts(stage: Stage) -> None:
    """An agent without a broker counts from the beginning again when it is started."""
    host = Speaker(H1, stage.clock, epoch=0)
    stage.registry.link_up(Reach(SITE, "h1"))
    stage.core.hearing.reported(reported(host, 57)._replace(direct=True))
    stage.clock.go(1)
    stage.core.hearing.reported(reported(host, 1, guests=5)._replace(direct=True))
    assert (await stage.rows())[H1].condition.guests == 5


async def test_capabilities_are_kept_and_their_features_lead_to_reading(stage: Stage) -> None:
    host = Speaker(H1, stage.clock)
    stage.registry.hear_presence(host.heartbeat())
    stage.heard.read.clear()
    hashes = {name: bytes(16) for name in list(BY_NAME)[:2]}
    for n, features in ((1, ("driver-libvirt",)), (2, ("driver-libvirt",)), (3, ("driver-simulated",))):
        body = CapabilitiesBody(epoch=1, n=n, operations=hashes, hash=bytes(32), features=features)
        stage.core.hearing.capabilities(host.said("capabilities", body, n))
    assert stage.heard.read == [H1, H1]
    await stage.rows()
    async with stage.database.read() as tx:
        stored = await hosts.document(tx, H1, "capabilities")
    assert stored is not None
    assert stored.n == 3


def notice(host: Speaker, seq: int, at: int, state: str | None, name: str = "rt1", guest_id: str = "GUEST0001") -> Any:
    body = GuestNotice(
        log=bytes(16),
        seq=seq,
        at=at,
        event="state",
        guest_id=guest_id,
        name=name,
        uuid="u1",
        state=state,
        reason="r",
    )  # type: ignore[arg-type]
    return host.said("notice", body, seq, part="guest")


async def guests(stage: Stage) -> list[tuple[str, str, int, str]]:
    await stage.rows()
    async with stage.database.read() as tx:
        return [(row.name, row.state, row.as_of, row.kind) for row in await hosts.guests_of(tx, H1)]


async def test_notices_tell_how_guests_are(stage: Stage) -> None:
    host = Speaker(H1, stage.clock)
    stage.registry.hear_presence(host.heartbeat())
    await stage.rows()
    async with stage.database.write() as tx:
        row = GuestRow("u1", "GUEST0001", "rt1", "rt1", "rt", "stopped", 100, "poll")
        await hosts.put_guests(tx, [(H1, row)])
    stage.core.hearing.notice(notice(host, 1, 200, "running"))
    assert await guests(stage) == [("rt1", "running", 200, "rt")]
    stage.core.hearing.notice(notice(host, 2, 150, "paused"))
    assert await guests(stage) == [("rt1", "running", 200, "rt")], "it came late"
    stage.core.hearing.notice(notice(host, 3, 300, None))
    stage.core.hearing.notice(notice(host, 4, 250, "running"))
    assert await guests(stage) == []
    other = host.said(
        "notice", GuestNotice(log=bytes(16), seq=1, at=1, event="state", name="x", uuid=""), 1, part="comm"
    )
    assert stage.core.hearing.notice(other)


async def test_a_host_cannot_break_the_database_with_what_it_says(stage: Stage) -> None:
    """Its numbers and texts are as it likes."""
    host = Speaker(H1, stage.clock, epoch=(1 << 64) - 1, version="0.1\0" + "x" * 500)
    stage.registry.hear_presence(host.heartbeat())
    huge = {"guests": (1 << 64) - 1, "drift": -(1 << 62), "revision": 1 << 60}
    stage.core.hearing.reported(reported(host, (1 << 63) - 1, **huge))
    stage.core.hearing.notice(notice(host, 1, (1 << 64) - 1, "running", name="a\0b" + "y" * 1000, guest_id="G\0" * 99))
    rows = await stage.rows()
    assert rows[H1].attendance.epoch == 1 << 53
    assert rows[H1].condition.guests == 1 << 53
    assert (await guests(stage))[0][1] == "running"


# -- writing


async def test_changes_are_published_after_they_are_written(stage: Stage) -> None:
    stage.registry.link_up(Reach(SITE))
    with stage.feed.subscribe() as subscriber:
        stage.registry.hear_presence(Speaker(H1, stage.clock).heartbeat())
        async with asyncio.timeout(10):
            changes = await subscriber.take()
    [change] = changes
    assert (change.kind, change.key, change.hosts) == ("host", "plant/h1", (H1,))
    assert change.document is not None
    assert (change.document["state"], change.document["approval"]) == ("online", "pending")


async def test_while_the_database_takes_nothing_the_newest_waits(database: Database) -> None:
    """And is written once it does."""
    clock, troubles = FakeClock(), []
    down = GuestwireError("DATABASE-UNAVAILABLE")

    class Failing(Database):
        failing = True

        def __init__(self) -> None:
            self.__dict__.update(database.__dict__)

        def write(self) -> Any:
            if self.failing:
                raise down
            return database.write()

    failing = Failing()
    async with FleetKeeping(failing, Feed(), troubles.append, again_s=0.01) as keeping:
        registry = Registry(keeping, clock)
        host = Speaker(H1, clock)
        registry.link_up(Reach(SITE))
        registry.hear_presence(host.heartbeat())
        async with asyncio.timeout(10):
            while not troubles:
                await asyncio.sleep(0.005)
        registry.hear_presence(host.farewell())
        failing.failing = False
        await keeping.flush()
        registry.close()
    async with database.read() as tx:
        row = await hosts.one(tx, H1)
    assert row is not None
    assert row.attendance.state == "offline"
    assert troubles[0] is down
