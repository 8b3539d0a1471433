"""The command journal: no request with an effect is accepted, and no result sent, before it is on disk here.

The async face of one journal file. The SQL is in journal_store and journal_file, the thread in journal_writer, the
values in journal_schema. Who runs jobs, and who sends finals, is not its business. PROTOCOL "Life of a request".
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from guestwire.agent.audit_log import AuditLog
from guestwire.agent.audit_schema import QUOTA
from guestwire.agent.config_records import ConfigRecords
from guestwire.agent.journal_file import open_store
from guestwire.agent.journal_schema import (
    Entry,
    FinalState,
    Inserted,
    JobRow,
    Observer,
    Progress,
    State,
    Undelivered,
    Unfinished,
)
from guestwire.agent.journal_store import JournalStore
from guestwire.agent.journal_writer import JournalWriter

PAGE: Final = 256
"""The most rows a page of `jobs`, `outbox` or `unfinished` has."""

_DELIVERED_AFTER_S: Final = 0.5


class Journal:
    """One journal. Every method that awaits is durable when it returns, and raises GuestwireError JOURNAL-FULL when
    the disk did not take it: then nothing was done. `async with await Journal.open(...)` closes it.
    """

    __slots__ = ("_delivered", "_flush_timer", "_progress", "_store", "_writer", "audit", "config", "path")

    def __init__(self, path: Path, store: JournalStore, writer: JournalWriter) -> None:
        self.path = path
        self._store = store
        self._writer = writer
        self.config = ConfigRecords(store, writer)
        self.audit = AuditLog(store, writer)
        self._progress: dict[int, Progress] = {}
        self._delivered: list[int] = []
        self._flush_timer: asyncio.TimerHandle | None = None

    @classmethod
    async def open(
        cls,
        path: Path,
        writer: JournalWriter,
        *,
        now_ms: int,
        clock_synchronised: bool = True,
        observer: Observer | None = None,
        audit_quota: int = QUOTA,
    ) -> "Journal":
        """Open the file, or make it. `moved_aside` of the result says whether a damaged one was in its place. Where
        `now_ms` cannot be trusted, a file that is made has its time from `settle_created`. `audit_quota`: bytes of the audit
        log.

        Raises GuestwireError STATE-DIR-IN-USE, JOURNAL-NEWER, JOURNAL-FULL.
        """
        store = await writer.open_store(open_store, path, now_ms, clock_synchronised, observer, audit_quota)
        return cls(path, store, writer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Write what is pending and release the file."""
        self._flush_delivered()
        await self._writer.close_store(self._store)

    # -- what is known without asking the disk

    @property
    def created_ms(self) -> int:
        """When this file was made: a request issued before was perhaps in a lost one (JOURNAL-LOST)."""
        return self._store.created_ms

    @property
    def created_settled(self) -> bool:
        """Whether `created_ms` was taken from a clock that could be trusted."""
        return self._store.created_settled

    @property
    def watermark_ms(self) -> int:
        """The highest `expires` that was pruned: a request whose `expires` is not above it is EXPIRED."""
        return self._store.watermark_ms

    @property
    def epoch(self) -> int:
        """The last epoch given out; 0 before the first."""
        return self._store.epoch

    @property
    def moved_aside(self) -> Path | None:
        """Where a damaged journal was kept, when `open` found one."""
        return self._store.moved_aside

    def note(self, key: str) -> bytes | None:
        """A small value kept by `set_note` (the revision of the trust document, for one)."""
        return self._store.notes.get(key)

    # -- writes

    async def next_epoch(self, at_least: int = 0) -> int:
        """A number above every one given out before, and not below `at_least`."""
        epoch: int = await self._writer.submit(self._store, self._store.next_epoch, at_least)
        return epoch

    async def set_note(self, key: str, value: bytes) -> None:
        await self._writer.submit(self._store, self._store.set_note, key, value)

    async def settle_created(self, now_ms: int) -> bool:
        """Correct `created_ms`, now that the clock can be trusted: to now when it could not when the file was made, and
        never later than now. Whether it changed."""
        if self.created_settled and self.created_ms <= now_ms:
            return False
        await self._writer.submit(self._store, self._store.settle_created, now_ms)
        return True

    async def insert(self, entry: Entry) -> Inserted:
        """Keep the request, unless (issuer, request id) is known: the unique key decides, nothing else.

        BUSY (nothing kept, same request later) when the writer's queue is full.
        """
        if not self._writer.has_room():
            raise self._writer.busy()
        inserted: Inserted = await self._writer.submit(self._store, self._store.insert, entry)
        return inserted

    async def start(self, seq: int, now_ms: int) -> bool:
        """ACCEPTED to RUNNING. False when the job is not ACCEPTED."""
        started: bool = await self._writer.submit(self._store, self._store.start, seq, now_ms)
        return started

    def progress(self, seq: int, progress: Progress) -> None:
        """Remember how far a running job is, for `get` and `jobs`. Not written to disk."""
        self._progress[seq] = progress

    async def finish(self, seq: int, state: FinalState, code: str | None, final: bytes, *, now_ms: int) -> bool:
        """Keep the result and put it in the outbox, in one commit. The first result stands: False for a later one."""
        finished: bool = await self._writer.submit(self._store, self._store.finish, seq, state, code, final, now_ms)
        self._progress.pop(seq, None)
        return finished

    def delivered(self, seq: int) -> None:
        """Take a final out of the outbox. Written with the next group or within half a second: after a crash before
        that the final is sent once more, which is harmless."""
        self._delivered.append(seq)
        if len(self._delivered) >= PAGE:
            self._flush_delivered()
        elif self._flush_timer is None:
            self._flush_timer = asyncio.get_running_loop().call_later(_DELIVERED_AFTER_S, self._flush_delivered)

    def _flush_delivered(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        if self._delivered:
            seqs, self._delivered = tuple(self._delivered), []
            # A disk that is full leaves them in the outbox: nothing is lost, so nobody needs to hear of it.
            self._writer.submit(self._store, self._store.delivered, seqs).add_done_callback(asyncio.Future.exception)

    async def prune(self, now_ms: int, keep_ms: int, clock_synchronised: bool) -> int:
        """Forget finished and delivered requests `keep_ms` after their `expires`, up to PAGE at a time; the number
        forgotten. Raises the watermark in the same commit. Does nothing while the clock is not synchronised."""
        if not clock_synchronised:
            return 0
        pruned: int = await self._writer.submit(self._store, self._store.prune, now_ms - keep_ms, PAGE)
        return pruned

    # -- reads, through the writer as well: they see what was written before them

    async def get(self, issuer: str | None, request_id: bytes) -> JobRow | None:
        """The request by id, of one issuer or (None) the newest of any, with its final or its progress."""
        row: JobRow | None = await self._writer.submit(self._store, self._store.get, issuer, request_id)
        return row and self._with_progress(row)

    async def jobs(
        self, states: Sequence[State] = (), *, limit: int = 100, before_seq: int | None = None
    ) -> tuple[JobRow, ...]:
        """Requests in these states (none given: all), newest first, without their finals."""
        limit = max(1, min(limit, PAGE))
        rows = await self._writer.submit(self._store, self._store.jobs, tuple(states), limit, before_seq)
        return tuple(self._with_progress(row) for row in rows)

    def _with_progress(self, row: JobRow) -> JobRow:
        return row if (known := self._progress.get(row.seq)) is None else replace(row, progress=known)

    async def outbox(self, *, after_seq: int = 0, limit: int = PAGE) -> tuple[Undelivered, ...]:
        """Finals not known to be delivered, in journal order, one page. Those of the socket are never here."""
        page: tuple[Undelivered, ...] = await self._writer.submit(self._store, self._store.outbox, after_seq, limit)
        return page

    async def unfinished(self, *, after_seq: int = 0, limit: int = PAGE) -> tuple[Unfinished, ...]:
        """Requests without a result, in journal order, one page: what recovery runs before anything is received."""
        page: tuple[Unfinished, ...] = await self._writer.submit(
            self._store, self._store.unfinished_entries, after_seq, limit
        )
        return page
