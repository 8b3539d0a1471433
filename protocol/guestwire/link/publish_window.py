"""QoS 1 messages on their way out: in order, no more than the peer's Receive Maximum unconfirmed, each with a deadline.

Knows no bytes and no MQTT library: it is told what to transmit and what was confirmed. One timer for all messages. Both
transports use it. What waits for the window is bounded by the owner (`waiting_bytes`) and by MOST_UNCONFIRMED.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from guestwire.link.outcomes import fail
from guestwire.link.packet_checks import REFUSED
from guestwire.link.transport import TransportError

MOST_UNCONFIRMED = 60_000
"""Messages sent and waiting, at most: packet identifiers are 16 bits, and some are needed for subscriptions."""

Item = TypeVar("Item")


class _Waiting(NamedTuple, Generic[Item]):
    key: int
    item: Item
    size: int
    outcome: asyncio.Future[int]


class PublishWindow(Generic[Item]):
    """`transmit(key, item)` sends one message; `on_stuck(why)` is called when the whole window is overdue.

    A message that was sent and is overdue keeps its place: the peer may still confirm it, and counts it. So a peer that
    confirms nothing any more closes the window for ever, and only a new connection helps; hence `on_stuck`.
    """

    def __init__(
        self, transmit: Callable[[int, Item], None], on_stuck: Callable[[str], None], timeout_s: float, limit: int = 1
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._transmit = transmit
        self._on_stuck = on_stuck
        self.limit = limit
        self._timeout_s = timeout_s
        self._outcomes: dict[int, asyncio.Future[int]] = {}
        self._in_flight = 0
        self._overdue: set[int] = set()
        self._waiting: deque[_Waiting[Item]] = deque()
        self._deadlines: deque[tuple[float, int, asyncio.Future[int]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.waiting_bytes = 0

    def __contains__(self, key: int) -> bool:
        """Whether the key belongs to a message that was not confirmed yet."""
        return key in self._outcomes

    @property
    def full(self) -> bool:
        """Whether no more messages may be added, whatever their size."""
        return len(self._outcomes) >= MOST_UNCONFIRMED

    def add(self, key: int, item: Item, size: int) -> "asyncio.Future[int]":
        """Transmit, now or when the window opens; the outcome is the PUBACK reason or a `TransportError`."""
        outcome = self._loop.create_future()
        self._outcomes[key] = outcome
        self._deadlines.append((self._loop.time() + self._timeout_s, key, outcome))
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout_s, self._expire)
        if self._in_flight < self.limit and not self._waiting:
            self._in_flight += 1
            self._transmit(key, item)
        else:
            self._waiting.append(_Waiting(key, item, size, outcome))
            self.waiting_bytes += size
        return outcome

    def confirmed(self, key: int, reason: int) -> None:
        """The peer's PUBACK. One for a message that is not in flight is ignored."""
        outcome = self._outcomes.pop(key, None)
        if outcome is None:
            return
        self._in_flight -= 1
        self._overdue.discard(key)
        if not outcome.done():
            if reason < REFUSED:
                outcome.set_result(reason)
            else:
                fail(outcome, TransportError("PUBLISH-REFUSED", detail={"reason": reason}))
        deadlines = self._deadlines
        while deadlines and self._outcomes.get(deadlines[0][1]) is not deadlines[0][2]:
            deadlines.popleft()
        if self._waiting:
            self._fill()

    def close(self, why: Callable[[], TransportError]) -> None:
        """Fail everything; `why` makes the error of each."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for outcome in self._outcomes.values():
            fail(outcome, why())
        self._outcomes.clear()
        self._waiting.clear()
        self._deadlines.clear()
        self._overdue.clear()
        self.waiting_bytes = 0

    def _fill(self) -> None:
        waiting = self._waiting
        while waiting and (self._in_flight < self.limit or waiting[0].outcome.done()):
            key, item, size, outcome = waiting.popleft()
            self.waiting_bytes -= size
            if outcome.done():  # overdue, or its caller gave up: never sent
                self._outcomes.pop(key, None)
                continue
            self._in_flight += 1
            self._transmit(key, item)

    def _expire(self) -> None:
        now = self._loop.time()
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= now:
            _, key, outcome = deadlines.popleft()
            if self._outcomes.get(key) is outcome:  # else it was confirmed, and the key is free or another's
                fail(outcome, TransportError("PUBLISH-TIMEOUT"))
                self._overdue.add(key)
        self._timer = self._loop.call_at(deadlines[0][0], self._expire) if deadlines else None
        # the overdue ones that were never sent stand first among the waiting
        for entry in self._waiting:
            if not entry.outcome.done():
                break
            self._overdue.discard(entry.key)
        self._fill()
        if len(self._overdue) >= self.limit:
            self._on_stuck("the broker confirms no message any more")
