"""The first steps at a controller that has nothing, with a host that runs; connections; what the forms make of what is typed."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import SMALL, WIDE, PageErrors, new_context
from demo_stack import Stack
from empty_controller import empty_controller
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Another controller, which knows of nothing."""
    with empty_controller(tmp_path_factory.mktemp("empty")) as running:
        yield running


@pytest.fixture
def first(browser: "Browser", empty: Stack) -> Iterator["Page"]:
    """A page there, as its admin."""
    context = new_context(browser, empty.signed_in(), base_url=empty.url)
    errors = PageErrors()
    page = context.new_page()
    errors.watch(page)
    yield page
    errors.check()
    context.close()


def confirm(page: "Page", name: str, action: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(f"Type {name} to confirm").fill(name)
    dialog.get_by_role("button", name=action, exact=True).click()
    expect(dialog).to_be_hidden()


def test_from_nothing_to_a_host_with_a_name(first: "Page", empty: Stack, stack: Stack, look: Any) -> None:
    """This machine's agent, here the simulated host h1 of the other demo."""
    [socket] = Path(stack.directory).glob("hosts/h1/**/agent.sock")
    page = first
    page.goto("/welcome")
    look(page, sizes=(WIDE, SMALL))
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("alert").first).to_have_text("This is needed.")
    page.get_by_label("Name of the connection").fill("bench")
    page.get_by_label("Site", exact=True).fill("demo")
    page.get_by_label("Socket of the agent").fill(str(socket))
    page.get_by_label("Host", exact=True).fill("h1")
    expect(page.locator(".cli code").first).to_have_text(
        f"guestwire connection add bench --site demo --agent-socket {socket} --host h1"
    )
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_text("connected", exact=False).first).to_be_visible()
    page.get_by_role("link", name="Go on: let a host in").click()
    waiting = page.get_by_role("table", name="Hosts that wait to be let in")
    expect(waiting).to_contain_text("demo/h1")
    expect(waiting.get_by_role("row").last).to_contain_text("not known")  # the key: a socket has no trust document
    page.get_by_label("Host", exact=True).fill("press1")
    page.get_by_label("Name of that machine").fill("site.example")
    expect(page.get_by_text("guestwire host enrol /var/lib/guestwire-site/demo press1")).to_be_visible()
    expect(page.get_by_text("guestwire site serve /var/lib/guestwire-site/demo --name site.example")).to_be_visible()
    look(page, sizes=(WIDE, SMALL))
    waiting.get_by_role("button", name="Let in h1").click()
    expect(page.get_by_role("heading", name="Name it")).to_be_visible()
    page.get_by_label("What people call it").fill("Line 3, cell 1")
    look(page, sizes=(WIDE, SMALL))
    page.get_by_role("button", name="Save and open it").click()
    expect(page).to_have_url(f"{empty.url}/hosts/demo/h1")
    expect(page.get_by_role("heading", name="Line 3, cell 1", level=1)).to_be_visible()
    assert empty.api("GET", "/hosts/demo/h1")["approval"] == "approved"


def test_connections_are_added_edited_and_removed(first: "Page", empty: Stack, look: Any) -> None:
    page = first
    page.goto("/connections")
    page.get_by_role("button", name="Add a connection").click()
    dialog = page.get_by_role("dialog", name="Add a connection")
    dialog.get_by_label("All hosts of a site by an MQTT broker").check()
    dialog.get_by_label("Name of the connection").fill("plant")
    dialog.get_by_label("Site", exact=True).fill("plant")
    dialog.get_by_label("Brokers").fill("mqtt://127.0.0.1:1 mqtt://127.0.0.1:2")
    dialog.get_by_label("Trust document").fill("/nowhere/trust")
    dialog.get_by_role("button", name="Connect").click()
    expect(dialog.get_by_role("alert").first).to_have_text("The two go together.")
    look(page)
    dialog.get_by_label("Trust document").fill("relative/trust")
    dialog.get_by_label("Public key of the root").fill("/nowhere/root.pub")
    dialog.get_by_role("button", name="Connect").click()
    expect(dialog.get_by_role("alert").first).to_contain_text("write the whole path")
    dialog.get_by_label("Trust document").fill("")
    dialog.get_by_label("Public key of the root").fill("")
    dialog.get_by_role("button", name="Connect").click()
    expect(dialog).to_be_hidden()
    row = page.get_by_role("row").filter(has_text="mqtt://127.0.0.1:1 mqtt://127.0.0.1:2")
    expect(row.get_by_text("CONFIG-INVALID").or_(row.get_by_text("tries again")).first).to_be_visible()
    look(page, sizes=(WIDE, SMALL))
    row.get_by_role("button", name="Edit plant").click()
    dialog = page.get_by_role("dialog", name="Edit plant")
    expect(dialog.get_by_label("Brokers")).to_have_value("mqtt://127.0.0.1:1 mqtt://127.0.0.1:2")
    expect(dialog.get_by_label("Name of the connection")).to_be_disabled()
    dialog.get_by_label("Brokers").fill("mqtt://127.0.0.1:3")
    dialog.get_by_role("button", name="Save and connect").click()
    expect(dialog).to_be_hidden()
    row = page.get_by_role("row").filter(has_text="mqtt://127.0.0.1:3")
    expect(row).to_be_visible()
    row.get_by_role("button", name="Remove plant").click()
    confirm(page, "plant", "Remove")
    expect(page.get_by_role("row").filter(has_text="plant")).to_have_count(0)
    assert "plant" not in [one["name"] for one in empty.api("GET", "/connections")["items"]]


