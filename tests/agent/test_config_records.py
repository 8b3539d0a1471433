"""The records of configuration changes: what they promise to the agent, one promise a test."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from config_samples import STEPS, change, content, revision
from journal_samples import NOW, entry

from guestwire.agent.config_records import PAGE, ConfigRecords
from guestwire.agent.config_records_schema import CONFIG_STEPS, ChangeRow, Phase, RevisionRow, StepRow
from guestwire.agent.journal import Journal
from guestwire.agent.journal_file import open_store
from guestwire.agent.journal_schema import FORMAT, New, Step
from guestwire.agent.journal_writer import JournalWriter
from guestwire.model.errors import GuestwireError


async def _open(path: Path, writer: JournalWriter) -> Journal:
    return await Journal.open(path, writer, now_ms=NOW)


@pytest.fixture
async def config(journal_path: Path, writer: JournalWriter) -> AsyncIterator[ConfigRecords]:
    async with await _open(journal_path, writer) as journal:
        yield journal.config


def _known(config: ConfigRecords) -> tuple[RevisionRow | None, ChangeRow | None]:
    """What is known without asking the disk."""
    return config.newest, config.under_way


async def _kept(config: ConfigRecords, number: int, keep: int = 10) -> bool:
    """A change without steps that ends as revision `number`."""
    await config.begin(change(number), ())
    return await config.commit(revision(number), b"document %d" % number, keep=keep)


async def test_a_new_journal_has_no_configuration(config: ConfigRecords) -> None:
    assert _known(config) == (None, None)
    assert await config.change() is None
    assert await config.revisions(10) == ()
    assert await config.document(None) is None
    assert not await config.set_phase("confirm", confirm_by_ms=NOW)
    assert not await config.take_undo(NOW)
    assert not await config.commit(revision(1), b"", keep=1)
    await config.drop()
    assert config.newest is None


async def test_a_change_is_kept_with_its_steps_until_it_is_a_revision(
    journal_path: Path, writer: JournalWriter
) -> None:
    begun = change(4, confirm_s=30, confirm_by_ms=NOW + 30_000, options=b"\x00\xff", comment="more memory")
    async with await _open(journal_path, writer) as journal:
        config = journal.config
        await config.put_revision(revision(3, origin="first"), b"first", keep=5)
        await config.begin(begun, STEPS)
        assert (config.newest, config.under_way) == (revision(3, origin="first"), begun)
        await config.step_started(0, b"remove a")
        await config.step_done(0)
        await config.step_started(1, b"old xml")
    async with await _open(journal_path, writer) as journal:
        config = journal.config
        assert _known(config) == (revision(3, origin="first"), begun)
        assert await config.change() == (
            begun,
            (
                StepRow(0, "disk-create", b"/images/a", b"remove a", "done"),
                StepRow(1, "guest-define", b"<domain/>", b"old xml", "started"),
                StepRow(2, "guest-tune", b"", None, "planned"),
            ),
        )
        assert await config.commit(revision(4), b"second", keep=5)
        assert _known(config) == (revision(4), None)
        assert await config.change() is None
    async with await _open(journal_path, writer) as journal:
        assert _known(journal.config) == (revision(4), None)
        assert await journal.config.document(None) == (revision(4), b"second")
        assert await journal.config.document(3) == (revision(3, origin="first"), b"first")
        await journal.config.begin(change(5), STEPS[:1])
        found = await journal.config.change()
        assert found is not None
        assert found[1] == (StepRow(0, "disk-create", b"/images/a", None, "planned"),), "no step of the last change"


async def test_one_change_at_a_time(config: ConfigRecords) -> None:
    answers = await asyncio.gather(
        config.begin(change(1), STEPS),
        config.begin(change(2), ()),
        config.put_revision(revision(1), b"", keep=1),
        return_exceptions=True,
    )
    assert answers[0] is None
    assert [answer.code for answer in answers[1:] if isinstance(answer, GuestwireError)] == ["HOST-BUSY", "HOST-BUSY"]
    found = await config.change()
    assert found is not None
    assert (found[0], len(found[1]), config.newest) == (change(1), 3, None)


async def test_an_undone_change_leaves_the_revision_as_it_was(config: ConfigRecords) -> None:
    await config.put_revision(revision(1), b"first", keep=5)
    await config.begin(change(1), STEPS)
    await config.step_started(0, b"undo")
    assert await config.set_phase("undoing")
    await config.step_undone(0)
    assert not await config.commit(revision(2), b"second", keep=5)
    assert config.under_way == change(1, phase="undoing")
    await config.drop()
    assert _known(config) == (revision(1), None)
    assert (await content(config)).revisions == ((revision(1), b"first"),)


@pytest.mark.parametrize("undo_first", [True, False])
@pytest.mark.parametrize("now", [NOW - 1, NOW, NOW + 1])
async def test_a_change_is_confirmed_or_undone_never_both(config: ConfigRecords, now: int, undo_first: bool) -> None:
    await config.begin(change(1, confirm_s=10, confirm_by_ms=NOW), STEPS)
    assert not await config.take_undo(NOW + 100), "its steps are being done"
    await config.set_phase("confirm")
    calls = [config.commit(revision(2), b"second", keep=5), config.take_undo(now)]
    first, second = await asyncio.gather(*(reversed(calls) if undo_first else calls))
    undone = undo_first and now >= NOW
    assert (first, second) == (undone or not undo_first, undo_first and not undone)
    wanted = (None, change(1, phase="undoing", confirm_s=10, confirm_by_ms=NOW))
    assert _known(config) == (wanted if undone else (revision(2), None))


@pytest.mark.parametrize("phase", ["forward", "confirm", "reboot"])
async def test_what_is_being_undone_has_no_way_back(config: ConfigRecords, phase: Phase) -> None:
    await config.begin(change(1), STEPS)
    await config.step_started(0, b"undo")
    await config.set_phase("undoing")
    assert not await config.set_phase(phase, confirm_by_ms=NOW)
    assert await config.set_phase("undoing"), "an undo that goes on after a crash"
    with pytest.raises(RuntimeError, match="undoing"):
        await config.step_started(1, b"undo")
    assert config.under_way == change(1, phase="undoing")


async def test_waiting_for_a_confirmation_has_a_deadline(config: ConfigRecords) -> None:
    await config.begin(change(1), ())
    with pytest.raises(ValueError, match="until when"):
        await config.set_phase("confirm")
    assert config.under_way == change(1)
    assert await config.set_phase("reboot", confirm_by_ms=NOW + 5)
    assert await config.set_phase("confirm")
    assert config.under_way == change(1, phase="confirm", confirm_by_ms=NOW + 5)


MOVES = (
    (("started",), "started"),
    (("started", "started"), "started"),
    (("started", "done"), "done"),
    (("started", "done", "done"), "done"),
    (("started", "undone"), "undone"),
    (("started", "done", "undone", "undone"), "undone"),
    (("done",), None),
    (("undone",), None),
    (("started", "done", "started"), None),
    (("started", "undone", "started"), None),
    (("started", "undone", "done"), None),
)


@pytest.mark.parametrize(("moves", "state"), MOVES)
async def test_the_ways_of_a_step(config: ConfigRecords, moves: tuple[str, ...], state: str | None) -> None:
    """Telling the same twice does no harm: the first answer may have been lost."""

    async def move(name: str) -> None:
        await getattr(config, f"step_{name}")(1, *([b"undo"] if name == "started" else ()))

    await config.begin(change(1), STEPS)
    for name in moves[:-1]:
        await move(name)
    if state is None:
        with pytest.raises(RuntimeError, match="step 1"):
            await move(moves[-1])
        return
    await move(moves[-1])
    found = await config.change()
    assert found is not None
    assert [step.state for step in found[1]] == ["planned", state, "planned"]
    assert found[1][1].undo == b"undo"


async def test_a_step_that_is_not_there(config: ConfigRecords) -> None:
    with pytest.raises(RuntimeError, match="unknown"):
        await config.step_started(0, b"")
    await config.begin(change(1), STEPS)
    with pytest.raises(RuntimeError, match="unknown"):
        await config.step_started(3, b"")


async def test_revisions_are_listed_newest_first_in_pages_without_gaps(config: ConfigRecords) -> None:
    for number in (1, 2, 5, 7):
        assert await _kept(config, number)
    assert [row.number for row in await config.revisions(2)] == [7, 5]
    assert [row.number for row in await config.revisions(2, before=5)] == [2, 1]
    assert await config.revisions(2, before=1) == ()
    assert [row.number for row in await config.revisions(0)] == [7]
    assert len(await config.revisions(10 * PAGE)) == 4
    assert await config.document(6) is None


async def test_numbers_only_go_up_also_after_pruning(journal_path: Path, writer: JournalWriter) -> None:
    async with await _open(journal_path, writer) as journal:
        config = journal.config
        for number in (1, 2, 3, 4):
            assert await _kept(config, number, keep=2)
        assert [row.number for row in await config.revisions(10)] == [4, 3]
        await config.put_revision(revision(5), b"", keep=1)
    async with await _open(journal_path, writer) as journal:
        config = journal.config
        assert [row.number for row in await config.revisions(10)] == [5]
        for number in (1, 5):
            with pytest.raises(GuestwireError) as refused:
                await config.put_revision(revision(number), b"", keep=1)
            assert (refused.value.code, refused.value.detail) == ("BASE-REVISION", {"active": 5})
        await config.begin(change(5), STEPS)
        with pytest.raises(GuestwireError, match="BASE-REVISION"):
            await config.commit(revision(5), b"", keep=1)
        assert _known(config) == (revision(5), change(5))
        for keep in (0, -1):
            with pytest.raises(ValueError, match="keep"):
                await config.commit(revision(6), b"", keep=keep)


async def test_requests_and_records_share_groups_and_errors_stay_with_who_made_them(
    journal_path: Path, writer: JournalWriter
) -> None:
    async with await _open(journal_path, writer) as journal:
        answers = await asyncio.gather(
            journal.insert(entry(1)),
            journal.config.begin(change(1), STEPS),
            journal.config.begin(change(2), STEPS),
            journal.config.step_done(0),
            journal.config.begin(change(1, base_revision=1 << 70), ()),
            journal.insert(entry(2)),
            return_exceptions=True,
        )
        assert (answers[0], answers[1], answers[5]) == (New(1), None, New(2))
        assert [type(answer) for answer in answers[2:5]] == [GuestwireError, RuntimeError, OverflowError]
        assert journal.config.under_way == change(1)


async def test_the_observer_is_told_before_and_after_every_commit(journal_path: Path, writer: JournalWriter) -> None:
    told: list[tuple[Step, int]] = []
    known: list[Any] = []

    def observer(step: Step, number: int) -> None:
        told.append((step, number))
        known.append(_known(journal.config))

    journal = await Journal.open(journal_path, writer, now_ms=NOW, observer=observer)
    async with journal:
        config = journal.config
        await config.begin(change(6), STEPS)
        await config.step_started(2, b"")
        await config.step_done(2)
        await config.step_undone(2)
        await config.commit(revision(7), b"", keep=1)
        await config.begin(change(7), ())
        await config.drop()
    assert told[:10] == list(zip(CONFIG_STEPS[:10], (6, 6, 2, 2, 2, 2, 2, 2, 7, 7), strict=True))
    assert told[12:] == list(zip(CONFIG_STEPS[10:], (7, 7), strict=True))
    assert (known[0], known[1]) == ((None, None), (None, change(6))), "memory follows the commit"
    assert (known[8], known[9]) == ((None, change(6)), (revision(7), None))


def test_no_question_reads_all_revisions(journal_path: Path) -> None:
    """The one writer thread answers, while commands wait for it. Counted in steps of SQLite's machine."""
    store = open_store(journal_path, NOW, True, None)
    store.begin()
    for number in range(1, 3001):
        store.config.put_revision(revision(number), b"document", 5000)
    store.commit()
    hundreds = 0

    def count() -> int:
        nonlocal hundreds
        hundreds += 1
        return 0

    store._db.set_progress_handler(count, 100)
    assert [row.number for row in store.config.revisions(50, 1500)] == list(range(1499, 1449, -1))
    assert store.config.document(None) == (revision(3000), b"document")
    assert store.config.document(7) == (revision(7), b"document")
    assert hundreds < 40
    store.close()


