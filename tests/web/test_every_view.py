"""Every page of the dashboard opens by its address: with something everywhere, and at a controller that has nothing yet.

Of each: one heading, a title, nothing half-made in its words, no link to nowhere, no scrolling to the side, nothing that somebody could
not use (WCAG 2.2 AA, in both themes), and words of others that would be a program stay words.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from axe import THEMES, look
from browser import SMALL, WIDE, Chromium, PageErrors, new_context
from demo_stack import Stack
from empty_controller import empty_controller
from furnished import Furnished, discard, furnish, unfurnish

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROUTES = Path(__file__).parents[2] / "clients/guestwire/controller/web/core/routes.js"
PLAIN = re.compile(r'\{ path: "([^"]+)", tag: "([^"]+)"')
FRAMED = re.compile(r'^  (host|guest)\("([^"]*)", "([^"]+)"', re.MULTILINE)
FRAME = {"host": "/hosts/:site/:host", "guest": "/hosts/:site/:host/guests/:guest"}

HOSTILE = "<img src=x onerror=window.__xss=1>"
IDS = {"gw-job": "id job", "gw-approval": "id approval", "gw-rollout": "id rollout"}
HALF_MADE = re.compile(r"\bundefined\b|\bNaN\b|\[object |\bInvalid Date\b|\bnull\b|\$\{")

READY = """(tag) => {
  const view = document.querySelector("main#view");
  // what is out of sight is read when it comes into sight
  const busy = [...document.querySelectorAll("main#view [aria-busy=true]")].filter((one) => one.getBoundingClientRect().top < innerHeight);
  return view?.querySelector("h1") && view.querySelector(tag) && !busy.length && !document.querySelector(".coming");
}"""
SEEN = """async (tag) => {
  const view = document.querySelector("main#view");
  const base = document.querySelector("script[type=module][src]").src.replace(/[^/]*$/, "");
  const { match } = await import(`${base}core/routes.js`);
  // documents of others are shown as they are
  const words = (of) => {
    const walk = document.createTreeWalker(of, NodeFilter.SHOW_TEXT, (node) => node.parentElement.closest("pre, code, textarea")
      ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
    const found = [];
    while (walk.nextNode()) found.push(walk.currentNode.data);
    return found.join(" ");
  };
  const links = [...document.querySelectorAll("a[href]")].map((link) => new URL(link.href));
  return {
    headings: [...document.querySelectorAll("h1")].filter((one) => one.checkVisibility()).map((one) => one.textContent.trim()),
    title: document.title,
    text: words(view),
    empty: !view.querySelector(tag).innerText.trim(),
    side: document.documentElement.scrollWidth - innerWidth,
    nowhere: links.filter((link) => link.origin === location.origin && !/^\\/(api|web)\\//.test(link.pathname) && !match(link.pathname))
      .map((link) => link.pathname),
    same: [...document.querySelectorAll("[id]")].map((one) => one.id).filter((id, at, all) => all.indexOf(id) !== at),
    images: document.querySelectorAll("img[src=x]").length,
    run: window.__xss,
    lines: [...view.querySelectorAll(".cli code")].map((one) => one.textContent),
  };
}"""


class View(NamedTuple):
    path: str
    tag: str
    query: str = ""

    def __str__(self) -> str:
        return f"{self.tag.removeprefix('gw-')}{self.query.replace('?mode=', '-')}"


def views() -> list[View]:
    """All of routes.js; those of hosts and guests in both modes."""
    text = ROUTES.read_text("utf-8")
    found = [View(path, tag) for path, tag in PLAIN.findall(text)]
    framed = [View(FRAME[frame] + end, tag) for frame, end, tag in FRAMED.findall(text)]
    return [*found, *framed, *(view._replace(query="?mode=config") for view in framed)]


VIEWS = views()
FLEET = VIEWS[0]
WITHOUT_ID = [view for view in VIEWS if ":" not in view.path and view != FLEET]


def address(view: View, parameters: dict[str, str]) -> str:
    if view.tag == "gw-user":
        parameters = {**parameters, "name": "admin"}
    values = {**parameters, "id": parameters.get(IDS.get(view.tag, ""), ""), "page": "controller/dashboard"}
    return re.sub(r":(\w+)\*?", lambda found: values[found[1]], view.path) + view.query


def opened(page: "Page", view: View, path: str) -> None:
    """Go there, and look at all that every view must keep."""
    page.goto(path)
    checked(page, view)


def checked(page: "Page", view: View) -> None:
    page.wait_for_function(READY, arg=view.tag)
    seen = page.evaluate(SEEN, view.tag)
    assert len(seen["headings"]) == 1, seen["headings"]
    assert seen["headings"][0]
    assert seen["title"].endswith(" · Guestwire")
    assert not seen["empty"], f"<{view.tag}> shows nothing"
    assert not HALF_MADE.search(seen["text"]), HALF_MADE.search(seen["text"])
    assert "could not be loaded" not in seen["text"]
    assert seen["nowhere"] == []
    assert seen["same"] == []
    assert (seen["images"], seen["run"]) == (0, None)
    # pasted into a shell, a name is a word of the line
    assert [line for line in seen["lines"] if HOSTILE in line.replace(f"'{HOSTILE}'", "")] == []
    assert seen["side"] <= 0
    look(page, themes=THEMES[1:])
    page.set_viewport_size(SMALL)
    try:
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (
            f"it scrolls to the side at {json.dumps(SMALL)}"
        )
        # what is cut off at the edge has not its size: whole pages are looked at by the tests of their flows
        look(page, themes=THEMES[:1], leave_out=("target-size",))
    finally:
        page.set_viewport_size(WIDE)


class Walk:
    """One page for all views of a controller: what it has loaded once it has."""

    def __init__(self, running: Chromium, stack: Stack) -> None:
        self._running = running
        with running.in_use() as browser:
            self._context = new_context(browser, stack.cookies, base_url=stack.url)
            self._page = self._context.new_page()
        self._errors = PageErrors()
        self._errors.watch(self._page)

    def opens(self, view: View, path: str) -> None:
        with self.page():
            opened(self._page, view, path)

    @contextmanager
    def page(self) -> "Iterator[Page]":
        """For one test: what goes wrong in it meanwhile fails it."""
        with self._running.in_use():
            try:
                yield self._page
                self._errors.check()
            except Exception as error:
                error.add_note(
                    f"{self._page.url}: {self._page.inner_text('body')[:2000]}\n" + "\n".join(self._errors.found)
                )
                raise
            finally:
                self._errors.forget()

    def close(self) -> None:
        with self._running.in_use():
            self._context.close()


@pytest.fixture(scope="module")
def furnished(stack: Stack) -> Iterator[Furnished]:
    made = furnish(stack, HOSTILE, HOSTILE)
    yield made
    unfurnish(stack, made)
    discard(stack, "demo/h1")


def test_all_routes_are_known() -> None:
    text = ROUTES.read_text("utf-8")
    assert len(VIEWS) >= text.count("import(") > 45


@pytest.fixture(scope="module")
def walk(chromium_running: Chromium, stack: Stack, furnished: Furnished) -> Iterator[Walk]:
    made = Walk(chromium_running, stack)
    yield made
    made.close()


IN_TURN = [pytest.param(view, marks=pytest.mark.soak if view.query else (), id=str(view)) for view in VIEWS]
"""What is edited is looked at where it is edited, too: so every page in Config mode is a matter of `make soak`."""


@pytest.mark.parametrize("view", IN_TURN)
def test_a_view_with_something_in_it(view: View, furnished: Furnished, walk: Walk) -> None:
    walk.opens(view, address(view, furnished.parameters))


@pytest.mark.parametrize("end", ["", "/areas", "/events", "/network", "/sync", "/history"])
def test_a_host_without_anything(end: str, walk: Walk) -> None:
    view = next(view for view in VIEWS if view.path == FRAME["host"] + end)
    walk.opens(view, f"/hosts/demo/h2{end}?mode=config")


@pytest.mark.parametrize(
    "path", ["/hosts/demo/nobody", "/hosts/demo/h1/guests/nobody", "/hosts/demo/h1/areas/nobody", "/hosts/demo/h1/events/nobody",
             "/jobs/01a1ffea-0000-7000-8000-000000000000", "/rollouts/01a1ffea-0000-7000-8000-000000000000",
             "/approvals/01a1ffea-0000-7000-8000-000000000000", "/projects/nobody", "/users/nobody", "/help/nobody"],
)  # fmt: skip
def test_what_is_not_there_is_said_to_be_not_there(path: str, page: "Page") -> None:
    page.goto(path)
    page.locator("main#view h1").wait_for()
    page.wait_for_function(
        "() => /\\b(no such|not there|no \\w+ (called|named|with)|does not (exist|have)|there is no|not known|not on the host|no longer|not found)\\b/i"
        ".test(document.querySelector('main#view').innerText)"
    )
    look(page, themes=THEMES[:1])


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A controller that was installed a minute ago."""
    with empty_controller(tmp_path_factory.mktemp("empty")) as running:
        yield running


@pytest.fixture(scope="module")
def first_walk(chromium_running: Chromium, empty: Stack) -> Iterator[Walk]:
    made = Walk(chromium_running, empty)
    yield made
    made.close()


@pytest.mark.parametrize("view", WITHOUT_ID, ids=str)
def test_a_view_with_nothing_in_it(view: View, first_walk: Walk) -> None:
    first_walk.opens(view, view.path)


def test_the_first_visit_leads_to_the_first_steps_and_on_to_an_empty_fleet(first_walk: Walk) -> None:
    with first_walk.page() as page:
        page.goto("/")
        page.wait_for_url("**/welcome")
        page.get_by_role("link", name="Guestwire", exact=True).click()
        page.wait_for_url(re.compile(r":\d+/$"))
        checked(page, FLEET)
