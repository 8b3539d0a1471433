"""Samples go in, in bulk, and come out as what they were in steps of time; on both databases."""

import random

import pytest
from sqlalchemy import select, text

from guestwire.controller.store import partitions, sample_reads, samples
from guestwire.controller.store.database import Database
from guestwire.controller.store.levels import RAW
from guestwire.controller.store.sample_reads import Bucket, Piece, What
from guestwire.controller.store.samples import Rows

T0 = 1_800_000_000_000
MIN = 60_000


def rows(*given: tuple[int, int, float]) -> Rows:
    """(series, time, value)."""
    return Rows(
        [one for one, _, _ in given], [time for _, time, _ in given], [value for _, _, value in given],
    )  # fmt: skip


async def put(database: Database, *given: tuple[int, int, float], missing: bool = False) -> None:
    some = rows(*given)
    async with database.write() as tx:
        await partitions.make(tx, RAW, {partitions.number(RAW, slot) for slot in some.slots})
    async with database.append() as tx:
        await (samples.add_missing if missing else samples.add)(tx, some)


async def every(database: Database) -> list[tuple[int, int, float]]:
    async with database.read() as tx:
        found = await tx.execute(select(samples.samples).order_by(samples.samples.c.series, samples.samples.c.time))
        return [(row.series, row.time, row.value) for row in found]


@pytest.mark.parametrize("n", [0, 1, 49, 50, 51, 4999, 5000, 11_111])
async def test_as_many_as_went_in_are_there(database: Database, n: int) -> None:
    given = [(i % 7, T0 + i, i * 0.5) for i in range(n)]
    await put(database, *given)
    assert await every(database) == sorted(given)


async def test_integers_and_extremes(database: Database) -> None:
    given = [(1, T0, 1 << 62), (2, T0, 1e300), (3, T0, -1e300), (4, T0, 5e-324)]
    await put(database, *given)
    assert await every(database) == given


async def test_what_is_there_is_not_put_again(database: Database) -> None:
    await put(database, (1, T0, 1.0), (1, T0 + 1, 2.0))
    await put(database, (1, T0 + 1, 99.0), (1, T0 + 2, 3.0), (2, T0 + 1, 4.0), missing=True)
    await put(database, missing=True)
    assert await every(database) == [(1, T0, 1.0), (1, T0 + 1, 2.0), (1, T0 + 2, 3.0), (2, T0 + 1, 4.0)]


async def test_a_day_is_several_partitions_on_postgresql(database: Database) -> None:
    given = [(1, T0 + n * 6 * 60 * MIN, float(n)) for n in range(8)]
    await put(database, *given)
    assert await every(database) == given
    async with database.read() as tx:
        found = await partitions.numbers(tx, RAW)
    wanted = {partitions.number(RAW, RAW.slot(time)) for _, time, _ in given}
    assert found == (wanted if database.dialect == "postgresql" else set())


MEANING: dict[What, object] = {
    "avg": sum, "sum": sum, "count": len, "min": min, "max": max, "last": lambda values: values[-1]
}  # fmt: skip


@pytest.mark.parametrize("what", list(MEANING))
async def test_the_database_reckons_as_python_does(database: Database, what: What) -> None:
    chance = random.Random(5)
    given = [
        (one, T0 + n * 3_000 + one, chance.uniform(-9, 9))
        for one in range(5)
        for n in range(100)
        if chance.random() < 0.8
    ]
    await put(database, *given)
    since, until, step = T0 + MIN, T0 + 4 * MIN, 40_000
    found: list[Bucket] = []
    async with database.read() as tx:
        async for some in sample_reads.buckets(tx, Piece(RAW, since, until), [1, 3, 4, 77], what, step):
            found += some
    expected: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for one, time, value in given:
        if one in (1, 3, 4) and since <= time < until:
            expected.setdefault((one, time // step), []).append((time, value))
    assert {(row.series, row.step) for row in found} == set(expected)
    for row in found:
        its = expected[row.series, row.step]
        assert row.value == pytest.approx(MEANING[what]([value for _, value in its]))  # type: ignore[operator]
        assert row.time == its[-1][0]
        assert what == "last" or row.n == len(its)


async def test_points_of_a_series_come_in_order(database: Database) -> None:
    given = [(one, T0 + n * 20_000, n + one / 10) for n in range(2_000) for one in (3, 1, 2)]  # eleven hours
    await put(database, *given)
    found = []
    async with database.read() as tx:
        async for some in sample_reads.points(tx, Piece(RAW, T0, T0 + 24 * 60 * MIN), [1, 2, 3]):
            found += some
    by_series = {one: [(row.time, row.value) for row in found if row.series == one] for one in (1, 2, 3)}
    assert by_series == {one: [(time, value) for other, time, value in given if other == one] for one in (1, 2, 3)}


async def test_the_newest_of_each_series(database: Database) -> None:
    await put(database, (1, T0, 1.0), (1, T0 + 9, 2.0), (2, T0 + 5, 3.0), (3, T0 - 10 * MIN, 4.0))
    async with database.read() as tx:
        assert sorted(await sample_reads.newest(tx, T0 - MIN, T0 + MIN)) == [(1, T0 + 9, 2.0), (2, T0 + 5, 3.0)]


async def test_reading_a_few_series_looks_at_no_others(database: Database) -> None:
    """It is found by the tree or index of slots and series: a fleet's history is too large to be gone through."""
    await put(database, *[(one, T0 + n * 10_000, 1.0) for one in range(300) for n in range(12)])
    async with database.write() as tx:
        await tx.execute(text("ANALYZE"))
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    given = next(sample_reads._parts(Piece(RAW, T0, T0 + 2 * MIN), [5, 9], 10_000))
    async with database.read() as tx:
        if database.dialect == "postgresql":
            await tx.execute(text("SET LOCAL enable_seqscan = off"))
        statement = sample_reads._statement(tx, RAW, "avg").text
        plan = "\n".join(
            str(row) for row in await tx.execute(text(explain + statement), sample_reads._ready(tx, given))
        )
    wanted = "PRIMARY KEY (slot=? AND series=?" if database.dialect == "sqlite" else "slot = ANY"
    assert wanted in plan, plan
