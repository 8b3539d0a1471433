"""The command journal: what it promises to the agent, one promise a test."""

import asyncio
import os
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from journal_samples import NOW, entry, request_id

from guestwire.agent.journal import Journal
from guestwire.agent.journal_file import open_store
from guestwire.agent.journal_schema import FORMAT, Mismatch, New, Outdated, Progress, Running, Stored
from guestwire.agent.journal_store import JournalStore
from guestwire.agent.journal_writer import JournalWriter
from guestwire.model.errors import GuestwireError

HOUR = 3_600_000


async def _open(path: Path, writer: JournalWriter, now_ms: int = NOW) -> Journal:
    return await Journal.open(path, writer, now_ms=now_ms)


async def test_the_unique_key_decides(journal_path: Path, writer: JournalWriter) -> None:
    async with await _open(journal_path, writer) as journal:
        assert await journal.insert(entry(1)) == New(1)
        assert await journal.insert(entry(1)) == Running(1, "ACCEPTED")
        assert await journal.insert(entry(1, body_hash=b"x" * 32)) == Mismatch(1)
        assert await journal.insert(entry(1, issuer="op:bob")) == New(2)
        assert await journal.start(1, NOW)
        assert not await journal.start(1, NOW)
        assert await journal.insert(entry(1)) == Running(1, "RUNNING")
        assert await journal.finish(1, "SUCCEEDED", None, b"signed answer", now_ms=NOW + 5)
        assert not await journal.finish(1, "FAILED", "INTERNAL", b"late", now_ms=NOW + 6)
        assert await journal.insert(entry(1)) == Stored(1, "SUCCEEDED", b"signed answer")


async def test_the_same_id_and_body_for_another_operation_is_another_request(
    journal_path: Path, writer: JournalWriter
) -> None:
    """guest-start and guest-destroy of one guest have the same body."""
    async with await _open(journal_path, writer) as journal:
        assert await journal.insert(entry(1)) == New(1)
        assert await journal.insert(entry(1, operation="guest-destroy")) == Mismatch(1)
        await journal.finish(1, "SUCCEEDED", None, b"started", now_ms=NOW)
        assert await journal.insert(entry(1, operation="guest-destroy")) == Mismatch(1)


async def test_a_group_decides_like_single_calls(journal_path: Path, writer: JournalWriter) -> None:
    async with await _open(journal_path, writer) as journal:
        answers = await asyncio.gather(*(journal.insert(entry(number)) for number in (1, 1, 2, 1)))
    assert answers == [New(1), Running(1, "ACCEPTED"), New(2), Running(1, "ACCEPTED")]


async def test_everything_survives_reopening(journal_path: Path, writer: JournalWriter) -> None:
    async with await _open(journal_path, writer) as journal:
        await journal.insert(entry(1, run=True))
        await journal.insert(entry(2, lanes=("guest:a", "host")))
        await journal.insert(entry(3, final=b"no", code="OUT-OF-SCOPE"))
        await journal.insert(entry(4, via="socket", run=True))
        await journal.finish(4, "SUCCEEDED", None, b"over the socket", now_ms=NOW)
        await journal.set_note("trust-revision", b"7")
        assert [await journal.next_epoch(), await journal.next_epoch(10), await journal.next_epoch(3)] == [1, 10, 11]
    async with await _open(journal_path, writer, NOW + 1) as journal:
        assert journal.created_ms == NOW
        assert journal.moved_aside is None
        assert (journal.epoch, journal.note("trust-revision"), journal.note("other")) == (11, b"7", None)
        left = await journal.unfinished()
        assert [(row.seq, row.state, row.entry.lanes) for row in left] == [
            (1, "RUNNING", ("guest:one",)),
            (2, "ACCEPTED", ("guest:a", "host")),
        ]
        assert left[1].entry == entry(2, lanes=("guest:a", "host"))
        assert [(row.seq, row.final) for row in await journal.outbox()] == [(3, b"no")]
        refused = await journal.get("op:alice", request_id(3))
        assert refused is not None
        assert (refused.state, refused.code, refused.final) == ("REJECTED", "OUT-OF-SCOPE", b"no")


