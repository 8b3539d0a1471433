"""How counters grew."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.store.sample_reads import Point
from guestwire.controller.telemetry.growth import growth, speeds

S = 1000


def points(*readings: tuple[int, float]) -> list[Point]:
    return [Point(1, time * S, value, value) for time, value in readings]


def grown(readings: list[Point], began: tuple[int, ...] = (), until: int = 60, step: int = 10) -> dict[int, float]:
    found = growth(readings, [time * S for time in began], 0, until * S, step * S)
    return {number: one.amount for number, one in found.items()}


@pytest.mark.parametrize(
    ("readings", "began", "expected"),
    [
        ([], (), {}),
        ([(5, 100)], (), {}),
        ([(0, 100), (10, 130), (20, 130)], (), {0: 30, 1: 0}),
        ([(5, 0), (15, 10)], (), {0: 5, 1: 5}),
        ([(-5, 0), (5, 10)], (), {0: 5}),
        # it began anew, and says so or not: what it reached since then counts
        ([(0, 100), (10, 40)], (), {0: 40}),
        ([(0, 100), (10, 140)], (5,), {0: 140}),
        ([(0, 100), (10, 140)], (0,), {0: 40}),
        ([(0, 100), (10, 140)], (10,), {0: 140}),
        # two readings of one time are one
        ([(0, 1), (0, 2), (10, 5)], (), {0: 3}),
    ],
)
def test_steps(readings: list[tuple[int, float]], began: tuple[int, ...], expected: dict[int, float]) -> None:
    assert grown(points(*readings), began) == pytest.approx(expected)


def test_a_window_remembers_how_high_it_was_before_it_began_anew() -> None:
    readings = [Point(1, 0, 100, 100), Point(1, 60 * S, 20, 150)]
    assert growth(readings, (), 0, 60 * S, 60 * S) == {0: (70, 70, 60 * S)}


def test_a_silence_is_no_speed() -> None:
    readings = points((0, 0), (10, 10), (1000, 500), (1010, 510))
    assert grown(readings, until=2000) == pytest.approx({0: 10, 100: 490 + 10})
    assert speeds(growth(readings, (), 0, 2000 * S, 10 * S)) == pytest.approx({0: 1, 100: 1})
    # with long steps it is none
    assert grown(readings, until=2000, step=1000) == pytest.approx({0: 500, 1: 10})


def test_speed_is_of_the_time_that_is_known() -> None:
    """A counter that is new, and one whose next reading has not come yet, are not slow."""
    assert speeds(growth(points((4, 0), (8, 20), (12, 40)), (), 0, 60 * S, 10 * S)) == pytest.approx({0: 5, 1: 5})


@given(
    st.lists(st.tuples(st.integers(1, 200), st.floats(0, 1e6)), min_size=2, max_size=30),
    st.sampled_from([1, 7, 10, 60]),
)
def test_nothing_of_the_growth_is_lost_on_steps(parts: list[tuple[int, float]], step: int) -> None:
    time, value, readings = 0, 0.0, []
    for after, more in parts:
        time, value = time + after, value + more
        readings.append((time, value))
    total = readings[-1][1] - readings[0][1]
    assert sum(grown(points(*readings), until=time + step, step=step).values()) == pytest.approx(total, abs=1e-6)
