"""What is around every page: bar, breadcrumb, palette, mode, theme, navigator, dock; and getting in, being cut off, being sent out."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest
from axe import violations
from browser import SMALL, WIDE, PageErrors, expect, new_context
from demo_stack import Stack
from furnished import words

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page, WebSocketRoute

PASSWORD = "a password of some length"
NEW_PASSWORD = "another one of some length"


class Person(NamedTuple):
    name: str
    password: str


@pytest.fixture
def ann(stack: Stack) -> Iterator[Person]:
    """An engineer who comes and goes with the test."""
    person = Person("ann-shell", PASSWORD)
    stack.api(
        "POST", "/users",
        {"name": person.name, "password": PASSWORD, "must_change": False, "bindings": [{"role": "engineer", "scope": "*"}]},
    )  # fmt: skip
    yield person
    tag = stack.ask("GET", f"/users/{person.name}").headers.get("etag")
    stack.api("DELETE", f"/users/{person.name}", None, {"If-Match": tag} if tag else None)


@pytest.fixture
def nobody(browser: "Browser", stack: Stack, page_errors: PageErrors) -> "Iterator[Page]":
    """A page of somebody who is not signed in, not opened yet."""
    context = new_context(browser, [], base_url=stack.url)
    page = context.new_page()
    page_errors.watch(page)
    yield page
    context.close()
    page_errors.check()


def sign_in(page: "Page", name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def view(page: "Page") -> "Page":
    """A page that has come whole: the hosts are known too."""
    expect(page.locator("main#view h1")).to_have_count(1)
    page.locator("[data-row='demo/h2']").wait_for()
    return page


# -- where one is


def test_the_bar_says_where_one_is_and_leads_back(page: "Page", look) -> None:
    page.goto("/hosts/demo/h1/guests/rtlinux/console")
    crumbs = page.get_by_role("navigation", name="Where you are").get_by_role("link")
    expect(crumbs).to_have_text(["demo", "h1", "rtlinux"])
    expect(crumbs.last).to_have_attribute("aria-current", "page")
    expect(page).to_have_title(re.compile(r"^rtlinux · Console · .*h1 · Guestwire$"))
    crumbs.nth(1).click()
    expect(page).to_have_url(re.compile(r"/hosts/demo/h1$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("h1")
    page.go_back()
    expect(page).to_have_url(re.compile("/console$"))
    page.go_forward()
    expect(page).to_have_url(re.compile(r"/hosts/demo/h1$"))
    page.get_by_role("link", name="Guestwire", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="Fleet")).to_be_visible()


def test_the_main_menu_goes_everywhere_without_loading_the_page_again(page: "Page") -> None:
    page.evaluate("window.same = true")
    menu = page.get_by_role("navigation", name="Main menu")
    for label in ("Alarms", "Jobs", "Rollouts", "Telemetry", "Projects", "Messages", "Administration", "Help", "Fleet"):
        menu.get_by_role("link", name=label).click()
        expect(menu.get_by_role("link", name=label)).to_have_attribute("aria-current", "true")
        page.locator("main#view h1").first.wait_for()
    assert page.evaluate("window.same") is True


def test_an_address_that_there_is_none_of_says_so(page: "Page", look) -> None:
    page.goto("/no/such/page")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
    look(page)
    page.get_by_role("link", name="To the fleet").click()
    expect(page.get_by_role("heading", level=1, name="Fleet")).to_be_visible()


def test_the_content_is_a_key_away(page: "Page") -> None:
    page.reload()
    view(page)
    page.locator("body").press("Tab")
    skip = page.get_by_role("link", name="To the content")
    expect(skip).to_be_focused()
    skip.press("Enter")
    expect(page.locator("main#view")).to_be_focused()


# -- mode, theme


def test_the_mode_is_in_the_address_and_stays_from_page_to_page(page: "Page") -> None:
    page.goto("/hosts/demo/h1/memory")
    modes = page.get_by_role("group", name="Mode")
    expect(modes.get_by_role("button", name="Run")).to_have_attribute("aria-pressed", "true")
    modes.get_by_role("button", name="Config").click()
    expect(page).to_have_url(re.compile(r"/memory\?mode=config$"))
    view(page).get_by_role("link", name="Devices", exact=True).first.click()
    expect(page).to_have_url(re.compile(r"/devices\?mode=config$"))
    page.reload()
    expect(modes.get_by_role("button", name="Config")).to_have_attribute("aria-pressed", "true")
    modes.get_by_role("button", name="Run").click()
    expect(page).to_have_url(re.compile(r"/devices$"))


def test_the_theme_is_chosen_and_kept(page: "Page") -> None:
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")  # as the system has it
    page.emulate_media(color_scheme="light")
    expect(root).to_have_attribute("data-theme", "light")
    page.get_by_role("button", name="admin").click()
    page.get_by_role("menuitem", name="Theme: dark").click()
    expect(root).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(root).to_have_attribute("data-theme", "dark")


def test_a_menu_is_gone_through_by_keys(page: "Page", look) -> None:
    button = page.get_by_role("button", name="admin")
    button.focus()
    button.press("Enter")
    first = page.get_by_role("menuitem").first
    expect(first).to_be_focused()
    look(page)
    first.press("ArrowDown")
    expect(page.get_by_role("menuitem").nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("menuitem", name="Sign out")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menuitem")).to_have_count(0)
    expect(button).to_be_focused()


# -- the palette


def options(page: "Page") -> "Locator":
    return page.get_by_role("listbox", name="Found").get_by_role("option")


def test_the_palette_finds_pages_hosts_and_commands(page: "Page", look) -> None:
    view(page)
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Search or run a command")
    expect(field).to_be_focused()
    look(page)
    field.fill("demo/h2")
    expect(options(page).first).to_contain_text("h2")
    field.press("Enter")
    expect(page).to_have_url(re.compile("/hosts/demo/h2$"))
    view(page)
    page.keyboard.press("Control+k")
    field.fill("memory of h2")
    expect(page.get_by_role("listbox", name="Found").get_by_role("option", selected=True)).to_contain_text(
        "Memory of h2"
    )
    field.press("ArrowDown")
    field.press("ArrowUp")
    field.press("Enter")
    expect(page).to_have_url(re.compile("/hosts/demo/h2/memory$"))


def test_the_palette_says_why_a_command_is_not_possible(page: "Page") -> None:
    page.goto("/hosts/demo/h1/guests/linux2")
    view(page)
    page.get_by_role("button", name="Search or run a command").click()
    field = page.get_by_role("combobox", name="Search or run a command")
    field.fill("resume linux2")
    option = options(page).first
    expect(option).to_have_attribute("aria-disabled", "true")
    field.press("Enter")
    expect(field).to_be_visible()
    field.fill("nothing has these words at all")
    expect(options(page)).to_have_count(0)
    field.press("Escape")
    expect(field).to_have_count(0)


# -- the navigator


def test_the_navigator_is_a_tree_for_the_keyboard(page: "Page") -> None:
    page.goto("/hosts/demo/h1")
    tree = page.get_by_role("tree", name="Sites and hosts")
    host = tree.locator("[data-row='demo/h1']")
    expect(host).to_have_attribute("aria-expanded", "true")
    expect(host).to_have_attribute("aria-selected", "true")
    host.focus()
    host.press("ArrowLeft")
    expect(host).to_have_attribute("aria-expanded", "false")
    host.press("ArrowRight")
    expect(host).to_have_attribute("aria-expanded", "true")
    host.press("ArrowRight")
    guests = tree.locator("[data-row='demo/h1 guests']")
    expect(guests).to_be_focused()
    guests.press("ArrowDown")
    guest = tree.locator("[data-row='demo/h1 guest rtlinux']")
    expect(guest).to_be_focused()
    guest.press("Enter")
    expect(page).to_have_url(re.compile("/guests/rtlinux$"))
    expect(guest).to_have_attribute("aria-selected", "true")
    guest.press("Home")
    expect(tree.get_by_role("treeitem").first).to_be_focused()


def test_the_navigator_is_filtered(page: "Page", look) -> None:
    view(page)
    page.locator("main#view").press("/")
    field = page.get_by_role("searchbox", name="Filter hosts")
    expect(field).to_be_focused()
    field.fill("h2")
    expect(page.locator("[data-row='demo/h2']")).to_be_visible()
    expect(page.locator("[data-row='demo/h1']")).to_have_count(0)
    field.fill("no such host")
    expect(page.get_by_role("navigation", name="Hosts")).to_contain_text("No host has that in its name")
    look(page)


# -- the dock


def test_the_dock_shows_jobs_as_they_come(stack: Stack, page: "Page", look) -> None:
    page.get_by_role("button", name="Jobs", exact=True).click()
    expect(page).to_have_url(re.compile(r"[?&]dock=jobs"))
    stack.cli("guest", "start", "h2/linux2")
    dock = page.locator("gw-dock")
    expect(dock.get_by_role("row").filter(has_text="guest-start").filter(has_text="h2").first).to_contain_text(
        "succeeded"
    )
    look(page, sizes=(WIDE, SMALL))
    page.get_by_role("navigation", name="Main menu").get_by_role("link", name="Projects").click()
    expect(page).to_have_url(re.compile(r"/projects\?dock=jobs"))
    stack.cli("guest", "destroy", "h2/linux2", "--yes")
    expect(dock.get_by_role("row").filter(has_text="guest-destroy").first).to_be_visible()


# -- the connection


class Cut:
    """The page's way to the stream, which a test may cut."""

    def __init__(self, page: "Page") -> None:
        self._open: list[WebSocketRoute] = []
        self.is_cut = False
        page.route_web_socket(re.compile("/api/v1/stream"), self._connect)

    def _connect(self, route: "WebSocketRoute") -> None:
        if self.is_cut:
            route.close(code=4000, reason="cut by the test")
            return
        route.connect_to_server()
        self._open.append(route)

    def cut(self) -> None:
        self.is_cut = True
        for route in self._open:
            route.close(code=4000, reason="cut by the test")
        self._open.clear()

    def mend(self) -> None:
        self.is_cut = False


