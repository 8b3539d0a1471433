"""Counting what is too much, or too plain, for a row of its own in the audit log. Pure: time is an argument.

Every count is exact. The table of counts is bounded: beyond that what comes is counted under one key for the others.
"""

from collections.abc import Callable, Hashable
from typing import Final, Generic, NamedTuple, TypeVar

from guestwire.protocol.buckets import Buckets, TokenBucket

K = TypeVar("K", bound=Hashable)

CLIENT_BURST: Final = 20
CLIENT_RATE: Final = 1.0
ALL_BURST: Final = 200
ALL_RATE: Final = 5.0
"""Refused messages per second that have rows of their own: of one client, and of all. A day of refusals at this rate is
less than a log holds, so a flood cannot wash away what was there before it."""
COUNT_FIRST_S: Final = 1.0
COUNT_LONGEST_S: Final = 60.0
"""How often counts become rows: after a second, then ever less often while there is more to count."""
MOST_REFUSALS: Final = 64
MOST_READS: Final = 256
OTHERS: Final = "others"


class Count(NamedTuple):
    """How many, and the time (Unix ms) of the first and the last."""

    number: int
    first_ms: int
    last_ms: int


class Tally(Generic[K]):
    """Counts by key, at most `most` of them; `other` makes the key of what comes beyond that. There must be few of those."""

    def __init__(self, most: int, other: Callable[[K], K]) -> None:
        self._most = most
        self._other = other
        self._counts: dict[K, Count] = {}

    def __bool__(self) -> bool:
        return bool(self._counts)

    def add(self, key: K, at_ms: int) -> None:
        """One more."""
        self.put_back(key, Count(1, at_ms, at_ms))

    def put_back(self, key: K, count: Count) -> None:
        """What was taken could not be written."""
        known = self._counts.get(key)
        if known is None and len(self._counts) >= self._most:
            key = self._other(key)
            known = self._counts.get(key)
        if known is not None:
            first_ms, last_ms = min(known.first_ms, count.first_ms), max(known.last_ms, count.last_ms)
            count = Count(known.number + count.number, first_ms, last_ms)
        self._counts[key] = count

    def take(self) -> dict[K, Count]:
        """All counts, which begin anew."""
        taken, self._counts = self._counts, {}
        return taken


class OwnRows:
    """Which refused messages have rows of their own."""

    def __init__(self) -> None:
        self._of_client = Buckets(CLIENT_RATE, CLIENT_BURST)
        self._of_all = TokenBucket(ALL_RATE, ALL_BURST)

    def take(self, client: str, mono: float) -> bool:
        return self._of_client[client].take(mono) == 0 and self._of_all.take(mono) == 0


class Pace:
    """When counts become rows. `first_s` after the first, then half as often each time while they come on."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._pause_s = first_s
        self._last = float("-inf")
        self._due: float | None = None

    def begin(self, mono: float) -> bool:
        """There is something to count. Whether that is news."""
        if self._due is not None:
            return False
        fresh = mono - self._last >= self._pause_s
        self._pause_s = self._first_s if fresh else min(2 * self._pause_s, self._longest_s)
        self._due = mono + self._pause_s
        return True

    @property
    def due(self) -> float:
        """Monotonic; infinite while there is nothing."""
        return float("inf") if self._due is None else self._due

    def done(self, mono: float) -> None:
        """They are rows now."""
        self._last, self._due = mono, None
