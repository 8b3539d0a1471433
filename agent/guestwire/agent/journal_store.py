"""The journal's SQLite side: one file, one connection, plain blocking calls, all of them in the writer's thread.
Opening and making the file is journal_file's.

Nothing here knows a loop. A call changes the open transaction; `commit` makes it durable and only then changes what
the object knows in memory, so that a failed commit leaves no trace.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

from guestwire.agent.audit_rows import asked, ended, taken
from guestwire.agent.audit_schema import Fields
from guestwire.agent.audit_store import AuditStore
from guestwire.agent.config_records_store import ConfigRecordsStore
from guestwire.agent.journal_schema import (
    Entry,
    FinalState,
    Inserted,
    JobRow,
    JobStep,
    LiveState,
    Mismatch,
    New,
    Observer,
    Outdated,
    Running,
    State,
    Stored,
    Undelivered,
    Unfinished,
    UsedUp,
)
from guestwire.agent.mandate_uses import MandateUse, MandateUses

_LIVE = ("ACCEPTED", "RUNNING")
_INSERT = (
    "INSERT INTO job (seq, issuer, request_id, state, delivered, expires_ms, accepted_ms, start_by_ms, started_ms,"
    " finished_ms, operation, effect, lanes, reply_to, via, body_hash, code, body, final, mandate)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (request_id, issuer) DO NOTHING"
)
_KNOWN = "SELECT seq, state, operation, body_hash, expires_ms, final FROM job WHERE issuer = ? AND request_id = ?"
_START = "UPDATE job SET state = 'RUNNING', started_ms = ? WHERE seq = ? AND state = 'ACCEPTED'"
_FINISH = (
    "UPDATE job SET state = ?, code = ?, final = ?, finished_ms = ?, delivered = (via <> 'mqtt'), body = NULL"
    " WHERE seq = ? AND finished_ms IS NULL"
)
_ASKED = "SELECT issuer, request_id, operation, via, reply_to FROM job WHERE seq = ?"
_OPEN = (
    "SELECT seq, finished_ms IS NULL, issuer, request_id, operation, via, reply_to FROM job WHERE delivered = 0"
    " ORDER BY seq"
)
_ROW = (
    "seq, issuer, request_id, operation, effect, lanes, state, code, accepted_ms, expires_ms, start_by_ms, started_ms,"
    " finished_ms"
)
_STATE_AT = 6
_ONE = f"SELECT {_ROW} FROM job WHERE seq = ?"  # noqa: S608
_NEWEST = f"SELECT {_ROW} FROM job WHERE seq < ? ORDER BY seq DESC LIMIT ?"  # noqa: S608
_ENDED = (
    f"SELECT {_ROW} FROM job WHERE state = ? AND finished_ms IS NOT NULL AND seq < ?"  # noqa: S608
    " ORDER BY seq DESC LIMIT ?"
)
_ENTRY = (
    "seq, state, issuer, request_id, operation, effect, lanes, body_hash, body, reply_to, via, accepted_ms, expires_ms,"
    " start_by_ms, mandate"
)


class JournalStore:
    """One journal file, open and locked. Made by `journal_file.open_store`; every method runs in the writer's thread."""

    def __init__(
        self, db: sqlite3.Connection, observer: Observer | None, moved_aside: Path | None, audit_quota: int
    ) -> None:
        self._db = db
        self._observer = observer
        self._committed: list[Callable[[], None]] = []
        self.moved_aside = moved_aside
        self.config = ConfigRecordsStore(db, self._committed.append, observer)
        self.audit = AuditStore(db, audit_quota)
        self._mandates = MandateUses(db)
        meta: dict[str, Any] = dict(db.execute("SELECT key, value FROM meta"))
        self.created_ms = int(meta.pop("created_ms"))
        self.created_settled = bool(meta.pop("created_settled", True))
        self.watermark_ms = int(meta.pop("watermark_ms", 0))
        self.epoch = int(meta.pop("epoch", 0))
        pruned_to = int(meta.pop("pruned_to", 0))
        self.notes: dict[str, bytes] = {key[5:]: value for key, value in meta.items()}
        (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM job").fetchone()
        self._seq = self._committed_seq = max(last, pruned_to)
        rows = db.execute(_OPEN).fetchall()
        self._unfinished: dict[int, Fields] = {seq: asked(*who) for seq, live, *who in rows if live}
        self._undelivered: set[int] = {seq for seq, live, *_ in rows if not live}

    # -- transactions, called by the writer

    def begin(self) -> None:
        self._db.execute("BEGIN")

    def commit(self) -> None:
        """Make everything since `begin` durable."""
        self._db.execute("COMMIT")
        self._committed_seq = self._seq
        self.audit.committed()
        for effect in self._committed:
            effect()
        self._committed.clear()

    def rollback(self) -> None:
        """Forget everything since `begin`, whether or not SQLite has done so by itself."""
        self._committed.clear()
        self.audit.rolled_back()
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def mark(self) -> tuple[int, int]:
        """What every change since `begin` raises: a call that failed and left it as it was has changed nothing."""
        return self._db.total_changes, len(self._committed)

    def rest(self) -> None:
        """Give back the memory of cached pages (about half of what a journal takes) until the next call."""
        self._db.execute("PRAGMA shrink_memory")

    def close(self) -> None:
        self._db.close()

    def _step(self, name: JobStep, seq: int) -> None:
        if self._observer is not None:
            self._observer(name, seq)

    def _after_commit(self, name: JobStep, seq: int) -> None:
        if (observer := self._observer) is not None:
            self._committed.append(lambda: observer(name, seq))

    # -- requests

    def insert(self, entry: Entry) -> Inserted:
        """Decide by the unique key (issuer, request id) whether the request is new, and if so keep it."""
        if entry.expires_ms <= self.watermark_ms:
            return self._known(entry) or Outdated(self.watermark_ms)
        use = entry.mandate if entry.final is None else None
        if use is not None and not self._mandates.left(use):
            return self._known(entry) or UsedUp()
        seq = self._seq + 1
        self._step("before-insert", seq)
        finished = entry.final is not None
        state: State = "REJECTED" if finished else "RUNNING" if entry.run else "ACCEPTED"
        cursor = self._db.execute(
            _INSERT,
            (
                seq,
                entry.issuer,
                entry.request_id,
                state,
                finished and entry.via != "mqtt",
                entry.expires_ms,
                entry.accepted_ms,
                entry.start_by_ms,
                entry.accepted_ms if entry.run and not finished else None,
                entry.accepted_ms if finished else None,
                entry.operation,
                entry.effect,
                ",".join(entry.lanes),
                entry.reply_to,
                entry.via,
                entry.body_hash,
                entry.code,
                None if finished else entry.body,
                entry.final,
                None if use is None else use.data,
            ),
        )
        if cursor.rowcount == 0:
            known = self._known(entry)
            assert known is not None
            return known
        self._seq = seq
        who = asked(entry.issuer, entry.request_id, entry.operation, entry.via, entry.reply_to)
        self.audit.append(entry.accepted_ms, taken(entry, who))
        if use is not None:
            self._mandates.count(use)
        if not finished:
            self._committed.append(lambda: self._unfinished.__setitem__(seq, who))
        elif entry.via == "mqtt":
            self._committed.append(lambda: self._undelivered.add(seq))
        self._step("before-insert-commit", seq)
        self._after_commit("after-insert-commit", seq)
        return New(seq)

    def _known(self, entry: Entry) -> Inserted | None:
        row = self._db.execute(_KNOWN, (entry.issuer, entry.request_id)).fetchone()
        if row is None:
            return None
        seq, state, operation, body_hash, expires_ms, final = row
        if (operation, body_hash) != (entry.operation, entry.body_hash):
            return Mismatch(seq)
        if entry.expires_ms > expires_ms:
            # A re-drive has a fresh header and lives longer: the row must outlive every header that named it.
            self._db.execute("UPDATE job SET expires_ms = ? WHERE seq = ?", (entry.expires_ms, seq))
        if state in _LIVE:
            return Running(seq, cast("LiveState", state))
        return Stored(seq, cast("FinalState", state), final)

    def start(self, seq: int, now_ms: int) -> bool:
        self._step("before-start", seq)
        started = self._db.execute(_START, (now_ms, seq)).rowcount == 1
        self._after_commit("after-start-commit", seq)
        return started

    def finish(self, seq: int, state: FinalState, code: str | None, final: bytes, now_ms: int) -> bool:
        self._step("before-finish", seq)
        if self._db.execute(_FINISH, (state, code, final, now_ms, seq)).rowcount == 0:
            return False
        self.audit.append(now_ms, ended(state, code, self._unfinished.get(seq) or self._asked(seq)))
        self._committed.append(lambda: self._finished(seq))
        self._step("before-finish-commit", seq)
        self._after_commit("after-finish-commit", seq)
        return True

    def _asked(self, seq: int) -> Fields:
        """Of a request that is of this very transaction."""
        return asked(*self._db.execute(_ASKED, (seq,)).fetchone())

    def _finished(self, seq: int) -> None:
        if self._unfinished.pop(seq)["way"] == "mqtt":
            self._undelivered.add(seq)

    def delivered(self, seqs: Sequence[int]) -> None:
        for seq in seqs:
            self._step("before-delivered", seq)
            self._db.execute("UPDATE job SET delivered = 1 WHERE seq = ? AND finished_ms IS NOT NULL", (seq,))
            self._after_commit("after-delivered-commit", seq)
        self._committed.append(lambda: self._undelivered.difference_update(seqs))

    def prune(self, before_ms: int, limit: int) -> int:
        """Delete up to `limit` delivered rows whose `expires` is at or before `before_ms`, and raise the watermark."""
        rows = self._db.execute(
            "SELECT seq, expires_ms FROM job WHERE delivered = 1 AND expires_ms <= ? ORDER BY expires_ms LIMIT ?",
            (before_ms, limit),
        ).fetchall()
        self._mandates.prune(before_ms)
        if not rows:
            return 0
        watermark = max(self.watermark_ms, rows[-1][1])
        self._set_meta("watermark_ms", watermark)
        self._set_meta("pruned_to", self._seq)  # numbers of deleted rows are not given out again
        self._db.executemany("DELETE FROM job WHERE seq = ?", ((seq,) for seq, _ in rows))
        # before the commit: an insert later in this transaction must see it, and too high for a moment is safe
        self.watermark_ms = watermark
        return len(rows)

    # -- numbers and notes

    def next_epoch(self, at_least: int) -> int:
        epoch = max(self.epoch + 1, at_least)
        self._set_meta("epoch", epoch)
        self._committed.append(lambda: setattr(self, "epoch", epoch))
        return epoch

    def settle_created(self, now_ms: int) -> None:
        created_ms = min(self.created_ms, now_ms) if self.created_settled else now_ms
        self._set_meta("created_ms", created_ms)
        self._set_meta("created_settled", 1)

        def settled() -> None:
            self.created_ms, self.created_settled = created_ms, True

        self._committed.append(settled)

    def set_note(self, key: str, value: bytes) -> None:
        self._set_meta(f"note:{key}", value)
        self._committed.append(lambda: self.notes.update({key: value}))

    def _set_meta(self, key: str, value: int | bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # -- reads

    def get(self, issuer: str | None, request_id: bytes) -> JobRow | None:
        by_issuer = "" if issuer is None else " AND issuer = ?"
        row = self._db.execute(
            f"SELECT {_ROW}, final FROM job WHERE request_id = ?{by_issuer} ORDER BY seq DESC LIMIT 1",  # noqa: S608
            (request_id,) if issuer is None else (request_id, issuer),
        ).fetchone()
        return None if row is None else _job_row(row)

    def jobs(self, states: Sequence[State], limit: int, before_seq: int | None) -> tuple[JobRow, ...]:
        before = self._seq + 1 if before_seq is None else before_seq
        if not states:
            rows = self._db.execute(_NEWEST, (before, limit)).fetchall()
        else:
            rows = self._live([state for state in states if state in _LIVE], limit, before)
            for state in {state for state in states if state not in _LIVE}:
                rows += self._db.execute(_ENDED, (state, before, limit)).fetchall()
            rows.sort(key=itemgetter(0), reverse=True)
        return tuple(_job_row(row) for row in rows[:limit])

    def _live(self, states: Sequence[str], limit: int, before: int) -> list[Any]:
        """Rows in live states, newest first: those known to be unfinished, and what this transaction has inserted."""
        if not states:
            return []
        rows: list[Any] = []
        for seq in sorted({*self._unfinished, *range(self._committed_seq + 1, self._seq + 1)}, reverse=True):
            if seq < before and (row := self._db.execute(_ONE, (seq,)).fetchone()) and row[_STATE_AT] in states:
                rows.append(row)
                if len(rows) == limit:
                    break
        return rows

    def outbox(self, after_seq: int, limit: int) -> tuple[Undelivered, ...]:
        seqs = [seq for seq in sorted(self._undelivered) if seq > after_seq][:limit]
        select = "SELECT seq, reply_to, operation, request_id, final FROM job WHERE seq = ?"
        return tuple(Undelivered(*self._db.execute(select, (seq,)).fetchone()) for seq in seqs)

    def unfinished_entries(self, after_seq: int, limit: int) -> tuple[Unfinished, ...]:
        seqs = [seq for seq in sorted(self._unfinished) if seq > after_seq][:limit]
        select = f"SELECT {_ENTRY} FROM job WHERE seq = ?"  # noqa: S608
        return tuple(_unfinished(self._db.execute(select, (seq,)).fetchone()) for seq in seqs)


def _job_row(row: Sequence[Any]) -> JobRow:
    seq, issuer, request_id, operation, effect, lanes, *rest = row
    return JobRow(seq, issuer, request_id, operation, effect, _lanes(lanes), *rest)


def _unfinished(row: Sequence[Any]) -> Unfinished:
    seq, state, issuer, request_id, operation, effect, lanes, *rest, mandate = row
    use = None if mandate is None else MandateUse(b"", 0, 0, mandate)  # it was counted when it was accepted
    entry = Entry(issuer, request_id, operation, effect, _lanes(lanes), *rest)
    return Unfinished(seq, state, entry if use is None else replace(entry, mandate=use))


def _lanes(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()
