"""Token buckets."""

from hypothesis import given
from hypothesis import strategies as st

from guestwire.protocol.buckets import Buckets, TokenBucket


def test_a_burst_then_the_rate() -> None:
    bucket = TokenBucket(rate=2.0, burst=3.0)
    assert [bucket.take(0.0) for _ in range(4)] == [0, 0, 0, 500]
    assert bucket.take(0.25) == 250
    assert bucket.take(0.5) == 0
    assert bucket.wait_ms(0.5) == 500


def test_it_never_holds_more_than_the_burst() -> None:
    bucket = TokenBucket(rate=100.0, burst=2.0)
    bucket.take(0.0)
    assert [bucket.take(1e6) == 0 for _ in range(3)] == [True, True, False]


def test_time_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(rate=1.0, burst=1.0)
    assert bucket.take(10.0) == 0
    assert bucket.take(5.0) == 1000
    assert bucket.take(11.0) == 0


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), st.floats(0.1, 50), st.floats(1, 20))
def test_no_more_than_burst_and_rate_allow(gaps: list[float], rate: float, burst: float) -> None:
    bucket, at, taken = TokenBucket(rate, burst), 0.0, 0
    for gap in gaps:
        at += gap
        taken += bucket.take(at) == 0
    assert taken <= burst + at * rate + 1e-6


@given(st.floats(0.1, 50))
def test_who_waits_as_told_is_served(rate: float) -> None:
    bucket = TokenBucket(rate, 1.0)
    bucket.take(0.0)
    assert bucket.take((bucket.wait_ms(0.0) + 1) / 1000) == 0


def test_keys_have_their_own_and_the_oldest_is_forgotten() -> None:
    buckets = Buckets(1.0, 1.0, most=2)
    assert buckets["a"].take(0.0) == 0
    assert buckets["a"].take(0.0) > 0
    assert buckets["b"].take(0.0) == 0
    assert buckets.known("c") is None
    buckets["a"]
    buckets["c"]
    assert buckets.known("b") is None
    assert buckets["a"].take(0.0) > 0
