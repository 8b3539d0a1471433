"""Group commit: one thread that writes for every journal of the process.

The thread takes what is queued, up to the group size, makes one transaction per journal touched and one commit each,
and wakes the loop once. While it waits for the disk the next group gathers, so the slower the disk the larger the
group. LIBRARIES "Journal" has the measurements.
"""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from guestwire.agent.journal_file import journal_error
from guestwire.agent.journal_store import JournalStore
from guestwire.model.errors import GuestwireError

_BUSY_AFTER_MS: Final = 200
_REST_AFTER_S: Final = 2.0


class _Work(NamedTuple):
    """One call for the thread. Without a store it stands alone, outside any transaction (opening a file)."""

    store: JournalStore | None
    call: Callable[..., Any]
    args: tuple[Any, ...]
    future: "asyncio.Future[Any]"


_Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]


class JournalWriter:
    """The thread. `async with JournalWriter() as writer:` around everything that uses its journals.

    `group_size` 1 means one commit per call. `queue_limit` bounds what waits; beyond it new requests are BUSY, while
    results of accepted ones (bounded by those) always get in.
    """

    def __init__(self, *, group_size: int = 256, queue_limit: int = 8192) -> None:
        if group_size < 1 or queue_limit < 1:
            raise ValueError("group_size and queue_limit must be at least 1")
        self._group_size = group_size
        self._queue_limit = queue_limit
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stores: set[JournalStore] = set()
        self._active: set[JournalStore] = set()
        self._resting: set[JournalStore] = set()
        self._rested_at = 0.0

    async def __aenter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Everything queued is written, every journal closed."""
        assert self._thread is not None
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._thread = None

    def has_room(self) -> bool:
        """Whether new requests are taken. Raise `busy()` where not."""
        return self._queue.qsize() < self._queue_limit

    @property
    def waiting(self) -> int:
        """Calls that wait for a commit."""
        return self._queue.qsize()

    @staticmethod
    def busy() -> GuestwireError:
        return GuestwireError("BUSY", "the journal's queue is full", after_ms=_BUSY_AFTER_MS)

    def submit(self, store: JournalStore | None, call: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
        """Have the thread call `call(*args)`; the future resolves once its transaction is on disk.

        Cancelling the future withdraws nothing. Fails with GuestwireError JOURNAL-FULL when the disk took nothing.
        """
        if self._thread is None:
            raise RuntimeError("the journal writer is not running")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.put(_Work(store, call, args, future))
        return future

    async def open_store(self, opener: Callable[..., JournalStore], *args: Any) -> JournalStore:
        """Call `opener` in the thread and keep its store until `close_store` or the writer's end."""

        def opened() -> JournalStore:
            store = opener(*args)
            self._stores.add(store)
            self._active.add(store)
            return store

        store: JournalStore = await self.submit(None, opened)
        return store

    async def close_store(self, store: JournalStore) -> None:
        def close() -> None:
            for known in (self._stores, self._active, self._resting):
                known.discard(store)
            store.close()

        await self.submit(None, close)

    # -- in the thread

    def _run(self) -> None:
        queue, group_size = self._queue, self._group_size
        while (work := self._next()) is not None:
            group = [work]
            stop = False
            while len(group) < group_size and not queue.empty():
                if (work := queue.get()) is None:
                    stop = True
                    break
                group.append(work)
            self._process(group)
            if stop:
                break
        for store in self._stores:
            store.close()
        self._stores.clear()

    def _next(self) -> _Work | None:
        while True:
            if (now := time.monotonic()) - self._rested_at >= _REST_AFTER_S:
                self._rest(now)
            try:
                return self._queue.get(timeout=_REST_AFTER_S if self._active or self._resting else None)
            except Empty:
                continue

    def _rest(self, now: float) -> None:
        """Let the journals rest that nobody used since the last time: one process may have a thousand of them."""
        for store in self._resting - self._active:
            with contextlib.suppress(sqlite3.Error):
                store.rest()
        self._resting, self._active, self._rested_at = self._active, set(), now

    def _process(self, group: Sequence[_Work]) -> None:
        outcomes: list[_Outcome] = []
        by_store: dict[JournalStore | None, list[_Work]] = {}
        for work in group:
            if work.store is None:  # opening and closing: everything before it first, in order
                _drain(by_store, outcomes)
                outcomes.append(_alone(work))
            else:
                by_store.setdefault(work.store, []).append(work)
                self._active.add(work.store)
        _drain(by_store, outcomes)
        by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
        for outcome in outcomes:
            by_loop.setdefault(outcome[0].get_loop(), []).append(outcome)
        for loop, batch in by_loop.items():
            with contextlib.suppress(RuntimeError):  # that loop has ended: nobody waits there any more
                loop.call_soon_threadsafe(_resolve, batch)


def _drain(by_store: dict[JournalStore | None, list[_Work]], outcomes: list[_Outcome]) -> None:
    for store, works in by_store.items():
        assert store is not None
        outcomes.extend(_transaction(store, works))
    by_store.clear()


def _transaction(store: JournalStore, works: Sequence[_Work]) -> list[_Outcome]:
    """One commit for all; where that fails, each by itself, so that none pays for its neighbour."""
    try:
        store.begin()
        outcomes = [_one(store, work) for work in works]
        store.commit()
    except Exception as err:  # noqa: BLE001 - the thread's one entry point; whoever waits gets the error
        with contextlib.suppress(sqlite3.Error):
            store.rollback()
        if len(works) > 1:
            return [outcome for work in works for outcome in _transaction(store, (work,))]
        return [(works[0].future, None, _as_answer(err))]
    return outcomes


def _one(store: JournalStore, work: _Work) -> _Outcome:
    """One call of a group. What SQLite did not even take (a number beyond 64 bits) has changed nothing, and is no reason
    to do the whole group again; after an error of the database itself nobody knows."""
    mark = store.mark()
    try:
        return work.future, work.call(*work.args), None
    except sqlite3.Error:
        raise
    except Exception as err:
        if store.mark() != mark:
            raise
        return work.future, None, _as_answer(err)


def _alone(work: _Work) -> _Outcome:
    try:
        return work.future, work.call(*work.args), None
    except Exception as err:  # noqa: BLE001 - as above
        return work.future, None, _as_answer(err)


def _as_answer(err: Exception) -> Exception:
    return journal_error(err) if isinstance(err, sqlite3.Error | OSError) else err


def _resolve(batch: Sequence[_Outcome]) -> None:
    for future, result, err in batch:
        if future.done():
            continue
        if err is None:
            future.set_result(result)
        else:
            future.set_exception(err)
