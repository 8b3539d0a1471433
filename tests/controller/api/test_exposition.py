"""What Prometheus scrapes: every series that is of now, with its host, one group for each metric; and who may scrape."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from api_world import START_MS, Caller, World, api_world
from prometheus_client.parser import text_string_to_metric_families

from guestwire.controller.api import exposition as api
from guestwire.controller.fleet import exposed_states
from guestwire.controller.fleet.registry import Known
from guestwire.controller.host_ref import HostRef
from guestwire.controller.own_metrics import Own, OwnMetrics
from guestwire.controller.store.database import Database
from guestwire.controller.store.series_rows import SeriesRow
from guestwire.controller.store.telemetry_hosts import HostRow
from guestwire.controller.telemetry import exposition
from guestwire.controller.telemetry.series import KnownSeries, Pace
from guestwire.controller.text_format import AT_ONCE, Which
from guestwire.protocol.metrics import BY_NAME
from guestwire.protocol.telemetry import Kind

ALL = Which()
LOAD = 'guestwire_host_load{window="1m"}'
FORKS = "guestwire_host_forks_total"
DISK = 'guestwire_filesystem_bytes{path="/"}'


def _known(*rows: tuple[str, str, Kind, int, float], paces: dict[str, dict[str, Pace]] | None = None) -> KnownSeries:
    """Hosts that send live, whose clocks are right; `paces`: others. Rows: host, series, kind, age in seconds, value."""
    known = KnownSeries()
    for number, host in enumerate(sorted({row[0] for row in rows}), 1):
        made = known.put_host(HostRow(number, HostRef(host[0], host), 0, 0, 0, 0))
        made.paces.update((paces or {}).get(host, {"normal": Pace(START_MS, START_MS)}))  # type: ignore[arg-type]
    for number, (host, text, kind, age_s, value) in enumerate(rows, 1):
        series = known.put(SeriesRow(number, known.hosts[HostRef(host[0], host)].id, text, kind, 0))
        series.time, series.value = START_MS - age_s * 1000, value
    return known


def _text(known: KnownSeries, which: Which = ALL, now_ms: int = START_MS, gone: str = "") -> str:
    return "".join(exposition.pieces(known, lambda ref: ref.host != gone, now_ms, which))


def _read(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families), "one group for each metric"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def _shown(known: KnownSeries, **more: object) -> set[tuple[str, str]]:
    return {(dict(labels)["host"], name) for name, labels in _read(_text(known, **more))}  # type: ignore[arg-type]


def test_series_that_are_of_now_and_no_others() -> None:
    known = _known(
        ("h1", LOAD, "gauge", 5, 0.5),
        ("h2", LOAD, "gauge", 89, 3.0),
        ("h1", 'guestwire_host_load{window="5m"}', "gauge", 91, 9.0),
        ("h1", 'guestwire_filesystem_bytes{path="/a \\"b\\" \\\\c"}', "gauge", 170, 7.0),
        ("h1", 'guestwire_filesystem_bytes{path="/old"}', "gauge", 181, 7.0),
        ("h2", FORKS, "counter", 1, 1e15),
        ("h1", "guestwire_of_tomorrow", "gauge", 1, -0.0),
    )
    assert _read(_text(known)) == {
        ("guestwire_host_load", (("host", "h1"), ("site", "h"), ("window", "1m"))): 0.5,
        ("guestwire_host_load", (("host", "h2"), ("site", "h"), ("window", "1m"))): 3.0,
        ("guestwire_filesystem_bytes", (("host", "h1"), ("path", '/a "b" \\c'), ("site", "h"))): 7.0,
        ("guestwire_host_forks_total", (("host", "h2"), ("site", "h"))): 1e15,
        ("guestwire_of_tomorrow", (("host", "h1"), ("site", "h"))): 0.0,
    }


def test_a_host_that_is_not_there_has_none() -> None:
    known = _known(("h1", LOAD, "gauge", 1, 1.0), ("h2", LOAD, "gauge", 1, 1.0), ("h2", DISK, "gauge", 1, 1.0))
    assert _shown(known, gone="h2") == {("h1", "guestwire_host_load")}


def test_a_host_that_says_nothing_more_has_none_after_90_s_whatever_its_clock_says() -> None:
    """Also of what is measured seldom: `there` is the registry's matter, which is 90 s late at most."""
    for skew_s in (-500, 0, 500):
        paces = {"h1": {"normal": Pace(START_MS + skew_s * 1000, START_MS)}}
        known = _known(("h1", LOAD, "gauge", -skew_s, 1.0), ("h1", FORKS, "counter", 95 - skew_s, 1.0), paces=paces)
        assert _shown(known) == {("h1", "guestwire_host_load")}, skew_s
        assert _shown(known, now_ms=START_MS + 90_000) == {("h1", "guestwire_host_load")}
        assert not _shown(known, now_ms=START_MS + 90_001)


