"""What the dashboard's tests share: a real demo, a browser, a page with somebody signed in.

Tests are plain functions (no `async`): Playwright's synchronous interface. `page` fails its test at the end with whatever went
wrong in the page; `page_errors.expect(pattern)` says what a test brings about itself.
"""

import contextlib
import json
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import axe
import pytest
from browser import WIDE, Chromium, PageErrors, Settling, chromium, new_context, require_chromium
from demo_stack import Stack, demo_stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

HERE = Path(__file__).parent
IMPORT_MAP = re.compile(r'<script type="importmap"[^>]*>(.*?)</script>', re.DOTALL)
PICTURE_MS, TEXT = 10_000, 1500
"""How long a picture of a page that has failed may take, and how much is said of what it shows."""
BASE = re.compile(r'"(/web/[^/"]+/)')
FORGET = """async () => {
  localStorage.clear();
  for (const one of await indexedDB.databases()) indexedDB.deleteDatabase(one.name);
}"""
AS_NEW = """async () => {
  const app = document.querySelector("gw-app");
  const untouched = !localStorage.length && !(await indexedDB.databases()).length && /native code/.test(Date.toString());
  if (!untouched || !app?.services || document.querySelector("dialog[open]")) return false;
  const { api, live, session } = app.services;
  if (session.me?.name !== "admin" || !document.cookie.includes(api.csrf) || live.state !== "live") return false;
  document.querySelectorAll(".says button").forEach((one) => one.click());
  history.pushState(null, "", "/");
  dispatchEvent(new PopStateEvent("popstate"));
  return true;
}"""
"""A page that a test has left as it found it is at the fleet again; whether it is such a page."""
WALK = """(address) => {
  const to = new URL(address, location.href);
  const elsewhere = to.origin !== location.origin || to.pathname === location.pathname || /^\\/(api|web)\\//.test(to.pathname);
  if (elsewhere || !document.querySelector("gw-bar") || document.querySelector("dialog[open]")) return false;
  history.pushState(null, "", address);
  dispatchEvent(new PopStateEvent("popstate"));
  return true;
}"""
"""To another page of the application, if one is at it and no question is open."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "chromium_running" in getattr(item, "fixturenames", ()):
            item.add_marker("chromium")


class Running:
    """The demo and the browser of this process: begun when first asked for, ended when the tests of other directories go on."""

    def __init__(self) -> None:
        self._ends = ExitStack()
        self._stack: Stack | None = None
        self._chromium: Chromium | None = None

    def stack(self, directory: Callable[[], Path]) -> Stack:
        if self._stack is None:
            self._stack = self._ends.enter_context(demo_stack(directory()))
        return self._stack

    def chromium(self, directory: Callable[[], Path]) -> Chromium:
        if self._chromium is None:
            self._chromium = self._ends.enter_context(chromium(directory()))
        return self._chromium

    def end(self) -> None:
        self._stack = self._chromium = None
        self._ends.close()


RUNNING = pytest.StashKey[Running]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RUNNING] = Running()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    try:
        return (yield)
    finally:
        if nextitem is None or not nextitem.path.is_relative_to(HERE):
            item.config.stash[RUNNING].end()


# of modules, not of the session: they are of the session as long as it is here


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The demo: hosts demo/h1 and demo/h2, each with three guests that are off. Who changes it puts it back."""
    require_chromium()
    return request.config.stash[RUNNING].stack(lambda: tmp_path_factory.mktemp("web"))


@pytest.fixture(scope="module")
def chromium_running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Chromium:
    return request.config.stash[RUNNING].chromium(lambda: tmp_path_factory.mktemp("chromium"))


@pytest.fixture
def browser(chromium_running: Chromium) -> "Iterator[Browser]":
    """The worker's one browser, for this test. A second person: `new_context(browser, stack.signed_in(name, password))`."""
    with chromium_running.in_use() as browser:
        yield browser


@pytest.fixture
def page_errors() -> PageErrors:
    return PageErrors()


@pytest.fixture(scope="module")
def window(chromium_running: Chromium, stack: Stack) -> "Iterator[BrowserContext]":
    """One for all tests of a file: what the browser has loaded once it has."""
    with chromium_running.in_use() as browser:
        made = new_context(browser, stack.cookies, base_url=stack.url)
    yield made
    with chromium_running.in_use():
        made.close()


@pytest.fixture(scope="module")
def left() -> "list[tuple[Page, Settling]]":
    """The page that the test before has left as it found it, if it did."""
    return []


@pytest.fixture
def context(
    browser: "Browser", window: "BrowserContext", left: "list[tuple[Page, Settling]]", stack: Stack
) -> "Iterator[BrowserContext]":
    """A window of admin's; nothing that a test leaves in it is there for the next one. A window of its own: `new_context`."""
    del browser
    yield window
    window.set_offline(False)
    window.unroute_all()
    for one in window.pages:
        if all(one is not page for page, _ in left):
            with contextlib.suppress(Exception):  # it may be gone, or anywhere
                one.evaluate(FORGET)
            one.close()
    window.clear_cookies()
    window.add_cookies(stack.cookies)  # type: ignore[arg-type]


