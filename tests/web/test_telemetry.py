"""Telemetry of the fleet and of a host: charts, heat maps, ranges in the address, any metric, files."""

import csv
import re
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from browser import SMALL, WIDE, expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

HOST = "/hosts/demo/h1/telemetry"
MEASURED_S = 90.0


def chart(page: "Page", title: str) -> "Locator":
    return page.get_by_role("region", name=title, exact=True)


def query(page: "Page") -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


@pytest.fixture(scope="module")
def measured(stack: Any) -> None:
    """Both hosts have been measured by every tier, more than once by those that charts are about."""

    def points() -> int:
        now = int(time.time() * 1000)
        span = {"start": now - 600_000, "end": now, "step": 1000}
        found = stack.api("GET", "/metrics/query", selector="guestwire_host_load", **span)["series"]
        return min((len(one["points"]) for one in found), default=0) if len(found) == 6 else 0

    until = time.monotonic() + MEASURED_S
    while points() < 3:
        assert time.monotonic() < until, "no telemetry"
        time.sleep(0.5)


@pytest.fixture
def telemetry(page: "Page", measured: None) -> "Page":
    page.goto("/telemetry")
    expect(page.get_by_role("heading", name="Telemetry", level=1)).to_be_visible()
    return page


def test_the_fleet_has_totals_and_the_highest(telemetry: "Page", look: Any) -> None:
    expect(telemetry.get_by_text("Hosts that measure")).to_be_visible()
    top = chart(telemetry, "Hosts by CPU time").get_by_role("row")
    expect(top).to_have_count(3)
    expect(top.nth(1)).to_contain_text("demo/h")
    expect(chart(telemetry, "Memory of all hosts").get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("all: last .* GiB")
    )
    look(telemetry, sizes=(WIDE, SMALL))
    top.nth(1).get_by_role("link").click()
    expect(telemetry).to_have_url(re.compile(r"/hosts/demo/h\d/telemetry\?part=cpu"))


def test_a_host_has_lines_and_heat_maps(page: "Page", measured: None, look: Any) -> None:
    page.goto(f"{HOST}?range=15m")
    lines = chart(page, "How busy each CPU is")
    expect(lines.locator("canvas")).to_be_visible()
    expect(lines.get_by_role("button", name="CPU 0")).to_contain_text("%")
    heat = chart(page, "How busy each CPU is, over time").get_by_role("table")
    expect(heat.get_by_role("row")).to_have_count(5)
    expect(heat.get_by_role("rowheader").nth(3)).to_have_text("CPU 3")
    expect(heat.get_by_role("row").nth(4)).to_contain_text("%")
    drawn = heat.locator("canvas").evaluate(
        "(canvas) => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size"
    )
    assert drawn > 2  # not one colour
    lines.get_by_role("button", name="Show as table").click()
    rows = lines.get_by_role("region", name="How busy each CPU is, as a table").get_by_role("row")
    assert rows.count() > 3
    expect(rows.first).to_contain_text("CPU 3")
    look(page, sizes=(WIDE, SMALL))
    page.get_by_role("navigation", name="Subjects").get_by_role("link", name="Record").click()
    expect(page.get_by_text("Nothing is missing")).to_be_visible()
    look(page)


def test_range_and_refresh_are_in_the_address(page: "Page", measured: None) -> None:
    page.goto(HOST)
    page.get_by_role("button", name="6h").click()
    page.get_by_label("Refresh", exact=True).select_option("1m")
    assert (query(page)["range"], query(page)["refresh"]) == (["6h"], ["1m"])
    page.reload()
    expect(page.get_by_role("button", name="6h")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Refresh", exact=True)).to_have_value("1m")
    page.get_by_role("link", name="Memory", exact=True).last.click()
    expect(chart(page, "Memory of the host")).to_be_visible()
    assert (query(page)["range"], query(page)["refresh"], query(page)["part"]) == (["6h"], ["1m"], ["memory"])


def test_a_drag_chooses_a_time(page: "Page", measured: None) -> None:
    page.goto(f"{HOST}?range=15m")
    plot = chart(page, "Load average").locator(".u-over")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 50, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="Back to now")).to_be_visible()
    chosen = query(page)
    assert int(chosen["to"][0]) - int(chosen["from"][0]) == pytest.approx(225_000, rel=0.05)
    page.get_by_role("button", name="Back to now").click()
    expect(page.get_by_label("Refresh", exact=True)).to_be_visible()
    page.get_by_role("button", name="Custom").click()
    page.get_by_label("From", exact=True).fill("2026-01-01T10:00:00")
    page.get_by_label("To", exact=True).fill("2026-01-01T11:00:00")
    page.get_by_role("button", name="Show this time").click()
    expect(chart(page, "Load average")).to_contain_text("Nothing was measured in this time.")
    chosen = query(page)
    assert int(chosen["to"][0]) - int(chosen["from"][0]) == 3_600_000


