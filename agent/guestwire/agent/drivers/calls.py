"""Blocking calls in daemon threads: each call has a deadline, and one that hangs holds up neither others nor an exit.

A thread is started when none is idle, up to a bound; idle ones end after a while. A call that passed its deadline keeps
its thread until it returns: nothing can end it. concurrent.futures would wait for it at exit, for ever.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from guestwire.model.errors import GuestwireError

T = TypeVar("T")

_THREADS = 16
_IDLE_S = 30.0

_Job = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class Overdue(Exception):
    """The call has not returned in time and still runs."""


class Calls:
    """A small pool. `overdue` is the number of calls that run past their deadline. `name`: that of its threads."""

    def __init__(self, *, threads: int = _THREADS, name: str = "driver-call") -> None:
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._limit = threads
        self._name = name
        self._lock = threading.Lock()
        self._threads = 0
        self._busy = 0
        self.overdue = 0

    async def run(self, call: Callable[[], T], deadline_s: float, *, late: Callable[[], None] | None = None) -> T:
        """The call's result or exception. Raises Overdue at the deadline; `late` is called when it returns after all.

        Cancelling the caller leaves the call running, as Overdue does.
        """
        future = self.submit(call)
        try:
            done, _ = await asyncio.wait({future}, timeout=deadline_s)
        except asyncio.CancelledError:
            self._abandon(future, late)
            raise
        if not done:
            self._abandon(future, late)
            raise Overdue
        return future.result()

    def submit(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        """Start the call. The future may be waited for again and again; cancelling it does not end the call."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._submit((call, future, loop))
        return future

    def _abandon(self, future: "asyncio.Future[Any]", late: Callable[[], None] | None) -> None:
        self.overdue += 1

        def returned(finished: "asyncio.Future[Any]") -> None:
            self.overdue -= 1
            if not finished.cancelled():
                finished.exception()  # looked at: nobody waits for it any more
            if late is not None:
                late()

        future.add_done_callback(returned)

    def _submit(self, job: _Job) -> None:
        with self._lock:
            if self._busy >= self._limit:
                raise GuestwireError("DRIVER-LOST", f"{self._busy} calls wait for an answer")
            self._busy += 1
            start = self._busy > self._threads
            self._threads += start
        self._jobs.put(job)
        if start:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                call, future, loop = self._jobs.get(timeout=_IDLE_S)
            except queue.Empty:
                with self._lock:
                    if self._threads > self._busy:
                        self._threads -= 1
                        return
                continue
            result: Any = None
            error: BaseException | None = None
            try:
                result = call()
            except BaseException as err:  # noqa: BLE001 (an exception of a call belongs to its caller, whatever it is)
                error = err
            with self._lock:
                self._busy -= 1
            with suppress(RuntimeError):  # the loop was closed: nobody waits
                loop.call_soon_threadsafe(_finish, future, result, error)
            del call, future, loop, result, error


def _finish(future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
