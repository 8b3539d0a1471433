"""How fast a peer may ask and ring. Pure: time is an argument, in monotonic seconds.

A guest can ring its vectors at full speed, and each ring costs the host a wake-up. What is beyond the bucket is not dropped:
nothing is taken from the peer until the bucket has paid for what it took.
"""

from collections import deque

RATE = 20_000.0
BURST = 20_000.0
WINDOW_S = 10.0
STORM_S = 1.0
LEAST_S = 0.02
"""No pause is shorter: one that a timer cannot keep costs more than it holds back, and would not count as what it is."""


class Throttle:
    """The bucket of one peer. Counters: `requests`, `rings` (that found nothing), `times` it was made to wait. A storm: it
    waited more than STORM_S of the last WINDOW_S seconds; over after WINDOW_S seconds in which it did not wait."""

    __slots__ = (
        "_burst",
        "_filled_at",
        "_paused_until",
        "_pauses",
        "_rate",
        "_storming",
        "_tokens",
        "requests",
        "rings",
        "times",
    )

    def __init__(self, rate: float = RATE, burst: float = BURST) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled_at: float | None = None
        self._paused_until = float("-inf")
        self._pauses: deque[tuple[int, float]] = deque()
        self._storming = False
        self.requests = 0
        self.rings = 0
        self.times = 0

    def take(self, count: int, now: float, *, empty: bool = False) -> float:
        """Count requests that were taken from the peer (or, with `empty`, rings that found nothing). 0.0: go on; else how
        many seconds to take nothing from it: at least LEAST_S, at most what a whole burst costs."""
        if empty:
            self.rings += count
        else:
            self.requests += count
        if self._filled_at is not None:
            self._tokens = min(self._burst, self._tokens + max(0.0, now - self._filled_at) * self._rate)
        self._filled_at = now if self._filled_at is None else max(now, self._filled_at)
        self._tokens = max(-self._burst, self._tokens - count)
        if self._tokens >= 0:
            return 0.0
        self.times += 1
        pause = max(LEAST_S, -self._tokens / self._rate)
        self._waits(now, now + pause)
        return pause

    def storm(self, now: float) -> bool:
        """True once for every storm: when it is one and was none when this was asked last."""
        was = self._storming
        return self.storming(now) and not was

    def storming(self, now: float) -> bool:
        """Whether a storm lasts."""
        if self._storming:
            self._storming = now < self._paused_until + WINDOW_S
        else:
            while self._pauses and self._pauses[0][0] <= now - WINDOW_S:
                self._pauses.popleft()
            self._storming = sum(seconds for _, seconds in self._pauses) > STORM_S
        return self._storming

    def _waits(self, start: float, end: float) -> None:
        """Pauses overlap when the peer has several ways: each moment counts once. One sum for each second: bounded."""
        waited = end - max(start, self._paused_until)
        self._paused_until = max(end, self._paused_until)
        if waited <= 0:
            return
        second = int(start)
        if self._pauses and self._pauses[-1][0] >= second:
            second, before = self._pauses.pop()
            waited += before
        self._pauses.append((second, waited))
        if len(self._pauses) > WINDOW_S + 1:
            self._pauses.popleft()
