"""Roll-ups follow what is committed, whatever happens in between; on both databases."""

import random

import pytest
from sqlalchemy import select
from telemetry_batches import LOAD, NOW_MS, OTHER, StillClock, batch
from telemetry_desk import Desk

from guestwire.controller.store import due_rows
from guestwire.controller.store.levels import HOUR, LEVELS, MINUTE, QUARTER, Level
from guestwire.controller.store.samples import TABLES
from guestwire.controller.telemetry.rolling_up import RollingUp

MIN = 60_000
HOURS = 3_600_000


async def windows(desk: Desk, level: Level) -> dict[tuple[int, int], tuple[float, float, float, int, float]]:
    async with desk.database.read() as tx:
        rows = await tx.execute(select(TABLES[level.name]))
        return {(row.series, row.time): (row.low, row.high, row.total, row.n, row.last) for row in rows}


async def due(desk: Desk) -> dict[str, int]:
    async with desk.database.read() as tx:
        found = {level.name: len(await due_rows.first(tx, level, (1 << 31) - 1, 1000)) for level in LEVELS[1:]}
    return {name: count for name, count in found.items() if count}


def id_of(desk: Desk) -> int:
    return next(iter(desk.telemetry.known.hosts[OTHER].by_text.values())).id


async def test_all_levels_follow(desk: Desk) -> None:
    start = NOW_MS - 2 * HOURS
    values = [float(n % 50) for n in range(360)]
    times = [start + n * 10_000 for n in range(360)]
    for n in range(0, 360, 60):
        await desk.take(batch(n + 1, times[n : n + 60], {LOAD: values[n : n + 60]}), ref=OTHER)
    await desk.rolled_up()
    one = id_of(desk)
    for level in LEVELS[1:]:
        found = await windows(desk, level)
        expected: dict[tuple[int, int], list[float]] = {}
        for time, value in zip(times, values, strict=True):
            expected.setdefault((one, time // level.width_ms * level.width_ms), []).append(value)
        assert found == {
            key: (min(some), max(some), pytest.approx(sum(some)), len(some), some[-1]) for key, some in expected.items()
        }
    assert await due(desk) == {}


async def test_a_window_is_left_alone_until_it_is_over(desk: Desk, clock: StillClock) -> None:
    await desk.take(batch(1, [NOW_MS - 5_000, NOW_MS + 5_000], {LOAD: [1, 2]}), ref=OTHER)
    await desk.rolled_up()
    assert await windows(desk, MINUTE) == {}
    clock.wall_ms += 16_000
    await desk.rolled_up()
    assert [n for *_, n, _ in (await windows(desk, MINUTE)).values()] == [1]
    clock.wall_ms += MIN
    await desk.rolled_up()
    assert [n for *_, n, _ in (await windows(desk, MINUTE)).values()] == [1, 1]
    assert await due(desk) == {"quarter": 1}  # its quarter is not over


async def test_what_comes_late_is_rolled_up_again(desk: Desk) -> None:
    start = NOW_MS - 3 * HOURS
    await desk.take(batch(1, [start], {LOAD: [1]}), ref=OTHER)
    await desk.rolled_up()
    await desk.take(batch(2, [start + 10_000], {LOAD: [9]}), batch(3, [start - 20 * MIN], {LOAD: [5]}), ref=OTHER)
    await desk.rolled_up()
    one = id_of(desk)
    assert (await windows(desk, HOUR)) == {(one, start): (1, 9, 10, 2, 9), (one, start - HOURS): (5, 5, 5, 1, 5)}
    assert len(await windows(desk, MINUTE)) == len(await windows(desk, QUARTER)) == 2


async def test_it_can_stop_anywhere(desk: Desk) -> None:
    """One transaction at a time, each by a new object, as after a crash: the same in the end."""
    chance = random.Random(4)
    for seq in range(1, 13):
        time = NOW_MS - 2 * HOURS - chance.randrange(30) * 11 * MIN
        await desk.take(batch(seq, [time, time + 7_000], {LOAD: [chance.random(), chance.random()]}), ref=OTHER)
        for _ in range(3):
            await RollingUp(desk.database, desk.clock)._some(chance.choice(LEVELS[1:]))
    await desk.rolled_up()
    assert await due(desk) == {}
    samples = (await desk.stored(OTHER))[LOAD]
    for level in LEVELS[1:]:
        found = await windows(desk, level)
        assert sum(n for *_, n, _ in found.values()) == len(samples)
        assert sum(total for _, _, total, _, _ in found.values()) == pytest.approx(sum(value for _, value in samples))
