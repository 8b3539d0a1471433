"""What a host makes of its wall clock, given what it has seen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.agent.time_floor import TimeFloor, judged
from guestwire.model.host import ClockQuality
from guestwire.protocol.executor import SKEW_MS

FLOOR = 1_790_000_000_000


@pytest.mark.parametrize(
    ("kernel", "wall_ms", "quality"),
    [
        ("synchronised", 0, "unsynchronised"),
        ("unknown", 0, "unsynchronised"),
        ("synchronised", FLOOR - SKEW_MS - 1, "unsynchronised"),
        ("synchronised", FLOOR - SKEW_MS, "synchronised"),
        ("synchronised", FLOOR + 1, "synchronised"),
        ("unknown", FLOOR + 1, "unknown"),
        ("unsynchronised", FLOOR + 1, "unsynchronised"),
    ],
)
def test_a_clock_below_the_floor_is_wrong_whatever_the_kernel_says(
    kernel: ClockQuality, wall_ms: int, quality: ClockQuality
) -> None:
    assert judged(TimeFloor(FLOOR), lambda: kernel, lambda: wall_ms)() == quality


def test_without_anything_seen_the_kernel_is_believed() -> None:
    assert TimeFloor().judge("synchronised", 0) == "synchronised"


@settings(max_examples=50)
@given(st.lists(st.integers(-(2**53), 2**53)))
def test_the_floor_only_goes_up(seen: list[int]) -> None:
    floor, highest = TimeFloor(FLOOR), FLOOR
    for ms in seen:
        floor.seen(ms)
        highest = max(highest, ms)
        assert floor.ms == highest