async def test_outbox_is_left_by_delivery_only(journal_path: Path, writer: JournalWriter) -> None:
    async with await _open(journal_path, writer) as journal:
        for number in (1, 2, 3):
            await journal.insert(entry(number, run=True))
        for seq in (3, 1, 2):
            await journal.finish(seq, "SUCCEEDED", None, b"f%d" % seq, now_ms=NOW)
        first = await journal.outbox(limit=2)
        assert [row.seq for row in first] == [1, 2]
        assert [row.seq for row in await journal.outbox(after_seq=2)] == [3]
        assert (first[0].reply_to, first[0].operation, first[0].request_id, first[0].final) == (
            "cli-1",
            "guest-start",
            request_id(1),
            b"f1",
        )
        journal.delivered(2)
    async with await _open(journal_path, writer) as journal:
        assert [row.seq for row in await journal.outbox()] == [1, 3]


async def test_jobs_are_listed_newest_first_with_progress(journal_path: Path, writer: JournalWriter) -> None:
    async with await _open(journal_path, writer) as journal:
        for number in (1, 2, 3):
            await journal.insert(entry(number, run=number > 1))
        await journal.finish(3, "FAILED", "WRONG-STATE", b"f", now_ms=NOW + 9)
        journal.progress(2, Progress(40, "waiting for ready", ""))
        assert [(job.seq, job.state) for job in await journal.jobs()] == [
            (3, "FAILED"),
            (2, "RUNNING"),
            (1, "ACCEPTED"),
        ]
        assert [job.seq for job in await journal.jobs(("ACCEPTED", "RUNNING"))] == [2, 1]
        assert [job.seq for job in await journal.jobs(limit=1, before_seq=3)] == [2]
        running = await journal.get(None, request_id(2))
        assert running is not None
        assert (running.progress, running.started_ms, running.final) == (
            Progress(40, "waiting for ready", ""),
            NOW,
            None,
        )
        assert await journal.get("op:bob", request_id(2)) is None
        assert await journal.get(None, request_id(9)) is None


async def test_live_jobs_are_seen_in_the_group_that_wrote_them(journal_path: Path, writer: JournalWriter) -> None:
    async with await _open(journal_path, writer) as journal:
        await journal.insert(entry(1, run=True))
        _, _, listed = await asyncio.gather(
            journal.insert(entry(2)),
            journal.finish(1, "SUCCEEDED", None, b"f", now_ms=NOW),
            journal.jobs(("ACCEPTED", "RUNNING")),
        )
        assert [job.seq for job in listed] == [2]


async def test_jobs_by_state_are_paged_newest_first_live_and_finished_alike(
    journal_path: Path, writer: JournalWriter
) -> None:
    async with await _open(journal_path, writer) as journal:
        await asyncio.gather(*(journal.insert(entry(number, run=number % 2 == 0)) for number in range(1, 13)))
        for seq, state in ((2, "FAILED"), (5, "SUCCEEDED"), (8, "FAILED"), (11, "CANCELED")):
            await journal.finish(seq, state, None, b"f", now_ms=NOW)
        wanted = ("RUNNING", "FAILED", "CANCELED")
        assert [job.seq for job in await journal.jobs(wanted)] == [12, 11, 10, 8, 6, 4, 2]
        assert [job.seq for job in await journal.jobs(wanted, limit=3, before_seq=11)] == [10, 8, 6]
        assert await journal.jobs(("REJECTED",)) == ()
        assert [job.seq for job in await journal.jobs(before_seq=1 << 62, limit=1)] == [12]


