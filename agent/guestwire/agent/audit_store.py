"""The audit log's SQLite side, on the journal's connection, in the writer's thread.

Rows go into the transaction that is open, so a request and its row are on disk together or not at all. The object knows
where the open transaction has got to, and where the last durable one was: a rollback goes back to that.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

from guestwire.agent.audit_schema import Fields, Page, Standing
from guestwire.model.errors import GuestwireError
from guestwire.protocol.audit import first_hash, row_hash
from guestwire.protocol.packing import pack, unpack

_ROW_BYTES: Final = 48
"""What a row takes besides its bytes: its hash, its number and its time."""
_ROOM: Final = 256
"""A full log drops this part of itself at once: seldom enough to cost nothing, little enough to hold nobody up."""
_DROP_ROWS: Final = 1024
"""The most rows that are dropped in one go for their age."""
_LOOK: Final = 4096
"""How many rows one question looks through: all who wait for a commit wait for it."""
_INSERT: Final = "INSERT INTO audit VALUES (?,?,?,?)"
_AFTER: Final = "SELECT seq, row, hash FROM audit WHERE seq > ? AND seq <= ?{filter} ORDER BY seq LIMIT ?"
_BEFORE: Final = "SELECT seq, row, hash FROM audit WHERE seq < ? AND seq >= ?{filter} ORDER BY seq DESC LIMIT ?"
_Hit = tuple[int, bytes, bytes]


class AuditStore:
    """One log. `quota` in bytes."""

    def __init__(self, db: sqlite3.Connection, quota: int) -> None:
        self._db = db
        self._quota = quota
        (self.log, acknowledged, oldest, before) = db.execute(
            "SELECT log, acknowledged, oldest, oldest_previous FROM audit_log"
        ).fetchone()
        before = first_hash(self.log) if before is None else before
        count, size = db.execute("SELECT count(*), coalesce(sum(length(row)), 0) FROM audit").fetchone()
        last = db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        seq, digest = last or (oldest - 1, before)
        self._now = self.standing = Standing(seq, digest, oldest, before, acknowledged, size + count * _ROW_BYTES)

    # -- with the journal's transactions

    def committed(self) -> None:
        self.standing = self._now

    def rolled_back(self) -> None:
        self._now = self.standing

    # -- writes

    def append(self, at_ms: int, fields: Fields) -> None:
        """One row more. A full log drops its oldest first, and says so with a row of its own."""
        if self._now.size > self._quota:
            self._make_room(at_ms)
        self._put(at_ms, fields)

    def extend(self, rows: Sequence[tuple[int, Fields]]) -> None:
        for at_ms, fields in rows:
            self.append(at_ms, fields)

    def _put(self, at_ms: int, fields: Fields) -> None:
        seq, previous, oldest, before, acknowledged, size = self._now
        seq += 1
        row = pack({"seq": seq, "at": at_ms, **fields})
        digest = row_hash(previous, row)
        self._db.execute(_INSERT, (seq, at_ms, row, digest))
        self._now = Standing(seq, digest, oldest, before, acknowledged, size + len(row) + _ROW_BYTES)

    def acknowledge(self, log: bytes, upto: int) -> int:
        """A controller has every row up to that number; the number up to which it has all."""
        if log != self.log:
            raise GuestwireError("NOT-FOUND", f"This host's audit log is {self.log.hex()}, not {log.hex()}.")
        if upto > self._now.seq:
            raise GuestwireError("NOT-FOUND", f"The audit log has no row {upto} yet; its last is {self._now.seq}.")
        if upto > self._now.acknowledged:
            self._db.execute("UPDATE audit_log SET acknowledged = ?", (upto,))
            self._now = self._now._replace(acknowledged=upto)
        return self._now.acknowledged

    # -- dropping: always the oldest, so what is left is one piece

    def _make_room(self, at_ms: int) -> None:
        wanted, freed, upto = self._quota // _ROOM, 0, 0
        sizes = self._db.execute("SELECT seq, length(row) FROM audit ORDER BY seq LIMIT ?", (_LOOK,))
        for seq, size in sizes.fetchall():
            upto, freed = seq, freed + size + _ROW_BYTES
            if freed >= wanted:
                break
        self._drop(min(upto, self._now.seq - 1), at_ms, "full")

    def prune(self, trigger_ms: int, before_ms: int, at_ms: int) -> int:
        """Where the oldest row is from before `trigger_ms` and acknowledged: drop those that are, and are from before
        `before_ms`, some at a time; how many."""
        standing = self._now
        last = min(standing.acknowledged, standing.seq - 1, standing.oldest + _DROP_ROWS - 1)
        found = self._db.execute("SELECT at_ms FROM audit WHERE seq = ?", (standing.oldest,)).fetchone()
        if last < standing.oldest or found is None or found[0] >= trigger_ms:
            return 0
        upto = standing.oldest - 1
        for seq, row_ms in self._db.execute(
            "SELECT seq, at_ms FROM audit WHERE seq <= ? ORDER BY seq", (last,)
        ).fetchall():
            if row_ms >= before_ms:
                break
            upto = seq
        return self._drop(upto, at_ms, "old")

    def _drop(self, upto: int, at_ms: int, why: str) -> int:
        """Drop the rows up to that one. The row that says so has the hash of the last of them: the chain holds from there."""
        standing = self._now
        if upto < standing.oldest:
            return 0
        count, size = self._db.execute(
            "SELECT count(*), sum(length(row)) FROM audit WHERE seq <= ?", (upto,)
        ).fetchone()
        (digest,) = self._db.execute("SELECT hash FROM audit WHERE seq = ?", (upto,)).fetchone()
        self._db.execute("DELETE FROM audit WHERE seq <= ?", (upto,))
        self._db.execute("UPDATE audit_log SET oldest = ?, oldest_previous = ?", (upto + 1, digest))
        self._now = standing._replace(
            oldest=upto + 1, oldest_previous=digest, size=standing.size - size - count * _ROW_BYTES
        )
        lost = upto - max(standing.acknowledged, standing.oldest - 1)
        gap = {"what": "gap", "from": standing.oldest, "to": upto, "count": count, "unacknowledged": max(0, lost)}
        self._put(at_ms, {**gap, "why": why, "hash": digest.hex()})
        return int(count)

    # -- reads

    def page(self, after: int | None, before: int | None, limit: int, wanted: Fields) -> Page:
        """Up to `limit` rows above `after`, or else the last of those below `before`, that have every one of `wanted`."""
        standing = self._now
        if after is not None:
            low = max(after, standing.oldest - 1)
            rows, reached = self._found(_AFTER, low, low + _LOOK, limit, wanted)
            more = reached if reached < standing.seq else None
        else:
            high = min(standing.seq + 1 if before is None else before, standing.seq + 1)
            rows, reached = self._found(_BEFORE, high, high - _LOOK, limit, wanted)
            more = reached if reached > standing.oldest else None
            rows.reverse()
        previous = self._before(rows[0][0]) if rows else standing.hash
        return Page(tuple((row, digest) for _, row, digest in rows), previous, more, standing)

    def _found(self, select: str, start: int, end: int, limit: int, wanted: Fields) -> tuple[list[_Hit], int]:
        """Rows that have what is wanted, and up to where they were looked for. SQLite looks for the bytes that a wanted field
        would have, quickly; what it finds is then read."""
        needles = [pack(key) + pack(value) for key, value in wanted.items()]
        question = select.format(filter=" AND instr(row, ?)" * len(needles))
        found: list[_Hit] = self._db.execute(question, (start, end, *needles, limit)).fetchall()
        reached = found[-1][0] if len(found) == limit else end
        if needles:
            found = [hit for hit in found if wanted.items() <= unpack(hit[1]).items()]
        return found, reached

    def _before(self, seq: int) -> bytes:
        """The hash that the row of that number follows."""
        if seq <= self._now.oldest:
            return self._now.oldest_previous
        (digest,) = self._db.execute("SELECT hash FROM audit WHERE seq = ?", (seq - 1,)).fetchone()
        return bytes(digest)
