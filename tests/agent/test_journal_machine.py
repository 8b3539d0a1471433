"""The journal against a plain dict, over any sequence of calls and restarts."""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from journal_samples import NOW, entry, request_id

from guestwire.agent.journal import Journal
from guestwire.agent.journal_schema import Mismatch, New, Outdated, Running, Stored, Via
from guestwire.agent.journal_writer import JournalWriter

NUMBERS = st.integers(1, 8)
TIMES = st.integers(1, 9).map(lambda step: NOW + step * 1000)


@dataclass
class Row:
    """What the model knows of one request."""

    seq: int
    number: int
    body_hash: bytes
    expires_ms: int
    via: Via
    state: str
    final: bytes | None = None
    delivered: bool = False


class JournalMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.writer = self.runner.run(JournalWriter(group_size=4).__aenter__())
        self.rows: dict[int, Row] = {}
        self.last_seq = self.watermark = self.epoch = 0
        self.journal = self._open()

    def _open(self) -> Journal:
        path = Path(self.folder.name) / "journal.db"
        return self.runner.run(Journal.open(path, self.writer, now_ms=NOW))

    def teardown(self) -> None:
        self.runner.run(self.journal.aclose())
        self.runner.run(self.writer.__aexit__(None, None, None))
        self.runner.close()
        self.folder.cleanup()

    @rule(number=NUMBERS, kind=st.sampled_from([b"a", b"b"]), expires=TIMES, run=st.booleans(), refused=st.booleans(),
          via=st.sampled_from(["mqtt", "socket"]))  # fmt: skip
    def insert(self, number: int, kind: bytes, expires: int, run: bool, refused: bool, via: Via) -> None:
        final, code = (b"refused", "DENIED") if refused else (None, None)
        new = entry(number, body_hash=kind * 32, expires_ms=expires, run=run, via=via, final=final, code=code)
        answer = self.runner.run(self.journal.insert(new))
        row = self.rows.get(number)
        if row is None and expires <= self.watermark:
            assert answer == Outdated(self.watermark)
        elif row is None:
            assert isinstance(answer, New)
            assert answer.seq > self.last_seq
            self.last_seq = answer.seq
            state = "REJECTED" if refused else "RUNNING" if run else "ACCEPTED"
            delivered = refused and via == "socket"
            self.rows[number] = Row(answer.seq, number, new.body_hash, expires, via, state, final, delivered)
        elif row.body_hash != new.body_hash:
            assert answer == Mismatch(row.seq)
        else:
            row.expires_ms = max(row.expires_ms, expires)
            live = row.final is None
            assert answer == (Running(row.seq, row.state) if live else Stored(row.seq, row.state, row.final))  # type: ignore[arg-type]

    @rule(number=NUMBERS)
    def start(self, number: int) -> None:
        row = self.rows.get(number)
        started = self.runner.run(self.journal.start(row.seq if row else 9999, NOW))
        assert started == (row is not None and row.state == "ACCEPTED")
        if row and started:
            row.state = "RUNNING"

    @rule(number=NUMBERS, state=st.sampled_from(["SUCCEEDED", "FAILED", "INDETERMINATE"]), final=st.binary(max_size=8))
    def finish(self, number: int, state: str, final: bytes) -> None:
        row = self.rows.get(number)
        seq = row.seq if row else 9999
        finished = self.runner.run(self.journal.finish(seq, state, None, final, now_ms=NOW))  # type: ignore[arg-type]
        assert finished == (row is not None and row.final is None)
        if row and finished:
            row.state, row.final, row.delivered = state, final, row.via == "socket"

    @rule(number=NUMBERS)
    def deliver(self, number: int) -> None:
        if (row := self.rows.get(number)) is not None and row.final is not None:
            self.runner.run(self._deliver(row.seq))
            row.delivered = True

    async def _deliver(self, seq: int) -> None:
        self.journal.delivered(seq)
        self.journal._flush_delivered()

    @rule(now=TIMES, synchronised=st.booleans())
    def prune(self, now: int, synchronised: bool) -> None:
        pruned = self.runner.run(self.journal.prune(now + 500, 500, synchronised))
        gone = [row for row in self.rows.values() if row.delivered and row.expires_ms <= now and synchronised]
        assert pruned == len(gone)
        for row in gone:
            self.watermark = max(self.watermark, row.expires_ms)
            del self.rows[row.number]

    @rule(at_least=st.integers(0, 5))
    def next_epoch(self, at_least: int) -> None:
        self.epoch = max(self.epoch + 1, at_least)
        assert self.runner.run(self.journal.next_epoch(at_least)) == self.epoch

    @precondition(lambda self: self.rows)
    @rule()
    def reopen(self) -> None:
        self.runner.run(self.journal.aclose())
        self.journal = self._open()

    @invariant()
    def same_content(self) -> None:
        rows = sorted(self.rows.values(), key=lambda row: row.seq)
        run = self.runner.run
        assert (self.journal.watermark_ms, self.journal.epoch) == (self.watermark, self.epoch)
        assert [job.seq for job in run(self.journal.jobs())] == [row.seq for row in reversed(rows)]
        assert [row.seq for row in run(self.journal.unfinished())] == [row.seq for row in rows if row.final is None]
        outbox = [row for row in rows if row.final is not None and not row.delivered]
        assert [(sent.seq, sent.final) for sent in run(self.journal.outbox())] == [(r.seq, r.final) for r in outbox]
        for row in rows:
            job = run(self.journal.get("op:alice", request_id(row.number)))
            assert job is not None
            assert (job.seq, job.state, job.final, job.expires_ms) == (row.seq, row.state, row.final, row.expires_ms)


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