def test_connections_of_the_file_stay(page: "Page") -> None:
    page.goto("/connections")
    row = page.get_by_role("row").filter(has_text="demo")
    expect(row).to_contain_text("connected")
    expect(row).to_contain_text("in the configuration file")
    expect(page.get_by_role("button", name="Remove demo")).to_have_count(0)


def test_connections_that_cannot_be_read_are_not_said_to_be_none(page: "Page", page_errors: PageErrors) -> None:
    page_errors.expect("503")
    busy = {"title": "Busy", "detail": "The controller is busy.", "status": 503, "code": "BUSY"}
    page.route("**/api/v1/connections*", lambda route: route.fulfill(status=503, json=busy))
    page.goto("/connections")
    page.reload()  # they may have been read before
    problem = page.get_by_role("alert").filter(has_text="The controller is busy.")
    expect(problem).to_be_visible()
    expect(page.get_by_text("No connections yet")).to_have_count(0)
    page.unroute_all()
    problem.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("row").filter(has_text="in the configuration file")).to_be_visible()
    expect(problem).to_have_count(0)


def test_the_key_is_the_one_that_the_site_has_now(module_page: Any) -> None:
    """A host may be enrolled anew while somebody compares."""
    function = """async (m) => {
      const keys = [null, "one", "two"];
      const view = new m.HostKey();
      Object.assign(view, { host: "s/h", services: { api: { get: async () => ({ key_id: keys.shift() }) } } });
      const seen = [];
      while (keys.length) {
        await view._read();
        seen.push(view._key);
      }
      return seen;
    }"""
    assert module_page.run("parts/host_key.js", function) == [None, "one", "two"]


def test_what_a_way_needs(module_page: Any) -> None:
    cases = [
        ["socket", {}, ["host", "name", "site", "socket"]],
        ["mqtt", {"name": "a", "site": "b", "brokers": "mqtt://x"}, []],
        ["mqtt", {"name": "a", "site": "b", "brokers": "mqtt://x", "trust": "/t"}, ["root"]],
        [
            "tcp",
            {"name": "a", "site": "b", "address": "h:1", "host": "h", "ca": "/c"},
            ["certificate", "certificate_key"],
        ],
    ]
    found = module_page.table(
        "views/setup/ways.js", "(m, [via, values]) => Object.keys(m.missing(via, values)).sort()", cases
    )
    assert found == [one[2] for one in cases]
    values = {"name": "a", "site": "b", "brokers": " mqtts://x:1  mqtts://y ", "key": "/k k", "socket": "/left/out"}
    made = module_page.run("views/setup/ways.js", "(m, values) => m.connectionOf('mqtt', values)", values)
    assert made == {"via": "mqtt", "name": "a", "site": "b", "brokers": ["mqtts://x:1", "mqtts://y"], "key": "/k k"}
    before = {**made, "trust": "/t", "root": "/r", "controller": "https://main", "transport": "mqtt5"}
    function = "(m, [via, values, before]) => m.connectionOf(via, values, before)"
    kept = module_page.run("views/setup/ways.js", function, ["mqtt", values, before])
    assert kept == {**made, "controller": "https://main"}  # what the form asks for is as it was typed
    before = {"via": "tcp", "name": "a", "site": "b", "client": "main", "authority": "https://s"}
    typed = {"name": "a", "site": "b", "address": "h:1", "host": "h"}
    kept = module_page.run("views/setup/ways.js", function, ["tcp", typed, before])
    assert kept == {**before, **typed}
    kept = module_page.run("views/setup/ways.js", function, ["socket", {**typed, "socket": "/s"}, before])
    assert kept == {"via": "socket", "name": "a", "site": "b", "socket": "/s", "host": "h"}
    line = module_page.run("views/setup/ways.js", "(m, values) => m.connectionLine('mqtt', values)", values)
    assert line == "guestwire connection add a --site b --broker mqtts://x:1 --broker mqtts://y --key '/k k'"
    values["authority"] = "https://s:1"
    assert not module_page.run("views/setup/ways.js", "(m, values) => m.connectionLine('mqtt', values)", values)
