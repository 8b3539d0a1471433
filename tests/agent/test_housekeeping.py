"""Old jobs are forgotten, and a request that was cannot run again."""

import asyncio
from pathlib import Path
from typing import Any

from guestwire.agent import floor_note
from guestwire.agent.clock_skew import ClockSkew
from guestwire.agent.housekeeping import Housekeeping
from guestwire.agent.journal import Journal
from guestwire.agent.journal_schema import Entry, New
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.time_floor import TimeFloor, judged
from guestwire.link.clock import now
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.model.host import ClockQuality
from guestwire.protocol.executor import Executor
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import pack
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import Trust, TrustDocument

VITAL = Vital(lambda name, error: None)
TRUST = Trust(TrustDocument(site="s", rev=1, issued_at=0, signers=()))


async def nothing() -> None:
    """A host with nothing to see."""


def more(floor: TimeFloor | None = None, skew: ClockSkew | None = None, skewed: Any = None) -> dict[str, Any]:
    """What a housekeeping of no particular interest has besides."""
    return {"floor": floor or TimeFloor(), "skew": skew or ClockSkew(), "skewed": skewed or (lambda ms: None)}


async def test_pruning_raises_the_executors_watermark(tmp_path: Path) -> None:
    executor = Executor("s", "h", BY_NAME, TRUST, SigningKey(bytes(32)))
    async with JournalWriter() as writer, await Journal.open(tmp_path / "j.db", writer, now_ms=1) as journal:
        inserted = await journal.insert(
            Entry(
                issuer="a", request_id=bytes(16), operation="guest-start", effect="idempotent", lanes=(),
                body_hash=bytes(32), body=b"", reply_to="c", via="socket", accepted_ms=1, expires_ms=4_000,
                start_by_ms=2,
            )
        )  # fmt: skip
        assert isinstance(inserted, New)
        await journal.finish(inserted.seq, "SUCCEEDED", None, pack(()), now_ms=9)
        async with Housekeeping(journal, executor, lambda: "synchronised", 10, VITAL, nothing, **more()) as keeping:
            executor.clock_synchronised = False
            assert await keeping.prune() == 0, "not while nobody knows what time it is"
            executor.clock_synchronised = True
            assert await keeping.prune() == 1
        assert executor.watermark_ms == 4_000 == journal.watermark_ms
        assert await journal.get(None, bytes(16)) is None
        assert now().wall_ms > 4_000


async def test_a_journal_made_under_a_wrong_clock_gets_its_time_when_the_clock_is_set(tmp_path: Path) -> None:
    ahead = now().wall_ms + 5 * 365 * 86_400_000
    quality: list[ClockQuality] = ["unsynchronised"]
    executor = Executor("s", "h", BY_NAME, TRUST, SigningKey(bytes(32)), journal_created_ms=ahead)
    async with JournalWriter() as writer:
        opened = await Journal.open(tmp_path / "j.db", writer, now_ms=ahead, clock_synchronised=False)
        async with opened as journal:
            keeping = Housekeeping(journal, executor, lambda: quality[0], 10, VITAL, nothing, **more())
            await keeping.judge_clock()
            assert (executor.clock_synchronised, executor.journal_created_ms) == (False, ahead)
            quality[0] = "synchronised"
            async with keeping, asyncio.timeout(5):  # at once, not after the first minute
                while executor.journal_created_ms == ahead:
                    await asyncio.sleep(0)
            assert journal.created_settled
            assert executor.clock_synchronised
            assert executor.journal_created_ms == journal.created_ms <= now().wall_ms


async def test_a_defect_in_housekeeping_is_noticed(tmp_path: Path) -> None:
    died: list[str] = []
    vital = Vital(lambda name, _: died.append(name))

    def broken() -> ClockQuality:
        raise OSError("no such clock")

    executor = Executor("s", "h", BY_NAME, TRUST, SigningKey(bytes(32)))
    async with (
        JournalWriter() as writer,
        await Journal.open(tmp_path / "j.db", writer, now_ms=1) as journal,
        Housekeeping(journal, executor, broken, 10, vital, nothing, **more()),
        asyncio.timeout(5),
    ):
        await vital.until(asyncio.Event())
    assert died == ["housekeeping"]


