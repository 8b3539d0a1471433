"""The audit log in the journal's file: rows in the same commits as the requests, one chain whatever fails, and bounded."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from audit_samples import whole
from journal_samples import NOW, entry, request_id

from guestwire.agent.audit_schema import Fields
from guestwire.agent.journal import Journal
from guestwire.agent.journal_schema import FORMAT, Mismatch, New, Running, Stored
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.mandate_uses import MandateUse
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.audit import first_hash
from guestwire.protocol.packing import unpack

DAY = 86_400_000


@pytest_asyncio.fixture
async def journal(journal_path: Path, writer: JournalWriter) -> AsyncIterator[Journal]:
    async with await Journal.open(journal_path, writer, now_ms=NOW) as opened:
        yield opened


def read(text: str, number: int = 1) -> tuple[int, Fields]:
    return NOW, {"what": "reads", "code": text, "count": number}


def brief(rows: Sequence[dict[str, Any]], *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(row.get(field) for field in fields) for row in rows]


async def _executed(writer: JournalWriter, journal: Journal, *statements: str) -> None:
    """SQL on the journal's own connection: nobody else may open the file."""

    def execute() -> None:
        for statement in statements:
            journal._store._db.execute(statement)

    await writer.submit(None, execute)


# -- with the requests


async def test_a_request_has_a_row_when_it_is_accepted_and_one_when_it_ends(journal: Journal) -> None:
    await journal.insert(entry(1, keys=("00ff",), target="web", mandate=MandateUse(b"\xaa", 1, NOW + 1, b"bytes")))
    await journal.start(1, NOW + 1)
    await journal.finish(1, "FAILED", "TIMED-OUT", b"final", now_ms=NOW + 2)
    asked = {
        "principal": "op:alice", "operation": "guest-start", "request": ids.text(request_id(1)), "way": "mqtt",
        "client": "cli-1",
    }  # fmt: skip
    assert await whole(journal) == [
        {"seq": 1, "at": NOW, "what": "accepted", **asked, "keys": ("00ff",), "target": "web", "mandate": "aa"},
        {"seq": 2, "at": NOW + 2, "what": "ended", "state": "FAILED", "code": "TIMED-OUT", **asked},
    ]


async def test_a_request_that_was_refused_for_good_has_one_row(journal: Journal) -> None:
    await journal.insert(entry(1, final=b"no", code="INVALID-BODY", via="socket"))
    assert brief(await whole(journal), "what", "code", "way") == [("refused", "INVALID-BODY", "socket")]


async def test_what_changes_nothing_has_no_row(journal: Journal) -> None:
    assert await journal.insert(entry(1)) == New(1)
    assert await journal.insert(entry(1)) == Running(1, "ACCEPTED")
    assert await journal.insert(entry(1, body_hash=b"x" * 32)) == Mismatch(1)
    assert await journal.finish(1, "SUCCEEDED", None, b"final", now_ms=NOW)
    assert not await journal.finish(1, "FAILED", "INTERNAL", b"late", now_ms=NOW)
    assert await journal.insert(entry(1)) == Stored(1, "SUCCEEDED", b"final")
    assert brief(await whole(journal), "what", "state") == [("accepted", None), ("ended", "SUCCEEDED")]


async def test_without_its_row_a_request_is_not_accepted(journal: Journal, writer: JournalWriter) -> None:
    await journal.insert(entry(1))
    await _executed(
        writer, journal, "CREATE TEMP TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'full'); END"
    )
    for call in (journal.insert(entry(2)), journal.finish(1, "SUCCEEDED", None, b"final", now_ms=NOW)):
        with pytest.raises(GuestwireError, match="JOURNAL-FULL"):
            await call
    assert await journal.get(None, request_id(2)) is None
    assert [row.seq for row in await journal.unfinished()] == [1]
    await _executed(writer, journal, "DROP TRIGGER full")
    await journal.insert(entry(2))
    await journal.finish(1, "SUCCEEDED", None, b"final", now_ms=NOW)
    assert brief(await whole(journal), "what") == [("accepted",), ("accepted",), ("ended",)]


