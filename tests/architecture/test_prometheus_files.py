"""What is shipped for Prometheus and Grafana is what they take: promtool reads it, each alert fires when it shall and not before, and
the dashboard is one. That its expressions ask for what there is, a real Prometheus says (tests/e2e/test_prometheus.py).
"""

import json
import re
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from alert_cases import CASES, document
from prometheus_server import promtool
from promql_names import names_in

RULES = Path("deploy/prometheus/guestwire.rules.yml")
EXAMPLE = Path("deploy/prometheus/prometheus.example.yml")
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


@pytest.fixture
def rules(repository) -> dict[str, Any]:
    return yaml.safe_load(repository.text(RULES))


@pytest.fixture
def panels(repository) -> list[dict[str, Any]]:
    return json.loads(repository.text(Path("deploy/grafana/guestwire.json")))["panels"]


def test_promtool_reads_the_rules(repository):
    code, said = promtool("check", "rules", "--lint=all", "--lint-fatal", repository.base / RULES)
    assert code == 0, said


def test_promtool_reads_the_example(repository, tmp_path):
    shutil.copy(repository.base / RULES, tmp_path)
    text = repository.text(EXAMPLE)
    for name in ("guestwire.token", "guestwire-ca.crt"):
        (tmp_path / name).write_text("x", encoding="ascii")
        assert f"/etc/prometheus/{name}" in text
        text = text.replace(f"/etc/prometheus/{name}", str(tmp_path / name))
    config = tmp_path / "prometheus.yml"
    config.write_text(text, encoding="utf-8")
    code, said = promtool("check", "config", config)
    assert code == 0, said


def test_each_alert_fires_when_it_shall_and_for_nothing_else(repository, rules, tmp_path):
    alerts = {rule["alert"]: rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    assert [case.alert for case in CASES] == list(alerts)
    file = tmp_path / "tests.yml"
    file.write_text(document(alerts, [group["name"] for group in rules["groups"]], str(repository.base / RULES)))
    code, said = promtool("test", "rules", file)
    assert code == 0, said


def test_each_alert_says_what_to_do(rules):
    for rule in (rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule):
        assert rule["alert"].startswith("Guestwire")
        assert rule["labels"].keys() == {"severity"}
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["annotations"]["description"].endswith(".")


def test_the_page_names_each_alert(repository, rules):
    page = repository.text(Path("deploy/docs/controller/prometheus.md"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    assert set(re.findall(r"`(Guestwire[A-Z]\w+)`", page)) == alerts


def test_panels_lie_beside_one_another(panels):
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        assert (
            one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        ), (one, other)  # fmt: skip


def test_panels_say_what_they_show_and_ask_whom_the_user_chooses(panels):
    for panel in panels:
        assert panel["title"]
        if panel["type"] == "row":
            continue
        assert panel["datasource"] == DATASOURCE
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert [target["refId"] for target in panel["targets"]] == [chr(65 + n) for n in range(len(panel["targets"]))]
        for target in panel["targets"]:
            assert target["datasource"] == DATASOURCE
            assert target["expr"] == target["expr"].strip()


def test_the_dashboard_names_no_data_source_of_its_own(repository):
    dashboard = json.loads(repository.text(Path("deploy/grafana/guestwire.json")))
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    assert list(variables) == ["datasource", "site", "host"]
    assert variables["datasource"]["type"] == "datasource"
    assert all(variables[name]["datasource"] == DATASOURCE for name in ("site", "host"))
    assert "id" not in dashboard


@pytest.mark.parametrize(
    ("expression", "metrics", "labels"),
    [
        ("up", {"up": set()}, set()),
        ('a:b{x="y(z)",w=~"up"} == 1', {"a:b": {"x", "w"}}, {"x", "w"}),
        ("sum by (l) (rate(m_total{k!='v'}[5m])) / on (l) group_left (o) n", {"m_total": {"k"}, "n": set()}, {"k", "l", "o"}),
        ("topk(3, m) unless n offset 5m or vector(0)", {"m": set(), "n": set()}, set()),
        ("1 - m > bool 1e3", {"m": set()}, set()),
        ('{__name__="m"}', {}, {"__name__"}),
    ],
)  # fmt: skip
def test_names_are_seen(expression, metrics, labels):
    found = names_in(expression)
    assert found.metrics == metrics
    assert found.labels == labels