ASKED: tuple[tuple[str, Callable[[JournalStore], object]], ...] = (
    ("reported", lambda store: store.jobs(("RUNNING", "ACCEPTED"), 64, None)),
    ("by id", lambda store: store.get(None, bytes(16))),
    ("by id and issuer", lambda store: store.get("op:alice", bytes(16))),
    ("newest", lambda store: store.jobs((), 32, None)),
    ("a rare state", lambda store: store.jobs(("INDETERMINATE", "FAILED"), 50, None)),
    ("another rare state, from the middle", lambda store: store.jobs(("CANCELED",), 50, 1500)),
    ("a state of another version", lambda store: store.jobs(cast("Any", ("WAITING-REBOOT",)), 50, None)),
    ("a frequent state", lambda store: store.jobs(("SUCCEEDED",), 50, None)),
)


def test_no_question_reads_the_whole_journal(journal_path: Path) -> None:
    """The one writer thread answers them, while commands wait for it. Counted in steps of SQLite's machine."""
    store = open_store(journal_path, NOW, True, None)
    store.begin()
    for number in range(1, 3001):
        store.insert(entry(number, run=True))
        if number != 7:
            store.finish(number, "FAILED" if number == 9 else "SUCCEEDED", None, b"f", NOW)
    store.commit()
    hundreds = 0

    def count() -> int:
        nonlocal hundreds
        hundreds += 1
        return 0

    store._db.set_progress_handler(count, 100)
    for what, ask in ASKED:
        hundreds = 0
        ask(store)
        assert hundreds < 40, f"{what}: {hundreds} hundred steps"
    store.close()


async def test_a_question_that_sqlite_cannot_take_leaves_its_group_alone(
    journal_path: Path, writer: JournalWriter
) -> None:
    steps: list[str] = []
    opened = await Journal.open(
        journal_path,
        writer,
        now_ms=NOW,
        observer=lambda step, _: steps.append(step) if step == "before-insert" else None,
    )
    async with opened as journal:
        answers = await asyncio.gather(
            *(journal.insert(entry(number)) for number in range(1, 20)),
            journal.jobs(before_seq=1 << 63),
            return_exceptions=True,
        )
        assert isinstance(answers[-1], OverflowError)
        assert all(isinstance(answer, New) for answer in answers[:-1])
        assert len(steps) == 19, "nobody's insert was made twice"


async def test_when_the_journal_was_made_is_settled_once_the_clock_is(
    journal_path: Path, writer: JournalWriter
) -> None:
    opened = await Journal.open(journal_path, writer, now_ms=5 * NOW, clock_synchronised=False)
    async with opened as journal:
        assert (journal.created_ms, journal.created_settled) == (5 * NOW, False)
    async with await _open(journal_path, writer) as journal:
        assert (journal.created_ms, journal.created_settled) == (5 * NOW, False), "opening it again settles nothing"
        await journal.settle_created(NOW + 9)
        assert (journal.created_ms, journal.created_settled) == (NOW + 9, True)
        await journal.settle_created(NOW + 100)
        assert journal.created_ms == NOW + 9
    async with await _open(journal_path, writer) as journal:
        assert (journal.created_ms, journal.created_settled) == (NOW + 9, True)
        await journal.settle_created(NOW)
        assert journal.created_ms == NOW, "it cannot have been made later than now"


async def test_a_journal_made_when_the_clock_was_behind_gets_the_later_time(
    journal_path: Path, writer: JournalWriter
) -> None:
    """Else what ran before the journal was lost could run again."""
    opened = await Journal.open(journal_path, writer, now_ms=1, clock_synchronised=False)
    async with opened as journal:
        await journal.settle_created(NOW)
        assert journal.created_ms == NOW