def test_what_is_measured_seldom_does_not_outlive_the_rest() -> None:
    paces = {
        "h1": {"normal": Pace(START_MS, START_MS, 10_000), "slow": Pace(START_MS - 30_000, START_MS - 30_000, 60_000)}
    }
    known = _known(("h1", DISK, "gauge", 30, 1.0), paces=paces)
    assert _shown(known, now_ms=START_MS + 90_000) == {("h1", "guestwire_filesystem_bytes")}
    assert not _shown(known, now_ms=START_MS + 90_001)


def test_nothing_is_shown_of_a_host_before_it_was_heard() -> None:
    """After a start: what the database has may be old."""
    assert not _shown(_known(("h1", LOAD, "gauge", 1, 1.0), paces={"h1": {}}))


def test_what_is_left_of_before_a_clock_was_set_back_is_not_of_now() -> None:
    assert not _shown(_known(("h1", LOAD, "gauge", -61, 1.0)))


def test_a_host_may_measure_more_seldom() -> None:
    paces = {"h1": {"slow": Pace(START_MS - 500_000, START_MS - 500_000, every_ms=600_000)}}
    known = _known(
        ("h1", DISK, "gauge", 500, 1.0),
        ("h1", 'guestwire_filesystem_bytes{path="/x"}', "gauge", 1600, 1.0),
        paces=paces,
    )
    assert len(_read(_text(known))) == 1


@pytest.mark.parametrize(
    ("times", "every"),
    [
        ((0, 10, 20), 10), ((0, 10, 10), 10), ((0, 10, 5), 10), ((0,), 0),
    ],
)  # fmt: skip
def test_paces(times: tuple[int, ...], every: int) -> None:
    pace = Pace(times[0], 1)
    for at, moment in enumerate(times[1:], 2):
        pace = pace.followed(moment, at)
    assert pace == (times[-1], len(times), every)


def test_histograms_are_one_family_and_nobody_breaks_in() -> None:
    family = "guestwire_agent_request_seconds"
    known = _known(
        ("h1", f'{family}_bucket{{le="+Inf"}}', "counter", 1, 2.0),
        ("h1", f'{family}_bucket{{le="0.1"}}', "counter", 1, 1.0),
        ("h1", f"{family}_sum", "counter", 1, 0.3),
        ("h1", f"{family}_count", "counter", 1, 2.0),
        ("h1", family, "gauge", 1, 2.0),
        ("h1", "guestwire_controller_jobs", "gauge", 1, 2.0),
        ("h1", LOAD, "counter", 1, 2.0),
    )
    families = {one.name: one.type for one in text_string_to_metric_families(_text(known))}
    assert families == {family: "histogram", "guestwire_host_load": "gauge"}


def test_sites_and_hosts_are_chosen() -> None:
    known = _known(("a1", LOAD, "gauge", 1, 1.0), ("b1", LOAD, "gauge", 1, 1.0), ("b2", FORKS, "counter", 1, 1.0))
    for sites, hosts, expected in (
        ("a", "", {"a1"}), ("b", "", {"b1", "b2"}), ("", "b2", {"b2"}), ("a", "b2", set()), ("ab", "", {"a1", "b1", "b2"}),
        ("x", "", set()),
    ):  # fmt: skip
        which = Which(frozenset(sites), frozenset([hosts] if hosts else []))
        assert {host for host, _ in _shown(known, which=which)} == expected, (sites, hosts)


