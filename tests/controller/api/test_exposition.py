"""What Prometheus scrapes: every fresh series with its host, one group for each metric; and who may scrape."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api_world import START_MS, Caller, World, api_world
from prometheus_client.parser import text_string_to_metric_families

from guestwire.controller.api import exposition as api
from guestwire.controller.host_ref import HostRef
from guestwire.controller.own_metrics import Own, OwnMetrics
from guestwire.controller.store.database import Database
from guestwire.controller.store.series_rows import SeriesRow
from guestwire.controller.store.telemetry_hosts import HostRow
from guestwire.controller.telemetry import exposition
from guestwire.controller.telemetry.series import KnownSeries
from guestwire.protocol.telemetry import Kind


def _known(*rows: tuple[str, str, Kind, int, float]) -> KnownSeries:
    known = KnownSeries()
    for host in (1, 2):
        known.put_host(HostRow(host, HostRef("plant", f"h{host}"), 0, 0, 0, 0))
    for number, (host, text, kind, age_s, value) in enumerate(rows, 1):
        series = known.put(SeriesRow(number, int(host[1:]), text, kind, 0))
        series.time, series.value = START_MS - age_s * 1000, value
    return known


def _read(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families), "one group for each metric"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_fresh_series_and_no_others() -> None:
    known = _known(
        ("h1", 'guestwire_host_load{window="1m"}', "gauge", 5, 0.5),
        ("h2", 'guestwire_host_load{window="1m"}', "gauge", 89, 3.0),
        ("h1", 'guestwire_host_load{window="5m"}', "gauge", 91, 9.0),
        ("h1", 'guestwire_filesystem_bytes{path="/a \\"b\\" \\\\c"}', "gauge", 170, 7.0),
        ("h2", "guestwire_host_forks_total", "counter", 1, 1e15),
        ("h1", "guestwire_of_tomorrow", "gauge", 1, -0.0),
    )
    found = _read("".join(exposition.pieces(known, START_MS)))
    assert found == {
        ("guestwire_host_load", (("host", "h1"), ("site", "plant"), ("window", "1m"))): 0.5,
        ("guestwire_host_load", (("host", "h2"), ("site", "plant"), ("window", "1m"))): 3.0,
        ("guestwire_filesystem_bytes", (("host", "h1"), ("path", '/a "b" \\c'), ("site", "plant"))): 7.0,
        ("guestwire_host_forks_total", (("host", "h2"), ("site", "plant"))): 1e15,
        ("guestwire_of_tomorrow", (("host", "h1"), ("site", "plant"))): 0.0,
    }


def _jobs() -> list[Own]:
    return [
        Own("jobs", "gauge", "Jobs under way.", ("state",), {("sent",): 3.0}),
        Own("batches_total", "counter", "Batches.", (), {(): 7.0}),
    ]


@asynccontextmanager
async def _world(database: Database, token: str | None) -> AsyncIterator[World]:
    known = _known(("h1", "guestwire_host_forks_total", "counter", 1, 5.0))
    own = OwnMetrics([_jobs])
    async with api_world(
        database, outside=lambda world: (api.router(own, known, world.clock, lambda: token),),
        open_too=frozenset({("GET", api.PATH)}),
    ) as world:  # fmt: skip
        yield world


async def _scrape(world: World, address: str, **headers: str) -> tuple[int, str]:
    caller: Caller = world.caller(headers, address, prefix="")
    answer = await caller.get(api.PATH)
    return answer.status_code, answer.text


async def test_this_machine_may_scrape(any_database: Database) -> None:
    async with _world(any_database, None) as world:
        status, text = await _scrape(world, "127.0.0.1")
        found = _read(text)
        assert status == 200
        assert found["guestwire_controller_jobs", (("state", "sent"),)] == 3.0
        assert found["guestwire_controller_batches_total", ()] == 7.0
        assert found["guestwire_host_forks_total", (("host", "h1"), ("site", "plant"))] == 5.0
        assert found["guestwire_controller_process_open_fds", ()] > 0
        assert (await _scrape(world, "192.0.2.1"))[0] == 401


async def test_others_with_the_token(any_database: Database) -> None:
    async with _world(any_database, "the token") as world:
        assert (await _scrape(world, "192.0.2.1", authorization="Bearer the token"))[0] == 200
        for headers in ({}, {"authorization": "Bearer another"}, {"authorization": "Basic the token"}):
            assert (await _scrape(world, "127.0.0.1", **headers))[0] == 401
