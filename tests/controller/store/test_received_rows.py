"""Numbers that are committed, gaps, series and hosts: rows that come back as they were; on both databases."""

from dataclasses import replace

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import gap_rows, received_rows, series_rows, telemetry_hosts
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.gap_rows import GapRow
from guestwire.controller.store.received_rows import LogKey, RangeRow
from guestwire.controller.store.series_rows import SeriesRow
from guestwire.controller.store.telemetry_hosts import HostRow

KEY = LogKey(1, bytes(16), "metric")
OTHER = LogKey(1, b"\xff" * 16, "metric")


async def test_ranges_grow_and_become_one(database: Database) -> None:
    async with database.write() as tx:
        await received_rows.put(tx, [RangeRow(KEY, 1, 5, 10), RangeRow(KEY, 9, 9, 10), RangeRow(OTHER, 1, 1, 10)])
        await received_rows.put(tx, [RangeRow(KEY, 1, 9, 20)])
        await received_rows.remove(tx, [(KEY, 9), (KEY, 77)])
        await received_rows.remove(tx, [])
    async with database.read() as tx:
        assert await received_rows.every(tx) == (RangeRow(KEY, 1, 9, 20), RangeRow(OTHER, 1, 1, 10))
    async with database.write() as tx:
        await received_rows.forget(tx, KEY)
        assert await received_rows.every(tx) == (RangeRow(OTHER, 1, 1, 10),)


async def test_gaps_that_touch_are_one(database: Database) -> None:
    gap = GapRow(1, bytes(16), "metric", 10, 20, 1000, 2000, 5000, "dropped")
    other = replace(gap, first=12, last=12, why="unreadable", text="a column is cut off")
    async with database.write() as tx:
        await gap_rows.add(tx, gap)
        await gap_rows.add(tx, other)
        await gap_rows.add(tx, replace(gap, first=30, last=40, since=3000, until=4000))
        await gap_rows.add(tx, replace(gap, first=15, last=25, since=1500, until=2500, told_at=6000))
        await gap_rows.add(tx, replace(gap, host=2))
        whole = replace(gap, last=25, until=2500, told_at=6000)
        later = replace(gap, first=30, last=40, since=3000, until=4000)
        assert await gap_rows.of_hosts(tx, [1], 0, 9000, 10) == (later, whole, other)
        assert await gap_rows.of_hosts(tx, [1], 2600, 2999, 10) == ()
        assert await gap_rows.of_hosts(tx, [1], 2500, 3000, 10) == (later, whole)
        assert await gap_rows.of_hosts(tx, [1, 2], 0, 9000, 2) == (later, whole)
        await gap_rows.add(tx, replace(gap, first=26, last=29))
        assert (await gap_rows.of_hosts(tx, [1], 0, 9000, 10))[0] == replace(gap, last=40, until=4000)
        await gap_rows.forget(tx, 2001)
        assert len(await gap_rows.of_hosts(tx, [1, 2], 0, 9000, 10)) == 1


async def every_series(tx: Tx) -> list[SeriesRow]:
    return [row async for rows in series_rows.every(tx) for row in rows]


async def test_series_and_their_starts(database: Database) -> None:
    rows = (
        SeriesRow(64, 1, "a", "gauge", 5),
        SeriesRow(65, 1, 'b{c="d"}', "counter", 5),
        SeriesRow(128, 2, "a", "gauge", 6),
    )
    async with database.write() as tx:
        assert await series_rows.highest(tx) == -1
        await series_rows.add(tx, rows)
        assert await series_rows.highest(tx) == 128
        await series_rows.seen(tx, [64, 128], 9)
        assert [row.seen_day for row in await every_series(tx)] == [9, 5, 9]
        found = await series_rows.of_hosts(tx, [2, 1, 3])
        assert found == {2: [replace(rows[2], seen_day=9)], 1: [replace(rows[0], seen_day=9), rows[1]]}
        await series_rows.began(tx, [(65, 100), (65, 300), (65, 200), (64, 50)])
        await series_rows.began(tx, [(65, 100)])
        assert await series_rows.starts_between(tx, [64, 65], 50, 300) == {65: [100, 200, 300]}
        assert await series_rows.latest_starts(tx) == {64: 50, 65: 300}
        await series_rows.forget_starts(tx, 200)
        assert await series_rows.starts_between(tx, [64, 65], 0, 999) == {65: [200, 300]}
        await series_rows.remove(tx, [65])
        assert [row.id for row in await every_series(tx)] == [64, 128]
        assert await series_rows.latest_starts(tx) == {}


async def test_hosts(database: Database) -> None:
    host = HostRow(1, HostRef("plant", "press-1"))
    async with database.write() as tx:
        assert await telemetry_hosts.next_id(tx) == 1
        await telemetry_hosts.put(tx, [host, HostRow(2, HostRef("lab", "press-1"), 1, 2, 3, 4)])
        await telemetry_hosts.put(tx, [replace(host, offset_ms=-(1 << 50), offset_at=7, newest_ms=8, refused_series=9)])
        assert await telemetry_hosts.next_id(tx) == 3
        found = await telemetry_hosts.some(tx, [HostRef("plant", "x"), host.ref])
        assert found == [HostRow(1, host.ref, -(1 << 50), 7, 8, 9)]
        assert len(await telemetry_hosts.every(tx)) == 2
