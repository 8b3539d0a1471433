"""The MQTT keep alive of one connection: pings when it is idle, notices when nobody answers."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

LOOK_EVERY: Final = 0.45
"""Of the keep alive. Something must be sent within each keep alive: after a look that found traffic the next is in time."""

MOST_SILENT: Final = 2
"""Looks without a byte from the broker, a ping between them, after which it is lost."""

LAST_LOOK_S: Final = 0.1
"""After a stall of the loop its timers may run before it reads: a last chance for what has already come."""


class Clock(Protocol):
    """What is used of an event loop."""

    def call_later(self, delay: float, callback: Callable[[], Any], /) -> asyncio.TimerHandle: ...


class KeepAlive:
    """Its owner sets `sent` and `heard` when bytes went and came; every byte from the broker counts as an answer.

    While `deaf` (the owner does not read) silence means nothing. `ping()` sends a PINGREQ; `lost()` is called between
    0.9 and 1.35 times the keep alive, and a bit, after the broker's last byte.
    """

    __slots__ = ("_clock", "_interval_s", "_lost", "_ping", "_silent", "_timer", "deaf", "heard", "sent")

    def __init__(self, clock: Clock, ping: Callable[[], None], lost: Callable[[], None]) -> None:
        self._clock = clock
        self._ping = ping
        self._lost = lost
        self._interval_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._silent = 0
        self.sent = False
        self.heard = False
        self.deaf = False

    def start(self, keep_alive_s: float) -> None:
        """Begin; 0 turns the keep alive off, as in MQTT."""
        self._interval_s = keep_alive_s * LOOK_EVERY
        if keep_alive_s:
            self._wait()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = self._clock.call_later(self._interval_s, self._look)

    def _look(self) -> None:
        sent, heard = self.sent, self.heard or self.deaf
        self.sent = self.heard = False
        self._silent = 0 if heard else self._silent + 1
        if self._silent >= MOST_SILENT:
            self._timer = self._clock.call_later(LAST_LOOK_S, self._last_look)
            return
        self._wait()
        if not sent or not heard:
            self._ping()

    def _last_look(self) -> None:
        if self.heard or self.deaf:
            self._silent = 0
            self._wait()
        else:
            self._lost()
