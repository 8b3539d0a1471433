"""One virConnect and the calls that run on it.

libvirt frees a connection with its last reference though a call still runs on it, and that call then crashes the process.
So a link is retired, not closed: it takes no more calls, and the last one to return closes it.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import libvirt

from guestwire.agent.drivers.calls import Calls
from guestwire.model.errors import GuestwireError

T = TypeVar("T")


class Link:
    """A connection that was opened, with threads of its own: calls that hang go down with it and hold up no other link."""

    def __init__(self, conn: Any) -> None:
        self.calls = Calls()
        self._conn = conn
        self._lock = threading.Lock()
        self._running = 0
        self._retired = False
        self._callbacks: list[int] = []

    def guarded(self, act: Callable[[Any], T]) -> Callable[[], T]:
        """`act(virConnect)` for a thread. Raises DRIVER-LOST, with nothing done, when the link was retired before."""

        def run() -> T:
            with self._lock:
                if self._retired:
                    raise GuestwireError("DRIVER-LOST")
                self._running += 1
            try:
                return act(self._conn)
            finally:
                if self._left():
                    self._close()

        return run

    def _left(self) -> bool:
        """A call returned; whether it was the last one of a retired link."""
        with self._lock:
            self._running -= 1
            return self._retired and self._running == 0

    def registered(self, number: int) -> None:
        """An event callback to take away at the end."""
        self._callbacks.append(number)

    def retire(self) -> None:
        """Take no more calls, and close as soon as none runs. Does not wait."""
        with self._lock:
            first, self._retired = not self._retired, True
            idle = self._running == 0
        if first and idle:
            threading.Thread(target=self._close, name="libvirt-close", daemon=True).start()

    def _close(self) -> None:
        for number in self._callbacks:
            with suppress(libvirt.libvirtError):
                self._conn.domainEventDeregisterAny(number)
        with suppress(libvirt.libvirtError):
            self._conn.unregisterCloseCallback()
        with suppress(libvirt.libvirtError):
            self._conn.close()
