"""The time floor: a time that this host has seen for sure. A clock that is below it is wrong, whatever the kernel says of it.

It decides and keeps nothing itself: `floor_note` keeps it over restarts. PROTOCOL, Time.
"""

from collections.abc import Callable

from guestwire.model.host import ClockQuality
from guestwire.protocol.executor import SKEW_MS


class TimeFloor:
    """`ms` in Unix ms. It only goes up."""

    __slots__ = ("ms",)

    def __init__(self, *seen_ms: int) -> None:
        self.ms = max((0, *seen_ms))

    def seen(self, ms: int) -> None:
        """It was that late at least: somebody who is believed has signed something then, or a clock that is right says so."""
        self.ms = max(self.ms, ms)

    def judge(self, kernel: ClockQuality, wall_ms: int) -> ClockQuality:
        """How good the wall clock is, by what the kernel says of it. Whoever signed what raised the floor may have had a clock
        that is a little ahead."""
        return "unsynchronised" if wall_ms < self.ms - SKEW_MS else kernel


def judged(
    floor: TimeFloor, kernel: Callable[[], ClockQuality], wall_ms: Callable[[], int]
) -> Callable[[], ClockQuality]:
    """How good the wall clock is now, for everybody who asks."""
    return lambda: floor.judge(kernel(), wall_ms())
