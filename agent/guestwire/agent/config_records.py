"""The records of configuration changes, in the journal's file: the revisions that were active, and the change under way
with its steps and what undoes them.

The async face; the SQL is in config_records_store, the values in config_records_schema. What a step does, and what its
bytes mean, is not its business. DOMAIN "How a change reaches a host".
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from guestwire.agent.config_records_schema import ChangeRow, Phase, RevisionRow, StepRow
from guestwire.agent.journal_store import JournalStore
from guestwire.agent.journal_writer import JournalWriter

PAGE: Final = 256
"""The most revisions that one question gets."""


class ConfigRecords:
    """Part of an open journal (`journal.config`), and closed with it. Every method that awaits is durable when it returns,
    and raises GuestwireError JOURNAL-FULL when the disk did not take it: then nothing was done. Calls take effect in the
    order in which they were made. A step that was started and is moved where it cannot go is a defect: RuntimeError.
    """

    __slots__ = ("_records", "_store", "_writer")

    def __init__(self, store: JournalStore, writer: JournalWriter) -> None:
        self._store = store
        self._records = store.config
        self._writer = writer

    async def _submit(self, call: Callable[..., Any], *args: Any) -> Any:
        return await self._writer.submit(self._store, call, *args)

    # -- what is known without asking the disk

    @property
    def newest(self) -> RevisionRow | None:
        """The active revision; None before the first."""
        return self._records.standing.newest

    @property
    def under_way(self) -> ChangeRow | None:
        return self._records.standing.under_way

    # -- revisions

    async def revisions(self, limit: int, before: int | None = None) -> tuple[RevisionRow, ...]:
        """Newest first, at most PAGE; `before` continues below that number."""
        rows: tuple[RevisionRow, ...] = await self._submit(self._records.revisions, max(1, min(limit, PAGE)), before)
        return rows

    async def document(self, number: int | None) -> tuple[RevisionRow, bytes] | None:
        """A revision with its document; None for the newest. None when it is not kept (any more)."""
        found: tuple[RevisionRow, bytes] | None = await self._submit(self._records.document, number)
        return found

    async def put_revision(self, revision: RevisionRow, document: bytes, keep: int) -> None:
        """Make a revision the active one without a change (the first, an adopted one), and forget all but the newest
        `keep`.

        Raises HOST-BUSY while a change is under way, BASE-REVISION when the number is not above every one before.
        """
        _check_keep(keep)
        await self._submit(self._records.put_revision, revision, document, keep)

    # -- the change under way

    async def change(self) -> tuple[ChangeRow, tuple[StepRow, ...]] | None:
        """The change under way with its steps in order."""
        found: tuple[ChangeRow, tuple[StepRow, ...]] | None = await self._submit(self._records.change)
        return found

    async def begin(self, change: ChangeRow, steps: Sequence[tuple[str, bytes]]) -> None:
        """Keep a change and all its steps (kind, args), before the first of them is done; a step's `n` is its place.

        Raises HOST-BUSY when there is one already.
        """
        await self._submit(self._records.begin, change, tuple(steps))

    async def step_started(self, n: int, undo: bytes) -> None:
        """Call it before the step has an effect; `undo` is what takes the effect back. Not in the phase undoing."""
        await self._submit(self._records.step_started, n, undo)

    async def step_done(self, n: int) -> None:
        """A step that was started has had its effect."""
        await self._submit(self._records.step_done, n)

    async def step_undone(self, n: int) -> None:
        """The effect of a step that was started, done or not, is taken back."""
        await self._submit(self._records.step_undone, n)

    async def set_phase(self, phase: Phase, *, confirm_by_ms: int | None = None) -> bool:
        """Without `confirm_by_ms` the deadline stays as it is; ValueError for a `confirm` that then has none.

        False, nothing done: there is no change, or it is being undone, which has no other end than `drop`.
        """
        done: bool = await self._submit(self._records.set_phase, phase, confirm_by_ms)
        return done

    async def take_undo(self, now_ms: int) -> bool:
        """Set the phase undoing if the change waits to be confirmed and its time is over. After True `commit` does nothing;
        after a `commit` it is False: one of the two happens, whatever their order."""
        taken: bool = await self._submit(self._records.take_undo, now_ms)
        return taken

    async def commit(self, revision: RevisionRow, document: bytes, *, keep: int) -> bool:
        """The change is kept: make its revision the active one, delete the change with its steps and its undo deadline, and
        forget all revisions but the newest `keep`, in one transaction.

        False, nothing done: there is no change, or it is being undone. Raises BASE-REVISION when the number is not above
        every one before.
        """
        _check_keep(keep)
        kept: bool = await self._submit(self._records.commit, revision, document, keep)
        return kept

    async def drop(self) -> None:
        """The change is undone: delete it with its steps. Nothing to do where there is none."""
        await self._submit(self._records.drop)


def _check_keep(keep: int) -> None:
    if keep < 1:  # the active revision is always kept: the next number is counted from it
        raise ValueError("keep must be at least 1")
