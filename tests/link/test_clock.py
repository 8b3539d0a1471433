"""The clock."""

import time

from guestwire.link.clock import now


def test_now_is_wall_milliseconds_and_monotonic_seconds() -> None:
    before, first, second, after = time.time() * 1000, now(), now(), time.time() * 1000
    assert before - 1 <= first.wall_ms <= after + 1
    assert first.mono <= second.mono <= time.monotonic()
    assert isinstance(first.wall_ms, int)
