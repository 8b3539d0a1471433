"""A batch is read in one piece, and means the same as read series by series."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_batches import FORKS, LOAD, LOG, NOW_MS, batch, column

from guestwire.controller.telemetry.reading import LARGEST, Read, read
from guestwire.model.errors import GuestwireError
from guestwire.protocol.telemetry import ColumnRow, TelemetryBatch, columns, offsets, values

Samples = dict[str, list[tuple[int, float]]]


def samples(found: Read) -> Samples:
    made: Samples = {}
    for block in found.blocks:
        n = len(block.times)
        assert n
        assert len(block.values) == n * len(block.heads)
        for one in block.alone():
            assert one.heads[0].text not in made
            made[one.heads[0].text] = list(zip(one.times, one.values, strict=True))
    return made


def points(n: int) -> st.SearchStrategy[list[float | None]]:
    some = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([LARGEST, -LARGEST, float("inf"), 0.0])
    return st.lists(st.none() | some, min_size=n, max_size=n) | st.lists(some, min_size=n, max_size=n)


def whole_numbers(n: int) -> st.SearchStrategy[list[int | None]]:
    some = st.integers(-(1 << 62), 1 << 62)
    return st.lists(st.none() | some, min_size=n, max_size=n) | st.lists(some, min_size=n, max_size=n)


@st.composite
def batches(draw: st.DrawFn) -> TelemetryBatch:
    steps = draw(st.lists(st.integers(0, 5000), max_size=12))
    times = [NOW_MS + sum(steps[: at + 1]) for at in range(len(steps))]
    t0, dt = offsets(times)
    rows: list[ColumnRow] = []
    for at in range(draw(st.integers(0, 6))):
        if draw(st.booleans()):
            rows.append((f'{LOAD}{{n="{at}"}}', "gauge", 0, "d", values("d", draw(points(len(times))))))
        else:
            rows.append(
                (f'{FORKS}{{n="{at}"}}', "counter", NOW_MS - at, "q", values("q", draw(whole_numbers(len(times)))))
            )
    return TelemetryBatch(log=LOG, seq=1, tier="fast", t0=t0, dt=dt, columns=tuple(rows))


@given(batches())
def test_it_is_what_the_columns_are(given_batch: TelemetryBatch) -> None:
    wanted = [one for one in columns(given_batch) if one.times]
    sound = [one for one in wanted if max(map(abs, one.values)) <= LARGEST]
    found = read(given_batch)
    assert samples(found) == {one.series: list(zip(one.times, one.values, strict=True)) for one in sound}
    assert found.unsound == len(wanted) - len(sound)
    heads = {head.text: (head.kind, head.start) for block in found.blocks for head in block.heads}
    assert heads == {one.series: (one.kind, one.start) for one in sound}


def test_a_batch_without_holes_is_one_block() -> None:
    gauges = {f'{LOAD}{{n="{n}"}}': [1.5, 2.5] for n in range(3)}
    found = read(batch(1, [NOW_MS, NOW_MS + 1000], gauges, counters={FORKS: [1, 2]}))
    assert [len(block.heads) for block in found.blocks] == [4]


@pytest.mark.parametrize(
    "update",
    [
        {"dt": b"abc"},
        {"dt": offsets([5, 6])[1][::-1]},
        {"columns": (column(LOAD, [1.0]),)},
        {"columns": (column(LOAD, [1.0, 2.0]), column(LOAD, [1.0, 2.0]))},
        {"columns": ((LOAD, "gauge", 0, "d", bytes(15)),)},
        {"columns": ((LOAD, "gauge", 0, "d", bytes(8)), (FORKS, "gauge", 0, "d", bytes(24)))},
    ],
)
def test_what_does_not_fit_together_is_malformed(update: dict[str, object]) -> None:
    sound = batch(1, [NOW_MS, NOW_MS + 1000], {LOAD: [1, 2]})
    with pytest.raises(GuestwireError, match="MALFORMED"):
        read(sound.model_copy(update=update))