# -- files of other formats

FORMAT_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE job (
  seq         INTEGER PRIMARY KEY,
  issuer      TEXT NOT NULL,
  request_id  BLOB NOT NULL,
  state       TEXT NOT NULL,
  delivered   INTEGER NOT NULL,
  expires_ms  INTEGER NOT NULL,
  accepted_ms INTEGER NOT NULL,
  start_by_ms INTEGER NOT NULL,
  started_ms  INTEGER,
  finished_ms INTEGER,
  operation   TEXT NOT NULL,
  effect      TEXT NOT NULL,
  lanes       TEXT NOT NULL,
  reply_to    TEXT NOT NULL,
  via         TEXT NOT NULL,
  body_hash   BLOB NOT NULL,
  code        TEXT,
  body        BLOB,
  final       BLOB
);
CREATE UNIQUE INDEX job_request ON job (request_id, issuer);
CREATE INDEX job_prunable ON job (expires_ms) WHERE delivered = 1;
CREATE INDEX job_ended ON job (state) WHERE finished_ms IS NOT NULL;
INSERT INTO meta VALUES ('created_ms', 1600000000000), ('created_settled', 1), ('epoch', 12), ('watermark_ms', 1650000000000),
  ('pruned_to', 1), ('note:trust-revision', x'37');
