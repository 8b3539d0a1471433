"""Parts of steps become one value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.store.sample_reads import Bucket, What
from guestwire.controller.telemetry.folding import Folded

SAMPLES = st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), min_size=1, max_size=6)


def bucket(what: What, values: list[float], time: int) -> Bucket:
    value = {
        "avg": sum(values), "sum": sum(values), "count": len(values), "min": min(values), "max": max(values), "last": values[-1]
    }[what]  # fmt: skip
    return Bucket(7, 3, value, len(values), time)


@pytest.mark.parametrize("what", ["avg", "sum", "count", "min", "max", "last"])
@given(parts=SAMPLES, order=st.randoms())
def test_parts_in_any_order_are_as_one(what: What, parts: list[list[float]], order) -> None:
    buckets = [bucket(what, values, time) for time, values in enumerate(parts)]
    order.shuffle(buckets)
    folded = Folded(what)
    for one in buckets:
        folded.add([one])
    every = [value for values in parts for value in values]
    expected = sum(every) / len(every) if what == "avg" else bucket(what, every, 0).value
    assert folded.steps(7) == {3: pytest.approx(expected)}
    assert (folded.steps(8), folded.rows) == ({}, len(parts))
