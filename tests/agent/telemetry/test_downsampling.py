"""Fewer points, the same extremes."""

from hypothesis import given
from hypothesis import strategies as st
from spool_samples import batch

from guestwire.agent.telemetry.downsampling import STRETCHES_MS, Coarsener
from guestwire.agent.telemetry.drafts import BatchDraft
from guestwire.protocol.telemetry import (
    MAX_COLUMNS,
    MAX_SAMPLES,
    ColumnRow,
    TelemetryBatch,
    Tier,
    columns,
    offsets,
    times,
    values,
)

LOG = bytes(16)
T0 = 1_700_000_000_000
Points = dict[str, list[tuple[int, float]]]


def made(
    series: dict[str, list[float | None]], *, at_s: int = 0, every_ms: int = 1000, tier: Tier = "fast", start: int = 0,
    code: str = "d",
) -> TelemetryBatch:  # fmt: skip
    count = len(next(iter(series.values())))
    t0, dt = offsets([T0 + at_s * 1000 + n * every_ms for n in range(count)])
    kind = "counter" if start else "gauge"
    rows: tuple[ColumnRow, ...] = tuple(
        (name, kind, start, code, values(code, found))
        for name, found in series.items()  # type: ignore[arg-type]
    )
    return TelemetryBatch(log=LOG, seq=1, tier=tier, t0=t0, dt=dt, columns=rows)


def points(batches: list[TelemetryBatch]) -> Points:
    found: Points = {}
    for one in batches:
        for column in columns(one):
            found.setdefault(column.series, []).extend(zip(column.times, column.values, strict=True))
    return found


def coarse(batches: list[TelemetryBatch], level: int = 1, limit: int = 44 << 10) -> list[TelemetryBatch]:
    coarsener = Coarsener(level, limit=limit)
    drafts: list[BatchDraft] = []
    for one in batches:
        drafts += coarsener.add(one)
    drafts += coarsener.flush()
    return [draft.numbered(LOG, n + 1) for n, draft in enumerate(drafts)]


def test_of_ten_seconds_the_least_and_the_greatest_stay_in_their_order() -> None:
    (one,) = coarse([made({"a": [5, 1, 9, 2, 2, 2, 2, 2, 2, 3], "b": [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]})])
    assert times(one) == [T0, T0 + 5000]
    assert one.coarse_ms == 5000
    assert points([one]) == {"a": [(T0, 1), (T0 + 5000, 9)], "b": [(T0, 9), (T0 + 5000, 0)]}


def test_a_counter_keeps_its_first_and_last_value_and_its_start() -> None:
    (one,) = coarse([made({"n_total": [float(n) for n in range(25)]}, start=77, code="q")])
    (column,) = columns(one)
    assert (column.kind, column.start) == ("counter", 77)
    assert list(column.values) == [0, 9, 10, 19, 20, 24]


def test_a_counter_that_began_anew_is_another_batch() -> None:
    parts = [made({"n_total": [100.0]}, start=77, code="q"), made({"n_total": [3.0]}, at_s=1, start=99, code="q")]
    assert [columns(one)[0].start for one in coarse(parts)] == [77, 99]


def test_what_is_measured_rarely_keeps_its_points_and_shares_its_names() -> None:
    parts = [made({"a": [float(n)]}, at_s=3 + 10 * n, tier="normal") for n in range(6)]
    (one,) = coarse(parts)
    assert points([one])["a"] == [(T0 + 3000 + 10_000 * n, float(n)) for n in range(6)]
    assert one.coarse_ms == 0


def test_tiers_stay_apart_and_series_come_and_go() -> None:
    parts = [
        made({"a": [1.0]}), made({"s": [1.0]}, tier="slow"), made({"a": [2.0], "late": [7.0]}, at_s=60),
        made({"late": [None, float("nan")]}, at_s=70),
    ]  # fmt: skip
    fast, slow = coarse(parts)
    assert (fast.tier, slow.tier) == ("fast", "slow")
    assert points([fast]) == {"a": [(T0, 1.0), (T0 + 60_000, 2.0)], "late": [(T0 + 60_000, 7.0)]}


def test_batches_stay_within_a_frame() -> None:
    many = [batch(LOG, n, t0_s=n, points=10, series=300) for n in range(1, 40)]
    found = coarse(many)
    for one in found:
        assert sum(len(row[0]) + len(row[4]) for row in one.columns) < 44 << 10
        assert len(one.columns) <= MAX_COLUMNS
        assert len(times(one)) <= MAX_SAMPLES
    assert set(points(found)) == set(points(many))
    assert {row[0] for one in coarse(many, limit=4096) for row in one.columns} == set(points(many))


@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.integers(-50, 50).map(float)), min_size=1, max_size=30), min_size=1, max_size=5
    ),
    st.integers(0, 20),
)
def test_every_extreme_of_every_stretch_is_there_however_often_it_is_made_coarser(
    parts: list[list[float | None]], at_s: int
) -> None:
    fine, at = [], at_s
    for part in parts:
        fine.append(made({"a": part}, at_s=at))
        at += len(part)
    now = fine
    for level, stretch in enumerate(STRETCHES_MS, 1):
        now = coarse(now, level)
        before, after = points(fine).get("a", []), points(now).get("a", [])
        for begin in {time - time % stretch for time, _ in before}:
            was = [value for time, value in before if begin <= time < begin + stretch]
            left = [value for time, value in after if begin <= time < begin + stretch]
            assert (min(left), max(left)) == (min(was), max(was))
            assert len(left) <= max(2, 0) or len(was) <= 2
        assert [time for time, _ in after] == sorted(time for time, _ in after)