async def test_a_group_that_fails_leaves_one_chain(journal_path: Path, writer: JournalWriter) -> None:
    """One of many in a commit is refused by the database: the others are done again, each by itself."""
    async with await Journal.open(journal_path, writer, now_ms=NOW) as journal:
        await _executed(
            writer, journal,
            "CREATE TEMP TRIGGER bad BEFORE INSERT ON job WHEN new.issuer = 'bad'"
            " BEGIN SELECT RAISE(ROLLBACK, 'bad'); END",
        )  # fmt: skip
        calls = [journal.insert(entry(n, issuer="bad" if n % 5 == 0 else "op:alice")) for n in range(1, 21)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(outcome, GuestwireError) for outcome in outcomes) == 4
        rows = await whole(journal)
        assert [row["request"] for row in rows] == [ids.text(request_id(n)) for n in range(1, 21) if n % 5]
    async with await Journal.open(journal_path, writer, now_ms=NOW) as journal:
        assert await whole(journal) == rows


async def test_a_log_goes_on_where_it_was(journal_path: Path, writer: JournalWriter) -> None:
    made = set()
    for number in range(1, 4):
        async with await Journal.open(journal_path, writer, now_ms=NOW) as journal:
            made.add(journal.audit.id)
            await journal.insert(entry(number))
            assert [row["seq"] for row in await whole(journal)] == list(range(1, number + 1))
    assert len(made) == 1
    async with await Journal.open(journal_path.with_name("other.db"), writer, now_ms=NOW) as journal:
        assert journal.audit.id not in made
        assert await whole(journal) == []


# -- migration


async def test_a_journal_of_format_2_gets_a_log(journal_path: Path, writer: JournalWriter) -> None:
    old = sqlite3.connect(journal_path, isolation_level=None)
    old.execute("PRAGMA journal_mode = WAL")
    old.executescript((Path(__file__).parent / "journal_format_2.sql").read_text())
    before = old.execute("SELECT * FROM job ORDER BY seq").fetchall()
    old.close()
    async with await Journal.open(journal_path, writer, now_ms=NOW) as journal:
        assert (journal.moved_aside, journal.note("trust-revision"), journal.epoch) == (None, b"7", 1)
        assert [(row.seq, row.entry) for row in await journal.unfinished()] == [(1, entry(1))]
        assert await whole(journal) == []
        await journal.finish(1, "SUCCEEDED", None, b"final", now_ms=NOW)
        assert brief(await whole(journal), "seq", "what", "principal") == [(1, "ended", "op:alice")]
        log = journal.audit.id
    async with await Journal.open(journal_path, writer, now_ms=NOW) as journal:
        assert journal.audit.id == log
    new = sqlite3.connect(journal_path)
    assert new.execute("PRAGMA user_version").fetchone() == (FORMAT,)
    assert [row[:-1] for row in new.execute("SELECT * FROM job WHERE seq = 2")] == before[1:]
    new.close()


# -- pages


async def test_pages_go_up_and_down(journal: Journal) -> None:
    await journal.audit.extend([read(f"C{n}") for n in range(1, 11)])

    async def numbers(after: int | None, before: int | None, limit: int) -> tuple[list[int], int | None]:
        page = await journal.audit.page(after, before, limit, {})
        return [unpack(row)["seq"] for row, _ in page.rows], page.next

    assert await numbers(0, None, 4) == ([1, 2, 3, 4], 4)
    assert await numbers(8, None, 4) == ([9, 10], None)
    assert await numbers(10, None, 4) == ([], None)
    assert await numbers(1 << 53, None, 4) == ([], None)
    assert await numbers(None, None, 4) == ([7, 8, 9, 10], 7)
    assert await numbers(None, 7, 4) == ([3, 4, 5, 6], 3)
    assert await numbers(None, 3, 4) == ([1, 2], None)
    first = await journal.audit.page(0, None, 4, {})
    assert first.previous == first_hash(journal.audit.id)
    assert (await journal.audit.page(4, None, 4, {})).previous == first.rows[-1][1]


async def test_only_rows_that_have_what_is_wanted(journal: Journal) -> None:
    rows = [read("OK"), read("NO"), (NOW, {"what": "reads", "client": "code\xa2OK"}), read("OKAY"), read("OK")]
    await journal.audit.extend(rows)
    page = await journal.audit.page(0, None, 10, {"code": "OK"})
    assert [unpack(row)["seq"] for row, _ in page.rows] == [1, 5]
    page = await journal.audit.page(None, None, 1, {"code": "OK", "what": "reads"})
    assert ([unpack(row)["seq"] for row, _ in page.rows], page.next) == ([5], 5)
    assert (await journal.audit.page(0, None, 10, {"code": "OK", "what": "gap"})).rows == ()


