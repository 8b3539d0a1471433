"""What does not come: answers, parts of the page. The network changes, a controller begins anew; nobody has to reload anything for that."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from browser import PageErrors, new_context
from config_mode import edit_in
from furnished import discard
from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import ModulePage
    from demo_stack import Stack
    from playwright.sync_api import Browser, Page, Route

HOST = "demo/h1"
ASKED = """async (module, [method, options, answers]) => {
  const sent = [];
  const api = new module.Api(async (address, request) => {
    const [status, after] = answers[sent.length] ?? [200, 0];
    sent.push(request.headers["idempotency-key"] ?? "");
    if (!status) throw new TypeError("Failed to fetch");
    const body = status === 200 ? "{}" : JSON.stringify({ code: "IN-PROGRESS" });
    return new Response(body, { status, headers: after ? { "retry-after": String(after) } : {} });
  });
  const said = await api.send(method, "/x", options).then(() => "done", (problem) => problem.code);
  return { said, times: sent.length, key: sent[0] !== "", same: new Set(sent).size === 1 };
}"""
LOST, AT_WORK, FOR_OTHERS = [0, 0], [409, 1], [409, 0]


@pytest.mark.parametrize(
    ("method", "options", "answers", "said", "times", "key"),
    [
        ("GET", {}, [LOST, LOST], "done", 3, False),
        ("GET", {}, [LOST] * 9, "UNREACHABLE", 4, False),
        ("POST", {}, [LOST], "done", 2, True),
        ("PATCH", {"ifMatch": 3}, [LOST, LOST, LOST], "done", 4, True),
        ("DELETE", {}, [LOST, AT_WORK], "done", 3, True),
        ("PUT", {}, [FOR_OTHERS], "IN-PROGRESS", 1, True),
        ("PUT", {}, [AT_WORK], "IN-PROGRESS", 1, True),
        ("POST", {"key": ""}, [LOST], "UNREACHABLE", 1, False),
        ("POST", {"reads": True}, [LOST], "done", 2, False),
    ],
)
def test_what_is_sent_again(
    module_page: "ModulePage", method: str, options: Any, answers: Any, said: str, times: int, key: bool
) -> None:
    found = module_page.run("core/api.js", ASKED, [method, options, answers])
    assert found == {"said": said, "times": times, "key": key, "same": True}


@pytest.fixture
def fresh(browser: "Browser", stack: "Stack", page_errors: PageErrors) -> "Iterator[Page]":
    """A page that nothing of the program has come to yet."""
    context = new_context(browser, stack.cookies, base_url=stack.url)
    page = context.new_page()
    page_errors.watch(page)
    page_errors.expect("net::ERR_")
    yield page
    context.close()
    page_errors.check()


def lose(page: "Page", pattern: str, times: int = 1) -> list[str]:
    """Answers that are lost; which ones were."""
    lost: list[str] = []

    def answer(route: "Route") -> None:
        if len(lost) < times:
            lost.append(route.request.url)
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(pattern, answer)
    return lost


@pytest.mark.parametrize("part", ["main.js", "core/format.js", "vendor/lit/index.js", "styles/shell.css"])
def test_a_page_that_came_in_part_comes_whole(fresh: "Page", part: str) -> None:
    lost = lose(fresh, f"**/web/*/{part}", 2)  # where a module is loaded early it is asked for twice
    fresh.goto("/")
    expect(fresh.locator("gw-bar")).to_be_visible()
    fresh.wait_for_function("() => [...document.styleSheets].some((one) => one.href?.endsWith('/styles/shell.css'))")
    assert lost


def test_an_empty_page_says_what_it_waits_for(fresh: "Page") -> None:
    lose(fresh, "**/web/*/main.js")
    away = lose(fresh, "**/healthz")
    fresh.goto("/")
    expect(fresh.get_by_role("alert")).to_contain_text("loaded anew as soon as the controller answers")
    expect(fresh.locator("gw-bar")).to_be_visible()
    assert away, "it is not loaded anew before the controller answers"


def test_a_view_that_did_not_come_comes(fresh: "Page") -> None:
    lost = lose(fresh, "**/views/host/cpu*.js")
    fresh.goto(f"/hosts/{HOST}?mode=config")
    fresh.get_by_role("link", name="CPU", exact=True).click()
    expect(fresh.get_by_role("heading", name="CPU", exact=True).first).to_be_visible()
    expect(fresh).to_have_url(f"{fresh.url.partition('/hosts')[0]}/hosts/{HOST}/cpu?mode=config")
    assert lost


def test_nothing_that_is_not_stored_is_lost_by_it(fresh: "Page", stack: "Stack") -> None:
    fresh.goto(f"/hosts/{HOST}/guests?mode=config")
    held: list[Route] = []
    fresh.route(f"**/api/v1/drafts/{HOST}/pull*", lambda route: held.append(route))
    may = "() => dispatchEvent(new Event('gw-load-anew', { cancelable: true }))"
    assert fresh.evaluate(may)
    try:
        edit_in(fresh, HOST, {"op": "set", "path": "guest.linux1.comments", "value": "kept"})
        assert not fresh.evaluate(may)
        while not held:
            fresh.evaluate("1")
        held[0].continue_()
        fresh.wait_for_function(may)
        guests = stack.api("GET", f"/drafts/{HOST}")["document"]["guests"]
        assert next(one for one in guests if one["name"] == "linux1")["comments"] == "kept"
    finally:
        discard(stack, HOST)


@pytest.fixture
def lost(page: "Page", page_errors: PageErrors) -> list[str]:
    """What was lost, of a page that must not mind."""
    page_errors.expect("net::ERR_")
    return []


def losing(lost: list[str]) -> "Callable[[Route], None]":
    """For `page.route`: the first answer is lost, though what it says is done."""

    def answer(route: "Route") -> None:
        if lost or route.request.method == "GET":
            route.continue_()
        else:
            lost.append(str(route.fetch().status))
            route.abort("connectionreset")

    return answer


def test_what_is_asked_while_the_network_changes_is_done(page: "Page", lost: list[str], stack: "Stack") -> None:
    """The answers are lost, and the work is done: it is not done twice, and nobody hears of it."""
    name = "lost-answers"
    stack.api("POST", "/groups", {"name": name, "selection": "host=h1"})
    try:
        page.goto(f"/groups?group={name}")
        page.route(f"**/api/v1/groups/{name}", losing(lost))
        page.get_by_role("button", name="Remove…").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label(f"Type {name} to confirm").fill(name)
        dialog.get_by_role("button", name="Remove", exact=True).click()
        expect(page.get_by_text(f"The group {name} is removed.")).to_be_visible()
        assert lost == ["204"]
    finally:
        if stack.ask("GET", f"/groups/{name}").status_code == 200:
            etag = stack.ask("GET", f"/groups/{name}").headers["ETag"]
            stack.api("DELETE", f"/groups/{name}", headers={"If-Match": etag})


def test_who_is_added_while_the_network_changes_is_there_once(page: "Page", lost: list[str], stack: "Stack") -> None:
    """Sent without a key it would say that nobody answers, and the next try that the name is taken."""
    page.goto("/users")
    page.route("**/api/v1/users", losing(lost))
    try:
        page.get_by_role("button", name="Add a user").click()
        dialog = page.get_by_role("dialog", name="Add a user")
        dialog.get_by_label("Name", exact=True).fill("lost")
        dialog.get_by_role("button", name="Add").click()
        expect(page.get_by_text("The user lost is added.")).to_be_visible()
        assert lost == ["201"]
    finally:
        if (there := stack.ask("GET", "/users/lost")).status_code == 200:
            stack.api("DELETE", "/users/lost", headers={"If-Match": there.headers["ETag"]})


def test_a_connection_is_added_while_the_network_changes(page: "Page", lost: list[str], stack: "Stack") -> None:
    page.goto("/connections")
    page.route("**/api/v1/connections", losing(lost))
    try:
        page.get_by_role("button", name="Add a connection").click()
        dialog = page.get_by_role("dialog", name="Add a connection")
        dialog.get_by_label("Name of the connection").fill("lost")
        dialog.get_by_label("Site", exact=True).fill("nowhere")
        dialog.get_by_label("Socket of the agent").fill("/nowhere/agent.sock")
        dialog.get_by_label("Host", exact=True).fill("h9")
        dialog.get_by_role("button", name="Connect").click()
        expect(dialog).to_be_hidden()
        expect(page.get_by_role("row").filter(has_text="/nowhere/agent.sock")).to_be_visible()
        assert lost == ["201"]
    finally:
        if any(one["name"] == "lost" for one in stack.api("GET", "/connections")["items"]):
            stack.api("DELETE", "/connections/lost")
