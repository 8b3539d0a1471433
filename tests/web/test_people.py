"""Users, roles, tokens, one's own account, the audit log, webhooks."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from browser import SMALL, WIDE, new_context
from demo_stack import Stack
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

PASSWORD = "four-seven-eleven-oaks"


def forget(stack: Stack, path: str) -> None:
    found = stack.ask("GET", path)
    if found.status_code == 200:
        stack.api("DELETE", path, headers={"If-Match": found.headers["ETag"]})


@pytest.fixture
def bruno(stack: Stack) -> Iterator[str]:
    """A user who is an operator of host h1."""
    roles = [{"role": "operator", "scope": "host:demo/h1"}]
    stack.api("POST", "/users", {"name": "bruno", "password": PASSWORD, "must_change": False, "bindings": roles})
    yield "bruno"
    forget(stack, "/users/bruno")


def confirm(page: "Page", name: str, action: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(f"Type {name} to confirm").fill(name)
    dialog.get_by_role("button", name=action, exact=True).click()
    expect(dialog).to_be_hidden()


def test_a_user_is_added_given_roles_disabled_and_removed(page: "Page", stack: Stack, look: Any) -> None:
    try:
        page.goto("/users")
        look(page, sizes=(WIDE, SMALL))
        page.get_by_role("button", name="Add a user").click()
        dialog = page.get_by_role("dialog", name="Add a user")
        dialog.get_by_label("Name", exact=True).fill("Carla!")
        dialog.get_by_label("Called").fill("Carla from the second line")
        dialog.get_by_role("button", name="Add").click()
        expect(dialog.locator("#gw-new-user-name-error")).to_be_visible()
        look(page)
        dialog.get_by_label("Name", exact=True).fill("carla")
        dialog.get_by_role("button", name="Add").click()
        expect(page).to_have_url(f"{stack.url}/users/carla")
        expect(page.get_by_text("new password due")).to_be_visible()
        roles = page.get_by_role("table", name="Roles of carla")
        expect(roles).to_contain_text("observer")
        page.get_by_label("Role", exact=True).select_option("engineer")
        page.get_by_label("On", exact=True).select_option("host:demo/h2")
        page.get_by_role("button", name="Give the role").click()
        expect(roles).to_contain_text("host demo/h2")
        look(page, sizes=(WIDE, SMALL))
        page.get_by_role("button", name="Take observer on everything").click()
        confirm(page, "carla", "Take")
        expect(roles.locator("tbody tr")).to_have_count(1)

        page.get_by_role("button", name="Give another password").click()
        given = page.get_by_role("dialog").get_by_label("Password").input_value()
        page.get_by_role("dialog").get_by_role("button", name="Give the password").click()
        expect(page.get_by_text("carla has another password.")).to_be_visible()
        assert stack.signed_in("carla", given)

        page.get_by_role("button", name="Disable").click()
        confirm(page, "carla", "Disable")
        expect(page.locator(".pill").filter(has_text="disabled")).to_be_visible()
        page.get_by_role("button", name="Enable").click()
        expect(page.get_by_text("carla may come in again.")).to_be_visible()

        page.get_by_role("button", name="Remove", exact=True).click()
        confirm(page, "carla", "Remove")
        expect(page).to_have_url(f"{stack.url}/users")
        expect(page.get_by_role("link", name="admin", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name="carla")).to_have_count(0)
    finally:
        forget(stack, "/users/carla")


def test_what_was_done_is_said_once_the_next_thing_can_be(page: "Page", stack: Stack, bruno: str) -> None:
    page.goto(f"/users/{bruno}")
    page.get_by_role("button", name="Disable").click()
    confirm(page, bruno, "Disable")
    expect(page.get_by_text(f"{bruno} is disabled.")).to_be_visible()
    held: list[Route] = []
    holding = [True]

    def held_up(route: "Route") -> None:
        if route.request.method == "GET" and holding:
            held.append(route)
        else:
            route.continue_()

    page.route(f"**/api/v1/users/{bruno}*", held_up)
    page.get_by_role("button", name="Enable").click()
    while not held:
        page.evaluate("1")  # routes are told of while it answers
    said = page.get_by_text(f"{bruno} may come in again.")
    assert said.count() == 0
    holding.clear()
    for one in held:
        one.continue_()
    expect(said).to_be_visible()
    page.get_by_role("button", name="Remove", exact=True).click()
    confirm(page, bruno, "Remove")
    expect(page).to_have_url(f"{stack.url}/users")


def test_a_list_of_users_follows_and_is_filtered(page: "Page", stack: Stack) -> None:
    page.goto("/users")
    expect(page.get_by_role("link", name="admin", exact=True)).to_be_visible()
    try:
        stack.api("POST", "/users", {"name": "dora", "password": PASSWORD})
        expect(page.get_by_role("link", name="dora")).to_be_visible()
    finally:
        forget(stack, "/users/dora")
    expect(page.get_by_role("link", name="dora")).to_have_count(0)
    page.get_by_label("Filter", exact=True).fill("nobody of that name")
    expect(page.get_by_text("No user matches")).to_be_visible()


def test_a_token_is_made_shown_once_and_revoked(page: "Page", stack: Stack) -> None:
    page.goto("/account")
    page.get_by_role("button", name="Make a token").click()
    dialog = page.get_by_role("dialog", name="Make a token")
    dialog.get_by_label("Name").fill("nightly report")
    dialog.get_by_label("Expires after").select_option("1")
    dialog.get_by_role("button", name="Make the token").click()
    text = dialog.get_by_label("Token").input_value()
    assert text.startswith("gwt_")
    dialog.get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == text
    dialog.get_by_role("button", name="Done").click()
    row = page.get_by_role("row").filter(has_text="nightly report")
    expect(row).to_contain_text("observer on everything")
    expect(row).to_contain_text(re.compile(r"in (24 h|23 h 59 min)"))
    headers = {"Authorization": f"Bearer {text}"}
    assert httpx.get(f"{stack.url}/api/v1/hosts", headers=headers, trust_env=False).status_code == 200
    page.get_by_role("button", name="Revoke nightly report").click()
    confirm(page, "nightly report", "Revoke")
    expect(row).to_have_count(0)
    assert httpx.get(f"{stack.url}/api/v1/hosts", headers=headers, trust_env=False).status_code == 401


def test_an_account_of_ones_own(browser: "Browser", stack: Stack, bruno: str, page_errors: Any, look: Any) -> None:
    other = stack.signed_in(bruno, PASSWORD)
    context = new_context(browser, stack.signed_in(bruno, PASSWORD), base_url=stack.url)
    try:
        page = context.new_page()
        page_errors.watch(page)
        page.goto("/account")
        expect(page.get_by_text("operator on host demo/h1")).to_be_visible()
        sessions = page.get_by_role("table", name="Your sessions").locator("tbody tr")
        expect(sessions).to_have_count(2)
        look(page, sizes=(WIDE, SMALL))
        page.get_by_label("Light", exact=True).check()
        expect(page.locator("html")).to_have_attribute("data-theme", "light")
        page.get_by_label("Touch").check()
        expect(page.locator("html")).to_have_attribute("data-density", "touch")
        page.reload()
        expect(page.get_by_label("Light", exact=True)).to_be_checked()

        page.get_by_label("Password now").fill("not the one it is")
        page.get_by_label("New password", exact=True).fill("six-nine-twelve-elms")
        page.get_by_label("New password again").fill("six-nine-twelve-elm")
        expect(page.get_by_text("The two are not the same.")).to_be_visible()
        page.get_by_label("New password again").fill("six-nine-twelve-elms")
        page.get_by_role("button", name="Change the password").click()
        expect(page.get_by_text("The old password is wrong.")).to_be_visible()
        page.get_by_label("Password now").fill(PASSWORD)
        page.get_by_role("button", name="Change the password").click()
        expect(page.get_by_text("The password is changed.")).to_be_visible()
        expect(sessions).to_have_count(1)
        assert stack.signed_in(bruno, "six-nine-twelve-elms")
        page.reload()
        page.get_by_role("button", name="End the session").click()
        expect(sessions).to_have_count(1)
        assert other
        for path, text in (
            ("/users", "To see users"),
            ("/audit", "To read the audit log"),
            ("/webhooks", "To see webhooks"),
        ):
            page.goto(path)
            expect(page.get_by_text(text)).to_be_visible()
        page_errors.check()
    finally:
        context.close()


def test_the_audit_log_is_filtered_checked_and_exported(page: "Page", stack: Stack, look: Any) -> None:
    page.goto("/audit")
    rows = page.get_by_role("table", name="Audit log of the controller").locator("tbody tr")
    expect(rows.first).to_be_visible()
    look(page, sizes=(WIDE, SMALL))
    page.get_by_label("Action").fill("host-approve")
    expect(rows.filter(has_not_text="host-approve")).to_have_count(0)
    expect(rows.first).to_contain_text("host-approve")
    with page.expect_download() as got:
        page.get_by_role("link", name="Export").click()
    kept = [json.loads(line) for line in Path(got.value.path()).read_text().splitlines()]
    assert {row["action"] for row in kept} == {"host-approve"}
    page.get_by_role("button", name="Check the chain").click()
    expect(page.get_by_text("every one as it was written")).to_be_visible()
    page.get_by_label("Action").fill("no-such-action")
    expect(page.get_by_text("No row fits")).to_be_visible()


def test_the_audit_log_of_a_host(page: "Page", look: Any) -> None:
    page.goto("/audit")
    page.get_by_label("Log of").select_option("demo/h1")
    expect(page.get_by_text("guestwire audit verify --host h1", exact=True)).to_be_visible()
    assert "host=demo%2Fh1" in page.url
    look(page, sizes=(WIDE, SMALL))


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[Any]]]:
    """Somebody who takes what a webhook tells, and what they have taken."""
    taken: list[Any] = []

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Takes)
    running = threading.Thread(target=server.serve_forever)
    running.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", taken
    server.shutdown()
    running.join()
    server.server_close()


def test_a_webhook_is_added_tried_changed_and_removed(
    page: "Page", stack: Stack, receiver: tuple[str, list[Any]], look: Any
) -> None:
    url, taken = receiver
    try:
        page.goto("/webhooks")
        expect(page.get_by_text("No webhooks")).to_be_visible()
        page.get_by_role("button", name="Add a webhook").click()
        dialog = page.get_by_role("dialog", name="Add a webhook")
        dialog.get_by_label("Name").fill("pager")
        dialog.get_by_label("Address").fill("http://elsewhere.example/")
        dialog.get_by_role("button", name="Add", exact=True).click()
        expect(dialog.get_by_role("alert").first).to_be_visible()
        dialog.get_by_label("Address").fill(url)
        dialog.get_by_label("Alarms of").select_option("critical")
        dialog.get_by_role("button", name="Add", exact=True).click()
        assert len(dialog.get_by_label("Secret").input_value()) == 64
        look(page)
        dialog.get_by_role("button", name="Done").click()
        detail = page.get_by_role("region", name="pager")
        detail.get_by_role("button", name="Send a trial").click()
        expect(detail.get_by_text("The trial was taken.")).to_be_visible()
        assert taken
        look(page, sizes=(WIDE, SMALL))
        detail.get_by_role("button", name="Change").click()
        dialog = page.get_by_role("dialog", name="Change pager")
        dialog.get_by_label("On", exact=True).uncheck()
        dialog.get_by_role("button", name="Save").click()
        expect(page.get_by_role("table", name="Webhooks")).to_contain_text("off")
        detail.get_by_role("button", name="Remove").click()
        confirm(page, "pager", "Remove")
        expect(page.get_by_text("No webhooks")).to_be_visible()
    finally:
        for one in stack.api("GET", "/webhooks")["items"]:
            forget(stack, f"/webhooks/{one['id']}")


def test_the_role_that_is_shown_is_the_one_that_is_given(module_page: Any) -> None:
    """Also once somebody has chosen by hand, and where the role goes with other scopes."""
    steps = """async (m) => {
      const { html, render } = await import("lit");
      const maps = { host: [["demo/h1", { site: "demo", host: "h1" }], ["demo/h2", { site: "demo", host: "h2" }]],
        connection: [], group: [["presses", {}]] };
      const live = { map: (kind) => new Map(maps[kind]) };
      let value = { role: "operator", scope: "*" };
      const place = document.body.appendChild(document.createElement("div"));
      const show = () => render(m.roleFields(live, "a", value, (given) => { value = given; show(); }), place);
      const choose = (id, chosen) => {
        const field = place.querySelector(`#a-${id}`);
        field.value = chosen;
        field.dispatchEvent(new Event("change"));
        return [place.querySelector("#a-role").value, place.querySelector("#a-scope").value, value.role, value.scope];
      };
      show();
      return [["role", "admin"], ["scope", "host:demo/h2"], ["scope", "host:demo/h1"], ["role", "operator"],
        ["scope", "group:presses"], ["role", "admin"]].map((one) => choose(...one));
    }"""
    found = module_page.run("views/people/roles.js", steps)
    assert [one[:2] for one in found] == [one[2:] for one in found]
    assert found[3][2:] == ["operator", "host:demo/h1"]
    assert found[5][2:] == ["admin", "*"]


SITE_ADMIN = [{"role": "admin", "scope": "site:demo"}]


def test_roles_on_a_site_give_nothing_that_is_about_no_host(module_page: Any) -> None:
    cases = [
        ["connection-set", "", False], ["user-read", "", False], ["rule-set", "", False], ["host-label", "", False],
        ["draft-edit", "", True], ["alarm-clear", "", True], ["host-label", "demo/h1", True],
        ["host-label", "other/h1", False], ["guest-start", "demo/h1", True], ["read", "", True],
    ]  # fmt: skip
    made = """const session = new m.Session(new EventTarget(), { map: () => new Map() }, () => "");
      session._becomes({ bindings });"""
    function = f"(m, [bindings, cases]) => {{ {made} return cases.map(([one, host]) => session.may(one, host)); }}"
    found = module_page.run("core/session.js", function, [SITE_ADMIN, cases])
    assert found == [one[2] for one in cases]
    function = f"(m, bindings) => {{ {made} return session.mayOnSome('message-clear'); }}"
    assert module_page.run("core/session.js", function, SITE_ADMIN)
    assert not module_page.run("core/session.js", function, [{"role": "observer", "scope": "*"}])


def test_who_left_is_told_from_whose_session_expired(module_page: Any) -> None:
    found = module_page.run("core/session.js", """async (m) => {
      const api = Object.assign(new EventTarget(), { send: async () => ({ document: { csrf: "" } }), get: async () => ({}) });
      const session = new m.Session(api, { map: () => new Map() }, () => "");
      const seen = [];
      session.addEventListener("change", () => seen.push(session.left));
      await session.logIn("a", "b");
      api.dispatchEvent(new Event("signed-out"));
      await session.logIn("a", "b");
      await session.logOut();
      await session.logIn("a", "b");
      return seen;
    }""")  # fmt: skip
    assert found == [False, False, False, True, False]


def test_made_up_passwords_and_agents(module_page: Any) -> None:
    made = module_page.run("views/people/passwords.js", "(m) => [1, 2, 3].map(() => m.newPassword())")
    assert len(set(made)) == 3
    assert all(len(one) == 23 and len(set(one)) > 5 for one in made)
    agents = {
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0": "Firefox on Linux",
        "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0": "Edge on Windows",
        "guestwire/0.1": "guestwire", "": "unknown",
    }  # fmt: skip
    found = module_page.table("views/people/sessions.js", "(m, text) => m.agentWords(text)", list(agents))
    assert found == list(agents.values())
