"""Questions about history; on both databases."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from telemetry_batches import FORKS, HOST, LOAD, NOW_MS, OTHER, StillClock, batch, gap, person
from telemetry_desk import Desk

from guestwire.controller.telemetry.query_models import MetricQuery
from guestwire.model.errors import GuestwireError

S, MIN, HOURS = 1000, 60_000, 3_600_000


def labelled(name: str, **labels: str) -> str:
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in sorted(labels.items())) + "}"


async def test_a_sample_is_readable_at_once(desk: Desk) -> None:
    await desk.take(batch(1, [NOW_MS - 30 * S, NOW_MS - 20 * S, NOW_MS - 10 * S], {LOAD: [1, 2, 4]}))
    answer = await desk.ask(selector=LOAD, start=NOW_MS - 60 * S, end=NOW_MS, step=10 * S)
    assert (answer.name, answer.kind, answer.level, answer.step) == (LOAD, "gauge", "raw", 10 * S)
    assert [one.labels for one in answer.series] == [{"site": HOST.site, "host": HOST.host}]
    assert answer.series[0].points == ((NOW_MS - 30 * S, 1), (NOW_MS - 20 * S, 2), (NOW_MS - 10 * S, 4))


async def test_aggregates(desk: Desk) -> None:
    times = [NOW_MS - 180 * S + n * 10 * S for n in (0, 1, 2, 6)]
    await desk.take(batch(1, times, {LOAD: [1, 3, 2, 7]}))
    expected = {"avg": (2.0, 7.0), "min": (1, 7), "max": (3, 7), "sum": (6, 7), "count": (3, 1), "last": (2, 7)}
    for aggregate, (first, second) in expected.items():
        found = await desk.points(selector=LOAD, start=NOW_MS - 180 * S, end=NOW_MS, step=MIN, aggregate=aggregate)
        assert found == {(): [(NOW_MS - 180 * S, first), (NOW_MS - 120 * S, second)]}, aggregate


async def steady(desk: Desk, hours: int, every: int = 10 * S, counter: bool = True) -> None:
    """An hour's batch after the other: a gauge that is the number of its sample, a counter that grows by one a second."""
    start = NOW_MS - hours * HOURS
    n = HOURS // every
    for hour in range(hours):
        at = [start + hour * HOURS + i * every for i in range(n)]
        values = [float(hour * n + i) for i in range(n)]
        counters = {FORKS: [value * every / S for value in values]} if counter else {}
        await desk.take(batch(hour + 1, at, {LOAD: values}, counters=counters))


EXPECTED: dict[str, Callable[[int, int], float]] = {
    "avg": lambda n, each: n + (each - 1) / 2, "min": lambda n, each: n, "max": lambda n, each: n + each - 1,
    "sum": lambda n, each: each * n + each * (each - 1) / 2, "count": lambda n, each: each,
    "last": lambda n, each: n + each - 1, "rate": lambda n, each: 1.0, "increase": lambda n, each: each * 30.0,
}  # fmt: skip


