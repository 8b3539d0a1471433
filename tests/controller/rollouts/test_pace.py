"""The rate: never more than it in any minute, spread, and never standing still."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.rollouts.pace import NO_LIMIT, budget, more_at, noted

T = 1_800_000_000_000


@pytest.mark.parametrize(
    ("starts", "rate", "free", "next_ms"),
    [
        ((), None, NO_LIMIT, 0),
        ((), 60, 5, 0),
        ((), 1, 1, 0),
        (((0, 5),), 60, 0, 5_000),
        (((0, 4),), 60, 1, 0),
        (((-5_000, 5),), 60, 5, 0),
        (((-59_999, 1),), 1, 0, 1),
        (((-60_000, 1),), 1, 1, 0),
        (((-40_000, 30), (-20_000, 30)), 60, 0, 20_000),
        (((-40_000, 59), (-20_000, 1)), 60, 0, 20_000),
        (((30_000, 1),), 1, 0, 90_000),
        (((3_600_000, 60),), 60, 5, 0),
    ],
)
def test_what_may_be_begun_and_when_the_next(starts, rate, free, next_ms):
    begun = tuple((T + at, count) for at, count in starts)
    assert budget(begun, rate, T) == free
    assert more_at(begun, rate, T) == T + next_ms


@given(
    rate=st.integers(1, 500),
    waits=st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 200)), max_size=60),
)
def test_no_minute_has_more_than_the_rate(rate, waits):
    starts, log, now = (), [], T
    for wait, wanted in waits:
        now += wait
        count = min(wanted, budget(starts, rate, now))
        if count:
            starts = noted(starts, now, count)
            log.append((now, count))
    for at, _ in log:
        assert sum(count for when, count in log if at - 60_000 < when <= at) <= rate


@given(rate=st.integers(1, 500), count=st.integers(1, 1000))
def test_it_always_goes_on(rate, count):
    """Asked again when it said so, it begins everything, and in about the time that the rate stands for."""
    starts, now, left, asked = (), T, count, 0
    while left:
        asked += 1
        assert asked < 20_000
        free = min(left, budget(starts, rate, now))
        if free:
            starts = noted(starts, now, free)
            left -= free
        else:
            later = more_at(starts, rate, now)
            assert later > now
            now = later
    assert now - T <= (count / rate + 1) * 60_000
    assert len(starts) <= 20
