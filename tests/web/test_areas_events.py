"""Memory areas and who has them how, their content, events, queues and locks; access and rights of one guest."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from browser import SMALL, WIDE, expect
from demo_stack import Stack
from furnished import edit
from no_draft import no_draft

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

HOST = "/hosts/demo/h2"
AREA, EVENT, LOCK, QUEUE = "web_recipes", "web.cycle", "web-lock", "web-orders"


@pytest.fixture(scope="module", autouse=True)
def _furnished(stack: Stack) -> Iterator[None]:
    """The host has an area, an event, a queue and a lock, as long as this module's tests run."""
    before = _active(stack)
    stack.cli("--yes", "area", "create", f"h2/{AREA}", "--size", "64K", "--access", "REMOTE=R---")
    stack.cli(
        "--yes", "event", "create", f"h2/{EVENT}", "--signal", "rtlinux,REMOTE", "--wait", "HOST,REMOTE", "--manual"
    )
    stack.cli("--yes", "queue", "create", f"h2/{QUEUE}", "--writer", "rtlinux", "--reader", "HOST")
    stack.cli("--yes", "lock", "create", f"h2/{LOCK}")
    yield
    no_draft(stack, "demo/h2")
    plan = stack.api("POST", "/drafts/demo/h2/rollback", {"to": before})["plan"]
    ordered = stack.api("POST", "/drafts/demo/h2/apply", {"plan_id": plan["plan_id"]})
    if ordered["state"] == "waiting-approval":
        stack.cli("--yes", "approval", "sign", ordered["approval_id"])
    assert stack.api("GET", f"/jobs/{ordered['job_id']}", wait_s=30)["state"] == "succeeded"


@pytest.fixture(autouse=True)
def _no_draft(stack: Stack) -> Iterator[None]:
    no_draft(stack, "demo/h2")
    yield
    no_draft(stack, "demo/h2")


def _active(stack: Stack) -> int:
    revision = stack.api("POST", "/hosts/demo/h2/operations/config-show", {})["reply"]["revision"]
    return int(revision["number"])


def _draft(stack: Stack, part: str, name: str) -> Any:
    document = stack.api("GET", "/drafts/demo/h2")["document"]
    return next((one for one in document[part] if one["name"] == name), None)


def test_access_is_changed_in_the_matrix(stack: Stack, page: "Page", look: Any) -> None:
    page.goto(f"{HOST}/areas")
    row = page.get_by_role("row", name=re.compile(AREA))
    expect(row.get_by_role("button")).to_have_count(0)
    expect(row.get_by_role("cell", name="R---")).to_be_visible()
    look(page, sizes=(WIDE, SMALL))

    page.goto(f"{HOST}/areas?mode=config")
    cell = page.get_by_role("button", name=re.compile(f"{AREA}, rtlinux: RWC-"))
    page.get_by_role("button", name=re.compile(f"{AREA}, default: RWC-")).focus()
    page.keyboard.press("ArrowRight")
    expect(cell).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=f"Access to {AREA}: rtlinux")
    dialog.get_by_label("Read").click()
    expect(dialog.get_by_label("Write")).not_to_be_checked()
    expect(dialog.get_by_label("Default")).not_to_be_checked()
    dialog.get_by_label("Write").click()
    expect(dialog.get_by_label("Read")).to_be_checked()
    dialog.get_by_label("Cached").click()
    expect(dialog.get_by_label("Cached")).not_to_be_checked()
    dialog.get_by_role("button", name="Done").click()
    changed = page.get_by_role("button", name=re.compile(f"{AREA}, rtlinux: RW--"))
    expect(changed.locator("xpath=..")).to_have_class("changed")
    expect(page.get_by_text("Saved, not applied.")).to_be_visible()
    assert _draft(stack, "areas", AREA)["overrides"] == {"REMOTE": "R---", "rtlinux": "RW--"}
    look(page, sizes=(WIDE, SMALL))

    changed.click()
    page.get_by_label("Default", exact=False).last.click()
    page.get_by_role("button", name="Done").click()
    expect(cell).to_be_visible()


def test_an_area_is_made_and_deleted_in_the_draft(stack: Stack, page: "Page") -> None:
    page.goto(f"{HOST}/areas?mode=config")
    page.get_by_role("button", name="New area …").click()
    dialog = page.get_by_role("dialog", name="New memory area")
    dialog.get_by_label("Name").fill("no name")
    dialog.get_by_label("Size").fill("lots")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog.get_by_text("Allowed: 1 to 27 letters, digits and _.")).to_be_visible()
    expect(dialog.get_by_text("Allowed: 1 byte to 512 MiB")).to_be_visible()
    dialog.get_by_label("Name").fill("web_trend")
    dialog.get_by_label("Size").fill("2M")
    dialog.get_by_label("Cached").uncheck()
    dialog.get_by_role("button", name="Create").click()
    row = page.get_by_role("row", name=re.compile("web_trend"))
    expect(row).to_have_class("added")
    expect(page.get_by_text("Saved, not applied.")).to_be_visible()
    made = _draft(stack, "areas", "web_trend")
    assert (made["size"], made["default_access"]) == (2 << 20, "RW--")

    row.get_by_role("link", name="web_trend").click()
    size = page.get_by_label("Size bytes", exact=True)
    size.fill("1M")
    size.press("Tab")
    expect(size).to_have_value("1048576")
    page.get_by_role("button", name="Delete …").click()
    dialog = page.get_by_role("dialog", name="Delete web_trend")
    dialog.get_by_role("textbox").fill("web_trend")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="New area …")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("web_trend"))).to_have_count(0)
    # queues and locks live in the system area
    expect(page.get_by_role("button", name="Delete RtosLibMsgQueue")).to_have_attribute("aria-disabled", "true")


