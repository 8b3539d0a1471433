"""Token buckets: how often somebody may do something, without a timer. Pure: time is an argument."""

from collections import OrderedDict
from collections.abc import Hashable


class TokenBucket:
    """`burst` at once, `rate` per second after that."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = float("-inf")

    def take(self, mono: float) -> int:
        """0 when there was a token, and it is taken; else the milliseconds until there will be one."""
        self._fill(mono)
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return max(1, round((1 - self._tokens) / self._rate * 1000))

    def wait_ms(self, mono: float) -> int:
        """What `take` would answer, without taking."""
        self._fill(mono)
        return 0 if self._tokens >= 1 else max(1, round((1 - self._tokens) / self._rate * 1000))

    def _fill(self, mono: float) -> None:
        if mono > self._at:
            if self._at != float("-inf"):
                self._tokens = min(self._burst, self._tokens + (mono - self._at) * self._rate)
            self._at = mono


class Buckets:
    """A bucket for each key, the least recently used forgotten beyond `most` (a forgotten one is full again)."""

    def __init__(self, rate: float, burst: float, most: int = 1024) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._by_key: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def __getitem__(self, key: Hashable) -> TokenBucket:
        bucket = self._by_key.get(key)
        if bucket is None:
            bucket = self._by_key[key] = TokenBucket(self._rate, self._burst)
            if len(self._by_key) > self._most:
                self._by_key.popitem(last=False)
        else:
            self._by_key.move_to_end(key)
        return bucket

    def known(self, key: Hashable) -> TokenBucket | None:
        """The bucket of a key that has one already."""
        return self._by_key.get(key)
