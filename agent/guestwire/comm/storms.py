"""Who asks and rings faster than it may: one bucket for all ways of a guest, and what is told of storms. A storm is told twice:
when it begins, as an alarm, and when the guest has been calm again for a while.

Time is an argument; when to look again is asked of `later`."""

from collections.abc import Callable
from typing import Protocol

from guestwire.comm.throttle import WINDOW_S, Throttle
from guestwire.protocol.steps import Now

LOOK_EVERY_S = 1.0
MAX_GUESTS = 1024
"""Of guests that went, the buckets are forgotten before there are more: one that comes again at once has no new one."""


class Told(Protocol):
    """Who hears of storms. `times`: how often the guest was made to wait in this storm until now."""

    def throttled(self, party: str, times: int) -> None: ...

    def calm(self, party: str, times: int) -> None: ...


class Bucket:
    """What one peer may ask. An episode: pauses with no more than WINDOW_S between them; a storm is one that gets long.
    `denied`: how often it asked for what it may not."""

    __slots__ = ("before", "denied", "party", "paused_at", "throttle")

    def __init__(self, throttle: Throttle) -> None:
        self.throttle = throttle
        self.before = 0
        self.denied = 0
        self.paused_at = float("-inf")
        self.party: str | None = None

    @property
    def times(self) -> int:
        """How often it was made to wait, ever."""
        return self.throttle.times

    @property
    def times_now(self) -> int:
        """In this episode."""
        return self.throttle.times - self.before


class Storms:
    """Buckets by guest. `later(seconds, what)` calls `what` then."""

    def __init__(
        self,
        make: Callable[[], Throttle],
        told: Told,
        clock: Callable[[], Now],
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._make = make
        self._told = told
        self._clock = clock
        self._later = later
        self._buckets: dict[str, Bucket] = {}
        self._storming: set[Bucket] = set()
        self._looking = False

    def bucket(self, guest: str) -> Bucket:
        """The bucket of a guest, the same for all its ways and over its reconnections."""
        found = self._buckets.pop(guest, None) or self.own_bucket()
        self._buckets[guest] = found  # the one that came last is the last to be forgotten
        for name in list(self._buckets)[: max(0, len(self._buckets) - MAX_GUESTS)]:
            del self._buckets[name]
        return found

    def own_bucket(self) -> Bucket:
        """One for a process of the host: each connection has its own."""
        return Bucket(self._make())

    def take(self, bucket: Bucket, party: str, count: int, at: Now, *, empty: bool = False) -> float:
        """How many seconds to take nothing from it, 0.0: go on."""
        before = bucket.times
        seconds = bucket.throttle.take(count, at.mono, empty=empty)
        if seconds <= 0:
            return 0.0
        if at.mono - bucket.paused_at > WINDOW_S:
            bucket.before = before
        bucket.paused_at = at.mono
        if bucket not in self._storming and bucket.throttle.storm(at.mono):
            bucket.party = party
            self._storming.add(bucket)
            self._told.throttled(party, bucket.times_now)
            self._look()
        return seconds

    def _look(self) -> None:
        if not self._looking:
            self._looking = True
            self._later(LOOK_EVERY_S, self._looked)

    def _looked(self) -> None:
        """Storms that are over are told."""
        self._looking = False
        mono = self._clock().mono
        for bucket in tuple(self._storming):
            if not bucket.throttle.storming(mono):
                self._storming.discard(bucket)
                self._told.calm(bucket.party or "", bucket.times_now)
        if self._storming:
            self._look()
