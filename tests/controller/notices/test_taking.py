"""Notices: kept once, acknowledged once kept, and heard by whoever watches; what the database does not take waits."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest
from api_world import MovedClock

from guestwire.controller.feed import Change, Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Said
from guestwire.controller.notices.reading import Notices
from guestwire.controller.notices.taking import WAITING, Came, NoticeTaking
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.notices import NoticeFilter, prune
from guestwire.controller.users.access import Access, NoGroups
from guestwire.controller.users.person import Binding, Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.notices import AlarmNotice, GuestNotice, Notice
from guestwire.protocol.number_ranges import NumberRanges
from guestwire.protocol.packing import pack
from guestwire.protocol.statements import Statement
from guestwire.protocol.telemetry import SpoolClass

H1, H2 = HostRef("plant", "h1"), HostRef("plant", "h2")
LOG = bytes(range(16))
ADMIN = Person("u-ada", "ada", (Binding("admin", "*"),))
OTHERS = Person("u-bo", "bo", (Binding("operator", "host:plant/h2"),))
WITHIN_S = 10.0


class Desk:
    """A NoticeTaking, what it acknowledged, and who acts on it."""

    def __init__(self, database: Database) -> None:
        self.acknowledged: list[tuple[HostRef, SpoolClass, tuple[tuple[int, int], ...]]] = []
        self.some = asyncio.Event()
        self.acted: list[Came] = []
        self.refused: list[GuestwireError] = []
        self.feed = Feed()
        self.taking = NoticeTaking(database, self._committed, [self], self.feed, MovedClock())
        self.notices = Notices(database, Access(NoGroups()), MovedClock())

    def _committed(self, ref: HostRef, log: bytes, spool_class: SpoolClass, ranges: NumberRanges) -> None:
        assert log == LOG
        self.acknowledged.append((ref, spool_class, tuple(ranges)))
        self.some.set()

    async def noticed(self, tx: Tx, came: Came) -> Iterable[Change]:
        if self.refused:
            raise self.refused.pop()
        self.acted.append(came)
        return [Change("alarm", came.notice.event, {})]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(WITHIN_S):
            while len(self.acknowledged) < count:
                self.some.clear()
                await self.some.wait()


def _said(ref: HostRef, part: str, notice: Notice) -> Said:
    statement = Statement(
        "notice", f"host:{ref.host}", notice.at, notice.seq, pack(notice.model_dump(exclude_none=True)), True
    )
    return Said(ref, statement, part, False)


def _guest(seq: int, **more: object) -> GuestNotice:
    return GuestNotice(log=LOG, seq=seq, at=1000 + seq, event="state", name="plc", uuid="u", state="running", **more)  # type: ignore[arg-type]


async def test_kept_once_and_acknowledged_each_time(database: Database) -> None:
    desk = Desk(database)
    alarm = AlarmNotice(log=LOG, seq=1, at=7, event="journal", text="full", code="JOURNAL-FULL")
    with desk.feed.subscribe() as watching:
        async with desk.taking:
            for said in (_said(H1, "guest", _guest(1)), _said(H1, "alarm", alarm), _said(H1, "guest", _guest(1))):
                assert desk.taking.hear(said)
            await desk.until(3)
            assert desk.taking.hear(_said(H1, "guest", _guest(1)))
            await desk.until(4)
        assert [change.kind for change in await watching.take()] == ["notice", "alarm", "notice", "alarm"]
    assert desk.acknowledged[:2] == [(H1, "notice", ((1, 1),)), (H1, "alarm", ((1, 1),))]
    assert [came.notice for came in desk.acted] == [_guest(1), alarm]
    newest, oldest = await desk.notices.page(ADMIN, NoticeFilter(), None, 10)
    assert (newest.notice_class, newest.document["code"], oldest.document["name"]) == ("alarm", "JOURNAL-FULL", "plc")


async def test_who_sees_which_and_clears(database: Database) -> None:
    desk = Desk(database)
    async with desk.taking:
        for ref, seq in ((H1, 1), (H2, 1), (H1, 2)):
            desk.taking.hear(_said(ref, "guest", _guest(seq)))
        await desk.until(3)
    assert [row.host for row in await desk.notices.page(OTHERS, NoticeFilter(), None, 10)] == [H2]
    assert [row.seq for row in await desk.notices.page(ADMIN, NoticeFilter(host=H1, since=1002), None, 10)] == [2]
    assert await desk.notices.page(ADMIN, NoticeFilter(classes=("audit",)), None, 10) == []
    assert [row.seq async for row in desk.notices.export(ADMIN, NoticeFilter(host=H1))] == [2, 1]
    with pytest.raises(GuestwireError, match="DENIED"):
        await desk.notices.clear(OTHERS, H1)
    assert await desk.notices.clear(ADMIN, H1) == 2
    async with database.write() as tx:
        assert await prune(tx, 1 << 50) == 1


@pytest.mark.parametrize("wrong", [{"seq": 1 << 63}, {"seq": -1}, {"at": 1 << 63}, {"at": -1}, {"log": LOG + b"x"}])
async def test_what_no_database_takes_is_refused_and_stops_nobody(database: Database, wrong: dict[str, object]) -> None:
    desk = Desk(database)
    async with desk.taking:
        with pytest.raises(GuestwireError, match="MALFORMED"):
            desk.taking.hear(_said(H1, "guest", _guest(1).model_copy(update=wrong)))
        odd = _guest(2).model_copy(update={"event": "a\0b" + "x" * 100, "name": "\0", "text": "a\0b"})
        assert desk.taking.hear(_said(H1, "guest", odd))
        await desk.until(1)
    [kept] = await desk.notices.page(ADMIN, NoticeFilter(), None, 10)
    assert (kept.event, kept.document["text"]) == ("ab" + "x" * 62, "a\0b")


async def test_a_full_queue_takes_no_more_and_what_is_no_notice_is_refused(database: Database) -> None:
    desk = Desk(database)
    for seq in range(WAITING):
        assert desk.taking.hear(_said(H1, "guest", _guest(seq)))
    assert not desk.taking.hear(_said(H1, "guest", _guest(WAITING)))
    desk = Desk(database)
    with pytest.raises(GuestwireError, match="MALFORMED"):
        desk.taking.hear(_said(H1, "weather", _guest(1)))
    with pytest.raises(GuestwireError, match="MALFORMED"):
        desk.taking.hear(Said(H1, Statement("notice", "host:h1", 1, 1, pack({"seq": "one"}), True), "guest", False))


async def test_what_the_database_does_not_take_waits(tmp_path: Path, database_dsn: str) -> None:
    from guestwire.controller.store.database import open_database

    async with open_database(database_dsn) as database:
        desk = Desk(database)
        async with desk.taking:
            async with database.write():  # a writer that has its turn keeps others waiting, and is over in time
                desk.taking.hear(_said(H1, "guest", _guest(1)))
                for _ in range(5):
                    await asyncio.sleep(0)
                assert desk.acknowledged == []
            await desk.until(1)


async def test_only_what_the_database_does_not_take_is_tried_again(database: Database) -> None:
    """Anything else would be so for ever, and keep the notices of all hosts waiting."""
    desk = Desk(database)
    async with desk.taking:
        desk.refused = [GuestwireError("DATABASE-FULL")]
        desk.taking.hear(_said(H1, "guest", _guest(1)))
        await desk.until(1)
        assert desk.taking.failure is None
        desk.refused = [GuestwireError("NOT-FOUND")]
        desk.taking.hear(_said(H1, "guest", _guest(2)))
        with pytest.raises(GuestwireError, match="NOT-FOUND"):
            async with asyncio.timeout(WITHIN_S):
                await desk.taking.task