def test_the_cursor_is_shared(page: "Page", measured: None) -> None:
    page.goto(f"{HOST}?range=15m")
    load, busy = chart(page, "Load average"), chart(page, "How busy each CPU is")
    expect(load.locator(".chart-at")).to_have_text("last")
    plot = busy.locator(".u-over")
    expect(load.locator(".u-over")).to_be_visible()
    plot.hover(position={"x": (plot.bounding_box() or {"width": 0})["width"] - 12, "y": 20})
    expect(busy.locator(".chart-at")).to_contain_text(":")
    expect(load.locator(".chart-at")).to_contain_text(":")


def test_any_metric(telemetry: "Page", tmp_path: Path, look: Any, stack: Any) -> None:
    telemetry.get_by_role("link", name="Any metric").click()
    telemetry.get_by_label("Metric", exact=True).fill("guestwire_cpu_busy_seconds_total")
    telemetry.keyboard.press("Tab")
    expect(telemetry.get_by_text("Time that a CPU was not idle. A counter, seconds, 8 series.")).to_be_visible()
    expect(telemetry.get_by_label("Each step shows")).to_have_value("rate")
    telemetry.get_by_label("Add a filter of").select_option("host")
    telemetry.get_by_label("Value of host").fill("h2")
    telemetry.keyboard.press("Tab")
    telemetry.get_by_label("cpu", exact=True).check()
    selector = 'guestwire_cpu_busy_seconds_total{host="h2"}'
    expect(telemetry.get_by_label("Selector")).to_have_value(selector)
    assert (query(telemetry)["selector"], query(telemetry)["by"]) == ([selector], ["cpu"])
    telemetry.reload()
    shown = chart(telemetry, selector)
    expect(shown.get_by_role("button", name="cpu 3")).to_be_visible()
    look(telemetry, sizes=(WIDE, SMALL))
    shown.get_by_text("File and command").click()
    with telemetry.expect_download() as saving:
        shown.get_by_role("link", name="Save as CSV").click()
    saving.value.save_as(tmp_path / "saved.csv")
    assert saving.value.suggested_filename == "guestwire_cpu_busy_seconds_total.csv"
    with (tmp_path / "saved.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["cpu"] for row in rows} == {"0", "1", "2", "3"}
    line = shown.locator(".cli code").inner_text()
    assert line.startswith(f"guestwire metrics query '{selector}' --since 1h --step ")
    assert "cpu 3" in stack.cli(*shlex.split(line)[1:]) or "cpu=" in stack.cli(*shlex.split(line)[1:])


def test_what_is_no_selector_is_said(telemetry: "Page") -> None:
    telemetry.goto("/telemetry?part=explore")
    telemetry.get_by_label("Selector").fill('guestwire_host_load{window="1m"')
    expect(telemetry.get_by_role("alert")).to_contain_text("Write a name and labels")
    telemetry.get_by_label("Selector").fill('guestwire_host_load{window="none"}')
    expect(telemetry.get_by_text("No series of this selector had a value")).to_be_visible()


def test_how_the_controller_takes_it(telemetry: "Page", look: Any) -> None:
    telemetry.get_by_role("link", name="Controller").click()
    expect(chart(telemetry, "Batches and notices that the controller has taken")).to_contain_text("/s")
    expect(telemetry.get_by_text("guestwire metrics gaps --since 1h")).to_be_visible()
    look(telemetry)
    telemetry.get_by_role("link", name="Events and queues").click()
    expect(chart(telemetry, "Signals of each event")).to_be_visible()
    # other tests have signalled some in this demo, which is not that old
    now = round(time.time())
    telemetry.goto(f"/telemetry?part=events&from={now - 20_000}000&to={now - 10_000}000")
    expect(chart(telemetry, "Signals of each event")).to_contain_text("No event was signalled in this time.")


ABOUT = """async (m) => {
  let follower;
  const open = [];
  const live = { on: (kind, fn) => { follower = fn; return () => null; }, map: () => new Map() };
  const api = { get: (path) => new Promise((done) => open.push([path, done])) };
  const host = document.createElement("gw-host-telemetry");
  host.render = () => "";
  host.soon = () => host.requestUpdate();
  const problem = (error) => { throw error; };
  Object.assign(host, { params: { site: "s", host: "h1" }, services: { api, live, router: { href: () => "" }, say: { problem } } });
  document.body.append(host);
  await host.updateComplete;
  const rest = async () => { await host.updateComplete; await new Promise((done) => setTimeout(done)); };
  const alarm = (name) => follower([{ kind: "alarm", key: "a", document: { id: "a", site: "s", host: name } }]);
  alarm("h2");
  await rest();
  const of_others = open.length;
  alarm("h1");
  await rest();
  const answer = ([path, done], id) => done(path === "/alarms" ? { items: [{ id, raised_at: 1, text: id, severity: "info" }] } : { gaps: [], clocks: [] });
  for (const one of open.slice(2)) answer(one, "newer");
  await rest();
  for (const one of open.slice(0, 2)) answer(one, "older");
  await rest();
  const marks = host._marks.map((one) => one.label);
  host.remove();
  return { of_others, asked: open.length, marks };
}"""


def test_alarms_of_a_host_are_read_when_it_has_another(module_page: Any) -> None:
    found = module_page.run("views/telemetry/host.js", ABOUT)
    assert found == {"of_others": 2, "asked": 4, "marks": ["newer"]}