async def test_pruning_raises_the_watermark_over_what_it_forgets(journal_path: Path, writer: JournalWriter) -> None:
    late = NOW + 10 * HOUR
    async with await _open(journal_path, writer) as journal:
        await journal.insert(entry(1, run=True))
        await journal.insert(entry(2, run=True, expires_ms=NOW + 70_000))
        await journal.insert(entry(3, run=True))
        await journal.insert(entry(4))
        for seq in (1, 2, 3):
            await journal.finish(seq, "SUCCEEDED", None, b"f", now_ms=NOW)
        journal.delivered(1)
        journal.delivered(2)
        journal._flush_delivered()
        assert await journal.prune(late, HOUR, clock_synchronised=False) == 0
        assert await journal.prune(NOW + 60_000 + HOUR - 1, HOUR, clock_synchronised=True) == 0
        assert await journal.prune(late, HOUR, clock_synchronised=True) == 2
        assert journal.watermark_ms == NOW + 70_000
        assert await journal.insert(entry(1)) == Outdated(NOW + 70_000)
        assert await journal.insert(entry(5, expires_ms=NOW + 70_000)) == Outdated(NOW + 70_000)
        # not delivered, or not finished: still known, whatever their age
        assert isinstance(await journal.insert(entry(3)), Stored)
        assert isinstance(await journal.insert(entry(4)), Running)
    async with await _open(journal_path, writer) as journal:
        assert journal.watermark_ms == NOW + 70_000


async def test_numbers_of_pruned_rows_are_not_given_out_again(journal_path: Path, writer: JournalWriter) -> None:
    async with await _open(journal_path, writer) as journal:
        await journal.insert(entry(1, via="socket", run=True))
        await journal.finish(1, "SUCCEEDED", None, b"f", now_ms=NOW)
        assert await journal.prune(NOW + HOUR, 0, clock_synchronised=True) == 1
    async with await _open(journal_path, writer) as journal:
        assert await journal.insert(entry(2, expires_ms=NOW + HOUR)) == New(2)


async def test_a_redriven_request_outlives_its_first_header(journal_path: Path, writer: JournalWriter) -> None:
    """The same id under a fresh header: pruning by the first one's `expires` would let a replay of the second run."""
    async with await _open(journal_path, writer) as journal:
        await journal.insert(entry(1, via="socket", run=True))
        await journal.finish(1, "SUCCEEDED", None, b"f", now_ms=NOW)
        redrive = replace(entry(1), expires_ms=NOW + 2 * HOUR)
        assert isinstance(await journal.insert(redrive), Stored)
        assert await journal.prune(NOW + HOUR, 0, clock_synchronised=True) == 0
        assert await journal.prune(NOW + 2 * HOUR, 0, clock_synchronised=True) == 1
        assert await journal.insert(redrive) == Outdated(NOW + 2 * HOUR)


async def test_a_second_agent_is_refused(journal_path: Path, writer: JournalWriter) -> None:
    async with await _open(journal_path, writer) as journal:
        with pytest.raises(GuestwireError) as refused:
            await _open(journal_path, writer)
        assert refused.value.code == "STATE-DIR-IN-USE"
        probe = "import sqlite3,sys; sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM job')"
        other = subprocess.run(["python3", "-c", probe, journal_path], capture_output=True, text=True, check=False)
        assert "locked" in other.stderr
        assert await journal.insert(entry(1)) == New(1)
    async with await _open(journal_path, writer) as journal:
        assert isinstance(await journal.insert(entry(1)), Running)


@pytest.mark.parametrize("damage", ["garbage", "inside"])
async def test_a_damaged_journal_is_kept_and_begun_anew(journal_path: Path, writer: JournalWriter, damage: str) -> None:
    if damage == "garbage":
        journal_path.write_bytes(b"this is no database" * 1000)
    else:
        async with await _open(journal_path, writer) as journal:
            await asyncio.gather(*(journal.insert(entry(number)) for number in range(1, 200)))
        with journal_path.open("r+b") as file:
            file.seek(5 * 2048)
            file.write(os.urandom(12 * 2048))
    before = journal_path.read_bytes()
    async with await _open(journal_path, writer, NOW + 7) as journal:
        assert journal.moved_aside is not None
        assert journal.moved_aside.read_bytes() == before
        assert journal.created_ms == NOW + 7
        assert await journal.insert(entry(1)) == New(1)


async def test_a_newer_agents_journal_is_left_alone(journal_path: Path, writer: JournalWriter) -> None:
    async with await _open(journal_path, writer):
        pass
    with sqlite3.connect(journal_path) as db:
        db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    db.close()
    before = journal_path.read_bytes()
    with pytest.raises(GuestwireError) as refused:
        await _open(journal_path, writer)
    assert refused.value.code == "JOURNAL-NEWER"
    assert journal_path.read_bytes() == before