async def test_a_search_goes_on_where_it_stopped_looking(journal: Journal) -> None:
    await journal.audit.extend([read("first"), *[read("other")] * 9000, read("last")])
    found, after = [], 0
    while True:
        page = await journal.audit.page(after, None, 5, {"code": "last"})
        found += [unpack(row)["seq"] for row, _ in page.rows]
        if page.next is None:
            break
        assert page.next - after <= 4096
        after = page.next
    assert found == [9002]
    page = await journal.audit.page(None, None, 5, {"code": "first"})
    assert (page.rows, page.next) == ((), 9003 - 4096)


# -- acknowledging and dropping


async def test_acknowledging_goes_up_only_and_names_the_log(journal_path: Path, writer: JournalWriter) -> None:
    async with await Journal.open(journal_path, writer, now_ms=NOW) as journal:
        log = journal.audit
        await log.extend([read("OK")] * 10)
        assert [await log.acknowledge(log.id, upto) for upto in (4, 2, 4, 7)] == [4, 4, 4, 7]
        for wrong, upto in ((bytes(16), 7), (log.id, 11)):
            with pytest.raises(GuestwireError, match="NOT-FOUND"):
                await log.acknowledge(wrong, upto)
    async with await Journal.open(journal_path, writer, now_ms=NOW) as journal:
        assert (await journal.audit.page(0, None, 1, {})).standing.acknowledged == 7


async def test_a_full_log_drops_its_oldest_and_says_so(journal_path: Path, writer: JournalWriter) -> None:
    quota = 64 * 1024
    async with await Journal.open(journal_path, writer, now_ms=NOW, audit_quota=quota) as journal:
        await journal.audit.extend([read("x" * 100)] * 200)
        await journal.audit.acknowledge(journal.audit.id, 100)
        await journal.audit.extend([read("x" * 100)] * 600)
        rows = await whole(journal)
        standing = (await journal.audit.page(0, None, 1, {})).standing
    gaps = [row for row in rows if row["what"] == "gap"]
    last = gaps[-1]
    assert 0.9 * quota < standing.size < 1.1 * quota
    assert (last["to"], last["hash"], last["why"]) == (rows[0]["seq"] - 1, standing.oldest_previous.hex(), "full")
    assert all(gap["count"] == gap["to"] - gap["from"] + 1 for gap in gaps)
    assert last["unacknowledged"] == last["count"]
    async with await Journal.open(journal_path, writer, now_ms=NOW, audit_quota=quota) as journal:
        assert (await journal.audit.page(0, None, 1, {})).standing == standing
        assert await whole(journal) == rows


async def test_what_goes_first_was_acknowledged(journal: Journal, writer: JournalWriter) -> None:
    await journal.audit.extend([read("x" * 100)] * 20)
    await journal.audit.acknowledge(journal.audit.id, 10)
    await writer.submit(journal._store, journal._store.audit._drop, 12, NOW, "full")
    *_, gap = await whole(journal)
    assert (gap["from"], gap["to"], gap["count"], gap["unacknowledged"]) == (1, 12, 12, 2)


async def test_acknowledged_rows_are_kept_their_time(journal: Journal) -> None:
    days = [(NOW + day * DAY, read("OK")[1]) for day in range(10)]
    await journal.audit.extend(days)
    await journal.audit.acknowledge(journal.audit.id, 6)
    assert await journal.audit.prune(NOW + 8 * DAY, 8) == 0
    assert await journal.audit.prune(NOW + 9 * DAY, 8) == 0  # a day's grace, so that it is done once a day at most
    assert await journal.audit.prune(NOW + 9 * DAY + 1, 8) == 2
    rows = await whole(journal)
    assert brief([rows[0], rows[-1]], "seq", "what", "to", "why") == [(3, "reads", None, None), (11, "gap", 2, "old")]
    assert await journal.audit.prune(NOW + 99 * DAY, 8) == 4  # and what nobody has acknowledged stays
    assert [row["seq"] for row in await whole(journal)] == [7, 8, 9, 10, 11, 12]


async def test_a_log_is_never_empty_again(journal: Journal) -> None:
    await journal.audit.extend([read("OK")])
    await journal.audit.acknowledge(journal.audit.id, 1)
    assert await journal.audit.prune(NOW + 99 * DAY, 1) == 0
    await journal.audit.extend([read("OK")] * 3000)
    await journal.audit.acknowledge(journal.audit.id, 3001)
    assert await journal.audit.prune(NOW + 99 * DAY, 1) == 3001
    assert brief(await whole(journal), "seq", "what") == [(3002, "gap"), (3003, "gap"), (3004, "gap")]
