"""Chromium for the dashboard's bench: a page with somebody signed in, and what the browser itself counts of it."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
from children import Missing
from controller_process import PASSWORD, USER

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
SIZE = {"width": 1440, "height": 900}
ANSWER_MS = 60_000


@contextmanager
def chromium() -> "Iterator[Browser]":
    """Raises Missing where it is not installed."""
    program = shutil.which("chromium")
    if program is None:
        raise Missing("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as err:
        raise Missing("playwright") from err
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS])
        try:
            yield browser
        finally:
            browser.close()


def cookies(url: str) -> list[dict[str, str]]:
    """Of a new session of the administrator."""
    with httpx.Client(base_url=f"{url}/api/v1", timeout=60.0, trust_env=False) as http:
        http.post("/sessions", json={"name": USER, "password": PASSWORD}).raise_for_status()
        return [{"name": name, "value": value, "url": url} for name, value in http.cookies.items()]


class Seen:
    """A page, with the browser's own instruments. `wrong`: what went wrong in it."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.wrong: list[str] = []
        self.devtools = page.context.new_cdp_session(page)
        page.on("pageerror", lambda error: self.wrong.append(str(error)[:500]))

    def metrics(self) -> dict[str, float]:
        """As `Performance.getMetrics` has them: seconds, bytes, counts."""
        return {one["name"]: one["value"] for one in self.devtools.send("Performance.getMetrics")["metrics"]}

    def heap(self) -> float:
        """Bytes of the JavaScript heap after a collection."""
        for _ in range(3):
            self.devtools.send("HeapProfiler.collectGarbage")
        return self.metrics()["JSHeapUsedSize"]

    def busy(self, seconds: float) -> float:
        """The processor time of the page's main thread, as a share of one processor."""
        began, before = time.monotonic(), self.metrics()["TaskDuration"]
        self.page.wait_for_timeout(seconds * 1000)
        return (self.metrics()["TaskDuration"] - before) / (time.monotonic() - began)

    def profile(self, seconds: float) -> list[tuple[str, float]]:
        """The functions that the main thread's time went to, the most first: name and place, seconds of their own."""
        self.devtools.send("Profiler.enable")
        self.devtools.send("Profiler.start")
        self.page.wait_for_timeout(seconds * 1000)
        found = self.devtools.send("Profiler.stop")["profile"]
        self.devtools.send("Profiler.disable")
        names = {
            node["id"]: f"{node['callFrame']['functionName'] or '(anonymous)'} "
            f"{node['callFrame']['url'].rpartition('/')[2]}:{node['callFrame']['lineNumber'] + 1}"
            for node in found["nodes"]
        }
        own: dict[str, float] = {}
        for node, micros in zip(found["samples"], found["timeDeltas"], strict=True):
            own[names[node]] = own.get(names[node], 0.0) + micros / 1e6
        return sorted(own.items(), key=lambda one: -one[1])


@contextmanager
def seen(browser: "Browser", url: str, script: str = "") -> Iterator[Seen]:
    """A page of a browser that has nothing cached. `script` is run before those of the page."""
    context = browser.new_context(base_url=url, viewport=SIZE, color_scheme="dark")  # type: ignore[arg-type]
    try:
        context.add_cookies(cookies(url))  # type: ignore[arg-type]
        context.set_default_timeout(ANSWER_MS)
        page = context.new_page()
        if script:
            page.add_init_script(script)
        made = Seen(page)
        made.devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        made.devtools.send("HeapProfiler.enable")
        yield made
    finally:
        with contextlib.suppress(Exception):
            context.close()


def transferred(page: Seen) -> dict[str, list[float]]:
    """Begin to count what is loaded: the bytes of each answer as they came, headers too, by what it is: "web", "api", "page"."""
    kinds: dict[str, str] = {}
    found: dict[str, list[float]] = {"web": [], "api": [], "page": []}

    def asked(event: dict[str, Any]) -> None:
        path = "/" + event["request"]["url"].split("/", 3)[3]
        kinds[event["requestId"]] = "web" if path.startswith("/web/") else "api" if path.startswith("/api/") else "page"

    def finished(event: dict[str, Any]) -> None:
        if event["requestId"] in kinds:
            found[kinds[event["requestId"]]].append(event["encodedDataLength"])

    page.devtools.on("Network.requestWillBeSent", asked)
    page.devtools.on("Network.loadingFinished", finished)
    page.devtools.send("Network.enable")
    return found
