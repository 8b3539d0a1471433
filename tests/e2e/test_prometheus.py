"""A real Prometheus scrapes a real controller with real agents: what it has then is what the controller has, and what
deploy/prometheus and deploy/grafana ask it for is there.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import paper_metrics
import pytest
import pytest_asyncio
import yaml
from controller_process import Api, ControllerProcess
from fleet import SITE, Fleet, fleet, unix_ms
from prometheus_client.parser import text_string_to_metric_families
from prometheus_server import Found, PrometheusServer, prometheus_server, promtool, require_prometheus
from promql_names import names_in

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.protocol.metrics import BY_NAME, METRICS

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEPLOY = Path(__file__).parents[2] / "deploy"
EVERY_S = 2.0
"""The host measures so often, so that no second has two samples."""
TELEMETRY = {"telemetry": {"fast_s": EVERY_S, "normal_s": EVERY_S, "slow_s": EVERY_S}}
OF_PROMETHEUS = {"up", "scrape_duration_seconds", "scrape_samples_scraped"}
SERIES = (
    f'{{job="guestwire",site="{SITE}",host="h1",__name__=~"guestwire_.+",__name__!="guestwire_controller_host_state"}}'
)


@dataclass
class Plant:
    fleet: Fleet
    controller: ControllerProcess
    api: Api
    prometheus: PrometheusServer
    token: str
    at: float
    """A moment at which everything had been scraped more than once (Unix seconds)."""

    async def page(self, **params: str) -> str:
        """/metrics, as Prometheus gets it."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{self.controller.url}/metrics", params=params, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def known(self) -> set[str]:
        """All metrics that there may be: of the catalogue, of the controller, of Prometheus itself."""
        own = {
            line.split()[2] for line in (await self.page(part="controller")).splitlines() if line.startswith("# HELP")
        }
        assert len(own) > 20
        return (
            own
            | set(BY_NAME)
            | OF_PROMETHEUS
            | {"guestwire_controller_host_state"}
            | {rule["record"] for rule in _rules("record")}
        )


def _rules(kind: str) -> list[dict[str, Any]]:
    """The rules of one kind, record or alert."""
    document = yaml.safe_load((DEPLOY / "prometheus/guestwire.rules.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"] if kind in rule]


def _config(controller: str, token: Path, paper: str) -> dict[str, Any]:
    """The example of deploy, for this controller; and a job for the host on paper."""
    config: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus/prometheus.example.yml").read_text(encoding="utf-8"))
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in config["rule_files"]]
    (job,) = config["scrape_configs"]
    del job["tls_config"]
    job |= {"scheme": "http", "static_configs": [{"targets": [controller.removeprefix("http://")]}]}
    job["authorization"]["credentials_file"] = str(token)
    target = {"targets": [paper.removeprefix("http://")]}
    config["scrape_configs"].append({"job_name": "guestwire-paper", "static_configs": [target]})
    return config


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plant]:
    require_mosquitto()
    require_prometheus()
    base: Path = tmp_path_factory.mktemp("p")
    token = base / "token"
    token.write_text("the scraper's\n", encoding="utf-8")
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(mosquitto(BrokerOptions()))
        made = await stack.enter_async_context(fleet(base, broker, {"h1": TELEMETRY}))
        controller = ControllerProcess(base, made.layout, made.broker.url, metrics_token=token)
        await controller.make_user()
        await controller.start()
        stack.push_async_callback(controller.stop)
        api = await stack.enter_async_context(controller.user())
        await api.approve("h1")
        for guest in ("rtlinux", "linux1"):
            await api.post(f"/hosts/{SITE}/h1/operations/guest-start", {"guest": guest}, wait_s=30)
        paper = await stack.enter_async_context(paper_metrics.paper_page(unix_ms))
        folder = base / "prometheus"
        folder.mkdir()
        server = await stack.enter_async_context(prometheus_server(folder, _config(controller.url, token, paper)))
        at = 0.0
        for host in (f'site="{SITE}",host="h1"', 'site="paper",host="sheet"'):
            await server.until(
                f"rate(guestwire_vcpu_runs_total{{{host}}}[1m]) > 0", "a vCPU that was put on a CPU again"
            )
            at = time.time()
        yield Plant(made, controller, api, server, "the scraper's", at)


