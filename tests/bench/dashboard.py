"""The dashboard in a real Chromium, over a real controller: what the first load takes, what 500 hosts that change 50 times a second cost
the browser, how fast the CPU matrix answers, how a table of 2,000 hosts scrolls.

Browser, controller, broker and hosts share the processors.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dashboard_machine
from children import Child, ChildFailed, broker, python, scratch
from controller_ingest_batches import host_name
from controller_process import Controller, wait_until
from controller_site import states_of
from dashboard_browser import Seen, chromium, seen, transferred
from plant import SITE, Plant
from plant import make as make_plant
from rows import Row, median, percentile
from settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTS, MANY_HOSTS, FEW_HOSTS = 500, 2000, 5
CHANGES = 50
BUSY_S, GROWTH_S, QUICK_GROWTH_S = 60.0, 600.0, 60.0
WARM_S = 5.0
"""What is loaded after the page can be used is there then, and what only the first changes need is compiled."""
MACHINE, GUESTS, EDITS = "machine", 10, 50
KIB = 1024
READY_S = 300.0
NAME = "dashboard"

USABLE = """
window.usable = new Promise((resolve) => {
  const look = () => {
    const row = document.querySelector("gw-table tbody a[href^='/hosts/']");
    const head = document.querySelector("gw-table thead th:nth-child(3) button");
    if (!row || !head) { requestAnimationFrame(look); return; }
    const shown = performance.now();
    const before = head.closest("th").getAttribute("aria-sort");
    head.click();
    const answered = () => {
      if (document.querySelector("gw-table thead th:nth-child(3)").getAttribute("aria-sort") === before) requestAnimationFrame(answered);
      else resolve({ shown, answered: performance.now() });
    };
    requestAnimationFrame(answered);
  };
  requestAnimationFrame(look);
});
"""
"""When the table of hosts has rows, and when it has answered a click: milliseconds since the navigation began."""

EDIT = """async ([first, edits]) => {
  const painted = () => new Promise((resolve) => requestAnimationFrame(() => {
    const after = new MessageChannel();
    after.port1.onmessage = () => resolve(performance.now());
    after.port2.postMessage(0);
  }));
  const took = [];
  for (let edit = first; edit < first + edits; edit += 1) {
    const cells = [...document.querySelectorAll(".cpu-cell")];
    const cell = cells[(edit * 389) % cells.length];
    const before = cell.getAttribute("aria-checked");
    await painted();
    const begun = performance.now();
    for (const kind of ["pointerdown", "pointerup"]) cell.dispatchEvent(new PointerEvent(kind, { bubbles: true, button: 0 }));
    const end = await painted();
    took.push([end - begun, cell.getAttribute("aria-checked") !== before]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return took;
}"""

SCROLL = """async () => {
  const area = document.querySelector(".scrolls");
  const frames = [];
  let before = performance.now();
  const end = area.scrollHeight - area.clientHeight;
  for (let at = 0; at <= end; at += 300) {
    area.scrollTop = at;
    const now = await new Promise((resolve) => requestAnimationFrame(resolve));
    frames.push(now - before);
    before = now;
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  const box = area.getBoundingClientRect();
  const rows = [...document.querySelectorAll("gw-table tbody a[href^='/hosts/']")].filter((one) => {
    const place = one.getBoundingClientRect();
    return place.bottom > box.top && place.top < box.bottom;
  });
  return { frames: frames.slice(1), rows: rows.length };
}"""


def run(settings: Settings) -> list[Row]:
    with chromium() as browser:
        with _site(HOSTS, there=True) as (_, controller, _, hosts):
            rows = [*first_load(settings, browser, controller), *changes(settings, browser, controller, hosts)]
        with _site(FEW_HOSTS, there=True) as (site, controller, port, _):
            rows += matrix(browser, site, controller, port)
        with _site(MANY_HOSTS, there=False) as (_, controller, _, _):
            return [*rows, *scrolling(browser, controller)]


def first_load(settings: Settings, browser: "Browser", controller: Controller) -> list[Row]:
    """The fleet, as somebody sees it who has a session and an empty cache."""
    _usable(browser, controller)  # the server has read its files
    found = [_usable(browser, controller) for _ in range(settings.runs)]
    files, said, usable, shown = zip(*found, strict=True)
    name = f"first load, {HOSTS} hosts"
    return [
        Row(NAME, f"{name}: page, scripts and styles as they came", median(files) / KIB, "KiB", None, "<=", 250),
        Row(NAME, f"{name}: answers of the API until then", median(said) / KIB, "KiB"),
        Row(NAME, f"{name}: the table has rows and answers a click", median(usable) / 1000, "s", None, "<=", 1.0),
        Row(NAME, f"{name}: the table has rows", median(shown) / 1000, "s"),
    ]


def _usable(browser: "Browser", controller: Controller) -> tuple[float, float, float, float]:
    """Bytes of files, bytes of answers, milliseconds until a click was answered, and until there were rows."""
    with seen(browser, controller.url, USABLE) as page:
        loaded = transferred(page)
        page.page.goto("/")
        times: dict[str, float] = page.page.evaluate("window.usable")
        page.page.wait_for_load_state("load")
        return sum(loaded["web"]) + sum(loaded["page"]), sum(loaded["api"]), times["answered"], times["shown"]


def changes(settings: Settings, browser: "Browser", controller: Controller, hosts: Child) -> list[Row]:
    """The fleet's page stays open while hosts change."""
    seconds = QUICK_GROWTH_S if settings.quick else GROWTH_S
    name = f"{HOSTS} hosts at {CHANGES} changes a second"
    with ThreadPoolExecutor(1) as beside, seen(browser, controller.url) as page:
        page.page.goto("/")
        page.page.locator("gw-table tbody a").first.wait_for()
        lasting = seconds + 2 * WARM_S + 30
        changing = beside.submit(hosts.order, {"rate": CHANGES, "seconds": lasting}, lasting + 60)
        page.page.wait_for_timeout(WARM_S * 1000)
        heard, began = _heard(controller), time.monotonic()
        text, heap = page.page.locator("gw-table").first.inner_text(), page.heap()
        busy = page.busy(min(BUSY_S, seconds))
        page.page.wait_for_timeout(max(0.0, seconds - (time.monotonic() - began)) * 1000)
        rate = (_heard(controller) - heard) / (time.monotonic() - began)
        grown = page.heap() / heap - 1
        if page.page.locator("gw-table").first.inner_text() == text or page.wrong:
            raise ChildFailed(f"the page shows no changes, or failed: {page.wrong}")
        changing.result()
    return [
        Row(NAME, f"{name}: the main thread's time, share of one processor", busy * 100, "%", None, "<=", 10),
        Row(NAME, f"{name}: the heap after a collection, growth in {seconds / 60:g} min", grown * 100, "%", None, "<=", 5),
        Row(NAME, f"{name}: the heap after a collection, at first", heap / (1 << 20), "MiB"),
        Row(NAME, f"{name}: changes that the controller heard", rate, "1/s", None, ">=", CHANGES * 0.95),
    ]  # fmt: skip


def matrix(browser: "Browser", site: Plant, controller: Controller, port: int) -> list[Row]:
    """A host with 128 CPUs and ten guests, whose draft is edited cell by cell; the controller takes each edit meanwhile."""
    simulated = {"machine": dashboard_machine.NAME, "guests": GUESTS}
    config = site.config(MACHINE, port, simulated=simulated)
    command = python("dashboard_machine.py", "run", "--config", str(config))
    with Child(command, "free", log=config.with_suffix(".log")), seen(browser, controller.url) as page:
        api, host = controller.api, f"{SITE}/{MACHINE}"
        wait_until(lambda: api.get(f"/hosts/{host}")["state"] == "online", READY_S, "the host is online")
        wait_until(lambda: len(api.get(f"/hosts/{host}")["guest_list"]) == GUESTS, READY_S, "its inventory is read")
        api.post(f"/drafts/{host}/pull", {})
        page.page.goto(f"/hosts/{host}/cpu?mode=config")
        page.page.locator(".cpu-cell").first.wait_for()
        page.page.wait_for_timeout(WARM_S * 1000)
        cells = page.page.locator(".cpu-cell").count()
        if cells != 128 * (GUESTS + 1):
            raise ChildFailed(f"the matrix has {cells} cells")
        page.page.evaluate(EDIT, [1000, 10])  # what the first edits compile
        found = page.page.evaluate(EDIT, [0, EDITS])
        if page.wrong:
            raise ChildFailed(f"the page failed: {page.wrong}")
    took = [ms for ms, _ in found]
    name = f"CPU matrix of 128 CPUs and {GUESTS} guests"
    return [
        Row(NAME, f"{name}: from a click to the paint, median", median(took), "ms", None, "<=", 50),
        Row(NAME, f"{name}: from a click to the paint, p95", percentile(took, 0.95), "ms", None, "<=", 50),
        Row(NAME, f"{name}: cells that had changed by then", sum(done for _, done in found) / len(found), "", None, ">=", 0.9),
    ]  # fmt: skip


def scrolling(browser: "Browser", controller: Controller) -> list[Row]:
    """From the first of all hosts to the last, 300 pixels a frame."""
    with seen(browser, controller.url) as page:
        page.page.goto("/")
        page.page.locator("gw-table tbody a").first.wait_for()
        page.page.wait_for_timeout(WARM_S * 1000)
        before = page.metrics()["TaskDuration"]
        found: dict[str, Any] = page.page.evaluate(SCROLL)
        each = (page.metrics()["TaskDuration"] - before) / len(found["frames"])
    name = f"table of {MANY_HOSTS:,} hosts, scrolled to its end"
    return [
        Row(NAME, f"{name}: a frame, median", median(found["frames"]), "ms"),
        Row(NAME, f"{name}: a frame, p95", percentile(found["frames"], 0.95), "ms"),
        Row(NAME, f"{name}: the main thread's processor time for a frame", each * 1000, "ms"),
        Row(NAME, f"{name}: rows in view at the end", found["rows"], "", None, ">=", 10),
    ]


@contextmanager
def _site(count: int, *, there: bool) -> Iterator[tuple[Plant, Controller, int, Child]]:
    """A controller that knows `count` hosts and has let them in. `there`: they say that they are, and the machine may come."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        names = tuple(host_name(n) for n in range(count))
        plant = make_plant(folder, (*names, MACHINE), ("admin",), controllers=("main",))
        mosquitto, port = broker("mosquitto")
        stack.enter_context(mosquitto)
        controller = stack.enter_context(Controller(plant, port))
        wait_until(lambda: _known(controller) == count + 1, READY_S, f"{count} hosts are known by the trust document")
        while controller.api.post("/hosts/approve", {"selection": ""})["left"]:
            pass
        command = python("dashboard_hosts.py", str(folder), str(port), str(count if there else 0))
        hosts = stack.enter_context(Child(command, "free"))
        hosts.answer(READY_S)
        online = count if there else 0
        wait_until(
            lambda: states_of(controller.own()).get("online", 0) == online, READY_S, f"{online} hosts are online"
        )
        yield plant, controller, port, hosts


def _known(controller: Controller) -> int:
    return sum(states_of(controller.own()).values())


def _heard(controller: Controller) -> float:
    return controller.own().get('statements_heard_total{kind="reported"}', 0.0)


def profile(page: Seen, seconds: float) -> str:
    """Where the main thread's time goes, as text: for who looks for the reason of a bad number."""
    return "\n".join(f"{own * 1000:8.1f} ms  {name}" for name, own in page.profile(seconds)[:30])
