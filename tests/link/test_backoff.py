"""Full-jitter back-off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.link.backoff import CAP_S, STABLE_S, Backoff


def test_the_limit_doubles_to_the_cap() -> None:
    backoff = Backoff(uniform=lambda: 1.0)
    assert [backoff.failed(0.0) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 64, 120, 120]


def test_only_a_stable_connection_is_forgiven() -> None:
    backoff = Backoff(uniform=lambda: 1.0)
    for _ in range(5):
        backoff.failed(0.0)
    assert backoff.failed(STABLE_S - 0.1) == 32
    assert backoff.failed(STABLE_S) == 1
    assert backoff.failed(1.0) == 2


@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1000)), min_size=1, max_size=200))
def test_every_wait_is_within_the_limits(failures: list[tuple[float, float]]) -> None:
    numbers = iter([number for number, _ in failures])
    backoff = Backoff(uniform=lambda: next(numbers))
    for _, lasted in failures:
        assert 0 <= backoff.failed(lasted) < CAP_S


def test_a_thousand_failures_do_not_overflow() -> None:
    backoff = Backoff(uniform=lambda: 0.5)
    assert [backoff.failed(0.0) for _ in range(1000)][-1] == pytest.approx(CAP_S / 2)


def test_waits_are_spread() -> None:
    waits = {Backoff().failed(0.0) for _ in range(50)}
    assert len(waits) > 40
