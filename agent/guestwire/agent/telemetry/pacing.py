"""How fast what was left behind is sent: with a share of the link, so that what is new always finds room. Sans-I/O: time is an
argument, monotonic seconds.

A token bucket of bytes. How fast the link is, is configured, or observed: what is sent goes in bursts of about a second of the
link, and how long the peer took to confirm one tells how fast it was.
"""

from typing import Final

SHARE: Final = 0.3
FIRST_GUESS: Final = 16 * 1024.0
"""Bytes per second, before anything was observed."""
BURST_S: Final = 1.0
LEAST_BURST: Final = 4 * 1024
MOST_BURST: Final = 512 * 1024
OBSERVED: Final = 5
"""Bursts that the speed of the link is taken from: the one in the middle of them."""
_TOO_SHORT_S: Final = 1e-4


class Pacing:
    """`link`: bytes per second, where they are known."""

    def __init__(self, link: float | None = None) -> None:
        self._configured = link
        self._observed: tuple[float, ...] = ()
        self._tokens = 0.0
        self._at: float | None = None
        self._in_flight = 0
        self._burst_bytes = 0
        self._burst_at = 0.0
        self._bursting = False

    @property
    def link(self) -> float:
        """How fast the link is held to be, bytes per second."""
        if self._configured is not None:
            return self._configured
        return sorted(self._observed)[len(self._observed) // 2] if self._observed else FIRST_GUESS

    @property
    def rate(self) -> float:
        return SHARE * self.link

    @property
    def _burst(self) -> float:
        return min(max(self.link * BURST_S, LEAST_BURST), MOST_BURST)

    def may_send(self, mono: float) -> bool:
        """Whether a message may go now, however large it is: it is paid for afterwards. A burst begins when there are tokens for
        the whole of it, and ends with them."""
        self._fill(mono)
        if self._tokens >= self._burst:
            self._bursting = True
        elif self._tokens <= 0:
            self._bursting = False
        return self._bursting

    def wait_s(self, mono: float) -> float:
        """How long until something may go."""
        self._fill(mono)
        if self._bursting and self._tokens > 0:
            return 0.0
        return max(0.0, (self._burst - self._tokens) / self.rate)

    def sent(self, size: int, mono: float) -> None:
        self._fill(mono)
        self._tokens -= size
        if self._in_flight == 0:
            self._burst_at, self._burst_bytes = mono, 0
        self._in_flight += 1
        self._burst_bytes += size

    def confirmed(self, mono: float, *, ok: bool = True) -> None:
        """One message was confirmed, or will not be."""
        self._in_flight = max(0, self._in_flight - 1)
        if not ok:
            self._burst_bytes = 0
        if self._in_flight == 0 and self._burst_bytes >= min(LEAST_BURST, self._burst):
            speed = self._burst_bytes / max(mono - self._burst_at, _TOO_SHORT_S)
            self._observed = (*self._observed[1 - OBSERVED :], speed)

    def _fill(self, mono: float) -> None:
        if self._at is None:
            self._tokens = self._burst
        elif mono > self._at:
            self._tokens = min(self._burst, self._tokens + (mono - self._at) * self.rate)
        self._at = mono if self._at is None else max(mono, self._at)
