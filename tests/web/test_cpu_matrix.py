"""The CPU matrix at its largest, 128 CPUs and 10 guests: an edit is on the screen within 50 ms, a load touches what changed.

The page's own element, with services that hold a machine that no demo has: this measures. What a user does with the matrix on
a real host is in test_host.py.
"""

import json
from typing import Any

import pytest

EDIT_MS = 50
FRAME_MS = 17
STYLES = ("tokens", "base", "parts", "host")

MOUNT = """async (cpuView, [base, styles]) => {
  for (const name of styles) {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: `${base}styles/${name}.css` });
    const there = new Promise((resolve) => { link.onload = resolve; });
    document.head.append(link);
    await there;
  }
  document.documentElement.dataset.theme = "dark";
  const { edited } = await import(`${base}core/edit_paths.js`);
  const cpus = Array.from({ length: 128 }, (_, id) => ({
    id, node: Math.floor((id % 64) / 16), core: id % 64, die: 0, package: id % 64 < 32 ? 0 : 1, siblings: [(id + 64) % 128],
    online: true, kind: "-", isolated: false,
  }));
  const guests = Array.from({ length: 10 }, (_, at) => ({
    name: `guest-${at}`, id: `GUEST000${at}`, kind: at < 2 ? "rt" : "gp", vcpus: 4, memory_mib: 2048, hugepages_mib: 0, heap_mib: 0,
    cpuset: at < 2 ? `${40 + 5 * at}-${44 + 5 * at}` : `${4 * at}-${4 * at + 3}`, numatune: "auto", disabled: false,
  }));
  const active = { policy: { profile: "kvm-rt", remaining_host_memory_mib: 1024 }, host_cpuset: null, guests, areas: [], settings: { hugepages: [] } };
  const draft = Object.assign(new EventTarget(), {
    document: structuredClone(active), active, issues: [], loaded: true, problem: null,
    changed: () => false, before: () => undefined, issuesAt: () => [],
    edit(edits) { this.document = edited(this.document, edits); this.edits = edits; this.dispatchEvent(new Event("change")); },
  });
  Object.defineProperty(draft, "shown", { get: () => draft.document });
  const topology = { cpus, nodes: [0, 1, 2, 3].map((id) => ({ id, memory_mib: 65536, hugepages: [] })), caches: [], devices: [] };
  const data = Object.assign(new EventTarget(), { inventory: { topology, host: { facts: { memory_mib: 262144 } } }, detail: null, error: null });
  let reading = 0;
  const series = () => ({ items: cpus.map((cpu) => ({ labels: { cpu: String(cpu.id) }, time: reading, value: reading / 1000 * (cpu.id / 256) })) });
  window.sent = { draft, refused: 0 };
  const view = document.createElement("gw-host-cpu");
  view.params = { site: "demo", host: "h1" };
  view.services = {
    hosts: { of: () => data }, drafts: { of: () => draft }, session: { may: () => true }, router: { mode: "config", set() {} },
    api: { get: async () => ({ rows: [] }), all: async () => { reading += 1000; return series().items; } }, live: { on: () => () => {} },
    say: { info() { window.sent.refused += 1; } },
  };
  const main = document.createElement("main");
  document.body.append(main);
  main.append(view);
  await view.updateComplete;
  window.view = view;
}"""

EDITS = """async () => {
  const painted = () => new Promise((resolve) => requestAnimationFrame(() => { const after = new MessageChannel();
    after.port1.onmessage = () => resolve(performance.now()); after.port2.postMessage(0); }));
  const took = [];
  const cells = [...document.querySelectorAll('.cpu-cell')];
  for (let edit = 0; edit < 40; edit += 1) {
    const cell = cells[(edit * 37) % cells.length];
    await painted();
    const begun = performance.now();
    cell.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true, button: 0 }));
    cell.dispatchEvent(new PointerEvent("pointerup", { bubbles: true, button: 0 }));
    took.push(await painted() - begun);
  }
  return took.sort((one, other) => one - other);
}"""

TOUCHED = """async (_, loads) => {
  const grid = document.querySelector("gw-cpu-grid");
  grid.loads = new Map(Array.from({ length: 128 }, (_, cpu) => [cpu, 0.5]));
  let touched = 0;
  const watch = new MutationObserver((list) => { touched += list.length; });
  watch.observe(grid, { subtree: true, childList: true, characterData: true, attributes: true });
  grid.loads = new Map(Array.from({ length: 128 }, (_, cpu) => [cpu, loads[cpu] ?? 0.5]));
  await Promise.resolve();
  watch.disconnect();
  return touched;
}"""


