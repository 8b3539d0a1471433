"""The configuration records against plain values, over any sequence of calls, races and restarts."""

import asyncio
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from config_samples import STEPS, Call, Expected, change, content, revision
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from journal_samples import NOW

from guestwire.agent.config_records_schema import Phase
from guestwire.agent.journal import Journal
from guestwire.agent.journal_writer import JournalWriter
from guestwire.model.errors import GuestwireError

TIMES = st.integers(1, 5).map(lambda step: NOW + step * 1000)
PHASES: st.SearchStrategy[Phase] = st.sampled_from(("forward", "undoing", "confirm", "reboot"))
NS = st.integers(0, len(STEPS))
KEEP = st.integers(1, 3)


def _kind(outcome: Any) -> Any:
    """An answer, or what kind of error."""
    if isinstance(outcome, GuestwireError):
        return outcome.code
    return type(outcome) if isinstance(outcome, BaseException) else outcome


class ConfigRecordsMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.writer = self.runner.run(JournalWriter(group_size=4).__aenter__())
        self.expected = Expected()
        self.number = 0
        self.journal = self._open()

    def _open(self) -> Journal:
        path = Path(self.folder.name) / "journal.db"
        return self.runner.run(Journal.open(path, self.writer, now_ms=NOW))

    def teardown(self) -> None:
        self.runner.run(self.journal.aclose())
        self.runner.run(self.writer.__aexit__(None, None, None))
        self.runner.close()
        self.folder.cleanup()

    def _both(self, *calls: Call) -> list[Any]:
        """Make the calls at once, in this order, and compare every answer with the model's."""
        answers = self.runner.run(self._made(calls))
        for (method, args, options), answer in zip(calls, answers, strict=True):
            try:
                wanted = self.expected.do(method, *args, **options)
            except (GuestwireError, RuntimeError, ValueError) as err:
                wanted = err
            assert _kind(answer) == _kind(wanted), method
        return answers

    async def _made(self, calls: tuple[Call, ...]) -> list[Any]:
        made: list[Awaitable[Any]] = [
            getattr(self.journal.config, method)(*args, **options) for method, args, options in calls
        ]
        return list(await asyncio.gather(*made, return_exceptions=True))

    def _next(self) -> int:
        self.number += 1
        return self.number

    @rule(phase=PHASES, by=st.none() | TIMES, steps=st.integers(0, len(STEPS)))
    def begin(self, phase: Phase, by: int | None, steps: int) -> None:
        self._both(("begin", (change(self._next(), phase=phase, confirm_by_ms=by), STEPS[:steps]), {}))

    @rule(n=NS, undo=st.binary(max_size=4))
    def step_started(self, n: int, undo: bytes) -> None:
        self._both(("step_started", (n, undo), {}))

    @rule(n=NS, method=st.sampled_from(["step_done", "step_undone"]))
    def step_moved(self, n: int, method: str) -> None:
        self._both((method, (n,), {}))

    @rule(phase=PHASES, by=st.none() | TIMES)
    def set_phase(self, phase: Phase, by: int | None) -> None:
        self._both(("set_phase", (phase,), {"confirm_by_ms": by}))

    @rule(keep=KEEP, stale=st.booleans())
    def commit(self, keep: int, stale: bool) -> None:
        number = self.number if stale else self._next()
        self._both(("commit", (revision(number), b"document"), {"keep": keep}))

    @rule(keep=KEEP)
    def put_revision(self, keep: int) -> None:
        self._both(("put_revision", (revision(self._next(), origin="adopt"), b"adopted", keep), {}))

    @rule(now=TIMES)
    def take_undo(self, now: int) -> None:
        self._both(("take_undo", (now,), {}))

    @rule(now=TIMES, keep=KEEP, undo_first=st.booleans())
    def confirmed_and_overdue_at_once(self, now: int, keep: int, undo_first: bool) -> None:
        calls: list[Call] = [
            ("commit", (revision(self._next()), b"confirmed"), {"keep": keep}),
            ("take_undo", (now,), {}),
        ]
        answers = self._both(*(reversed(calls) if undo_first else calls))
        assert answers.count(True) <= 1

    @rule()
    def two_begin_at_once(self) -> None:
        number = self._next()
        self._both(("begin", (change(number), STEPS), {}), ("begin", (change(number + 1), ()), {}))

    @rule()
    def drop(self) -> None:
        self._both(("drop", (), {}))

    @rule()
    def reopen(self) -> None:
        self.runner.run(self.journal.aclose())
        self.journal = self._open()

    @invariant()
    def same_content(self) -> None:
        wanted = self.expected.content()
        assert self.runner.run(content(self.journal.config)) == wanted
        config = self.journal.config
        assert config.under_way == wanted.change
        assert config.newest == (wanted.revisions[0][0] if wanted.revisions else None)


TestConfigRecordsMachine = ConfigRecordsMachine.TestCase
TestConfigRecordsMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
