"""Received messages on their way to the application, and their PUBACKs on the way back.

Delivers in order, no more than `allowed` messages of QoS 1 unacknowledged at a time, and acknowledges in the order in which
the messages came ([MQTT-4.6.0-2]), whatever the order in which they are finished. The rest waits here: Receive Maximum
should make the broker wait, but 3.1.1 has none and mosquitto 2.0.11 sends a whole new window after every PUBACK. Both
transports use it. What waits is bounded by the owner, who stops reading when `overfull`.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from guestwire.link.transport import Incoming, OnMessage

HOLD_BYTES: Final = 1 << 20
"""Payload that may wait before reading should stop."""


class Receipt:
    """Called once the message is dealt with; calling it again does nothing."""

    __slots__ = ("_done", "_intake", "key")

    def __init__(self, key: int, intake: "Intake") -> None:
        self.key = key
        self._done = False
        self._intake = intake

    @property
    def done(self) -> bool:
        return self._done

    def __call__(self) -> None:
        if not self._done:
            self._done = True
            self._intake.release()


class Intake:
    """`acknowledge(key)` writes one PUBACK; `on_room()` is called when it is no longer overfull.

    Nothing is delivered before `begin()`, and nothing after `close()`; then receipts do nothing, for the messages come again.
    """

    def __init__(
        self, on_message: OnMessage, acknowledge: Callable[[int], None], on_room: Callable[[], None], allowed: int
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._acknowledge = acknowledge
        self._on_room = on_room
        self._allowed = allowed
        self._unfinished: deque[Receipt] = deque()
        self._delivered = 0
        self._held: deque[Incoming] = deque()
        self._open = False
        self._closed = False
        self._was_overfull = False
        self.held_bytes = 0

    @property
    def overfull(self) -> bool:
        """Whether more waits than should; the owner who asks and stops reading is told by `on_room`."""
        self._was_overfull = self.held_bytes > HOLD_BYTES
        return self._was_overfull

    def receipt(self, key: int) -> Receipt:
        """The receipt of the message of QoS 1 that is to be offered next."""
        receipt = Receipt(key, self)
        self._unfinished.append(receipt)
        return receipt

    def offer(self, message: Incoming) -> bool:
        """Deliver the message, or keep it (False)."""
        if self._held or not self._open or (message.qos and self._delivered >= self._allowed):
            if not self._closed:
                self._held.append(message)
                self.held_bytes += len(message.payload)
            return False
        if message.qos:
            self._delivered += 1
        self._on_message(message)
        return True

    def begin(self) -> None:
        """Deliver from the next turn of the loop on."""
        self._loop.call_soon(self._begin)

    def release(self) -> None:
        """Acknowledge what is finished, from the oldest on. Receipts call it."""
        unfinished = self._unfinished
        while unfinished and unfinished[0].done:
            self._delivered -= 1
            self._acknowledge(unfinished.popleft().key)
        if self._held:  # not here: the application is in the middle of something
            self._loop.call_soon(self._deliver_held)

    def close(self) -> None:
        self._open = False
        self._closed = True
        self._unfinished.clear()
        self._held.clear()

    def _begin(self) -> None:
        self._open = not self._closed
        self._deliver_held()

    def _deliver_held(self) -> None:
        held = self._held
        while held and self._open and (not held[0].qos or self._delivered < self._allowed):
            message = held.popleft()
            self.held_bytes -= len(message.payload)
            if message.qos:
                self._delivered += 1
            self._on_message(message)
        if self._was_overfull and self.held_bytes < HOLD_BYTES // 2:
            self._was_overfull = False
            self._on_room()
