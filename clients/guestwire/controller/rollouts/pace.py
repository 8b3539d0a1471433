"""How many hosts may be begun at a moment: never more than the rate in any minute, and never the whole minute's at once.

It looks at when hosts were begun, and at nothing else: after a restart it says the same.
"""

import math
from collections.abc import Iterable

MINUTE_MS = 60_000
BREATH_MS = 5_000
"""A minute's hosts are spread over stretches of this length."""
_PER_MINUTE = MINUTE_MS // BREATH_MS
NO_LIMIT = 1 << 31

Starts = tuple[tuple[int, int], ...]
"""When (Unix ms) how many were begun, oldest first."""


def budget(starts: Starts, rate: int | None, now_ms: int) -> int:
    """How many may be begun now."""
    if rate is None:
        return NO_LIMIT
    within = _within(starts, MINUTE_MS, now_ms)
    breath = _within(starts, BREATH_MS, now_ms)
    return max(0, min(rate - _sum(within), math.ceil(rate / _PER_MINUTE) - _sum(breath)))


def more_at(starts: Starts, rate: int | None, now_ms: int) -> int:
    """When the next may be begun: now, or later."""
    if rate is None:
        return now_ms
    minute = _free_at(_within(starts, MINUTE_MS, now_ms), rate, MINUTE_MS)
    breath = _free_at(_within(starts, BREATH_MS, now_ms), math.ceil(rate / _PER_MINUTE), BREATH_MS)
    return max(now_ms, minute, breath)


def noted(starts: Starts, now_ms: int, count: int) -> Starts:
    """With so many more begun now; what is too old to matter is left out."""
    return (*_within(starts, MINUTE_MS, now_ms), (now_ms, count))


def _within(starts: Starts, span_ms: int, now_ms: int) -> Starts:
    """Those of the last `span_ms`. What lies ahead by more than that was noted before the clock was set back."""
    return tuple(one for one in starts if now_ms - span_ms < one[0] <= now_ms + span_ms)


def _free_at(starts: Starts, most: int, span_ms: int) -> int:
    """When fewer than `most` are left of them."""
    left = _sum(starts)
    for at, count in starts:
        if left < most:
            return 0
        left -= count
        if left < most:
            return at + span_ms
    return 0


def _sum(starts: Iterable[tuple[int, int]]) -> int:
    return sum(count for _, count in starts)
