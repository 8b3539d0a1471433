"""Lists of a fleet of 10,000 hosts over HTTP: filtered, sorted, and page after page to the end, from a client that is another
process. A request is everything between asking and having the JSON: authentication, the query, the page.

What a controller that was started does first is measured by itself: it writes of every host that nobody knows how it is.
"""

import contextlib
import time
from pathlib import Path

import controller_rows
import plant
from children import ChildFailed, cpu_s, scratch
from controller_process import Controller
from rows import Row, median, percentile
from settings import Settings

HOSTS = 10_000
TIMES = 60
TARGET_MS = 50.0
PAGE = 100
WRITTEN_S = 120.0
FILTERS = (
    ("all", {}),
    ("state and label", {"q": "not state=online label.line=3"}),
    ("site, driver, agent's version", {"q": "site=bench driver=libvirt agent<0.3"}),
    ("one of all, by a word of its inventory", {"q": '"needle in one"'}),
    ("some hundred, by a word of their inventory", {"q": "virtio77"}),
    ("nearly all, by a word of their inventory", {"q": "rtlinux"}),
    ("a guest by name", {"q": "guest=rtlinux-7"}),
    ("feature and processors", {"q": "feature=rt_kernel cpus>4"}),
    ("either label, or not", {"q": "not label.line=3 or label has press"}),
    ("all, by label, descending", {"sort": "-label"}),
)


def run(settings: Settings) -> list[Row]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        site = plant.make(folder, (), (), controllers=("main",))
        controller = Controller(site, None)
        controller_rows.fill(f"sqlite:///{controller.home / 'controller.db'}", controller_rows.fleet(HOSTS))
        stack.enter_context(controller)
        first = _until_written(controller)
        used = cpu_s(controller.pid)
        lists = listed(controller, settings.count(TIMES))
        pages = _pages(controller)
        used = cpu_s(controller.pid) - used
        every = [one for took in lists.values() for one in took] + pages
        return [
            _row(f"every list of these, {HOSTS:,} hosts: p95", percentile(every, 0.95), TARGET_MS),
            _row("every list of these: median", median(every)),
            _row("the controller's processor time for one of them", used / len(every) * 1000),
            _row(f"in the first moments after a start ({len(first)} lists): p95", percentile(first, 0.95), TARGET_MS),
            *(_row(f"{what}: p95", percentile(took, 0.95), TARGET_MS) for what, took in lists.items()),
            _row(f"page after page to the {len(pages)}th: p95", percentile(pages, 0.95), TARGET_MS),
            _row(f"the last {len(pages) // 10} of these pages: p95", percentile(pages[-len(pages) // 10 :], 0.95), TARGET_MS),
        ]  # fmt: skip


def listed(controller: Controller, times: int) -> dict[str, list[float]]:
    """What each filter's lists took, in ms."""
    return {what: [_took(controller, asked) for _ in range(times)] for what, asked in FILTERS}


def _until_written(controller: Controller) -> list[float]:
    """Ask for lists until no host is shown any more as it was before the start; what each took."""
    took: list[float] = []
    until = time.monotonic() + WRITTEN_S
    while controller.api.get("/hosts", limit=1, q="not state=unknown")["items"]:
        if time.monotonic() > until:
            raise ChildFailed("hosts are shown as they were before the start")
        took += [_took(controller, asked) for _, asked in FILTERS[:2]]
    return took


def _row(what: str, ms: float, target: float | None = None) -> Row:
    return Row("controller_list", what, ms, "ms", None, "<=", target)


def _took(controller: Controller, asked: dict[str, str]) -> float:
    began = time.perf_counter()
    controller.api.get("/hosts", limit=PAGE, **asked)
    return (time.perf_counter() - began) * 1000


def _pages(controller: Controller) -> list[float]:
    """What each page took, following the cursors from the first to the last."""
    took = []
    more: dict[str, str] = {}
    while True:
        began = time.perf_counter()
        page = controller.api.get("/hosts", limit=PAGE, sort="label", **more)
        took.append((time.perf_counter() - began) * 1000)
        if page["next"] is None:
            return took
        more = {"cursor": page["next"]}