def test_the_content_of_an_area(page: "Page", look: Any) -> None:
    page.goto(f"{HOST}/areas/{AREA}")
    expect(page.get_by_role("row", name=re.compile("^REMOTE R--- read"))).to_be_visible()
    dump = page.get_by_role("region", name=f"Bytes of {AREA} from 0")
    expect(dump).to_contain_text("00000000  00 00")
    page.get_by_role("button", name="Next").click()
    expect(page).to_have_url(re.compile("at=512"))
    expect(page.get_by_role("region", name=f"Bytes of {AREA} from 512")).to_contain_text("00000200  00 00")
    page.get_by_label("From byte").fill("0x8000")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.get_by_role("region", name=f"Bytes of {AREA} from 32768")).to_be_visible()
    look(page, sizes=(WIDE, SMALL))


def test_events_queues_and_locks(stack: Stack, page: "Page", look: Any) -> None:
    page.goto(f"{HOST}/events")
    row = page.get_by_role("row", name=re.compile(EVENT))
    expect(row).to_contain_text("not set")
    row.get_by_role("button", name=f"Signal {EVENT}").click()
    expect(row.locator(".pill")).to_have_text("● set")
    expect(row).to_contain_text("by REMOTE")
    row.get_by_role("button", name=f"Reset {EVENT}").click()
    expect(row).to_contain_text("not set")
    expect(page.get_by_role("row", name=re.compile(f"{QUEUE} .*rtlinux HOST"))).to_be_visible()
    lock = page.get_by_role("row", name=re.compile(LOCK))
    expect(lock).to_contain_text("nobody")
    expect(lock.get_by_role("button")).to_have_attribute("aria-disabled", "true")
    look(page, sizes=(WIDE, SMALL))


def test_an_event_is_made_changed_and_deleted_in_the_draft(stack: Stack, page: "Page", look: Any) -> None:
    page.goto(f"{HOST}/events?mode=config")
    page.get_by_role("button", name="New event …").click()
    dialog = page.get_by_role("dialog", name="New event")
    dialog.get_by_label("Name").fill("web.go")
    dialog.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="web.go", level=2)).to_be_visible()
    page.get_by_label("Reset", exact=True).select_option(label="manual")
    signal = page.get_by_label("Add to may signal")
    signal.fill("rtlinux")
    signal.press("Enter")
    expect(page.get_by_role("button", name="Remove rtlinux")).to_be_visible()
    expect(page.get_by_text("Saved, not applied.")).to_be_visible()
    made = _draft(stack, "events", "web.go")
    assert (made["reset"], made["signal"], made["wait"]) == ("manual", ["rtlinux"], [])
    look(page, sizes=(WIDE, SMALL))
    page.get_by_role("button", name="Delete …").click()
    dialog = page.get_by_role("dialog", name="Delete web.go")
    dialog.get_by_role("textbox").fill("web.go")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="New event …")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("web.go"))).to_have_count(0)


def test_hostile_names_stay_text(stack: Stack, page: "Page") -> None:
    name = "<img src=x onerror=window.hit=1>"
    edit(stack, "demo/h2", [
        {"op": "add", "path": f'area."{name}"', "value": {"size": 4096}},
        {"op": "add", "path": f'event."{name}"', "value": {}},
        {"op": "add", "path": f'guest."{name}"', "value": {"kind": "rt"}},
    ])  # fmt: skip
    for place in ("areas", "events", "guests/rtlinux/areas", "guests/rtlinux/events"):
        page.goto(f"{HOST}/{place}?mode=config")
        expect(page.locator("main").get_by_text(name).first).to_be_visible()
    page.goto(f"{HOST}/areas?mode=config")
    page.locator("main").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, level=2)).to_be_visible()
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hit") is None


def _answer(page: "Page", held: "list[Route]", signals: int, ago: int) -> None:
    """How the event stands: what was asked is answered, and what is asked by then."""
    while not held:
        page.evaluate("() => new Promise(requestAnimationFrame)")
    event = {
        "name": EVENT, "signals": signals, "waiters": ["HOST", "REMOTE", "rtlinux"][: signals % 4], "last_by": "rtlinux",
        "last_at": page.evaluate("Date.now()") - ago,
    }  # fmt: skip
    while held:
        held.pop().fulfill(json={"reply": {"events": [event]}, "verified": True, "job": None})