@pytest.fixture
def matrix(module_page: Any) -> Any:
    module_page.run("views/host/cpu.js", MOUNT, [module_page.base, list(STYLES)])
    return module_page.page


def worked_ms(trace: bytes) -> float:
    """What the page's main thread worked: scripts, styles, layout, paint. Its own time: other processes' is not in it."""
    threads: dict[tuple[int, int], float] = {}
    for event in json.loads(trace)["traceEvents"]:
        if event["name"] == "RunTask" and "tdur" in event:
            thread = (event["pid"], event["tid"])
            threads[thread] = threads.get(thread, 0.0) + event["tdur"] / 1000
    return max(threads.values())


def test_an_edit_is_painted_in_50_ms(matrix: Any, browser: Any, record_property: Any) -> None:
    assert matrix.locator(".cpu-cell").count() == 128 * 11
    browser.start_tracing(page=matrix, categories=["devtools.timeline", "disabled-by-default-devtools.timeline"])
    took = matrix.evaluate(EDITS)
    work = worked_ms(browser.stop_tracing()) / len(took)
    record_property("edit_ms", {"work": work, "median": took[len(took) // 2], "least": took[0]})
    print(f"an edit: {work:.1f} ms of work; painted after {took[len(took) // 2]:.1f} ms, at best {took[0]:.1f} ms")
    assert 1 < work <= EDIT_MS - FRAME_MS  # at worst it waits for a frame; how busy the machine is besides is not in it
    assert matrix.locator("td.changed").count() > 0


def test_an_edit_touches_its_own_cells_only(matrix: Any) -> None:
    touched = matrix.evaluate(
        """async () => {
          const cells = new Set();
          const watch = new MutationObserver((list) => list.forEach((one) => {
            const cell = (one.target.nodeType === 3 ? one.target.parentElement : one.target).closest("td, th");
            if (cell && !cell.classList.contains("cpu-load")) cells.add(cell);
          }));
          watch.observe(document.querySelector("gw-cpu-grid"), { subtree: true, childList: true, characterData: true, attributes: true });
          const cell = document.querySelector('[aria-label="CPU100 to guest-5"]');
          cell.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true, button: 0 }));
          cell.dispatchEvent(new PointerEvent("pointerup", { bubbles: true, button: 0 }));
          await view.updateComplete;
          watch.disconnect();
          return cells.size;
        }"""
    )
    assert 1 <= touched <= 3
    assert matrix.get_by_role("checkbox", name="CPU100 to guest-5", exact=True).get_attribute("aria-checked") == "true"


def test_loads_touch_what_changed(matrix: Any) -> None:
    run = matrix.evaluate(f"({TOUCHED})(null, {{7: 0.9, 8: 0.501}})")
    assert run == 2  # the text and the bar of CPU7; 0.501 is shown as 0.5 is


def test_keys_move_and_set(matrix: Any) -> None:
    first = matrix.get_by_role("checkbox", name="CPU0 to HOST", exact=True)
    first.focus()
    assert matrix.locator('.cpu-cell[tabindex="0"]').count() == 1
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "Space"):
        matrix.keyboard.press(key)
    # rows are by place: CPU0 and its sibling CPU64, then CPU1
    assert matrix.evaluate("document.activeElement.getAttribute('aria-label')") == "CPU1 to guest-2"
    assert matrix.evaluate("sent.draft.edits") == [{"op": "set", "path": "guest.guest-2.cpuset", "value": "1,8-11"}]
    matrix.keyboard.press("End")
    assert matrix.evaluate("document.activeElement.getAttribute('aria-label')") == "CPU1 to guest-9"
    matrix.keyboard.press("Control+End")
    assert matrix.evaluate("document.activeElement.getAttribute('aria-label')") == "CPU127 to guest-9"
    matrix.keyboard.press("Shift+Tab")
    assert not matrix.evaluate("document.activeElement.matches('.cpu-cell')")


def test_a_drag_and_shift_set_rows(matrix: Any) -> None:
    def cell(cpu: int) -> Any:
        return matrix.get_by_role("checkbox", name=f"CPU{cpu} to guest-9", exact=True)

    cell(0).hover()
    matrix.mouse.down()
    cell(1).hover()
    assert matrix.locator(".cpu-chosen").count() == 3
    matrix.mouse.up()
    assert matrix.evaluate("sent.draft.edits[0].value") == "0-1,36-39,64"
    cell(2).click(modifiers=["Shift"])
    assert matrix.evaluate("sent.draft.edits[0].value") == "0-2,36-39,64-65"