def test_a_lost_connection_is_said_and_comes_back_by_itself(
    stack: Stack, context: "BrowserContext", page_errors: PageErrors, look
) -> None:
    page = context.new_page()
    page_errors.watch(page)
    way = Cut(page)
    page.goto("/")
    row = page.locator("[data-row='demo/h2']")
    expect(row).to_be_visible()
    page.evaluate("window.same = true")
    lost = page.get_by_role("alert").filter(has_text="connection to the controller is lost")
    way.cut()
    expect(lost).to_be_visible()
    look(page)
    try:
        words(stack, "demo/h2", {"label": "renamed meanwhile"})
        way.mend()
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(lost).to_have_count(0)
        expect(row).to_contain_text("renamed meanwhile")
        assert page.evaluate("window.same") is True
        words(stack, "demo/h2", {"label": "renamed again"})
        expect(row).to_contain_text("renamed again")
    finally:
        words(stack, "demo/h2", {"label": "simulated host h2"})
    page_errors.check()


def test_until_it_is_known_what_there_is_nothing_is_shown_and_nothing_scrolls(
    context: "BrowserContext", page_errors: PageErrors, look
) -> None:
    """What nobody can see cannot be scrolled either, and who cannot see is told that it comes."""
    page = context.new_page()
    page_errors.watch(page)
    held: list[WebSocketRoute] = []

    def silent_at_first(route: "WebSocketRoute") -> None:
        if held:
            route.connect_to_server()
        held.append(route)

    page.route_web_socket(re.compile("/api/v1/stream"), silent_at_first)
    page.set_viewport_size(SMALL)  # type: ignore[arg-type]
    page.goto("/welcome")
    content = page.locator("main#view")
    expect(content.get_by_label("Name of the connection")).to_be_attached()
    expect(content.get_by_label("Name of the connection")).to_be_hidden()
    expect(content).to_have_attribute("aria-busy", "true")
    assert not violations(page)
    held[0].close(code=4000, reason="by the test")
    expect(content.get_by_label("Name of the connection")).to_be_visible()
    expect(content).to_have_attribute("aria-busy", "false")
    look(page)
    page_errors.check()


