"""How fast a peer may ask: pauses, their counting, and what is a storm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.comm.throttle import STORM_S, WINDOW_S, Throttle


@pytest.mark.parametrize(
    ("calls", "pauses", "times"),
    [
        ([(100, 0.0)], [0.0], 0),
        ([(100, 0.0), (1, 0.0)], [0.0, 0.1], 1),
        ([(100, 0.0), (5, 0.0), (5, 0.0)], [0.0, 0.5, 1.0], 2),
        ([(100, 0.0), (10, 0.5), (10, 1.0)], [0.0, 0.5, 1.0], 2),
        ([(100, 0.0), (10, 1.0), (10, 2.0)], [0.0, 0.0, 0.0], 0),
        ([(100, 0.0), (100, 1000.0), (1, 1000.0)], [0.0, 0.0, 0.1], 1),
        ([(100000, 0.0)], [10.0], 1),
        ([(100, 5.0), (10, 4.0), (10, 6.0)], [0.0, 1.0, 1.0], 2),
    ],
)  # fmt: skip
def test_pauses(calls: list[tuple[int, float]], pauses: list[float], times: int) -> None:
    """10 a second, 100 at once; a clock that goes back fills nothing, and a pause is never longer than a burst takes."""
    throttle = Throttle(rate=10, burst=100)
    assert [throttle.take(count, now) for count, now in calls] == pytest.approx(pauses)
    assert (throttle.times, throttle.requests, throttle.rings) == (times, sum(count for count, _ in calls), 0)


def test_rings_that_found_nothing_cost_the_same_and_are_counted_apart() -> None:
    throttle = Throttle(rate=10, burst=10)
    throttle.take(4, 0.0)
    assert throttle.take(7, 0.0, empty=True) == pytest.approx(0.1)
    assert (throttle.requests, throttle.rings, throttle.times) == (4, 7, 1)


def flood(throttle: Throttle, start: float, seconds: float) -> tuple[float, list[float]]:
    """A peer that asks as fast as it may, a full ring at a time; when it ended, and when there was a storm."""
    now, storms = start, []
    while now < start + seconds:
        now += throttle.take(256, now) + 0.001
        if throttle.storm(now):
            storms.append(now)
    return now, storms


def test_a_storm_happens_once_until_it_was_calm() -> None:
    throttle = Throttle()
    end, storms = flood(throttle, 50.0, 60.0)
    assert len(storms) == 1
    assert 50 + STORM_S < storms[0] < 50 + 5
    assert throttle.storming(end)
    assert throttle.storming(end + WINDOW_S - 1)
    assert not throttle.storming(end + WINDOW_S + 1)
    assert not throttle.storm(end + WINDOW_S + 1)
    again, storms = flood(throttle, end + WINDOW_S + 2, 20.0)
    assert len(storms) == 1
    assert throttle.storming(again)


def test_rings_one_by_one_at_full_speed_are_a_storm_too() -> None:
    """A doorbell is heard ring by ring: each is over the bucket by one, and a pause of a fiftieth of a millisecond is none."""
    throttle, now, storms = Throttle(), 0.0, 0
    while now < 10.0:
        now += throttle.take(1, now, empty=True) + 0.00002
        storms += throttle.storm(now)
    assert storms == 1
    assert throttle.times < 1000


def test_a_flood_that_comes_back_before_it_was_calm_is_the_same_storm() -> None:
    throttle = Throttle()
    end, storms = flood(throttle, 0.0, 10.0)
    assert len(storms) == 1
    _, storms = flood(throttle, end + WINDOW_S - 2, 10.0)
    assert storms == []


def test_a_short_burst_is_no_storm() -> None:
    throttle = Throttle()
    for start in range(0, 200, 20):
        _, storms = flood(throttle, float(start), 0.5)
        assert storms == []
    assert throttle.times > 0


def test_what_a_peer_of_several_ways_waits_counts_once() -> None:
    """Nine askers at the same moment wait together: 0.9 s, not 4.5."""
    throttle = Throttle(rate=10, burst=20)
    throttle.take(20, 0.0)
    for _ in range(9):
        throttle.take(1, 0.0)
    assert not throttle.storm(0.0)
    throttle.take(2, 0.0)
    assert throttle.storm(0.0)


@given(st.lists(st.tuples(st.integers(0, 300), st.floats(-1, 30)), max_size=50))
def test_whoever_obeys_gets_no_more_than_the_rate(steps: list[tuple[int, float]]) -> None:
    throttle = Throttle(rate=100, burst=300)
    now = taken = 0.0
    for count, idle in steps:
        pause = throttle.take(count, now)
        taken += count
        now += pause + max(0.0, idle)
        assert 0 <= pause <= 3.0
        assert taken <= 300 + 100 * now + 1e-6
        assert len(throttle._pauses) <= WINDOW_S + 1
        throttle.storm(now + min(idle, 0))
