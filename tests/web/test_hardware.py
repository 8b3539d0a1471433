"""A machine that is another one than the draft was made for, and the keys by which hosts are known, as a user sees them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from browser import SMALL, WIDE
from playwright.sync_api import Locator, Page, expect

H2 = "/hosts/demo/h2"
DRAFT = "/drafts/demo/h2"


@pytest.fixture(autouse=True)
def no_draft(stack: Any) -> Iterator[None]:
    """Every test begins without a draft, and leaves none."""
    yield
    while (found := stack.ask("GET", DRAFT)).status_code == 200:
        stack.ask("DELETE", DRAFT, headers={"If-Match": found.headers["etag"]})


@pytest.fixture
def elsewhere(stack: Any) -> str:
    """A draft that was made for a machine of more CPUs; the fingerprint of that which there is."""
    pulled = stack.api("POST", f"{DRAFT}/pull", {})
    edits = [
        {"path": "base_topology", "value": "a-larger-machine"},
        {"path": "guest.rtlinux.cpuset", "value": "7"},
        {"path": "guest.linux1.cpuset", "value": "5"},
    ]
    etag = f'"{pulled["revision"]}"'
    stack.api("PATCH", DRAFT, edits, {"If-Match": etag})
    return str(pulled["document"]["base_topology"])


def dialog_of(page: Page) -> Locator:
    return page.get_by_role("dialog", name="The machine is another one")


def test_a_draft_becomes_one_for_the_machine_that_there_is(stack: Any, page: Page, elsewhere: str, look: Any) -> None:
    page.goto(f"{H2}/cpu?mode=config")
    rules = page.get_by_role("list", name="What the rules say of the CPUs")
    expect(rules).to_contain_text("TOPO-MISMATCH")
    page.locator("main").get_by_role("button", name="Sync hardware info").click()
    dialog = dialog_of(page)
    moved = dialog.get_by_role("table", name="CPUs on this machine")
    for row in ("guests / rtlinux 7 3", "guests / linux1 5 2"):
        expect(moved.get_by_role("row", name=row)).to_be_visible()
    expect(dialog).to_contain_text("guestwire hardware pull h2 --save")
    look(page, sizes=(WIDE, SMALL))
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert stack.api("GET", DRAFT)["document"]["base_topology"] == "a-larger-machine"
    page.locator("gw-drawer").get_by_role("button", name="Sync hardware info").click()
    dialog.get_by_role("button", name="Make the draft for this machine").click()
    expect(page.get_by_role("status").filter(has_text="one for this machine now")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("TOPO-MISMATCH")
    expect(page.get_by_role("button", name="Sync hardware info")).to_have_count(0)
    expect(page.get_by_role("checkbox", name="CPU3 to rtlinux", exact=True)).to_have_attribute("aria-checked", "true")
    document = stack.api("GET", DRAFT)["document"]
    assert document["base_topology"] == elsewhere
    assert {one["name"]: one["cpuset"] for one in document["guests"]}["linux1"] == "2"
    page.goto(f"{H2}/history?show=draft")
    expect(page.get_by_text("made for another machine")).to_be_visible()


def test_a_draft_for_the_same_machine_stays(stack: Any, page: Page) -> None:
    stack.api("POST", f"{DRAFT}/pull", {})
    page.goto(H2)
    page.get_by_role("button", name="More", exact=True).first.click()
    page.get_by_role("menuitem", name="Sync hardware info").click()
    expect(page.get_by_role("status").filter(has_text="the one that the draft was made for")).to_be_visible()


def test_the_key_of_a_host_is_shown_to_be_compared(stack: Any, page: Page) -> None:
    shown = json.loads(stack.cli("site", "show", str(stack.directory / "site"), "-o", "json"))
    [key] = [one["key_id"] for one in shown if one["principal"] == "host:h2"]
    page.goto(H2)
    expect(page.get_by_text(key, exact=True)).to_be_visible()
