"""The SQL side of the records of configuration changes, on the journal's connection, in the writer's thread.

A call changes the open transaction, and decides by what is in it. What is known in memory follows the commit.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from typing import Final

from guestwire.agent.config_records_schema import (
    ChangeRow,
    ConfigStep,
    Phase,
    RevisionRow,
    Standing,
    StepRow,
)
from guestwire.model.errors import GuestwireError

_REVISION: Final = "number, hash, author, applied_ms, origin, comment"
_REVISIONS: Final = f"SELECT {_REVISION} FROM revision WHERE number < ? ORDER BY number DESC LIMIT ?"  # noqa: S608
_NEWEST: Final = f"SELECT {_REVISION}, document FROM revision ORDER BY number DESC LIMIT 1"  # noqa: S608
_DOCUMENT: Final = f"SELECT {_REVISION}, document FROM revision WHERE number = ?"  # noqa: S608
_PRUNE: Final = (
    "DELETE FROM revision WHERE number <= (SELECT number FROM revision ORDER BY number DESC LIMIT 1 OFFSET ?)"
)
_CHANGE: Final = (
    "request_id, issuer, plan_id, base_revision, target, origin, author, comment, phase, confirm_s, confirm_by_ms, boot_id,"
    " started_ms, options, risk"
)
_BEGIN: Final = (
    f"INSERT INTO change (one, {_CHANGE}) VALUES (1,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (one) DO NOTHING"  # noqa: S608
)
_STARTED: Final = (
    "UPDATE step SET state = 'started', undo = ? WHERE n = ? AND state IN ('planned', 'started')"
    " AND NOT EXISTS (SELECT 1 FROM change WHERE phase = 'undoing')"
)
_DONE: Final = "UPDATE step SET state = 'done' WHERE n = ? AND state IN ('started', 'done')"
_UNDONE: Final = "UPDATE step SET state = 'undone' WHERE n = ? AND state <> 'planned'"
_TAKE_UNDO: Final = "UPDATE change SET phase = 'undoing' WHERE phase = 'confirm' AND confirm_by_ms <= ?"
_ABOVE_ALL: Final = (1 << 63) - 1


class ConfigRecordsStore:
    """Revisions, and the change under way. `on_commit` takes what is to happen once the open transaction is durable."""

    def __init__(
        self,
        db: sqlite3.Connection,
        on_commit: Callable[[Callable[[], None]], None],
        observer: Callable[[ConfigStep, int], None] | None,
    ) -> None:
        self._db = db
        self._on_commit = on_commit
        self._observer = observer
        newest = self.revisions(1, None)
        self.standing = Standing(newest[0] if newest else None, self._change())

    def _announce(self, before: ConfigStep, after: ConfigStep, number: int) -> None:
        """Tell the observer now, with the changes made and not durable, and again when they are."""
        if (observer := self._observer) is not None:
            observer(before, number)
            self._on_commit(lambda: observer(after, number))

    def _know_change(self, change: ChangeRow | None) -> None:
        def known() -> None:
            self.standing = replace(self.standing, under_way=change)

        self._on_commit(known)

    # -- revisions

    def revisions(self, limit: int, before: int | None) -> tuple[RevisionRow, ...]:
        rows = self._db.execute(_REVISIONS, (_ABOVE_ALL if before is None else before, limit))
        return tuple(RevisionRow(*row) for row in rows)

    def document(self, number: int | None) -> tuple[RevisionRow, bytes] | None:
        found = self._db.execute(_NEWEST) if number is None else self._db.execute(_DOCUMENT, (number,))
        if (row := found.fetchone()) is None:
            return None
        return RevisionRow(*row[:-1]), row[-1]

    def put_revision(self, revision: RevisionRow, document: bytes, keep: int) -> None:
        if self._phase() is not None:
            raise GuestwireError("HOST-BUSY")
        self._insert(revision, document, keep)
        self._on_commit(lambda: setattr(self, "standing", Standing(revision, None)))

    def _insert(self, revision: RevisionRow, document: bytes, keep: int) -> None:
        newest = self.revisions(1, None)
        if newest and revision.number <= newest[0].number:
            raise GuestwireError("BASE-REVISION", detail={"active": newest[0].number})
        self._db.execute("INSERT INTO revision VALUES (?,?,?,?,?,?,?)", (*astuple(revision), document))
        self._db.execute(_PRUNE, (keep,))

    # -- the change under way

    def change(self) -> tuple[ChangeRow, tuple[StepRow, ...]] | None:
        if (change := self._change()) is None:
            return None
        rows = self._db.execute("SELECT n, kind, args, undo, state FROM step ORDER BY n")
        return change, tuple(StepRow(*row) for row in rows)

    def _change(self) -> ChangeRow | None:
        row = self._db.execute(f"SELECT {_CHANGE} FROM change").fetchone()  # noqa: S608
        return None if row is None else ChangeRow(*row)

    def _phase(self) -> Phase | None:
        row = self._db.execute("SELECT phase FROM change").fetchone()
        return None if row is None else row[0]

    def begin(self, change: ChangeRow, steps: Sequence[tuple[str, bytes]]) -> None:
        if self._db.execute(_BEGIN, astuple(change)).rowcount == 0:
            raise GuestwireError("HOST-BUSY")
        self._db.executemany(
            "INSERT INTO step (n, kind, args, state) VALUES (?, ?, ?, 'planned')",
            ((n, kind, args) for n, (kind, args) in enumerate(steps)),
        )
        self._know_change(change)
        self._announce("before-change-begun-commit", "after-change-begun-commit", change.base_revision)

    def step_started(self, n: int, undo: bytes) -> None:
        self._moved(n, self._db.execute(_STARTED, (undo, n)))
        self._announce("before-step-started-commit", "after-step-started-commit", n)

    def step_done(self, n: int) -> None:
        self._moved(n, self._db.execute(_DONE, (n,)))
        self._announce("before-step-done-commit", "after-step-done-commit", n)

    def step_undone(self, n: int) -> None:
        self._moved(n, self._db.execute(_UNDONE, (n,)))
        self._announce("before-step-undone-commit", "after-step-undone-commit", n)

    def _moved(self, n: int, cursor: sqlite3.Cursor) -> None:
        if cursor.rowcount == 0:
            row = self._db.execute("SELECT state FROM step WHERE n = ?", (n,)).fetchone()
            raise RuntimeError(f"step {n} cannot go on: it is {row[0] if row else 'unknown'}, phase {self._phase()}")

    def set_phase(self, phase: Phase, confirm_by_ms: int | None) -> bool:
        change = self._change()
        if change is None or (change.phase == "undoing" and phase != "undoing"):
            return False
        confirm_by_ms = change.confirm_by_ms if confirm_by_ms is None else confirm_by_ms
        if phase == "confirm" and confirm_by_ms is None:
            raise ValueError("a change that waits to be confirmed needs a time until when")
        self._db.execute("UPDATE change SET phase = ?, confirm_by_ms = ?", (phase, confirm_by_ms))
        self._know_change(replace(change, phase=phase, confirm_by_ms=confirm_by_ms))
        return True

    def take_undo(self, now_ms: int) -> bool:
        if self._db.execute(_TAKE_UNDO, (now_ms,)).rowcount == 0:
            return False
        self._know_change(self._change())
        return True

    def commit(self, revision: RevisionRow, document: bytes, keep: int) -> bool:
        if self._phase() in (None, "undoing"):
            return False
        self._insert(revision, document, keep)
        self._delete()
        self._on_commit(lambda: setattr(self, "standing", Standing(revision, None)))
        self._announce("before-change-kept-commit", "after-change-kept-commit", revision.number)
        return True

    def drop(self) -> None:
        if (change := self._change()) is None:
            return
        self._delete()
        self._know_change(None)
        self._announce("before-change-dropped-commit", "after-change-dropped-commit", change.base_revision)

    def _delete(self) -> None:
        self._db.execute("DELETE FROM change")
        self._db.execute("DELETE FROM step")
