"""Cumulative buckets, as Prometheus has them."""

from hypothesis import given
from hypothesis import strategies as st

from guestwire.agent.telemetry.histogram import Histogram

FAMILY = "guestwire_agent_loop_lag_seconds"


def rows(histogram: Histogram) -> dict[tuple[str, tuple[str, ...]], float]:
    found = {}

    def add(metric: str, labels: tuple[str, ...], value: float | None, since_ms: int = 0) -> None:
        assert value is not None
        assert since_ms == 7
        found[metric.removeprefix(FAMILY), labels] = value

    histogram.sample(add, FAMILY)
    return found


def test_a_value_counts_in_every_bucket_that_holds_it() -> None:
    histogram = Histogram((0.001, 0.5, 10.0), 7)
    for value in (0.0, 0.001, 0.002, 0.5, 11.0):
        histogram.observe(value)
    assert rows(histogram) == {
        ("_bucket", ("0.001",)): 2,
        ("_bucket", ("0.5",)): 4,
        ("_bucket", ("10",)): 4,
        ("_bucket", ("+Inf",)): 5,
        ("_sum", ()): 11.503,
        ("_count", ()): 5,
    }


@given(st.lists(st.floats(min_value=0, max_value=100)))
def test_counts_ascend_and_end_with_all(values: list[float]) -> None:
    histogram = Histogram((0.01, 1.0, 50.0), 7)
    for value in values:
        histogram.observe(value)
    found = rows(histogram)
    counts = [count for (part, _), count in found.items() if part == "_bucket"]
    assert counts == sorted(counts)
    assert counts[-1] == found["_count", ()] == histogram.count == len(values)
    assert counts[0] == sum(value <= 0.01 for value in values)