async def test_the_answer_is_the_same_from_samples_and_roll_ups(desk: Desk) -> None:
    """A gauge that is the number of its sample, and a counter that grows by one a second; one every 30 s."""
    await steady(desk, 3, every=30 * S)
    first = NOW_MS - 3 * HOURS
    for rolled_up in (False, True):
        if rolled_up:
            await desk.rolled_up()
        for aggregate, expected in EXPECTED.items():
            name = FORKS if aggregate in ("rate", "increase") else LOAD
            for step, level in ((MIN, "minute"), (5 * MIN, "minute"), (15 * MIN, "quarter"), (HOURS, "hour")):
                asked = step if rolled_up else step + 30 * S
                answer = await desk.ask(selector=name, start=first - HOURS, end=NOW_MS, aggregate=aggregate, step=asked)
                assert (answer.level, answer.step) == (level if rolled_up else "raw", asked)
                points = dict(answer.series[0].points)
                whole = list(range(-(-first // asked) * asked, NOW_MS - asked + 1, asked))
                assert [time for time in sorted(points) if time in whole] == whole
                for time in whole[1:-1] if name == FORKS else whole:  # what is before its first sample is not known
                    n, each = (time - first) // (30 * S), asked // (30 * S)
                    assert points[time] == pytest.approx(expected(n, each)), (aggregate, step)


async def test_growth_over_a_new_beginning(desk: Desk) -> None:
    at = [NOW_MS - 40 * S, NOW_MS - 30 * S]
    await desk.take(batch(1, at, {}, counters={FORKS: [100, 110]}, start=NOW_MS - HOURS))
    again = [NOW_MS - 20 * S, NOW_MS - 10 * S]
    await desk.take(
        batch(2, again, {}, counters={FORKS: [115, 120]}, start=NOW_MS - 25 * S)
    )  # higher than before all the same
    asked = {"selector": FORKS, "start": NOW_MS - HOURS, "end": NOW_MS, "step": HOURS}
    assert await desk.points(**asked, aggregate="increase") == {(): [(NOW_MS - HOURS, 10 + 115 + 5)]}
    assert await desk.points(**asked, aggregate="rate") == {(): [(NOW_MS - HOURS, pytest.approx(130 / 30))]}


async def test_growth_of_ranges_that_meet_is_that_of_both(desk: Desk) -> None:
    """What a counter grew by between two readings counts up to the end of a range, wherever the readings are."""
    await desk.take(
        batch(1, [NOW_MS - 130 * S + n * 20 * S for n in range(7)], {}, counters={FORKS: [n * 20 for n in range(7)]})
    )
    whole = {"selector": FORKS, "step": MIN, "aggregate": "increase"}
    both = (await desk.points(start=NOW_MS - 120 * S, end=NOW_MS, **whole))[()]
    first = (await desk.points(start=NOW_MS - 120 * S, end=NOW_MS - MIN, **whole))[()]
    second = (await desk.points(start=NOW_MS - MIN, end=NOW_MS, **whole))[()]
    assert first + second == both == [(NOW_MS - 120 * S, 60), (NOW_MS - MIN, 50)]


async def many_hosts(desk: Desk) -> None:
    for n, ref in enumerate((HOST, OTHER, HOST._replace(site="lab"))):
        gauges = {labelled(LOAD, window=window): [n * 10 + i] for i, window in enumerate(("1m", "5m"))}
        await desk.take(batch(1, [NOW_MS - 10 * S], gauges), ref=ref)


TOGETHER: list[tuple[tuple[str, ...], str | None, dict[str, float]]] = [
    (("site",), None, {"lab": 20.5, "plant": 5.5}),
    (("site",), "sum", {"lab": 41, "plant": 22}),
    (("site",), "max", {"lab": 21, "plant": 11}),
    (("window",), "count", {"1m": 3, "5m": 3}),
    ((), "min", {"": 0}),
    (("nothing",), "max", {"": 21}),
]


async def test_series_become_one(desk: Desk) -> None:
    await many_hosts(desk)
    for by, across, found in TOGETHER:
        answer = await desk.ask(selector=LOAD, start=NOW_MS - MIN, end=NOW_MS, step=MIN, by=by, across=across)
        assert {"".join(one.labels.values()): one.points[0][1] for one in answer.series} == found, (by, across)


SELECTED = {
    LOAD: 6, f'{LOAD}{{site="plant"}}': 4, f'{LOAD}{{site="plant",host="press-1",window="1m"}}': 1,
    f'{LOAD}{{host="press-9",site="plant"}}': 0, f'{LOAD}{{host=~"press-[2-9]"}}': 2, "guestwire_nothing": 0,
}  # fmt: skip


async def test_selectors(desk: Desk) -> None:
    await many_hosts(desk)
    for selector, found in SELECTED.items():
        answer = await desk.ask(selector=selector, start=NOW_MS - MIN, end=NOW_MS, step=MIN)
        assert len(answer.series) == found, selector
        assert answer.kind == ("gauge" if found else None)


async def test_only_of_hosts_that_one_may_see(desk: Desk) -> None:
    await many_hosts(desk)
    await desk.take(gap(2, 3, NOW_MS - MIN, NOW_MS))
    for scopes, found in ((["*"], 6), (["site:lab"], 2), (["host:plant/press-2"], 2), ([], 0)):
        answer = await desk.ask(person(*scopes), selector=LOAD, start=NOW_MS - MIN, end=NOW_MS, step=MIN)
        assert (len(answer.series), len(answer.gaps)) == (found, int(scopes == ["*"])), scopes


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"step": 1000}, "QUERY-TOO-LARGE", "step"),
        ({"selector": "{"}, "INVALID-BODY", "selector"),
        ({"selector": f'{LOAD}{{a=~"("}}'}, "INVALID-BODY", "selector"),
        ({"aggregate": "rate", "step": MIN}, "INVALID-BODY", "aggregate"),
    ],
)
async def test_what_cannot_be_answered_says_how_it_can(
    desk: Desk, asked: dict[str, Any], code: str, field: str
) -> None:
    await many_hosts(desk)
    with pytest.raises(GuestwireError) as caught:
        await desk.ask(**{"selector": LOAD, "start": NOW_MS - 5 * HOURS, "end": NOW_MS, "step": MIN} | asked)
    assert (caught.value.code, caught.value.field) == (code, field)
    if code == "QUERY-TOO-LARGE":
        least = caught.value.detail["least_step"]
        assert (await desk.ask(selector=LOAD, start=NOW_MS - 5 * HOURS, end=NOW_MS, step=least)).series


