"""Telemetry batches: what goes into columns comes out, and what is no batch is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.model.errors import GuestwireError
from guestwire.protocol import telemetry
from guestwire.protocol.packing import pack, unpack
from guestwire.protocol.telemetry import ABSENT, TelemetryBatch

LOG = bytes(16)
points = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
whole = st.one_of(st.none(), st.integers(min_value=ABSENT + 1, max_value=(1 << 63) - 1))


def _batch(times: list[int], *columns: telemetry.ColumnRow) -> TelemetryBatch:
    t0, dt = telemetry.offsets(times)
    return TelemetryBatch(log=LOG, seq=1, tier="fast", t0=t0, dt=dt, columns=columns)


@given(st.data())
def test_what_goes_in_comes_out(data: st.DataObject) -> None:
    times = sorted(data.draw(st.lists(st.integers(0, 1 << 31), min_size=1, max_size=20)))
    floats = data.draw(st.lists(points, min_size=len(times), max_size=len(times)))
    integers = data.draw(st.lists(whole, min_size=len(times), max_size=len(times)))
    sent = _batch(
        times,
        ("a", "gauge", 0, "d", telemetry.values("d", floats)),
        ('b{guest="x"}', "counter", 7, "q", telemetry.values("q", integers)),
    )
    came = TelemetryBatch.model_validate(unpack(pack(sent.model_dump())))
    assert came == sent
    for column, values in zip(telemetry.columns(came), (floats, integers), strict=True):
        kept = [(time, value) for time, value in zip(times, values, strict=True) if value is not None]
        assert list(zip(column.times, column.values, strict=True)) == kept


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_no_database_sums_is_absent(value: float) -> None:
    batch = _batch([1, 2], ("a", "gauge", 0, "d", telemetry.values("d", [value, 2.0])))
    (column,) = telemetry.columns(batch)
    assert (list(column.times), list(column.values)) == ([2], [2.0])


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        (_batch([5, 6], ("a", "gauge", 0, "d", b"\0" * 8)), "1 values for 2 times"),
        (_batch([5], ("a", "gauge", 0, "d", b"\0" * 7)), "cut off"),
        (_batch([5], ("a", "gauge", 0, "q", b"\0" * 8), ("a", "gauge", 0, "q", b"\0" * 8)), "twice"),
        (_batch([]).model_copy(update={"dt": b"\1\0\0\0\0\0\0\0"}), "ascend"),
        (_batch([]).model_copy(update={"dt": b"\1\0\0"}), "cut off"),
    ],
    ids=["short column", "cut value", "series twice", "times go back", "cut times"],
)
def test_what_is_no_batch(batch: TelemetryBatch, says: str) -> None:
    with pytest.raises(GuestwireError, match=says) as refused:
        telemetry.columns(batch)
    assert refused.value.code == "MALFORMED"


def test_a_batch_without_columns() -> None:
    assert telemetry.columns(_batch([1, 2])) == []
    assert telemetry.times(_batch([3, 9])) == [3, 9]
