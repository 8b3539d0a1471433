"""Refusals and reads on their way into the audit log: together, counted where they are too many, never left out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit_samples import whole
from journal_samples import NOW

from guestwire.agent.audit_log import AuditLog
from guestwire.agent.audit_schema import Fields
from guestwire.agent.audit_tally import CLIENT_BURST, MOST_REFUSALS, OTHERS
from guestwire.agent.audit_writing import MOST_ROWS, AuditWriting
from guestwire.agent.journal import Journal
from guestwire.agent.journal_writer import JournalWriter
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now


def no_fields() -> Fields:
    return {}


@dataclass
class Bench:
    """A writing on a real journal, with a clock that the test moves."""

    writing: AuditWriting
    journal: Journal
    log: AuditLog
    writer: JournalWriter
    mono: list[float]
    pruned: list[int]
    left: list[int] = field(default_factory=list)

    async def rows(self, least: int = 1) -> list[dict[str, Any]]:
        """The log, once it has that many rows."""
        async with asyncio.timeout(5):
            while len(found := await whole(self.journal)) < least:
                await asyncio.sleep(0)
        return found

    async def execute(self, statement: str) -> None:
        await self.writer.submit(None, lambda: self.journal._store._db.execute(statement))


@asynccontextmanager
async def bench(
    folder: Path, log_of: Callable[[Journal], AuditLog] = lambda journal: journal.audit
) -> AsyncIterator[Bench]:
    mono, pruned, left = [0.0], [], []

    async def prune(now_ms: int) -> None:
        pruned.append(now_ms)

    def clock() -> Now:
        return Now(NOW + round(mono[0] * 1000), mono[0])

    vital = Vital(lambda name, error: None)
    async with JournalWriter() as writer, await Journal.open(folder / "j.db", writer, now_ms=NOW) as journal:
        log = log_of(journal)
        writing = AuditWriting(log, clock, vital, prune, left.append, gather_s=0)
        yield Bench(writing, journal, log, writer, mono, pruned, left)
    vital.check()


async def test_a_refused_message_has_its_row_soon(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, b.writing:
        b.writing.refused("MALFORMED", "mallory", lambda: {"operation": "guest-start", "way": "mqtt"})
        [row] = await b.rows()
        assert row == {
            "seq": 1, "at": NOW, "what": "refused", "code": "MALFORMED", "operation": "guest-start", "way": "mqtt",
            "client": "mallory",
        }  # fmt: skip
        assert b.pruned == [NOW]


async def test_a_flood_is_counted_to_the_last_message(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        async with b.writing:
            for _ in range(1000):
                b.writing.refused("BAD-SIGNATURE", "mallory", no_fields)
            rows = await b.rows(CLIENT_BURST)
            assert {row["what"] for row in rows} == {"refused"}
        *_, last = await b.rows(CLIENT_BURST + 1)
        assert (last["what"], last["code"], last["client"]) == ("refusals", "BAD-SIGNATURE", "mallory")
        assert last["count"] + CLIENT_BURST == 1000


async def test_counts_are_rows_when_they_are_due(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, b.writing:
        b.mono[0] = 100.0
        b.writing.counted("BUSY", "anna")
        b.mono[0] = 101.5  # its row is due
        b.writing.refused("MALFORMED", "anna", no_fields)  # wakes the task
        rows = await b.rows(2)
        counts = [row for row in rows if row["what"] == "refusals"]
        assert [(row["count"], row["from"], row["to"]) for row in counts] == [(1, NOW + 100_000, NOW + 100_000)]


async def test_more_clients_than_can_be_counted_are_others(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        async with b.writing:
            for n in range(500):
                b.writing.counted("BUSY", f"client-{n}")
        rows = await b.rows()
        assert len(rows) == MOST_REFUSALS + 1
        assert (rows[-1]["client"], sum(row["count"] for row in rows)) == (OTHERS, 500)


async def test_reads_are_counted_and_written_at_the_end_too(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        async with b.writing:
            for outcome in ("ok", "ok", "NOT-FOUND"):
                b.writing.read("operator:anna", "guest-show", "mqtt", outcome, Now(NOW, 0.0))
        said = [(row["what"], row["principal"], row["operation"], row["code"], row["count"]) for row in await b.rows(2)]
        assert said == [
            ("reads", "operator:anna", "guest-show", "ok", 2),
            ("reads", "operator:anna", "guest-show", "NOT-FOUND", 1),
        ]


async def test_a_full_disk_is_tried_again_and_nothing_is_left_out(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'full'); END")
        async with b.writing:
            for n in range(MOST_ROWS + 100):
                b.mono[0] += 1.0
                b.writing.refused("MALFORMED", f"client-{n % 50}", no_fields)
                b.writing.counted("BUSY", "anna")
                b.writing.read("operator:anna", "guest-show", "mqtt", "ok", Now(NOW, 0.0))
                await asyncio.sleep(0)
            await b.execute("DROP TRIGGER full")
        rows = await b.rows()
        refused = sum(row.get("count", 1) for row in rows if row.get("code") == "MALFORMED")
        counted = {row["code"]: row["count"] for row in rows if row.get("code") in ("BUSY", "ok")}
        assert refused == MOST_ROWS + 100
        assert counted == {"BUSY": MOST_ROWS + 100, "ok": MOST_ROWS + 100}
        assert b.left == []


class Failing(AuditLog):
    """A log that takes nothing the first time."""

    __slots__ = ("failed",)

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal._store, journal._writer)
        self.failed = asyncio.Event()

    async def extend(self, rows: Sequence[tuple[int, Fields]]) -> None:
        if not self.failed.is_set():
            assert {fields["what"] for _, fields in rows} == {"refused", "refusals", "reads"}
            self.failed.set()
            raise GuestwireError("JOURNAL-FULL")
        await super().extend(rows)


async def test_counts_that_the_disk_did_not_take_are_counted_on(tmp_path: Path) -> None:
    async with bench(tmp_path, Failing) as b:
        assert isinstance(b.log, Failing)
        for _ in range(2):
            b.writing.counted("BUSY", "anna")
            b.writing.read("operator:anna", "guest-show", "mqtt", "ok", Now(NOW, 0.0))
        b.writing.refused("MALFORMED", "anna", no_fields)
        b.mono[0] = 100.0  # all of it is due
        async with b.writing:
            async with asyncio.timeout(5):
                await b.log.failed.wait()
            b.writing.counted("BUSY", "anna")
        rows = await b.rows(3)
    counted = {(row["what"], row["code"]): row.get("count") for row in rows}
    assert counted == {("refused", "MALFORMED"): None, ("refusals", "BUSY"): 3, ("reads", "ok"): 2}


async def test_a_disk_that_takes_nothing_at_the_end_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'full'); END")
        async with b.writing:
            b.writing.refused("MALFORMED", "mallory", no_fields)
        assert b.left == [1]
