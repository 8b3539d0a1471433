"""Simulated loads: the same time gives the same number, and a counter is the integral of its level."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.agent.drivers.simulated.waves import counted, level, share

NAMES = st.tuples(st.text(max_size=8), st.integers(min_value=0, max_value=9))
SECONDS = st.floats(min_value=0, max_value=1e7)


@given(NAMES, st.floats(min_value=0, max_value=1000), SECONDS, SECONDS)
def test_a_counter_never_goes_back(names: tuple[str, int], mean: float, one: float, other: float) -> None:
    sooner, later = sorted((one, other))
    assert counted(mean, later, *names) >= counted(mean, sooner, *names) - 1e-6 * mean
    assert counted(mean, 0, *names) == 0


@given(NAMES, SECONDS)
def test_a_level_stays_around_its_mean(names: tuple[str, int], seconds: float) -> None:
    assert 5 <= level(10, seconds, *names) <= 15
    assert 0 <= share(*names) <= 1
    assert level(10, seconds, *names) == level(10, seconds, *names)


@given(NAMES)
def test_a_counter_is_what_its_level_adds_up_to(names: tuple[str, int]) -> None:
    summed = sum(level(3, second + 0.5, *names) for second in range(1000))
    assert counted(3, 1000, *names) == pytest.approx(summed, rel=1e-3)
