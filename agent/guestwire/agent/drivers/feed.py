"""Hand events of one driver to any number of readers, each through a bounded queue of its own.

The answer to a full queue is a fresh `Resynced` (or `Lost`) in place of everything the reader has not taken: it sees
the present, and never a gap it cannot see. Publishing never waits and never fails.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from guestwire.agent.services.ports import GuestEvent, Lost, Resynced

CAPACITY = 256
"""Events a reader may be behind before it is given the whole picture anew."""


class _Reader:
    """One reader's queue and its iterator. `behind`: it gets the present next, whatever the queue holds."""

    __slots__ = ("behind", "closed", "present", "queue", "wake")

    def __init__(self, present: Callable[[], Resynced | Lost]) -> None:
        self.present = present
        self.queue: deque[GuestEvent] = deque()
        self.behind = True
        self.closed = False
        self.wake: asyncio.Future[None] | None = None

    def rouse(self) -> None:
        if self.wake is not None and not self.wake.done():
            self.wake.set_result(None)

    def __aiter__(self) -> AsyncIterator[GuestEvent]:
        return self

    async def __anext__(self) -> GuestEvent:
        while not self.closed:
            if self.behind:
                self.behind = False
                self.queue.clear()
                return self.present()
            if self.queue:
                return self.queue.popleft()
            self.wake = asyncio.get_running_loop().create_future()
            await self.wake
        raise StopAsyncIteration


class Feed:
    """The events of one driver. `present` gives the picture as it is now. Used from one event loop."""

    def __init__(self, present: Callable[[], Resynced | Lost], *, capacity: int = CAPACITY) -> None:
        self._present = present
        self._capacity = capacity
        self._readers: list[_Reader] = []

    def publish(self, event: GuestEvent) -> None:
        """Queue an event for every reader. A `Resynced` or `Lost` says everything: what was queued before it is dropped."""
        whole = isinstance(event, Resynced | Lost)
        for reader in self._readers:
            if whole or len(reader.queue) >= self._capacity:
                reader.queue.clear()
                reader.behind = True
            elif not reader.behind:
                reader.queue.append(event)
            reader.rouse()

    def close(self) -> None:
        """End every reader's iteration. No event may be published afterwards."""
        for reader in self._readers:
            reader.closed = True
            reader.rouse()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncIterator[GuestEvent]]:
        """Everything from the present on: the first event is a `Resynced` or a `Lost`."""
        reader = _Reader(self._present)
        self._readers.append(reader)
        try:
            yield reader
        finally:
            self._readers.remove(reader)
