"""The audit log of a host: rows in an append-only chain of hashes, in the journal's file, so that no request has an effect
without its row.

The async face; the SQL is in audit_store, what is kept in audit_schema. The rows of a request with an effect are written by
the journal itself, with the request. PROTOCOL "Audit".
"""

from collections.abc import Sequence

from guestwire.agent.audit_schema import Fields, Page
from guestwire.agent.journal_store import JournalStore
from guestwire.agent.journal_writer import JournalWriter

_DAY_MS = 86_400_000


class AuditLog:
    """Part of an open journal (`journal.audit`), and closed with it. Every method is durable when it returns, and raises
    GuestwireError JOURNAL-FULL when the disk did not take it: then nothing was done."""

    __slots__ = ("_log", "_store", "_writer")

    def __init__(self, store: JournalStore, writer: JournalWriter) -> None:
        self._store = store
        self._log = store.audit
        self._writer = writer

    @property
    def id(self) -> bytes:
        """Made with the log: another one has other rows under the same numbers."""
        log: bytes = self._log.log
        return log

    async def extend(self, rows: Sequence[tuple[int, Fields]]) -> None:
        """Rows in order, each with its time (Unix ms), all in one commit."""
        await self._writer.submit(self._store, self._log.extend, tuple(rows))

    async def page(self, after: int | None, before: int | None, limit: int, wanted: Fields) -> Page:
        """Up to `limit` rows above `after`, or else the last of those below `before` (None: the last of all), that have every
        one of the fields `wanted`. It looks through some thousand rows at most: `next` tells where to go on."""
        page: Page = await self._writer.submit(self._store, self._log.page, after, before, limit, wanted)
        return page

    async def acknowledge(self, log: bytes, upto: int) -> int:
        """A controller has every row up to that number; the number up to which it has all.

        Raises NOT-FOUND for another log, or a row that is not there yet.
        """
        acknowledged: int = await self._writer.submit(self._store, self._log.acknowledge, log, upto)
        return acknowledged

    async def prune(self, now_ms: int, keep_days: float) -> int:
        """Drop acknowledged rows that are older than that, once the oldest is so by a day: seldom, for each time costs a row
        that says so. How many."""
        before_ms = now_ms - round(keep_days * _DAY_MS)
        total = 0
        while count := await self._writer.submit(self._store, self._log.prune, before_ms - _DAY_MS, before_ms, now_ms):
            total += count
        return total
