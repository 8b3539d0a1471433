"""The connection to a simulated hypervisor: it can be lost, and each new one is an epoch. Its events go to a feed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from guestwire.agent.drivers.feed import Feed
from guestwire.agent.drivers.simulated.injection import Injection
from guestwire.agent.services.ports import Changed, Gone, Lost, Observed, Resynced
from guestwire.model.errors import GuestwireError


class Connection:
    """Down until `restore`. `guests` gives everything as it is now. While it is down nothing is told."""

    __slots__ = ("_clock", "_epoch", "_guests", "_injection", "_lost", "feed")

    def __init__(
        self, injection: Injection, *, clock: Callable[[], int], guests: Callable[[], tuple[Observed, ...]]
    ) -> None:
        self._injection = injection
        self._clock = clock
        self._guests = guests
        self._epoch = 0
        self._lost: str | None = "not opened"
        self.feed = Feed(self._present)

    @property
    def up(self) -> bool:
        return self._lost is None

    def lose(self, reason: str) -> None:
        self._lost = reason
        self.feed.publish(Lost(self._epoch, reason))

    def restore(self) -> None:
        self._lost = None
        self._epoch += 1
        self.feed.publish(Resynced(self._epoch, self._guests()))

    def tell_changed(self, observed: Observed, *, rebooted: bool = False) -> None:
        if self.up:
            self.feed.publish(Changed(self._epoch, self._clock(), observed, rebooted))

    def tell_gone(self, uuid: str) -> None:
        if self.up:
            self.feed.publish(Gone(self._epoch, self._clock(), uuid))

    @asynccontextmanager
    async def call(self, name: str, subject: str = "") -> AsyncIterator[None]:
        """One call: lost before its effect it did nothing, lost after it nobody can tell."""
        self._check()
        if self._injection.faults.delay_before_s:
            await asyncio.sleep(self._injection.faults.delay_before_s)
            self._check()
        epoch = self._epoch
        with self._injection.call(name, subject):
            yield
        if self._injection.faults.delay_after_s:
            await asyncio.sleep(self._injection.faults.delay_after_s)
        if self._lost is not None or self._epoch != epoch:
            raise GuestwireError("INDETERMINATE", "the hypervisor's connection went before it answered")

    def _check(self) -> None:
        if self._lost is not None:
            raise GuestwireError("DRIVER-LOST", self._lost)

    def _present(self) -> Resynced | Lost:
        return Lost(self._epoch, self._lost) if self._lost is not None else Resynced(self._epoch, self._guests())