async def test_it_scrapes_without_a_fault(plant: Plant) -> None:
    server = plant.prometheus
    assert {one.labels["job"] for one in await server.query("up == 1", plant.at)} == {"guestwire", "guestwire-paper"}
    for target in (await server.api("targets"))["activeTargets"]:
        assert not target["lastError"] or "deadline exceeded" in target["lastError"], "whatever else, not for its text"
    assert not [line for line in server.log if "level=warn" in line or "level=error" in line]


async def test_every_series_of_the_controller_is_there_with_its_values(plant: Plant) -> None:
    held: dict[tuple[tuple[str, str], ...], set[float]] = {}
    page = (await plant.api.get("/metrics", limit=500))["items"]
    end = unix_ms() + 1000
    for name in [one["name"] for one in page]:
        asked = {
            "selector": f'{name}{{host="h1"}}', "start": end - 120_000, "end": end, "step": 1000, "aggregate": "last",
        }  # fmt: skip
        for one in (await plant.api.post("/metrics/query", asked))["series"]:
            labels = one["labels"] | {"__name__": name}
            held[tuple(sorted(labels.items()))] = {value for _, value in one["points"]}
    assert len(held) > 150
    scraped = {_key(one): one for one in await plant.prometheus.query(SERIES + "[2m]", end / 1000)}
    assert scraped.keys() == held.keys()
    wrong = {
        key: (one.samples, held[key])
        for key, one in scraped.items()
        if not {value for at, value in one.samples if at < end / 1000 - EVERY_S} <= held[key]
    }
    assert not wrong
    fell = [
        key
        for key, one in scraped.items()
        if BY_NAME[one.labels["__name__"]].kind == "counter"
        and any(later < earlier for (_, earlier), (_, later) in pairwise(one.samples))
    ]
    assert not fell


def _key(found: Found) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((label, value) for label, value in found.labels.items() if label not in ("job", "instance")))


async def test_types_and_words_are_those_of_the_catalogue(plant: Plant) -> None:
    said = await plant.prometheus.api("targets/metadata", match_target='{job="guestwire-paper"}')
    told = {one["metric"]: (one["type"], one["help"]) for one in said}
    expected = {
        row.family or row.name: ("histogram" if row.family else row.kind, row.summary) for row in METRICS
    }  # fmt: skip
    assert {name: about for name, about in told.items() if "controller" not in name} == expected


async def test_the_page_is_as_promtool_wants_it(plant: Plant) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        paper = (await plant.prometheus.api("targets"))["activeTargets"][-1]["scrapeUrl"]
        on_paper = (await client.get(paper)).text
    for text in (await plant.page(), on_paper):
        assert list(text_string_to_metric_families(text))
        assert promtool("check", "metrics", text=text) == (0, "")


def _dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEPLOY / "grafana/guestwire.json").read_text(encoding="utf-8"))
    return found


def _expressions() -> list[str]:
    return [target["expr"] for panel in _dashboard()["panels"] for target in panel.get("targets", [])]


def _filled(expression: str, site: str, host: str) -> str:
    filled = expression.replace("$site", site).replace("$host", host).replace("$__rate_interval", "1m")
    assert "$" not in filled
    return filled


async def test_every_expression_asks_for_what_there_is(plant: Plant) -> None:
    known = await plant.known()
    labels = {label for row in METRICS for label in row.labels} | {"site", "host", "instance", "job", "le"}
    labels |= {"approval", "connection", "code"}
    for expression in (*_expressions(), *(rule["expr"] for rule in (*_rules("record"), *_rules("alert")))):
        names = names_in(_filled(expression, "a", "b"))
        assert names.metrics, expression
        assert names.metrics.keys() <= known, expression
        assert names.labels <= labels, expression
        for metric, asked in names.metrics.items():
            if metric in BY_NAME:
                assert asked <= {*BY_NAME[metric].labels, "site", "host", "le"}, expression