@pytest.fixture
def page(
    context: "BrowserContext",
    left: "list[tuple[Page, Settling]]",
    page_errors: PageErrors,
    request: pytest.FixtureRequest,
) -> "Iterator[Page]":
    """At the fleet, as admin, 1440x900, dark. `page.goto("/hosts/demo/h1/cpu")` goes elsewhere, as a link would: without loading
    everything anew, which `page.reload()` does."""
    page, settling = _begin(context, left.pop() if left else None, page_errors)
    by_address, add_script = page.goto, page.add_init_script
    anew: list[bool] = []

    def goto(address: str, **options: Any) -> Any:
        if options or anew or not address.startswith("/") or not page.evaluate(WALK, address):
            return by_address(address, **options)
        settling.wait()
        return None

    def add_init_script(*given: Any, **options: Any) -> None:
        anew.append(True)  # it runs where a page is loaded
        add_script(*given, **options)

    page.goto = goto  # type: ignore[method-assign]
    page.add_init_script = add_init_script  # type: ignore[method-assign]
    failed = request.session.testsfailed
    yield page
    page.goto, page.add_init_script = by_address, add_script  # type: ignore[method-assign]
    page_errors.end(page)
    if not anew and failed == request.session.testsfailed and not page.is_closed():
        left.append((page, settling))
    page_errors.check()


def _begin(
    context: "BrowserContext", left: "tuple[Page, Settling] | None", errors: PageErrors
) -> "tuple[Page, Settling]":
    """A page at the fleet: the one that was left, or a new one."""
    if left is not None:
        page, _ = left
        page.unroute_all()
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        page.emulate_media(color_scheme="dark")
        errors.watch(page)
        with contextlib.suppress(Exception):  # it may be anywhere
            if page.evaluate(AS_NEW):
                page.locator("gw-bar").wait_for()
                return left
            page.evaluate(FORGET)
        errors.end(page)
        errors.forget()
        page.close()
    page = context.new_page()
    settling = Settling(page)
    errors.watch(page)
    try:
        page.goto("/")
        page.locator("gw-bar").wait_for()
    except Exception as error:
        error.add_note("\n".join(["the first page shows:", page.inner_text("body")[:1000], *errors.found]))
        raise
    return page, settling


@pytest.fixture
def look() -> Callable[..., None]:
    """`look(page)`: axe in both themes; `sizes=(WIDE, SMALL)` (of tests/support/browser.py) at these too."""
    return axe.look


class ModulePage:
    """A page in which nothing of ours runs but what a test imports."""

    def __init__(self, page: "Page", base: str) -> None:
        self.page = page
        self.base = base
        """Where the build's files are: "/web/…/"."""

    def run(self, module: str, function: str, argument: Any = None) -> Any:
        """What `(module, argument) => …` makes of a module ("core/cpuset.js") of ours, as JSON has it."""
        return self.page.evaluate(
            f"async ([path, argument]) => ({function})(await import(path), argument)", [self.base + module, argument]
        )

    def table(self, module: str, function: str, cases: list[Any]) -> list[Any]:
        """The same for each of many arguments, in one go."""
        return list(self.run(module, f"(module, cases) => cases.map((one) => ({function})(module, one))", cases))


@pytest.fixture
def module_page(browser: "Browser", stack: Stack) -> Iterator[ModulePage]:
    """For tables of cases of a module without elements: module_page.run("core/cpuset.js", "(m, text) => m.parse(text)", "0-3")."""
    context = new_context(browser, [], base_url=stack.url)
    page = context.new_page()
    index = context.request.get("/", headers={"Accept": "text/html"}).text()
    found, base = IMPORT_MAP.search(index), BASE.search(index)
    assert found is not None, index[:500]
    assert base is not None, index[:500]
    page.route(
        "**/modules.html", lambda route: route.fulfill(content_type="text/html", body=f"<!doctype html>{found[0]}")
    )
    page.goto("/modules.html")
    yield ModulePage(page, base[1])
    context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails leaves a picture of its page."""
    report = yield
    values = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed:
        for name, page in values.items():
            if hasattr(page, "screenshot"):
                report.sections.append((f"the page of {name!r}", _shown(item, name, page)))
        if "page_errors" in values:
            report.sections.append(("wrong in the pages", "\n".join(values["page_errors"].found)))
    return report


def _shown(item: pytest.Item, whose: str, page: "Page") -> str:
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", f"{item.name}-{whose}")[:80]
    file = Path(item.config._tmp_path_factory.getbasetemp()) / f"{name}.png"
    try:
        page.screenshot(path=file, timeout=PICTURE_MS)
        return f"{page.url}\n{file}\n{page.inner_text('body', timeout=PICTURE_MS)[:TEXT]}"
    except Exception as error:  # noqa: BLE001 - the test has failed already
        return f"no picture: {json.dumps(str(error)[:300])}"