async def test_where_no_journal_can_be_made(tmp_path: Path, writer: JournalWriter) -> None:
    with pytest.raises(GuestwireError) as refused:
        await _open(tmp_path / "no" / "such" / "folder" / "journal.db", writer)
    assert refused.value.code == "JOURNAL-FULL"


async def test_only_its_user_can_read_it(journal_path: Path, writer: JournalWriter) -> None:
    async with await _open(journal_path, writer) as journal:
        await journal.insert(entry(1))
        for file in journal_path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_defect_in_one_call_spares_its_neighbours(journal_path: Path, writer: JournalWriter) -> None:
    async with await _open(journal_path, writer) as journal:
        answers = await asyncio.gather(
            journal.insert(entry(1)),
            journal.insert(entry(2, expires_ms=1 << 70)),
            journal.insert(entry(3)),
            return_exceptions=True,
        )
        assert isinstance(answers[1], OverflowError)
        assert [type(answer) for answer in (answers[0], answers[2])] == [New, New]
        assert len(await journal.jobs()) == 2


async def test_new_requests_are_busy_when_the_queue_is_full(journal_path: Path) -> None:
    async with (
        JournalWriter(group_size=1, queue_limit=4) as writer,
        await _open(journal_path, writer) as journal,
    ):
        answers = await asyncio.gather(*(journal.insert(entry(n)) for n in range(1, 200)), return_exceptions=True)
        kept = [answer for answer in answers if isinstance(answer, New)]
        busy = [answer for answer in answers if isinstance(answer, GuestwireError) and answer.code == "BUSY"]
        assert len(kept) + len(busy) == 199
        assert kept
        assert busy
        assert busy[0].after_ms
        assert len(await journal.jobs(limit=256)) == len(kept)


async def test_many_journals_share_one_thread(tmp_path: Path, writer: JournalWriter) -> None:
    journals = [await _open(tmp_path / f"{number}.db", writer) for number in range(20)]
    answers = await asyncio.gather(*(journal.insert(entry(n)) for n in (1, 2) for journal in journals))
    assert answers == [New(1)] * 20 + [New(2)] * 20
    await asyncio.gather(*(journal.aclose() for journal in journals))


async def test_leaving_the_writer_writes_what_is_queued(journal_path: Path) -> None:
    async with JournalWriter() as writer:
        journal = await _open(journal_path, writer)
        waiting = [asyncio.ensure_future(journal.insert(entry(number))) for number in range(1, 50)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*waiting) == [New(number) for number in range(1, 50)]


# -- a disk that is really full


async def test_a_full_disk_refuses_and_loses_nothing(small_disk: Path, writer: JournalWriter) -> None:
    ballast = small_disk / "ballast"
    async with await _open(small_disk / "journal.db", writer) as journal:
        assert await journal.insert(entry(1, run=True)) == New(1)
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free))
        kept, refused = 1, 0
        for number in range(2, 200):
            (answer,) = await asyncio.gather(journal.insert(entry(number, body=bytes(8000))), return_exceptions=True)
            kept += isinstance(answer, New)
            refused += isinstance(answer, GuestwireError) and answer.code == "JOURNAL-FULL"
        assert kept + refused == 199
        assert refused > 100
        assert len(await journal.jobs(limit=256)) == kept
        burst = await asyncio.gather(
            *(journal.insert(entry(number, body=bytes(8000))) for number in range(300, 320)), return_exceptions=True
        )
        assert {type(answer) for answer in burst} == {GuestwireError}
        ballast.unlink()
        assert await journal.finish(1, "SUCCEEDED", None, b"f", now_ms=NOW)
        assert isinstance(await journal.insert(entry(199, body=bytes(8000))), New)
    async with await _open(small_disk / "journal.db", writer) as journal:
        assert journal.moved_aside is None
        assert len(await journal.jobs(limit=256)) == kept + 1
        assert [row.final for row in await journal.outbox()] == [b"f"]
