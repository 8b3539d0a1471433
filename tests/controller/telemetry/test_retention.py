"""What is older than it is kept goes, level by level; what was asked for before is then answered by the roll-ups."""

import pytest
from sqlalchemy import func, select
from telemetry_batches import FORKS, HOST, LOAD, LOG, NOW_MS, StillClock, batch, gap
from telemetry_desk import Desk

from guestwire.controller.store import received_rows, series_rows
from guestwire.controller.store.database import Database
from guestwire.controller.store.levels import LEVELS
from guestwire.controller.store.samples import TABLES
from guestwire.controller.telemetry.keeping import kept
from guestwire.controller.telemetry.retention import Retention
from guestwire.controller.telemetry.series import DAY_MS

HOURS = 3_600_000
KEPT = kept(raw_hours=24, minutes_days=4, hours_days=40)


async def clean_up(desk: Desk) -> None:
    telemetry = desk.telemetry
    retention = Retention(
        desk.database, telemetry.ingest._known, telemetry.ingest._received, KEPT, desk.clock, breath_s=0.0
    )
    await retention.catch_up()


async def counted(desk: Desk) -> dict[str, int]:
    async with desk.database.read() as tx:
        return {
            level.name: (await tx.execute(select(func.count()).select_from(TABLES[level.name]))).scalar_one()
            for level in LEVELS
        }


async def test_each_level_in_its_time(desk: Desk, clock: StillClock) -> None:
    for n in range(50):
        clock.wall_ms = NOW_MS + n * DAY_MS
        await desk.take(batch(n + 1, [clock.wall_ms - HOURS], {LOAD: [n]}))
        await desk.rolled_up()
        await clean_up(desk)
    left = await counted(desk)
    spare = 3 if desk.database.dialect == "postgresql" else 0  # whole partitions
    assert 1 <= left["raw"] <= 2 + spare
    assert 4 <= left["minute"] <= 5 + spare
    assert 40 <= left["hour"] <= 41 + 62
    last = clock.wall_ms
    for ago, level in ((HOURS, "raw"), (3 * DAY_MS, "minute"), (30 * DAY_MS, "quarter")):
        answer = await desk.ask(selector=LOAD, start=last - ago - HOURS, end=last - ago + HOURS, step=10_000)
        assert (answer.level, [value for _, value in answer.series[0].points]) == (level, [49 - ago // DAY_MS])


async def test_what_comes_later_than_it_is_kept_is_rolled_up_first(desk: Desk, clock: StillClock) -> None:
    """A host that was away for three days: its samples are gone at once, what they were is not."""
    time = NOW_MS - 3 * DAY_MS
    await desk.take(batch(1, [time], {LOAD: [1]}))
    await desk.rolled_up()
    await clean_up(desk)
    await desk.take(batch(2, [time + 10_000], {LOAD: [7]}), batch(3, [time + HOURS], {LOAD: [9]}))
    await clean_up(desk)
    await desk.rolled_up()
    await clean_up(desk)
    if desk.database.dialect == "sqlite":
        assert (await counted(desk))["raw"] == 0
    found = await desk.points(selector=LOAD, start=time - HOURS, end=time + 2 * HOURS, step=HOURS, aggregate="sum")
    assert found == {(): [(time, 8.0), (time + HOURS, 9.0)]}


async def test_once_a_day_what_nothing_is_left_of_goes(desk: Desk, clock: StillClock) -> None:
    await desk.take(
        batch(1, [NOW_MS], {LOAD: [1]}, counters={FORKS: [1]}, start=NOW_MS - 5), gap(5, 6, NOW_MS - HOURS, NOW_MS)
    )
    clock.wall_ms += 39 * DAY_MS
    await desk.take(batch(7, [clock.wall_ms], {LOAD: [1]}, log=b"n" * 16))
    await clean_up(desk)
    assert set(desk.telemetry.known.hosts[HOST].by_text) == {LOAD, FORKS}
    clock.wall_ms += 4 * DAY_MS
    await clean_up(desk)
    assert set(desk.telemetry.known.hosts[HOST].by_text) == {LOAD}
    async with desk.database.read() as tx:
        assert [row.text async for rows in series_rows.every(tx) for row in rows] == [LOAD]
        assert await series_rows.latest_starts(tx) == {}
        assert {row.key.log for row in await received_rows.every(tx)} == {LOG, b"n" * 16}
    assert (await desk.ask(selector=LOAD, start=NOW_MS - DAY_MS, end=NOW_MS + HOURS, step=HOURS)).gaps == ()
    clock.wall_ms += 200 * DAY_MS
    await clean_up(desk)
    async with desk.database.read() as tx:
        assert {row.key.log for row in await received_rows.every(tx)} == {b"n" * 16}


@pytest.mark.parametrize("hours", [1, 30])
async def test_how_long_is_a_setting(database: Database, clock: StillClock, hours: int) -> None:
    async with Desk(database, clock, kept=kept(raw_hours=hours)) as desk:
        await desk.take(batch(1, [NOW_MS - 3 * HOURS], {LOAD: [1]}))
        answer = await desk.ask(selector=LOAD, start=NOW_MS - 4 * HOURS, end=NOW_MS, step=10_000)
        assert answer.level == ("minute" if hours == 1 else "raw")
