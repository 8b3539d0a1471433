"""Samples become batches: columns, times, starts, and none larger than a frame."""

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.agent.telemetry.batching import LIMIT, TierBatch
from guestwire.agent.telemetry.drafts import BatchDraft
from guestwire.agent.telemetry.series_book import SeriesBook
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.metrics import BY_NAME, series_text
from guestwire.protocol.telemetry import MAX_COLUMNS, columns

GAUGE = "guestwire_queue_depth"
COUNTER = "guestwire_queue_put_total"
SECONDS = "guestwire_vcpu_cpu_seconds_total"
LOG = bytes(16)
T0 = 1_700_000_000_000


def batch(limit: int = LIMIT, series: int = 1000) -> TierBatch:
    return TierBatch("fast", SeriesBook(series, BY_NAME.keys(), lambda _: None), limit=limit)


def samples(drafts: Iterable[BatchDraft]) -> Iterator[tuple[str, int, float, int]]:
    """(series, time, value, start) of everything in them, as a receiver reads it."""
    for draft in drafts:
        made = draft.numbered(LOG, 1)
        assert len(to_bytes(made)) <= LIMIT
        for column in columns(made):
            for time, value in zip(column.times, column.values, strict=True):
                yield column.series, time, value, column.start


def test_points_become_columns_and_what_was_not_measured_is_absent() -> None:
    growing = batch()
    growing.begin(T0)
    growing.add(GAUGE, ("a",), 1)
    growing.add(SECONDS, ("g", "0"), 1.5, 7)
    assert growing.end(every_ms=1000, keep_ms=10_000) == []
    growing.begin(T0 + 1000)
    growing.add(SECONDS, ("g", "0"), 2.5, 7)
    growing.add(GAUGE, ("b",), 3)
    (draft,) = growing.flush()
    assert draft.tier == "fast"
    assert sorted(samples([draft])) == [
        ('guestwire_queue_depth{queue="a"}', T0, 1, 0),
        ('guestwire_queue_depth{queue="b"}', T0 + 1000, 3, 0),
        ('guestwire_vcpu_cpu_seconds_total{guest="g",vcpu="0"}', T0, 1.5, 7),
        ('guestwire_vcpu_cpu_seconds_total{guest="g",vcpu="0"}', T0 + 1000, 2.5, 7),
    ]
    assert [(row[1], row[3]) for row in draft.columns] == [("gauge", "q"), ("counter", "d"), ("gauge", "q")]


@pytest.mark.parametrize(("keep_ms", "points"), [(1000, 1), (3000, 3), (10_000, 10), (500, 1)])
def test_a_value_waits_no_longer_than_it_may(keep_ms: int, points: int) -> None:
    growing = batch()
    for n in range(1, 100):
        growing.begin(T0 + n * 1000)
        growing.add(GAUGE, ("a",), n)
        if drafts := growing.end(every_ms=1000, keep_ms=keep_ms):
            break
    assert n == points
    assert [value for _, _, value, _ in samples(drafts)] == list(range(1, points + 1))
    assert growing.flush() == []


def test_a_point_without_a_value_is_no_batch() -> None:
    growing = batch()
    growing.begin(T0)
    assert growing.end(every_ms=1000, keep_ms=1000) == []


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), -1, 1 << 63])
def test_what_is_no_value_is_left_out(value: float | None) -> None:
    growing = batch()
    growing.begin(T0)
    growing.add(COUNTER, ("a",), value)
    assert growing.flush() == []


def test_a_truth_is_one_and_a_whole_number_stays_whole() -> None:
    growing = batch()
    growing.begin(T0)
    growing.add("guestwire_lock_held", ("l",), True)
    growing.add(COUNTER, ("a",), (1 << 60) + 1)
    growing.add(GAUGE, ("a",), 3.0)
    assert [value for _, _, value, _ in samples(growing.flush())] == [1, (1 << 60) + 1, 3]


def test_a_counter_that_began_anew_starts_a_batch() -> None:
    growing = batch()
    for n, (value, since) in enumerate([(5, 1), (6, 1), (2, T0 + 1500), (3, T0 + 1500)]):
        growing.begin(T0 + n * 1000)
        growing.add(COUNTER, ("a",), value, since)
        growing.add(GAUGE, ("a",), n)
        drafts = growing.end(every_ms=1000, keep_ms=60_000)
        assert bool(drafts) == (n == 2)
        if drafts:
            found = [(time - T0, value, start) for series, time, value, start in samples(drafts) if "put" in series]
            assert found == [(0, 5, 1), (1000, 6, 1)]
    found = [(time - T0, value, start) for series, time, value, start in samples(growing.flush()) if "put" in series]
    assert found == [(2000, 2, T0 + 1500), (3000, 3, T0 + 1500)]


def test_a_counter_that_went_back_without_a_word_began_after_it_was_seen() -> None:
    growing = batch()
    for n, value in enumerate([5, 2]):
        growing.begin(T0 + n * 1000)
        growing.add(COUNTER, ("a",), value)
        drafts = growing.end(every_ms=1000, keep_ms=1000)
    ((_, _, value, start),) = samples(drafts)
    assert (value, start) == (2, T0)