def test_no_piece_takes_long() -> None:
    """One metric has ten thousand series, and all the others are there."""
    rows: list[tuple[str, str, Kind, int, float]] = [
        (f"h{host}", f'guestwire_vcpu_runs_total{{guest="g",vcpu="{n}"}}', "counter", 1, 1.0)
        for host in range(10)
        for n in range(1000)
    ]
    rows += [("h1", f'{name}{{x="1"}}', "gauge", 1, 1.0) for name in BY_NAME if not name.startswith("guestwire_vcpu")]
    pieces = list(exposition.pieces(_known(*rows), lambda ref: True, START_MS, ALL))
    assert sum(piece.count("} ") for piece in pieces) == len(rows)
    assert max(piece.count("\n") for piece in pieces) <= AT_ONCE


def _states() -> list[Known]:
    hosts = []
    for name, state, approval in (
        ("h1", "online", "approved"),
        ("h2", "offline", "approved"),
        ("h3", "online", "pending"),
    ):
        known = Known(HostRef("plant", name), approval, listed=False)
        known.state = state  # type: ignore[assignment]
        hosts.append(known)
    return hosts


def test_whether_hosts_are_there() -> None:
    found = _read("".join(exposed_states.pieces(_states(), ALL)))
    assert found == {
        ("guestwire_controller_host_state", (("host", "h1"), ("site", "plant"), ("state", "online"))): 1,
        ("guestwire_controller_host_state", (("host", "h2"), ("site", "plant"), ("state", "offline"))): 1,
    }
    assert len(_read("".join(exposed_states.pieces(_states(), Which(hosts=frozenset(["h2"])))))) == 1


def _jobs() -> list[Own]:
    return [
        Own("jobs", "gauge", "Jobs under way.", ("state",), {("sent",): 3.0}),
        Own("batches_total", "counter", "Batches.", (), {(): 7.0}),
    ]


@asynccontextmanager
async def _world(database: Database, token: str | None) -> AsyncIterator[World]:
    known = _known(("h1", FORKS, "counter", 1, 5.0))

    def told(which: Which) -> Iterator[str]:
        return exposition.pieces(known, lambda ref: True, START_MS, which)

    own = OwnMetrics([_jobs])
    async with api_world(
        database, outside=lambda world: (api.router(own, [told], lambda: token),),
        open_too=frozenset({("GET", api.PATH)}),
    ) as world:  # fmt: skip
        yield world


async def _scrape(world: World, address: str, query: str = "", **headers: str) -> tuple[int, str]:
    caller: Caller = world.caller(headers, address, prefix="")
    answer = await caller.get(api.PATH + query)
    return answer.status_code, answer.text


async def test_this_machine_may_scrape(any_database: Database) -> None:
    async with _world(any_database, None) as world:
        status, text = await _scrape(world, "127.0.0.1")
        found = _read(text)
        assert status == 200
        assert found["guestwire_controller_jobs", (("state", "sent"),)] == 3.0
        assert found["guestwire_controller_batches_total", ()] == 7.0
        assert found[FORKS, (("host", "h1"), ("site", "h"))] == 5.0
        assert found["guestwire_controller_process_open_fds", ()] > 0
        assert (await _scrape(world, "192.0.2.1"))[0] == 401
        for header in ("X-Forwarded-For", "Forwarded"):  # a proxy on this machine asks for somebody else
            assert (await _scrape(world, "127.0.0.1", **{header: "192.0.2.1"}))[0] == 401


async def test_a_part_of_it(any_database: Database) -> None:
    async with _world(any_database, None) as world:
        parts = {}
        for query in (
            "",
            "?part=hosts",
            "?part=controller",
            "?site=h",
            "?site=h&host=h1",
            "?host=h2",
            "?site=h&part=controller",
        ):
            status, text = await _scrape(world, "127.0.0.1", query)
            assert status == 200
            parts[query] = (FORKS in text, "guestwire_controller_jobs" in text)
        assert list(parts.values()) == [
            (True, True), (True, False), (False, True), (True, False), (True, False), (False, False), (False, False),
        ]  # fmt: skip
        for query in ("?part=x", "?site=", "?host=A", "?site=" + "&site=".join(["s"] * 257)):
            assert (await _scrape(world, "127.0.0.1", query))[0] == 422, query


async def test_others_with_the_token(any_database: Database) -> None:
    async with _world(any_database, "the token") as world:
        assert (await _scrape(world, "192.0.2.1", authorization="Bearer the token"))[0] == 200
        for headers in ({}, {"authorization": "Bearer another"}, {"authorization": "Basic the token"}):
            assert (await _scrape(world, "127.0.0.1", **headers))[0] == 401