# -- getting in and out


def test_somebody_signs_in_and_is_where_they_wanted_to_be(nobody: "Page", ann: Person, look) -> None:
    nobody.goto("/hosts/demo/h1/memory")
    expect(nobody.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(nobody).to_have_title("Sign in · Guestwire")
    look(nobody, sizes=(WIDE, SMALL))
    sign_in(nobody, ann.name, "not the password")
    expect(nobody.get_by_role("alert")).to_be_visible()
    look(nobody)
    sign_in(nobody, ann.name, ann.password)
    expect(nobody.get_by_role("heading", level=1)).to_contain_text("h1")
    expect(nobody).to_have_url(re.compile("/hosts/demo/h1/memory$"))
    nobody.reload()
    expect(nobody.get_by_role("heading", level=1)).to_contain_text("h1")


def test_somebody_signs_out(nobody: "Page", ann: Person) -> None:
    nobody.goto("/")
    sign_in(nobody, ann.name, ann.password)
    nobody.get_by_role("button", name=ann.name).click()
    nobody.get_by_role("menuitem", name="Sign out").click()
    expect(nobody.get_by_role("heading", level=1)).to_have_text("Sign in")
    nobody.go_back()
    nobody.goto("/jobs")
    expect(nobody.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_session_that_ends_leads_to_the_sign_in_and_back(nobody: "Page", stack: Stack, ann: Person) -> None:
    nobody.goto("/jobs")
    sign_in(nobody, ann.name, ann.password)
    expect(nobody.get_by_role("heading", level=1)).to_have_text("Jobs")
    with httpx.Client(base_url=f"{stack.url}/api/v1", trust_env=False) as http:
        csrf = {"X-Guestwire-Csrf": http.post("/sessions", json=ann._asdict()).json()["csrf"]}
        for session in http.get("/sessions").json()["items"]:
            if not session["current"]:
                http.delete(f"/sessions/{session['id']}", headers=csrf).raise_for_status()
    nobody.get_by_role("navigation", name="Main menu").get_by_role("link", name="Projects").click()
    expect(nobody.get_by_role("heading", level=1)).to_have_text("Sign in")
    sign_in(nobody, ann.name, ann.password)
    expect(nobody.get_by_role("heading", level=1)).to_have_text("Projects")
    expect(nobody).to_have_url(re.compile("/projects$"))


def test_a_password_that_somebody_else_gave_is_changed_first(nobody: "Page", stack: Stack, ann: Person, look) -> None:
    tag = stack.ask("GET", f"/users/{ann.name}").headers["etag"]
    stack.api("PATCH", f"/users/{ann.name}", {"must_change": True}, {"If-Match": tag})
    nobody.goto("/")
    sign_in(nobody, ann.name, ann.password)
    expect(nobody.get_by_role("heading", level=1)).to_have_text("Choose a password")
    look(nobody)
    nobody.get_by_label("Password now").fill("not the password")
    nobody.get_by_label("New password").fill(NEW_PASSWORD)
    nobody.get_by_role("button", name="Change the password").click()
    expect(nobody.get_by_role("alert")).to_be_visible()
    expect(nobody.get_by_role("heading", level=1)).to_have_text("Choose a password")
    nobody.get_by_label("Password now").fill(ann.password)
    nobody.get_by_role("button", name="Change the password").click()
    expect(nobody.get_by_role("heading", level=1)).to_have_text("Fleet")
