"""Times that cannot be true are shifted, in the same way for all that belongs together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.telemetry.host_clock import AHEAD_MS, OLDEST_MS, HostClock, judge

NOW = 1_800_000_000_000
DAY = 86_400_000
AT_2000 = 946_684_800_000


@pytest.mark.parametrize("age", [0, 1000, -AHEAD_MS, DAY, OLDEST_MS])
def test_what_can_be_true_is_believed(age: int) -> None:
    time = NOW - age
    assert judge(HostClock(), time, time, NOW, later=True) == (0, HostClock(0, time))


@pytest.mark.parametrize("age", [-AHEAD_MS - 1, -400 * DAY, OLDEST_MS + 1, 20 * 365 * DAY, NOW])
def test_what_cannot_be_true_ends_now(age: int) -> None:
    offset, clock = judge(HostClock(), NOW - age - 5000, NOW - age, NOW, later=True)
    assert NOW - age + offset == NOW
    assert clock == HostClock(offset, NOW)


def test_what_comes_late_keeps_its_distance_from_what_came_live() -> None:
    _, clock = judge(HostClock(), AT_2000, AT_2000 + 10_000, NOW, later=True)
    offset, after = judge(clock, AT_2000 - 3_600_000, AT_2000 - 3_590_000, NOW + 1000, later=False)
    assert AT_2000 - 3_590_000 + offset == NOW - 3_600_000
    assert after == clock


def test_a_clock_that_was_put_right_is_believed_and_what_is_left_of_before_stays_where_it_belongs() -> None:
    _, clock = judge(HostClock(), AT_2000, AT_2000, NOW, later=True)
    offset, clock = judge(clock, NOW + 10_000, NOW + 10_000, NOW + 10_000, later=True)
    assert offset == 0
    offset, _ = judge(clock, AT_2000 - 60_000, AT_2000 - 60_000, NOW + 20_000, later=False)
    assert AT_2000 - 60_000 + offset == NOW - 60_000


def test_a_host_that_was_started_again_begins_anew() -> None:
    """Its clock says the year 2000 again: what it sends now is of now, and not of its last life."""
    _, clock = judge(HostClock(), AT_2000, AT_2000, NOW, later=True)
    _, clock = judge(clock, AT_2000 + DAY, AT_2000 + DAY, NOW + DAY, later=True)
    offset, clock = judge(clock, AT_2000, AT_2000 + 5000, NOW + DAY + 60_000, later=True)
    assert AT_2000 + 5000 + offset == NOW + DAY + 60_000
    assert clock.newest_ms == NOW + DAY + 60_000


@given(
    st.integers(0, 1 << 53),
    st.integers(0, 40 * DAY),
    st.integers(-(1 << 53), 1 << 53),
    st.integers(0, NOW),
    st.booleans(),
)
def test_every_time_ends_where_it_can_be(first: int, length: int, offset: int, newest: int, later: bool) -> None:
    added, clock = judge(HostClock(offset, newest), first, first + length, NOW, later=later)
    assert NOW - OLDEST_MS <= first + length + added <= NOW + AHEAD_MS
    assert clock.newest_ms >= newest
    assert judge(clock, first, first + length, NOW, later=False)[0] == added
