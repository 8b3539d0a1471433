"""Telemetry as it is now."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from telemetry_batches import FORKS, HOST, LOAD, NOW_MS, OTHER, StillClock, batch, person
from telemetry_desk import ANYBODY, Desk

from guestwire.controller.store.database import Database
from guestwire.controller.telemetry.query_models import Across
from guestwire.model.errors import GuestwireError

S = 1000
Again = Callable[[], AbstractAsyncContextManager[Desk]]


async def two_hosts(desk: Desk) -> None:
    for n, ref in enumerate((HOST, OTHER), 1):
        times = [NOW_MS - 20 * S, NOW_MS - 10 * S]
        gauges = {f'{LOAD}{{window="{window}"}}': [0, n * factor] for window, factor in (("1m", 1), ("5m", 10))}
        await desk.take(batch(1, times, gauges, counters={FORKS: [100, 100 + 30 * n]}), ref=ref)


def forks(desk: Desk) -> list[tuple[str, int | None, float | None]]:
    shown = desk.telemetry.current.series(ANYBODY, FORKS, after=None, limit=9)
    return [(one.host, one.time, one.value) for one in shown]


async def test_the_newest_of_every_series_until_it_is_stale(desk: Desk, clock: StillClock) -> None:
    await two_hosts(desk)
    fresh = [(HOST.host, NOW_MS - 10 * S, 130), (OTHER.host, NOW_MS - 10 * S, 160)]
    assert forks(desk) == fresh
    clock.wall_ms += 290 * S
    assert forks(desk) == fresh
    clock.wall_ms += S
    assert forks(desk) == [(HOST.host, None, None), (OTHER.host, None, None)]


async def test_an_older_batch_does_not_become_the_newest(desk: Desk) -> None:
    await desk.take(batch(2, [NOW_MS - S], {LOAD: [2]}), batch(1, [NOW_MS - 60 * S], {LOAD: [1]}))
    shown = desk.telemetry.current.series(ANYBODY, LOAD, after=None, limit=9)
    assert [one.value for one in shown] == [2]


async def test_it_is_there_after_a_start(desk_again: Again) -> None:
    async with desk_again() as desk:
        await two_hosts(desk)
        before = forks(desk)
    async with desk_again() as desk:
        assert forks(desk) == before


async def test_names(desk: Desk) -> None:
    await two_hosts(desk)
    names = desk.telemetry.current.names(ANYBODY)
    assert [(one.name, one.kind, one.unit, one.labels, one.series) for one in names] == [
        (FORKS, "counter", "count", (), 2), (LOAD, "gauge", "load", ("window",), 4),
    ]  # fmt: skip
    assert [one.series for one in desk.telemetry.current.names(person(f"host:{OTHER}"))] == [1, 2]
    assert desk.telemetry.current.names(person("site:lab")) == []
    await desk.take(batch(2, [NOW_MS], {'guestwire_of_a_newer_version{x="1"}': [1]}))
    newer = desk.telemetry.current.names(ANYBODY)[-1]
    assert (newer.unit, newer.summary, newer.labels) == ("", "", ("x",))


async def test_series_in_pages(desk: Desk) -> None:
    await two_hosts(desk)
    current = desk.telemetry.current
    every = current.series(ANYBODY, LOAD, after=None, limit=99)
    assert len(every) == 4
    assert every[:2] == current.series(ANYBODY, LOAD, after=None, limit=2)
    assert every[2:] == current.series(ANYBODY, LOAD, after=every[1].id, limit=99)
    assert {one.host for one in current.series(person(f"host:{OTHER}"), LOAD, after=None, limit=9)} == {OTHER.host}
    with pytest.raises(GuestwireError):
        current.series(ANYBODY, "{", after=None, limit=9)


TOP: list[tuple[str, tuple[str, ...] | None, Across, list[float]]] = [
    (LOAD, None, "sum", [20, 10, 2]),
    (LOAD, ("host",), "sum", [22, 11]),
    (LOAD, ("host",), "max", [20, 10]),
    (LOAD, (), "avg", [33 / 4]),
    (f'{LOAD}{{window="1m"}}', None, "sum", [2, 1]),
    (FORKS, None, "sum", [6.0, 3.0]),
    (FORKS, (), "sum", [9.0]),
    ("guestwire_nothing", None, "sum", []),
]


async def test_top(desk: Desk) -> None:
    await two_hosts(desk)
    for selector, by, across, found in TOP:
        answer = desk.telemetry.current.top(ANYBODY, selector, 3, by, across)
        assert [row.value for row in answer.rows] == pytest.approx(found), (selector, by, across)


async def test_top_is_of_what_is_fresh_and_may_be_seen(desk: Desk, clock: StillClock) -> None:
    await two_hosts(desk)
    top = desk.telemetry.current.top(person(f"host:{HOST}"), LOAD, 10)
    assert [(row.labels["host"], row.labels["window"], row.series, row.time) for row in top.rows] == [
        (HOST.host, "5m", 1, NOW_MS - 10 * S), (HOST.host, "1m", 1, NOW_MS - 10 * S),
    ]  # fmt: skip
    clock.wall_ms += 600 * S
    assert desk.telemetry.current.top(ANYBODY, LOAD, 10).rows == ()


async def test_a_host_that_is_not_there_has_no_values_now(database: Database, clock: StillClock) -> None:
    gone = {HOST}
    async with Desk(database, clock, present=lambda ref: ref not in gone) as desk:
        await two_hosts(desk)
        current = desk.telemetry.current
        shown = {
            (one.host, one.value) for one in current.series(ANYBODY, f'{LOAD}{{window="1m"}}', after=None, limit=9)
        }
        assert shown == {(HOST.host, None), (OTHER.host, 2)}
        assert {row.labels["host"] for row in current.top(ANYBODY, LOAD, 9).rows} == {OTHER.host}
        gone.clear()
        assert {row.labels["host"] for row in current.top(ANYBODY, LOAD, 9).rows} == {HOST.host, OTHER.host}


async def test_how_fast_a_counter_grows(desk: Desk) -> None:
    async def fastest() -> float:
        return desk.telemetry.current.top(ANYBODY, FORKS, 1).rows[0].value

    await desk.take(batch(1, [NOW_MS - 50 * S], {}, counters={FORKS: [100]}))
    assert await fastest() == 0
    await desk.take(batch(2, [NOW_MS - 40 * S], {}, counters={FORKS: [150]}))
    assert await fastest() == 5
    await desk.take(batch(3, [NOW_MS - 30 * S], {}, counters={FORKS: [900]}, start=NOW_MS - 35 * S))  # it began anew
    assert await fastest() == 0
    await desk.take(batch(4, [NOW_MS - 20 * S], {}, counters={FORKS: [910]}, start=NOW_MS - 35 * S))
    assert await fastest() == 1
