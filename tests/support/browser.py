"""Chromium for tests, driven by Playwright: one for a worker, a page of its own for each test, and what went wrong in it."""

import asyncio
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guestwire.broker_test.fixtures import require

try:
    from playwright.sync_api import expect
except ImportError:  # the tests that would use it are skipped
    expect: Any = None  # type: ignore[no-redef]

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

WIDE = {"width": 1440, "height": 900}
SMALL = {"width": 1024, "height": 768}
ANSWER_MS = 45_000
"""How long anything may take on a busy machine before a test gives up."""
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb")
_ASKED = re.compile(r"^Failed to load resource")
"""What Chromium says of any answer of 400 and more: those that are wrong are seen by their status."""
_CHANGED = "net::ERR_NETWORK_CHANGED"
"""Tests beside these make bridges: whatever Chromium was asking for then is lost."""
_ABORTED = ("net::ERR_ABORTED", _CHANGED)
_DRAWN = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(
  () => done(!document.querySelector(".coming")))))"""
"""Two frames later: whether the page knows by then what there is."""
SETTLED_S = 5.0


def require_chromium() -> str:
    """The program. Skips (or fails, see `require`) where it is not, or Playwright is not."""
    program = shutil.which("chromium")
    require("chromium", program is not None, "no chromium on this machine")
    require("chromium", expect is not None, "no Playwright here: deploy/setup.sh test installs it")
    assert program is not None
    return program


class Chromium:
    """A browser that runs.

    Playwright's own event loop counts as this thread's running one from its start on. Tests of others, in this process, need
    theirs: so it is put away whenever no test of ours runs.
    """

    def __init__(self, browser: "Browser", loop: asyncio.AbstractEventLoop) -> None:
        self._browser = browser
        self._loop = loop

    @contextmanager
    def in_use(self) -> "Iterator[Browser]":
        asyncio._set_running_loop(self._loop)
        try:
            yield self._browser
        finally:
            asyncio._set_running_loop(None)


def unable_to_push_in(program: str, directory: Path) -> str:
    """The same program, where nobody may raise a priority: as root Chromium gives itself a higher one than all other tests have."""
    if os.geteuid() != 0:
        return program
    script = directory / "chromium"
    script.write_text(
        f'#!/bin/sh\nexec setpriv --bounding-set -sys_nice --inh-caps -sys_nice "{program}" "$@"\n', "ascii"
    )
    script.chmod(0o755)
    return str(script)


@contextmanager
def chromium(directory: Path) -> Iterator[Chromium]:
    """`directory`: for what is needed to start it."""
    program = unable_to_push_in(require_chromium(), directory)
    from playwright.sync_api import sync_playwright

    expect.set_options(timeout=ANSWER_MS)
    playwright = sync_playwright().start()
    try:
        loop = asyncio.get_running_loop()
        running = Chromium(playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS]), loop)
        asyncio._set_running_loop(None)
        yield running
        with running.in_use() as browser:
            browser.close()
            playwright.stop()
    finally:
        asyncio._set_running_loop(None)


class PageErrors:
    """What must not happen in a page: errors on the console, exceptions, violations of the policy, answers of 500 and more."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        self._heard = {
            "console": self._console, "pageerror": self._raised, "response": self._response, "requestfailed": self._failed,
        }  # fmt: skip

    def expect(self, pattern: str) -> None:
        """What a test brings about is no fault: a regular expression for the lines below."""
        self._expected.append(re.compile(pattern))

    def watch(self, page: "Page") -> None:
        for event, heard in self._heard.items():
            page.on(event, heard)  # type: ignore[call-overload]

    def end(self, page: "Page") -> None:
        """Whatever is wrong in it from now on, it is nothing of this test's."""
        for event, heard in self._heard.items():
            page.remove_listener(event, heard)

    @property
    def found(self) -> list[str]:
        return [line for line in self._found if not any(pattern.search(line) for pattern in self._expected)]

    def forget(self) -> None:
        """What was found: another test begins."""
        self._found.clear()

    def check(self) -> None:
        assert not self.found, "\n".join(["in the page:", *self.found])

    def _console(self, message: "ConsoleMessage") -> None:
        text = message.text
        policy = "Content Security Policy" in text
        if (message.type in ("error", "assert") or policy) and not _ASKED.match(text):
            place = message.location
            self._found.append(f"console: {text} ({place.get('url', '')}:{place.get('lineNumber', '')})")

    def _raised(self, error: Any) -> None:
        self._found.append(f"exception: {error.stack or error.message}")

    def _response(self, response: "Response") -> None:
        """A 404 of the API is an answer; one of a module is a fault."""
        if response.status >= 500 or (response.status >= 400 and "/api/" not in response.url):
            self._found.append(f"answer: {response.status} {response.request.method} {response.url}")

    def _failed(self, request: "Request") -> None:
        if request.failure not in _ABORTED:
            self._found.append(f"request: {request.failure} {request.method} {request.url}")


def new_context(browser: "Browser", cookies: list[dict[str, str]], **options: Any) -> "BrowserContext":
    """As a new private window, with somebody signed in. No animations: nothing waits for one to end."""
    context = browser.new_context(
        viewport=options.pop("viewport", WIDE), reduced_motion="reduce", color_scheme="dark", locale="en-GB",
        timezone_id="UTC", permissions=["clipboard-read", "clipboard-write"], **options,
    )  # fmt: skip
    context.set_default_timeout(ANSWER_MS)
    if cookies:
        context.add_cookies(cookies)  # type: ignore[arg-type]
    new_page = context.new_page
    context.new_page = lambda: _patient(new_page())  # type: ignore[method-assign]
    return context


def _patient(page: "Page") -> "Page":
    """One whose `goto` goes once more where the network changed, and waits until all that the page is made of has come."""
    by_address, settling = page.goto, Settling(page)

    def goto(address: str, **options: Any) -> Any:
        try:
            answer = by_address(address, **options)
        except Exception as error:
            if _CHANGED not in str(error):
                raise
            return goto(address, **options)
        settling.wait()
        return answer

    page.goto = goto  # type: ignore[method-assign]
    return page


class Settling:
    """Whether something of a page is still to come: it is hidden until then, or moves what is below it."""

    def __init__(self, page: "Page") -> None:
        self._page = page
        self._underway: set[Request] = set()
        page.on("request", self._begun)
        page.on("requestfinished", self._over)
        page.on("requestfailed", self._over)

    def _begun(self, request: "Request") -> None:
        self._underway.add(request)

    def _over(self, request: "Request") -> None:
        self._underway.discard(request)

    def wait(self) -> None:
        """Until what it has asked for is there and drawn, or for some seconds: a test may hold an answer back."""
        deadline = time.monotonic() + SETTLED_S
        while time.monotonic() < deadline:
            before = bool(self._underway)
            if self._drawn() and not before and not self._underway:
                return

    def _drawn(self) -> bool:
        try:
            return bool(self._page.evaluate(_DRAWN))
        except Exception as error:
            if "context was destroyed" not in str(error):
                raise
            return False  # it loads itself anew
