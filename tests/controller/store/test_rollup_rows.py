"""One level made of the one below, and what is too old going away; on both databases."""

import random
from collections.abc import Sequence

import pytest
from sqlalchemy import func, select

from guestwire.controller.store import due_rows, expiry, partitions, rollup_rows, samples
from guestwire.controller.store.database import Database
from guestwire.controller.store.due_rows import Due
from guestwire.controller.store.levels import BLOCK, HOUR, LEVELS, MINUTE, QUARTER, RAW, Level
from guestwire.controller.store.samples import TABLES, Rows

T0 = 1_800_000_000_000
Sample = tuple[int, int, float]


async def put(database: Database, given: Sequence[Sample]) -> None:
    async with database.write() as tx:
        for level in LEVELS:
            wanted = {partitions.number(level, level.slot(time)) for _, time, _ in given}
            await partitions.make(tx, level, wanted)
        await samples.add(
            tx,
            Rows(
                [s for s, _, _ in given],
                [t for _, t, _ in given],
                [v for *_, v in given],
            ),
        )


async def roll(
    database: Database, level: Level, time: int, first: int = 0, end: int = 99, *, late: bool = False
) -> None:
    async with database.write() as tx:
        await rollup_rows.roll_up(tx, level, time // level.width_ms, first, end, late=late)


async def rolled(database: Database, level: Level) -> list[tuple[object, ...]]:
    rows = TABLES[level.name].c
    wanted = select(rows.series, rows.time, rows.low, rows.high, rows.total, rows.n, rows.last, rows.last_at)
    async with database.read() as tx:
        return [tuple(row) for row in await tx.execute(wanted.order_by(rows.series, rows.time))]


def expected(given: Sequence[Sample], width: int) -> list[tuple[object, ...]]:
    windows: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for one, time, value in given:
        windows.setdefault((one, time // width * width), []).append((time, value))
    found = []
    for (one, window), some in sorted(windows.items()):
        values = [value for _, value in sorted(some)]
        total = pytest.approx(sum(values))
        found.append((one, window, min(values), max(values), total, len(values), values[-1], max(some)[0]))
    return found


def some_samples(hours: int = 2) -> list[Sample]:
    chance = random.Random(3)
    return [
        (one, T0 + n * 10_000 + one, chance.uniform(-1e3, 1e3))
        for one in (1, 2, 70, 200)
        for n in range(360 * hours)
        if chance.random() < 0.5
    ]


async def test_every_level_is_what_its_samples_were(database: Database) -> None:
    given = some_samples()
    await put(database, given)
    for level in (MINUTE, QUARTER, HOUR):
        for time in range(T0, T0 + 2 * HOUR.width_ms, level.width_ms):
            await roll(database, level, time)
        assert await rolled(database, level) == expected(given, level.width_ms)


async def test_rolled_up_again_it_is_the_same_and_knows_what_came_since(database: Database) -> None:
    given = [(1, T0, 1.0), (1, T0 + 5, 3.0), (2, T0 + 1, 7.0)]
    await put(database, given)
    await roll(database, MINUTE, T0)
    await roll(database, MINUTE, T0)
    assert await rolled(database, MINUTE) == expected(given, 60_000)
    more = [(1, T0 + 2, -4.0), (1, T0 + 9, 0.5)]
    await put(database, more)
    await roll(database, MINUTE, T0)
    assert await rolled(database, MINUTE) == expected(given + more, 60_000)


async def test_only_the_blocks_that_were_asked_for(database: Database) -> None:
    await put(database, [(one, T0, 1.0) for one in (0, BLOCK - 1, BLOCK, 3 * BLOCK)])
    await roll(database, MINUTE, T0, 1, 3)
    assert [row[0] for row in await rolled(database, MINUTE)] == [BLOCK]


@pytest.mark.parametrize("level", [MINUTE, QUARTER])
async def test_what_came_late_is_added_to_what_is_gone_and_not_twice(database: Database, level: Level) -> None:
    before, after = [(1, T0, 1.0), (1, T0 + 5, 9.0), (2, T0, 4.0)], [(1, T0 + 1, -3.0), (1, T0 + 2, 5.0)]
    source = RAW if level is MINUTE else MINUTE
    await put(database, before)
    for one in (MINUTE, level):
        await roll(database, one, T0)
    async with database.write() as tx:
        for one in (RAW, source):  # no level outlives the one that is made of it
            await tx.execute(TABLES[one.name].delete())
    await put(database, after)
    if level is QUARTER:
        await roll(database, MINUTE, T0, late=True)
    await roll(database, level, T0, late=True)
    await roll(database, level, T0, late=True)
    row = (await rolled(database, level))[0]
    assert row == (
        1,
        T0,
        -3.0,
        9.0,
        pytest.approx(12.0),
        4,
        9.0,
        T0 + 5,
    )  # the last is of before: what came late is older
    async with database.read() as tx:
        assert (await tx.execute(select(func.count()).select_from(TABLES[source.name]))).scalar() == 0


async def test_due_is_what_was_touched_and_not_rolled_up_since(database: Database) -> None:
    async with database.write() as tx:
        await due_rows.touch(tx, MINUTE, [(10, 1), (10, 2), (11, 1), (12, 5)])
        await due_rows.touch(tx, QUARTER, [(1, 1)])
    async with database.read() as tx:
        first = await due_rows.first(tx, MINUTE, 12, 100)
        assert first == (Due(11, 1, 1), Due(10, 1, 1), Due(10, 2, 1))
        assert await due_rows.first(tx, MINUTE, 12, 2) == first[:2]
        assert await due_rows.first(tx, MINUTE, 11, 9) == first[1:]
        assert await due_rows.first(tx, MINUTE, 10, 100) == ()
    async with database.write() as tx:
        await due_rows.touch(tx, MINUTE, [(11, 1)])
        await due_rows.done(tx, MINUTE, first[:1])
    async with database.write() as tx:
        assert await due_rows.first(tx, MINUTE, 12, 1) == (Due(11, 1, 2),)
        await due_rows.done(tx, MINUTE, [Due(11, 1, 2)])
        assert [len(await due_rows.first(tx, level, 12, 100)) for level in (MINUTE, QUARTER)] == [2, 1]
        assert await due_rows.between(tx, MINUTE, 10, 11)
        assert not await due_rows.between(tx, MINUTE, 11, 12)


async def expire_all(database: Database, level: Level, before_ms: int) -> int:
    for n in range(1000):
        async with database.write() as tx:
            if not await expiry.expire(tx, level, before_ms):
                return n
    raise AssertionError("it does not end")


async def oldest(database: Database, level: Level) -> int | None:
    async with database.read() as tx:
        return (await tx.execute(select(func.min(TABLES[level.name].c.time)))).scalar()


async def test_what_is_too_old_goes_and_nothing_else(database: Database) -> None:
    day = 86_400_000
    given = [(1, T0 + n * day // 4, 1.0) for n in range(12)]
    await put(database, given)
    assert await expire_all(database, RAW, T0 + day) > 0
    left = await oldest(database, RAW)
    assert left is not None
    assert T0 + day - RAW.part_slots * RAW.slot_ms <= left <= T0 + day
    if database.dialect == "sqlite":
        assert left == T0 + day
    async with database.read() as tx:
        marks = await expiry.marks(tx)
    assert RAW.slot(left) >= marks["raw"] > RAW.slot(T0)
    assert await expire_all(database, RAW, T0 + day) == 0


async def test_what_is_not_rolled_up_stays(database: Database) -> None:
    day = 86_400_000
    await put(database, [(1, T0, 1.0), (1, T0 + day, 2.0)])
    async with database.write() as tx:
        await due_rows.touch(tx, MINUTE, [(T0 // 60_000, 0)])
    await expire_all(database, RAW, T0 + 10 * day)
    assert await oldest(database, RAW) == T0
    async with database.write() as tx:
        await due_rows.done(tx, MINUTE, [Due(T0 // 60_000, 0, 1)])
    await expire_all(database, RAW, T0 + 10 * day)
    assert await oldest(database, RAW) is None


async def test_a_window_goes_as_a_whole(database: Database) -> None:
    """And stays as a whole while it is due: a slot of samples is only a part of it. Where there are partitions, it goes with its
    own."""
    windows = 1 if database.dialect == "sqlite" else 0
    second_half = T0 + 30_000
    await put(database, [(1, T0, 1.0), (1, second_half, 2.0), (1, T0 + 60_000, 3.0)])
    assert await expire_all(database, RAW, T0 + 59_999) == 0
    async with database.write() as tx:
        await due_rows.touch(tx, MINUTE, [(T0 // 60_000, 0)])
    assert await expire_all(database, RAW, T0 + 60_000) == 0
    async with database.write() as tx:
        await due_rows.done(tx, MINUTE, [Due(T0 // 60_000, 0, 1)])
    assert await expire_all(database, RAW, T0 + 60_000) == windows
    assert await oldest(database, RAW) == T0 + windows * 60_000


@pytest.mark.parametrize("level", [MINUTE, QUARTER, HOUR])
async def test_roll_ups_go_in_their_time(database: Database, level: Level) -> None:
    slot = level.slot_ms * level.part_slots
    await put(database, [(1, T0, 1.0), (1, T0 + slot, 1.0), (1, T0 + 2 * slot, 1.0)])
    for one in LEVELS[1 : LEVELS.index(level) + 1]:
        for n in range(3):
            await roll(database, one, T0 + n * slot)
    assert len(await rolled(database, level)) == 3
    await expire_all(database, level, T0 + slot + slot // 2)
    assert 1 <= len(await rolled(database, level)) <= 2
    await expire_all(database, level, T0 + 9 * slot)
    assert await rolled(database, level) == []
