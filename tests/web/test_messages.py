"""Messages: what hosts said by themselves, and what their agents wrote down."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from browser import SMALL, WIDE
from demo_stack import Stack
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def rows(page: "Page", table: str = "Messages of hosts") -> "Locator":
    return page.get_by_role("table", name=table).locator("tbody tr")


def confirm(page: "Page", name: str, action: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(f"Type {name} to confirm").fill(name)
    dialog.get_by_role("button", name=action, exact=True).click()
    expect(dialog).to_be_hidden()


def on_and_off(stack: Stack, guest: str) -> None:
    """Something that a host tells."""
    stack.cli("guest", "start", guest, "--wait", "ready")
    stack.cli("--yes", "guest", "destroy", guest)


def test_messages_come_are_filtered_and_paused(page: "Page", stack: Stack, look: Any) -> None:
    page.goto("/notices?host=demo/h1&class=guest")
    on_and_off(stack, "h1/linux1")
    expect(rows(page).first).to_contain_text("linux1, ready → stopped")
    expect(rows(page).filter(has_text="linux1, running → ready").first).to_be_visible()
    look(page, sizes=(WIDE, SMALL))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("paused")).to_be_visible()
    shown = rows(page).count()
    on_and_off(stack, "h1/linux2")
    follow = page.get_by_role("button", name="new)")
    expect(follow).to_be_visible()
    assert rows(page).count() == shown
    follow.click()
    expect(rows(page).first).to_contain_text("linux2, ready → stopped")
    page.get_by_label("Text", exact=True).fill("linux1 running")
    expect(rows(page).first).to_contain_text("running → ready")
    assert "q=linux1+running" in page.url
    page.get_by_label("Level").select_option("error")
    expect(page.get_by_text("No message fits")).to_be_visible()
    expect(page.get_by_text("guestwire notices --follow", exact=True)).to_be_visible()
    page.goto("/notices?class=guest")
    expect(page.get_by_label("Guests", exact=True)).to_be_checked()
    expect(rows(page).first).to_contain_text("linux2, ready → stopped")
    page.get_by_label("Guests", exact=True).uncheck()
    page.get_by_label("Refused", exact=True).check()
    expect(rows(page).filter(has_text="ready → stopped")).to_have_count(0)


def test_messages_are_exported_and_cleared(page: "Page", stack: Stack) -> None:
    page.goto("/notices")
    expect(page.get_by_role("button", name="Clear", exact=True)).to_be_disabled()
    page.get_by_label("Host", exact=True).select_option("demo/h2")
    on_and_off(stack, "h2/linux1")
    expect(rows(page).filter(has_text="linux1, ready → stopped").first).to_be_visible()
    with page.expect_download() as got:
        page.get_by_role("link", name="Export").click()
    lines = [json.loads(line) for line in Path(got.value.path()).read_text().splitlines()]
    assert lines
    assert {line["host"] for line in lines} == {"h2"}
    page.get_by_role("button", name="Clear those of demo/h2").click()
    confirm(page, "h2", "Clear")
    expect(rows(page).filter(has_text="linux1, ready → stopped")).to_have_count(0)
    left = stack.api("GET", "/notices", host="demo/h2")["items"]
    assert {one["id"] for one in left}.isdisjoint(line["id"] for line in lines)


def test_what_an_agent_said_comes_and_is_looked_through(page: "Page", stack: Stack, look: Any) -> None:
    page.goto("/hosts/demo/h1/messages")
    said = rows(page, "What the agent said, the newest first")
    expect(said.filter(has_text="broker connected").first).to_be_visible()
    look(page, sizes=(WIDE, SMALL))
    page.get_by_label("Text", exact=True).fill("broker")
    expect(said.filter(has_not_text="broker")).to_have_count(0)
    page.get_by_label("Text", exact=True).fill("")
    with page.expect_download() as got:
        page.get_by_role("link", name="Download").click()
    assert got.value.suggested_filename == "demo-h1-messages.ndjson"
    page.get_by_label("The agent says").select_option("debug")
    page.get_by_label("For", exact=True).select_option("600")
    page.get_by_role("button", name="Set the level").click()
    expect(page.get_by_text("log-level on demo/h1: done")).to_be_visible()
    page.get_by_role("navigation", name="Messages of the agent").get_by_role("link", name="Log lines").click()
    lines = page.get_by_label("Log lines, the newest last")
    expect(lines).to_contain_text("broker connected")
    look(page, sizes=(WIDE, SMALL))
    page.get_by_label("Lines with").fill("broker connected")
    expect(page.get_by_role("status").filter(has_text=re.compile(r"^\s*[1-9]\d* lines?"))).to_be_visible()
    with page.expect_download() as got:
        page.get_by_role("link", name="Download").click()
    assert "broker connected" in Path(got.value.path()).read_text()
    page.get_by_label("Lines with").fill("no such words")
    expect(page.get_by_text("guestwire log h1 --level debug", exact=True)).to_be_visible()


def test_what_an_agent_said_is_forgotten(page: "Page") -> None:
    page.goto("/hosts/demo/h2/messages")
    said = rows(page, "What the agent said, the newest first")
    expect(said.filter(has_text="broker connected").first).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    confirm(page, "h2", "Clear")
    page.get_by_label("Text", exact=True).fill("broker")
    expect(said).to_have_count(0)
    expect(page.get_by_text("log-clear on demo/h2: done")).to_be_visible()


def test_who_fell_behind_catches_up_at_once(module_page: Any) -> None:
    """Within a bound: an agent may say more than anybody can ask for."""
    function = """async (m) => {
      let newest = 1000;
      let asked = 0;
      const get = async (path, { after, limit }) => {
        asked += 1;
        const first = after === null ? newest - limit + 1 : after + 1;
        const messages = Array.from({ length: Math.min(limit, newest - first + 1) }, (_, at) => ({ seq: first + at }));
        return { log: "a", last_seq: newest, messages };
      };
      const view = new m.HostMessages();
      Object.assign(view, { services: { api: { get } }, params: { site: "s", host: "h" } });
      const found = [];
      for (const more of [0, 0, 700, 50, 100000]) {
        newest += more;
        asked = 0;
        await view._look();
        found.push([view.messages.at(-1).seq === newest, asked]);
      }
      return found;
    }"""
    found = module_page.run("views/messages/host.js", function)
    assert found == [[True, 1], [True, 1], [True, 4], [True, 1], [False, 10]]


def test_how_notices_are_told(module_page: Any) -> None:
    def notice(kind: str, **said: Any) -> dict[str, Any]:
        return {"site": "s", "host": "h", "notice_class": kind, "event": "e", "said": {"log": "00", "seq": 1, **said}}

    cases = [
        [notice("guest", name="a", before="running", state="crashed"), "error", "a, running → crashed"],
        [notice("comm", guest="a", name="x", level="warning", count=3), "warning", "a, x, 3 times"],
        [notice("audit", client="eve", code="DENIED"), "warning", "eve, DENIED"],
        [notice("config", text="new"), "info", "new"],
        [notice("config"), "info", "e"],
    ]
    found = module_page.table(
        "views/messages/notice_words.js", "(m, [one]) => [m.levelOf(one), m.sentence(one)]", cases
    )
    assert found == [[level, text] for _, level, text in cases]