async def test_too_many_series_have_to_be_gathered(desk: Desk) -> None:
    await desk.take(batch(1, [NOW_MS - S], {labelled(LOAD, n=str(n)): [n] for n in range(501)}))
    asked: dict[str, Any] = {"selector": LOAD, "start": NOW_MS - MIN, "end": NOW_MS, "step": MIN}
    for more, field in (
        ({}, "selector"),
        ({"by": ("n",)}, "by"),
        ({"by": ("host",), "step": 2000, "start": NOW_MS - 6 * HOURS}, "selector"),
    ):
        with pytest.raises(GuestwireError) as caught:
            await desk.ask(**asked | more)
        assert (caught.value.code, caught.value.field) == ("QUERY-TOO-LARGE", field)
    assert (await desk.ask(**asked, by=("host",))).series[0].points[0][1] == 250


@pytest.mark.parametrize(
    "asked", [{"end": 5}, {"step": 10}, {"aggregate": "median"}, {"start": -1}, {"by": ("a-b",)}, {"more": 1}]
)
def test_what_is_no_question(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        MetricQuery(**{"selector": LOAD, "start": 10, "end": 20, "step": 1000} | asked)


async def test_a_few_are_answered_at_a_time(desk: Desk, clock: StillClock) -> None:
    await many_hosts(desk)
    answers = await asyncio.gather(
        *(desk.ask(selector=LOAD, start=NOW_MS - MIN, end=NOW_MS, step=MIN) for _ in range(20))
    )
    assert {len(answer.series) for answer in answers} == {6}


async def test_gaps_can_be_asked_for_alone(desk: Desk) -> None:
    await desk.take(gap(2, 3, NOW_MS - MIN, NOW_MS))
    await desk.take(gap(7, 7, NOW_MS - HOURS, NOW_MS - HOURS), ref=OTHER)
    queries = desk.telemetry.queries
    everybody, some = person("*"), person(f"host:{OTHER}")
    assert queries.hosts(everybody) == [HOST, OTHER]
    assert [one.host for one in await queries.gaps(everybody, [HOST, OTHER], 0, NOW_MS)] == [HOST.host, OTHER.host]
    assert [one.host for one in await queries.gaps(some, queries.hosts(everybody), 0, NOW_MS)] == [OTHER.host]
    assert [one.host for one in await queries.gaps(everybody, [HOST, OTHER], NOW_MS - S, NOW_MS)] == [HOST.host]