def test_one_guest_has_access_and_rights(stack: Stack, page: "Page", look: Any) -> None:
    page.goto(f"{HOST}/guests/rtlinux/areas?mode=config")
    access = page.get_by_role("group", name=f"Access of rtlinux to {AREA}")
    access.get_by_label("Write").click()
    expect(page.get_by_role("row", name=re.compile(f"{AREA} .*R-C- .*its own override"))).to_have_class("changed")
    expect(page.get_by_text("Saved, not applied.")).to_be_visible()
    assert _draft(stack, "areas", AREA)["overrides"]["rtlinux"] == "R-C-"
    look(page, sizes=(WIDE, SMALL))

    # nothing moves under a click when how they stand now comes, nor when it comes to be longer
    held: list[Route] = []
    page.route("**/operations/event-list*", lambda route: held.append(route))
    page.goto(f"{HOST}/guests/rtlinux/events?mode=config")
    waits = page.get_by_label(f"May wait: {EVENT}")
    before = waits.bounding_box()
    row = page.get_by_role("row", name=re.compile(EVENT))
    expect(row).to_contain_text("not known")
    for signals, ago in ((1, 9_000), (123_456, 630_000)):
        _answer(page, held, signals, ago)
        expect(row).to_contain_text(f"{signals}")
        assert waits.bounding_box() == before
    page.unroute("**/operations/event-list*")
    waits.click()
    expect(waits.locator("xpath=..")).to_have_class("changed")
    expect(page.get_by_text("Saved, not applied.")).to_be_visible()
    assert sorted(_draft(stack, "events", EVENT)["wait"]) == ["HOST", "REMOTE", "rtlinux"]
    look(page)

    page.goto(f"{HOST}/guests/linux1/areas")
    expect(page.get_by_text("This guest has no communication")).to_be_visible()


def test_a_page_of_an_area_is_not_written_over_by_an_older_answer(module_page: Any) -> None:
    shown = module_page.run(
        "views/host/area_dump.js",
        """async (m) => {
          const asked = [];
          const operation = (host, name, { offset }) => new Promise((resolve) => asked.push(() => resolve({ offset, data: "00" })));
          const dump = document.createElement("gw-area-dump");
          const services = { api: { operation }, live: { on: () => () => null }, router: {} };
          Object.assign(dump, { services, host: "s/h", area: "a", size: 4096, query: new URLSearchParams() });
          document.body.append(dump);
          await dump.updateComplete;
          dump.query = new URLSearchParams("at=512");
          await dump.updateComplete;
          for (const answer of asked.reverse()) {
            answer();
            await new Promise((resolve) => setTimeout(resolve));
          }
          await dump.updateComplete;
          return dump.querySelector("pre").getAttribute("aria-label");
        }""",
    )
    assert shown == "Bytes of a from 512"


STANDING = """async (m, [element, active, partial, replies]) => {
  const draft = Object.assign(new EventTarget(), {
    active, shown: active, document: null, partial, loaded: true, problem: null, issues: [], before() {}, changed() {}, issuesAt: () => [],
  });
  const operation = async (host, name) => {
    if (!replies[name]) throw new Error(`no answer to ${name}`);
    return replies[name];
  };
  const view = document.createElement(element);
  view.params = { site: "s", host: "h", guest: "plc" };
  view.services = {
    api: { operation }, drafts: { of: () => draft }, hosts: { of: () => Object.assign(new EventTarget(), { guest() {} }) },
    schema: async () => null, session: { may: () => true }, router: { mode: "run", hostHref: () => "/" }, live: { on: () => () => null },
  };
  document.body.append(view);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await view.updateComplete;
  const said = view.innerText;
  view.remove();
  return said;
}"""
EVENTS, AREAS = "host/events.js", "guest/areas.js"


def test_what_cannot_be_read_is_not_said_to_be_none(module_page: Any) -> None:
    area = {"name": "recipes", "size": 4096, "default_access": "RWC-", "overrides": {}}
    active = {"guests": [{"name": "plc", "kind": "rt"}], "areas": [area], "events": []}

    def said(page: str, replies: dict[str, Any], *, partial: bool = False) -> str:
        element = f"gw-{page.removesuffix('.js').replace('/', '-')}"
        return str(module_page.run(f"views/{page}", STANDING, [element, active, partial, replies]))

    assert "not there" in said(AREAS, {"area-list": {"areas": []}})
    unread = said(AREAS, {})
    assert "not known: no answer to area-list" in unread
    assert "not there" not in unread
    one = said(EVENTS, {"event-list": {"events": []}, "lock-list": {"locks": []}})
    assert "no answer to queue-list" in one
    assert "No queues" not in one
    assert "No locks" in one
    # an answer that came from the inventory knows the guests alone
    for page, what in ((EVENTS, "Events"), (AREAS, "memory areas"), ("host/areas.js", "memory areas")):
        away = said(page, {}, partial=True)
        assert f"{what}" in away
        assert "not known while the host is away" in away
        assert "No " not in away
