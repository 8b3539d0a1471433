"""Telemetry over HTTP."""

import csv
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from api_world import START_MS, World, api_world, code
from telemetry_batches import FORKS, HOST, LOAD, OTHER, StillClock, batch, gap
from telemetry_desk import Desk

from guestwire.controller.api import metrics
from guestwire.controller.store.database import Database

S, MIN = 1000, 60_000
NOW = START_MS


@pytest.fixture
async def world(any_database: Database) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(Desk(any_database, StillClock(NOW)))
        for ref in (HOST, OTHER):
            gauges = {f'{LOAD}{{window="{window}"}}': [1, 3] for window in ("1m", "5m")}
            times = [NOW - 20 * S, NOW - 10 * S]
            await desk.take(batch(1, times, gauges, counters={FORKS: [0, 50]}), ref=ref)
        await desk.take(gap(2, 5, NOW - 50 * S, NOW - 40 * S))
        queries, current = desk.telemetry.queries, desk.telemetry.current
        opened = api_world(any_database, routers=lambda world: (metrics.router(queries, current, world.doors),))
        yield await stack.enter_async_context(opened)


QUESTION: dict[str, Any] = {"selector": LOAD, "start": NOW - MIN, "end": NOW, "step": MIN}


async def test_names_and_series_in_pages(world: World) -> None:
    anna = await world.user("anna", ("observer", "*"))
    found = (await anna.get("/metrics?limit=1")).json()
    assert [(one["name"], one["kind"], one["series"]) for one in found["items"]] == [(FORKS, "counter", 2)]
    found = (await anna.get("/metrics", params={"cursor": found["next"]})).json()
    assert ([one["name"] for one in found["items"]], found["next"]) == ([LOAD], None)
    series: list[dict[str, Any]] = []
    cursor: str | None = None
    while not series or cursor:
        given = {"selector": LOAD, "limit": 3} | ({"cursor": cursor} if cursor else {})
        answer = (await anna.get("/metrics/series", params=given)).json()
        series += answer["items"]
        cursor = answer["next"]
    assert [(one["host"], one["labels"]["window"], one["value"], one["time"]) for one in series] == [
        (ref.host, window, 3.0, NOW - 10 * S) for ref in (HOST, OTHER) for window in ("1m", "5m")
    ]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_question(world: World, method: str) -> None:
    anna = await world.user("anna", ("observer", "*"))
    question = QUESTION | {"by": ["host"], "aggregate": "max", "across": "sum"}
    asked = {"params": question} if method == "GET" else {"json": question}
    answer = (await anna.ask(method, "/metrics/query", **asked)).json()
    assert (answer["level"], answer["step"], answer["kind"]) == ("minute", MIN, "gauge")
    assert answer["series"] == [{"labels": {"host": ref.host}, "points": [[NOW - MIN, 6.0]]} for ref in (HOST, OTHER)]
    assert [(one["host"], one["numbers"], one["why"]) for one in answer["gaps"]] == [(HOST.host, 4, "dropped")]


async def test_all_become_one(world: World) -> None:
    anna = await world.user("anna", ("observer", "*"))
    answer = await anna.get("/metrics/query", params=QUESTION | {"by": "", "across": "count"})
    assert answer.json()["series"] == [{"labels": {}, "points": [[NOW - MIN, 4.0]]}]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_as_a_table(world: World, method: str) -> None:
    anna = await world.user("anna", ("observer", "*"))
    question = QUESTION | {"selector": f'{LOAD}{{window="1m"}}', "step": 10 * S}
    asked = (
        {"params": question | {"format": "csv"}} if method == "GET" else {"params": {"format": "csv"}, "json": question}
    )
    answer = await anna.ask(method, "/metrics/query", **asked)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="{LOAD}.csv"'
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert [(row["host"], row["time_ms"], row[LOAD]) for row in rows] == [
        (ref.host, str(NOW - ago), value) for ref in (HOST, OTHER) for ago, value in ((20 * S, "1.0"), (10 * S, "3.0"))
    ]


async def test_top_and_gaps(world: World) -> None:
    anna = await world.user("anna", ("observer", "*"))
    top = (await anna.get("/metrics/top", params={"selector": FORKS, "n": 1, "by": "site"})).json()
    assert top["rows"] == [{"labels": {"site": "plant"}, "value": 10.0, "series": 2, "time": NOW - 10 * S}]
    for given, found in (({}, 1), ({"site": "plant", "host": HOST.host}, 1), ({"host": OTHER.host}, 0), ({"site": "lab"}, 0),
                         ({"since": NOW - 30 * S}, 0), ({"until": NOW - 60 * S}, 0)):  # fmt: skip
        assert len((await anna.get("/metrics/gaps", params=given)).json()["gaps"]) == found, given


async def test_only_of_hosts_that_one_may_see(world: World) -> None:
    ben = await world.user("ben", ("observer", f"host:{OTHER}"))
    assert {one["series"] for one in (await ben.get("/metrics")).json()["items"]} == {1, 2}
    answer = (await ben.get("/metrics/query", params=QUESTION)).json()
    assert ({one["labels"]["host"] for one in answer["series"]}, answer["gaps"]) == ({OTHER.host}, [])
    assert (await ben.get("/metrics/gaps", params={"host": HOST.host})).json() == {"gaps": [], "clocks": []}
    assert (await world.stranger.get("/metrics")).status_code == 401


@pytest.mark.parametrize(
    ("changed", "status", "problem", "field"),
    [
        ({"selector": "x{"}, 422, "INVALID-BODY", "selector"),
        ({"selector": 'x{a=~"((a{99}){99}){99}"}'}, 422, "INVALID-BODY", "selector"),
        ({"end": 5}, 422, "INVALID-BODY", "end"),
        ({"step": 10}, 422, "INVALID-BODY", "step"),
        ({"aggregate": "rate"}, 422, "INVALID-BODY", "aggregate"),
        ({"start": 0, "step": 1000}, 422, "QUERY-TOO-LARGE", "step"),
    ],
)
async def test_what_is_wrong_is_named(
    world: World, changed: dict[str, Any], status: int, problem: str, field: str
) -> None:
    anna = await world.user("anna", ("observer", "*"))
    answer = await anna.get("/metrics/query", params=QUESTION | changed)
    assert (answer.status_code, code(answer), answer.json().get("field")) == (status, problem, field)


@pytest.mark.parametrize(
    "given", [{"by": "a-b"}, {"aggregate": "median"}, {"format": "xml"}, {"start": -1}, {"end": 1 << 70}, {"selector": ""}]
)  # fmt: skip
async def test_what_no_question_has(world: World, given: dict[str, Any]) -> None:
    anna = await world.user("anna", ("observer", "*"))
    answer = await anna.get("/metrics/query", params=QUESTION | given)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