INSERT INTO job VALUES
  (2, 'op:alice', x'00000000000000000000000000000001', 'ACCEPTED', 0, 1700000060000, 1700000000000, 1700000030000, NULL, NULL,
   'guest-start', 'idempotent', 'guest:one', 'cli-1', 'mqtt',
   x'6868686868686868686868686868686868686868686868686868686868686868', NULL, x'626f64792031', NULL),
  (3, 'op:alice', x'00000000000000000000000000000002', 'SUCCEEDED', 0, 1700000060000, 1700000000000, 1700000030000,
   1700000000000, 1700000000005, 'guest-start', 'once', 'guest:one,host', 'cli-1', 'mqtt',
   x'6868686868686868686868686868686868686868686868686868686868686868', NULL, NULL, x'66696e616c'),
  (4, 'op:bob', x'00000000000000000000000000000002', 'REJECTED', 1, 1700000060000, 1700000000000, 1700000030000,
   NULL, 1700000000000, 'guest-start', 'once', '', 'cli-2', 'socket',
   x'6868686868686868686868686868686868686868686868686868686868686868', 'DENIED', NULL, x'6e6f');
PRAGMA user_version = 1;
"""
"""A journal as the agent before this format made it."""


def _format_1(path: Path, more: str = "") -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA page_size = 2048")
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(FORMAT_1 + more)
    db.close()


def _of_file(path: Path, question: str) -> list[Any]:
    db = sqlite3.connect(path)
    rows = db.execute(question).fetchall()
    db.close()
    return rows


async def test_a_journal_of_format_1_keeps_every_request(journal_path: Path, writer: JournalWriter) -> None:
    _format_1(journal_path)
    before = _of_file(journal_path, "SELECT * FROM job ORDER BY seq")
    async with await _open(journal_path, writer) as journal:
        assert (journal.created_ms, journal.epoch, journal.watermark_ms) == (1600000000000, 12, 1650000000000)
        assert (journal.moved_aside, journal.note("trust-revision")) == (None, b"7")
        (live,) = await journal.unfinished()
        assert (live.seq, live.state, live.entry) == (2, "ACCEPTED", entry(1))
        assert [(row.seq, row.final) for row in await journal.outbox()] == [(3, b"final")]
        assert [(row.seq, row.state) for row in await journal.jobs()] == [
            (4, "REJECTED"),
            (3, "SUCCEEDED"),
            (2, "ACCEPTED"),
        ]
        assert _known(journal.config) == (None, None)
        await journal.config.begin(change(1), STEPS)
    kept = _of_file(journal_path, "SELECT * FROM job ORDER BY seq")
    assert [row[:-1] for row in kept] == before  # a later format has a column more
    assert _of_file(journal_path, "PRAGMA user_version") == [(FORMAT,)]
    async with await _open(journal_path, writer) as journal:
        assert journal.config.under_way == change(1)
        assert await journal.insert(entry(3)) == New(5)


async def test_a_migrated_file_and_a_new_one_are_alike(tmp_path: Path, writer: JournalWriter) -> None:
    _format_1(tmp_path / "old.db")
    for name in ("old.db", "new.db"):
        async with await _open(tmp_path / name, writer):
            pass
    question = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"
    assert _of_file(tmp_path / "old.db", question) == _of_file(tmp_path / "new.db", question)


async def test_a_migration_that_fails_changes_nothing(journal_path: Path, writer: JournalWriter) -> None:
    """It fails at the last of the tables, for somebody has put one of that name there."""
    _format_1(journal_path, "CREATE TABLE step (mine);")
    question = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
    with pytest.raises(GuestwireError) as refused:
        await _open(journal_path, writer)
    assert refused.value.code == "JOURNAL-FULL"
    assert "step already exists" in str(refused.value.detail["reason"])
    assert _of_file(journal_path, question) == [("job",), ("meta",), ("step",)]
    assert _of_file(journal_path, "PRAGMA user_version") == [(1,)]
    db = sqlite3.connect(journal_path)
    db.execute("DROP TABLE step")
    db.close()
    async with await _open(journal_path, writer) as journal:
        assert len(await journal.jobs()) == 3


async def test_a_journal_of_a_later_format_is_left_alone(journal_path: Path, writer: JournalWriter) -> None:
    _format_1(journal_path, f"PRAGMA user_version = {FORMAT + 1};")
    before = journal_path.read_bytes()
    with pytest.raises(GuestwireError) as refused:
        await _open(journal_path, writer)
    assert (refused.value.code, refused.value.detail["format"]) == ("JOURNAL-NEWER", FORMAT + 1)
    assert journal_path.read_bytes() == before


# -- a disk that is really full


async def _until_full(config: ConfigRecords) -> None:
    """Write until the disk takes no more."""
    for _ in range(200):
        await config.step_started(0, bytes(8000))


async def test_a_full_disk_refuses_and_the_change_goes_on_when_there_is_room(
    small_disk: Path, writer: JournalWriter
) -> None:
    ballast = small_disk / "ballast"
    async with await _open(small_disk / "journal.db", writer) as journal:
        config = journal.config
        await config.put_revision(revision(1), b"first", keep=3)
        await config.begin(change(1), STEPS)
        await config.step_started(0, b"undo")
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free))
        with pytest.raises(GuestwireError, match="JOURNAL-FULL"):
            await _until_full(config)
        before = await content(config)
        for call in (config.commit(revision(2), bytes(8000), keep=3), config.step_started(1, bytes(8000))):
            with pytest.raises(GuestwireError, match="JOURNAL-FULL"):
                await call
        assert _known(config) == (revision(1), change(1)), "memory is not ahead of the disk"
        assert await content(config) == before
        ballast.unlink()
        assert await config.commit(revision(2), b"second", keep=3)
    async with await _open(small_disk / "journal.db", writer) as journal:
        assert _known(journal.config) == (revision(2), None)
        with pytest.raises(GuestwireError, match="HOST-BUSY"):
            await asyncio.gather(journal.config.begin(change(2), ()), journal.config.begin(change(3), ()))


async def test_a_full_disk_takes_no_migration(small_disk: Path, writer: JournalWriter) -> None:
    journal_path, ballast = small_disk / "journal.db", small_disk / "ballast"
    _format_1(journal_path)
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free))
    with pytest.raises(GuestwireError, match="JOURNAL-FULL"):
        await _open(journal_path, writer)
    ballast.unlink()
    async with await _open(journal_path, writer) as journal:
        assert journal.moved_aside is None
        assert len(await journal.jobs()) == 3