async def test_the_host_is_looked_at_at_once_and_what_cannot_be_read_ends_nothing(tmp_path: Path) -> None:
    died: list[str] = []
    looked = asyncio.Event()

    async def look() -> None:
        looked.set()
        raise GuestwireError("DRIVER-ERROR", "no facts just now")

    ahead = now().wall_ms + 5 * 365 * 86_400_000
    executor = Executor("s", "h", BY_NAME, TRUST, SigningKey(bytes(32)), journal_created_ms=ahead)
    async with JournalWriter() as writer:
        opened = await Journal.open(tmp_path / "j.db", writer, now_ms=ahead, clock_synchronised=False)
        vital = Vital(lambda name, _error: died.append(name))
        async with (
            opened as journal, Housekeeping(journal, executor, lambda: "synchronised", 10, vital, look, **more()),
            asyncio.timeout(5),
        ):  # fmt: skip
            await looked.wait()
            while executor.journal_created_ms == ahead:  # the round goes on
                await asyncio.sleep(0)
    assert died == []


async def test_the_floor_is_kept_over_restarts_and_judges_the_next_run(tmp_path: Path) -> None:
    executor = Executor("s", "h", BY_NAME, TRUST, SigningKey(bytes(32)))
    before = now().wall_ms
    async with JournalWriter() as writer:
        async with await Journal.open(tmp_path / "j.db", writer, now_ms=1) as journal:
            floor = TimeFloor()
            judge = judged(floor, lambda: "synchronised", lambda: now().wall_ms)
            async with Housekeeping(journal, executor, judge, 10, VITAL, nothing, **more(floor)) as keeping:
                await keeping.judge_clock()
                floor.seen(first := floor.ms + 1)  # an orderly stop writes it, however little later it is
        async with await Journal.open(tmp_path / "j.db", writer, now_ms=1) as journal:
            floor = TimeFloor()
            floor_note.take_up(floor, journal, TRUST)
            assert before < first <= floor.ms <= now().wall_ms + 1
            judge = judged(floor, lambda: "synchronised", lambda: 3_000)  # 1970
            keeping = Housekeeping(journal, executor, judge, 10, VITAL, nothing, **more(floor))
            await keeping.judge_clock()
            assert not executor.clock_synchronised


async def test_a_clock_that_is_not_synchronised_raises_no_floor_and_a_trust_document_does(tmp_path: Path) -> None:
    executor = Executor("s", "h", BY_NAME, TRUST, SigningKey(bytes(32)))
    floor = TimeFloor()
    async with JournalWriter() as writer, await Journal.open(tmp_path / "j.db", writer, now_ms=1) as journal:
        qualities: list[ClockQuality] = ["unknown", "unsynchronised"]
        for quality in qualities:
            keeping = Housekeeping(journal, executor, lambda said=quality: said, 10, VITAL, nothing, **more(floor))
            await keeping.judge_clock()
            assert floor.ms == 0
        executor.trust = Trust(TrustDocument(site="s", rev=2, issued_at=700_000, signers=()))
        await keeping.judge_clock()
        assert floor.ms == 700_000
        assert journal.note(floor_note.NOTE) == (700_000).to_bytes(8, "big")
        floor.seen(700_000 + floor_note.EVERY_MS - 1)
        await keeping.judge_clock()
        assert journal.note(floor_note.NOTE) == (700_000).to_bytes(8, "big"), "a commit every ten minutes, no more"
        floor.seen(700_000 + floor_note.EVERY_MS)
        await keeping.judge_clock()
        assert journal.note(floor_note.NOTE) == (1_300_000).to_bytes(8, "big")


async def test_a_clock_that_is_far_off_is_said(tmp_path: Path) -> None:
    executor = Executor("s", "h", BY_NAME, TRUST, SigningKey(bytes(32)))
    said: list[int] = []
    skew = ClockSkew()
    async with JournalWriter() as writer, await Journal.open(tmp_path / "j.db", writer, now_ms=1) as journal:
        keeping = Housekeeping(
            journal, executor, lambda: "unsynchronised", 10, VITAL, nothing, **more(skew=skew, skewed=said.append)
        )
        await keeping.judge_clock()
        at = now()
        skew.heard("operator:anna", at.wall_ms + 3_600_000, at)
        for _ in range(3):
            await keeping.judge_clock()
    assert len(said) == 1
    assert abs(said[0] - 3_600_000) < 60_000
