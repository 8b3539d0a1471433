"""Times of a host whose clock is wrong. Pure.

A sample's time is the host's word, and is kept as it is while it can be true: not later than now, and not so long ago that no
spool would still have it. A time that cannot be true is shifted: the newest sample of the batch is taken to be of now. The shift
is remembered and used for all that follows, so that what is sent late keeps its distance from what is sent live; it is made anew
when it leads to times that cannot be true either, or when later numbers would be earlier than what is there (the host was
started again, and its clock began anew). Nothing is dropped for its time.
"""

from typing import Final, NamedTuple

AHEAD_MS: Final = 10 * 60_000
"""Clocks differ: a sample may be so much later than now."""
OLDEST_MS: Final = 90 * 86_400_000
"""No host keeps what it could not send for longer."""


class HostClock(NamedTuple):
    """`offset_ms`: what was added to times that could not be true; 0: there were none yet. `newest_ms`: the newest time of a
    sample."""

    offset_ms: int = 0
    newest_ms: int = 0


def judge(clock: HostClock, first_ms: int, last_ms: int, now_ms: int, *, later: bool) -> tuple[int, HostClock]:
    """What to add to the times of a batch from `first_ms` to `last_ms`, and what is known of the clock after it. `later`: its
    number is above all that were received."""
    if _possible(first_ms, now_ms) and _possible(last_ms, now_ms):
        return 0, clock._replace(newest_ms=max(clock.newest_ms, last_ms))
    offset = clock.offset_ms
    began_anew = later and last_ms + offset < clock.newest_ms - AHEAD_MS
    if not offset or began_anew or not _possible(last_ms + offset, now_ms):
        offset = now_ms - last_ms
    return offset, HostClock(offset, max(clock.newest_ms, last_ms + offset))


def _possible(time_ms: int, now_ms: int) -> bool:
    return now_ms - OLDEST_MS <= time_ms <= now_ms + AHEAD_MS
