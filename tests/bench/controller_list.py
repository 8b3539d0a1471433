"""Lists of a fleet of 10,000 hosts over HTTP: filtered, sorted, and page after page to the end, from a client that is another
process. A request is everything between asking and having the JSON: authentication, the query, the page.
"""

import contextlib
import time
from pathlib import Path

import controller_rows
import plant
from children import cpu_s, scratch
from controller_process import Controller
from rows import Row, median, percentile
from settings import Settings

HOSTS = 10_000
TIMES = 60
TARGET_MS = 50.0
PAGE = 100
SETTLE_S = 10.0
"""A controller that was started writes first that it has heard of none of them."""
FILTERS = (
    ("all", {}),
    ("state and label", {"q": "not state=online label.line=3"}),
    ("site, driver, agent's version", {"q": "site=bench driver=libvirt agent<0.3"}),
    ("one of all, by a word of its inventory", {"q": '"needle in one"'}),
    ("a guest by name", {"q": "guest=rtlinux-7"}),
    ("feature and processors", {"q": "feature=rt_kernel cpus>4"}),
    ("either label, or not", {"q": "not label.line=3 or label has press"}),
    ("all, by label, descending", {"sort": "-label"}),
)


def run(settings: Settings) -> list[Row]:
    times = settings.count(TIMES)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        site = plant.make(folder, (), (), controllers=("main",))
        controller = Controller(site, None)
        controller_rows.fill(f"sqlite:///{controller.home / 'controller.db'}", controller_rows.fleet(HOSTS))
        stack.enter_context(controller)
        time.sleep(SETTLE_S)
        rows, every, used = [], [], cpu_s(controller.pid)
        for what, asked in FILTERS:
            took = [_took(controller, asked) for _ in range(times)]
            every += took
            rows.append(_row(f"{what}: p95", percentile(took, 0.95), TARGET_MS))
        pages = _pages(controller)
        every += pages
        used = cpu_s(controller.pid) - used
        return [
            _row(f"every list of these, {HOSTS:,} hosts: p95", percentile(every, 0.95), TARGET_MS),
            _row("every list of these: median", median(every)),
            _row("the controller's processor time for one of them", used / len(every) * 1000),
            *rows,
            _row(f"page after page to the {len(pages)}th: p95", percentile(pages, 0.95), TARGET_MS),
            _row(f"the last {len(pages) // 10} of these pages: p95", percentile(pages[-len(pages) // 10 :], 0.95), TARGET_MS),
        ]  # fmt: skip


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