def test_a_counter_that_was_overtaken_while_nobody_looked_is_seen_by_its_start() -> None:
    growing = batch()
    for n, (value, since) in enumerate([(5, 1), (None, 0), (9, T0 + 500)]):
        growing.begin(T0 + n * 1000)
        growing.add(COUNTER, ("a",), value, since)
        growing.add(GAUGE, ("a",), n)
        drafts = growing.end(every_ms=1000, keep_ms=60_000)
    assert [(value, start) for series, _, value, start in samples(drafts) if "put" in series] == [(5, 1)]
    assert [(value, start) for series, _, value, start in samples(growing.flush()) if "put" in series] == [
        (9, T0 + 500)
    ]


def test_a_start_that_moves_with_the_clock_is_no_new_one() -> None:
    growing = batch()
    for n, since in enumerate([1000, 1001, 999]):
        growing.begin(T0 + n)
        growing.add(COUNTER, ("a",), n, since)
        assert growing.end(every_ms=1, keep_ms=60_000) == []
    assert {start for _, _, _, start in samples(growing.flush())} == {1000}


@pytest.mark.parametrize("later_ms", [0, -5000, 1 << 32])
def test_a_clock_that_jumps_ends_the_batch(later_ms: int) -> None:
    growing = batch()
    growing.begin(T0)
    growing.add(GAUGE, ("a",), 1)
    growing.end(every_ms=1000, keep_ms=1 << 40)
    (draft,) = growing.begin(T0 + later_ms)
    assert list(samples([draft])) == [('guestwire_queue_depth{queue="a"}', T0, 1, 0)]
    growing.add(GAUGE, ("a",), 2)
    assert [(time, value) for _, time, value, _ in samples(growing.flush())] == [(T0 + later_ms, 2)]


def test_what_is_too_large_is_parted_by_time() -> None:
    growing, handed = batch(), []
    for n in range(400):
        growing.begin(T0 + n)
        for queue in range(100):
            growing.add(GAUGE, (f"q{queue}",), n)
        handed += growing.end(every_ms=1, keep_ms=1 << 40)
    handed += growing.flush()
    found = list(samples(handed))
    assert len(found) == 400 * 100
    assert len(handed) < 12
    sizes = [len(to_bytes(draft.numbered(LOG, 1))) for draft in handed[:-1]]
    assert min(sizes) > LIMIT * 0.8, "a batch is cut when it is full, not before"


def test_what_is_too_large_at_one_time_is_parted_by_columns() -> None:
    growing = batch(series=5000)
    growing.begin(T0)
    for queue in range(MAX_COLUMNS + 10):
        growing.add(GAUGE, (f"q{queue}",), queue)
    drafts = growing.end(every_ms=1000, keep_ms=60_000)
    assert sorted(value for _, _, value, _ in samples(drafts)) == list(range(MAX_COLUMNS + 10))
    assert {draft.t0 for draft in drafts} == {T0}
    assert growing.flush() == []


def test_a_series_that_is_gone_makes_room() -> None:
    book = SeriesBook(1, BY_NAME.keys(), lambda _: None)
    growing = TierBatch("normal", book)
    for n, queue in enumerate(("a", "b", "b")):
        growing.begin(T0 + n)
        growing.add(GAUGE, (queue,), n)
        drafts = growing.end(every_ms=1, keep_ms=1)
        assert [value for _, _, value, _ in samples(drafts)] == ([] if n == 1 else [n])
        assert book.refused == (n == 1)
    assert book.count == 1


POINTS = st.lists(
    st.tuples(
        st.integers(min_value=-3, max_value=5000),
        st.lists(
            st.tuples(
                st.sampled_from([GAUGE, COUNTER, SECONDS]),
                st.integers(min_value=0, max_value=40),
                st.integers(min_value=0, max_value=1 << 40),
            ),
            max_size=25,
            unique_by=lambda one: one[:2],
        ),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=200)
@given(POINTS, st.integers(min_value=600, max_value=5000), st.integers(min_value=0, max_value=8000))
def test_nothing_is_lost_and_nothing_is_larger_than_the_limit(
    points: list[tuple[int, list[tuple[str, int, int]]]], limit: int, keep_ms: int
) -> None:
    growing, handed, given = batch(limit), [], []
    at = T0
    for step, found in points:
        at += step
        handed += growing.begin(at)
        for metric, label, value in found:
            labels = (f"g{label}", "0") if metric == SECONDS else (f"q{label}",)
            growing.add(metric, labels, value, T0)
            text = series_text(metric, dict(zip(BY_NAME[metric].labels, labels, strict=True)))
            given.append((text, at, value))
        handed += growing.end(every_ms=1000, keep_ms=keep_ms)
    handed += growing.flush()
    assert growing.samples == len(given)
    assert sorted((series, time, value) for series, time, value, _ in samples(handed)) == sorted(given)
    for draft in handed:
        assert len(to_bytes(draft.numbered(LOG, 1 << 53))) <= limit or len(draft.columns) == 1
