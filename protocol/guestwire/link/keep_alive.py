"""The MQTT keep alive of one connection: pings when it is idle, notices when nobody answers."""

import asyncio
from collections.abc import Callable
from typing import Final

PING_AFTER: Final = 0.75
"""Of the keep alive: after this time without traffic both ways a PINGREQ is sent."""

PONG_WITHIN: Final = 0.5
"""Of the keep alive: after this time without any byte from the broker the connection is given up."""

LAST_LOOK_S: Final = 0.1
"""After a stall of the loop its timers may run before it reads: a last chance for what has already come."""


class KeepAlive:
    """Its owner sets `sent` and `heard` when bytes went and came; every byte from the broker counts as an answer.

    While `deaf` (the owner does not read) silence means nothing.

    `ping()` sends a PINGREQ; `lost()` is called when the broker stays silent after it: between 0.5 and 1.25 times the
    keep alive, and a bit, after its last byte.
    """

    __slots__ = ("_interval_s", "_loop", "_lost", "_ping", "_timer", "deaf", "heard", "sent")

    def __init__(self, ping: Callable[[], None], lost: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ping = ping
        self._lost = lost
        self._interval_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.sent = False
        self.heard = False
        self.deaf = False

    def start(self, interval_s: float) -> None:
        """Begin; 0 turns the keep alive off, as in MQTT."""
        self._interval_s = interval_s
        if interval_s:
            self._watch()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self) -> None:
        self.sent = self.heard = False
        self._timer = self._loop.call_later(self._interval_s * PING_AFTER, self._look)

    def _look(self) -> None:
        if self.sent and self.heard:
            self._watch()
            return
        self.heard = False
        self._timer = self._loop.call_later(self._interval_s * PONG_WITHIN, self._pong_due)
        self._ping()

    def _pong_due(self) -> None:
        self._timer = self._loop.call_later(LAST_LOOK_S, self._last_look)

    def _last_look(self) -> None:
        if self.heard or self.deaf:
            self._watch()
        else:
            self._lost()
