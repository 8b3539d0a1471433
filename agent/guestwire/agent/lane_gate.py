"""Waiting for a lane: the asyncio side of lanes.

A job whose lanes are free passes without a task, a timer or a future. One timer serves all who wait.
"""

import asyncio
from collections.abc import Callable

from guestwire.agent.lanes import Full, Granted, Lanes
from guestwire.model.errors import GuestwireError


class LanePass:
    """A job's place: running at once (`granted`, which does not change), or in line. Whoever has one must `leave` it
    in the end."""

    __slots__ = ("_future", "_gate", "granted", "position", "ticket")

    def __init__(self, gate: "LaneGate", ticket: int, position: int, future: "asyncio.Future[None] | None") -> None:
        self._gate = gate
        self._future = future
        self.ticket = ticket
        self.position = position
        self.granted = future is None

    async def wait(self) -> None:
        """Return when the job may run. Raises GuestwireError DEADLINE (`start_by` passed) or CANCELED (`cancel`)."""
        if self._future is not None:
            await asyncio.shield(self._future)

    def cancel(self) -> bool:
        """Take a waiting job out of its lines, so that `wait` raises CANCELED. False when it may run already."""
        return self._gate.end_waiting(self.ticket, "CANCELED")

    def hang(self) -> None:
        """Give up a running job whose driver call is still out: its lanes stay held until `leave`, but it no longer
        counts as running, so that calls which never return cannot stop the other lanes."""
        self._gate.hang(self.ticket)

    def leave(self) -> None:
        """Free the lanes. Call it when the last driver call has really ended; again does nothing."""
        self._gate.leave(self.ticket)


class LaneGate:
    """One host's gate, in one loop. `now_ms` is monotonic time in ms. `close` it when nothing new may start."""

    def __init__(self, lanes: Lanes, now_ms: Callable[[], int]) -> None:
        self._lanes = lanes
        self._now_ms = now_ms
        self._futures: dict[int, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0

    @property
    def lanes(self) -> Lanes:
        """For looking only (running, waiting, held, hung)."""
        return self._lanes

    def enter(self, lanes: tuple[str, ...], *, wait_ms: int, forced: bool = False) -> LanePass:
        """A place for a job that must start within `wait_ms`. Raises GuestwireError BUSY when the queue is full, unless
        `forced` (recovery)."""
        start_by_ms = self._now_ms() + wait_ms
        answer = self._lanes.enter(lanes, start_by_ms, forced=forced)
        if isinstance(answer, Granted):
            return LanePass(self, answer.ticket, 0, None)
        if isinstance(answer, Full):
            raise GuestwireError("BUSY", "the host's queue is full", after_ms=answer.retry_after_ms)
        future = asyncio.get_running_loop().create_future()
        self._futures[answer.ticket] = future
        self._set_timer(start_by_ms)
        return LanePass(self, answer.ticket, answer.position, future)

    def leave(self, ticket: int) -> None:
        if not self.end_waiting(ticket, "CANCELED"):
            self._wake(self._lanes.leave(ticket))

    def hang(self, ticket: int) -> None:
        self._wake(self._lanes.hang(ticket))

    def end_waiting(self, ticket: int, code: str) -> bool:
        """End a job that waits with this code; False when it does not wait."""
        if not self._lanes.is_waiting(ticket):
            return False
        future = self._futures.pop(ticket)
        future.set_exception(GuestwireError(code))
        future.exception()  # seen: perhaps nobody waits for it any more
        self._wake(self._lanes.leave(ticket))
        return True

    def close(self) -> None:
        """Stop the timer and end those who wait with CANCELED."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for ticket in tuple(self._futures):
            self.end_waiting(ticket, "CANCELED")

    def _wake(self, tickets: tuple[int, ...]) -> None:
        for ticket in tickets:
            self._futures.pop(ticket).set_result(None)

    def _set_timer(self, deadline_ms: int) -> None:
        if self._timer is not None:
            if self._timer_ms <= deadline_ms:
                return
            self._timer.cancel()
        self._timer_ms = deadline_ms
        delay_s = max(0, deadline_ms - self._now_ms()) / 1000
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        for ticket in self._lanes.overdue(self._now_ms()):
            self.end_waiting(ticket, "DEADLINE")
        if (deadline_ms := self._lanes.next_deadline_ms()) is not None:
            self._set_timer(deadline_ms)