async def test_every_expression_of_the_dashboard_has_a_result(plant: Plant) -> None:
    """Of a real host, where it has the series; else of a host on paper, which has them all; and of the controller."""
    server = plant.prometheus
    there = {one.labels["__name__"] for one in await server.query('{site="plant",host="h1"}', plant.at)}
    own = {one.labels["__name__"] for one in await server.query('{job="guestwire",host=""}', plant.at)}
    asked: list[tuple[str, str]] = []
    for expression in _expressions():
        metrics = names_in(expression).metrics.keys()
        if metrics & BY_NAME.keys():
            real = metrics & BY_NAME.keys() <= there and "> 0" not in expression  # on paper everything grows
            asked.append((expression, _filled(expression, *((SITE, "h1") if real else ("paper", "sheet")))))
        elif metrics <= own:
            asked.append((expression, _filled(expression, SITE, "h1")))
    found = await asyncio.gather(*(server.query(filled, plant.at) for _, filled in asked))
    assert not [one for one, result in zip(asked, found, strict=True) if not result]
    assert len(there) > 80
    left = {one for one in _expressions() if not names_in(one).metrics.keys() <= there | own | BY_NAME.keys()}
    for expression in left:  # what has not happened yet
        await server.query(_filled(expression, SITE, "h1"))
    assert len(left) < 5, left


async def test_every_rule_is_evaluated(plant: Plant) -> None:
    server = plant.prometheus
    groups = (await server.api("rules"))["groups"]
    said = [rule for group in groups for rule in group["rules"]]
    assert len(said) == len(_rules("record")) + len(_rules("alert"))
    for rule in said:
        await server.query(rule["query"])
        assert rule["health"] in ("ok", "unknown"), rule
        assert not rule.get("lastError"), rule
    for rule in _rules("record"):
        await server.until(f'{rule["record"]}{{site="{SITE}",host="h1"}}', "what is recorded")
    assert {one.labels["alertname"] for one in await server.query("ALERTS")} <= {
        rule["alert"] for rule in _rules("alert")
    }


async def test_the_choices_of_the_dashboard(plant: Plant) -> None:
    choices = [one for one in _dashboard()["templating"]["list"] if one["type"] == "query"]
    assert [one["name"] for one in choices] == ["site", "host"]
    for one, expected in zip(choices, ({SITE, "paper"}, {"h1"}), strict=True):
        selector, _, label = one["query"]["query"].removeprefix("label_values(").removesuffix(")").rpartition(", ")
        found = await plant.prometheus.api("series", **{"match[]": _filled(selector, SITE, ""), "start": plant.at - 60})
        assert {series[label] for series in found} == expected


@pytest.mark.soak
async def test_a_host_that_is_cut_off_is_shown_as_gone_within_90_s(plant: Plant) -> None:
    """What it measured is of now for 90 s at most, and Prometheus sees that with its next scrape."""
    await plant.fleet.agents["h1"].kill()
    killed = time.time()
    await plant.prometheus.until(f"absent({SERIES})", "no series of h1 is of now", within_s=150)
    newest = max(one.samples[-1][0] for one in await plant.prometheus.query(f"{SERIES}[3m]"))
    assert newest - killed <= 92


async def test_a_host_that_is_gone_is_shown_as_gone(plant: Plant) -> None:
    """Last, for there is one host."""
    server = plant.prometheus
    await plant.fleet.agents["h1"].stop()
    await server.until('guestwire_controller_host_state{host="h1",state="offline"} == 1', "h1 is offline")
    await server.until(f"absent({SERIES})", "no series of h1 is of now")
    page = (await plant.page(part="hosts")).splitlines()
    assert [line for line in page if 'host="h1"' in line] == [
        f'guestwire_controller_host_state{{site="{SITE}",host="h1",state="offline"}} 1'
    ]
