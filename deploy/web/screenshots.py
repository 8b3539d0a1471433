"""Takes the pictures of the dashboard that the documentation shows: `make screenshots`.

It starts a demo of its own, has something happen on it as people would, and writes each view of VIEWS as a PNG into
deploy/docs/images/dashboard. `python deploy/web/screenshots.py [NAME ...]`: these only.
"""

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "deploy/docs/images/dashboard"
sys.path.insert(0, str(ROOT / "tests/support"))

from axe import put_theme  # noqa: E402
from browser import WIDE, chromium, expect, new_context  # noqa: E402
from demo_stack import Stack, demo_stack  # noqa: E402
from furnished import edit, job, words  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Page

MACHINE = "16-core-pe"
HISTORY_S = 90.0
"""How long the charts have something to show."""
QUIET_MS = 700
H1 = "/hosts/demo/h1"


@dataclass(frozen=True)
class View:
    name: str
    path: str
    themes: tuple[str, ...] = ("dark",)


VIEWS = (
    View("fleet", "/", ("dark", "light")),
    View("rollout", "/rollouts/{rollout}"),
    View("host", H1),
    View("cpu", f"{H1}/cpu?mode=config", ("dark", "light")),
    View("memory", f"{H1}/memory?mode=config"),
    View("devices", f"{H1}/devices?mode=config"),
    View("guest", f"{H1}/guests/rtlinux"),
    View("console", f"{H1}/guests/rtlinux/console"),
    View("sync", f"{H1}/sync?mode=config"),
    View("telemetry", f"{H1}/telemetry?range=15m"),
)

DRAFT: list[dict[str, Any]] = [
    {"op": "set", "path": "guest.rtlinux.vcpus", "value": 2},
    {"op": "set", "path": "guest.rtlinux.cpuset", "value": "2-7"},
    {"op": "set", "path": "guest.rtlinux.memory_mib", "value": 2048},
    {"op": "set", "path": "guest.rtlinux.comments", "value": "Controls the press. Its cycle is 1 ms."},
    {"op": "append", "path": "guest.rtlinux.devices", "value": "0000:02:00.0"},
    {"op": "set", "path": "guest.linux1.kind", "value": "gp_comm"},
    {"op": "set", "path": "guest.linux1.memory_mib", "value": 8192},
    {"op": "set", "path": "guest.linux1.cpuset", "value": "8-11"},
    {"op": "set", "path": "guest.linux2.kind", "value": "gp_comm"},
    {"op": "set", "path": "guest.linux2.memory_mib", "value": 4096},
    {"op": "set", "path": "guest.linux2.cpuset", "value": "12-13"},
    {
        "op": "add",
        "path": "area.recipes",
        "value": {"size": 1 << 20, "default_access": "R---", "overrides": {"rtlinux": "RW--"}},
    },
    {"op": "add", "path": "area.measurements", "value": {"size": 64 << 20}},
    {"op": "add", "path": "event.recipe-ready", "value": {"signal": ["rtlinux"], "wait": ["linux1", "linux2"]}},
]


def furnish(stack: Stack) -> dict[str, str]:
    """What people do in a week. Names that addresses have in them."""
    for host, label, line in (
        ("h1", "Press 1", "3"),
        ("h2", "Press 2", "3"),
        ("h3", "Packing", "4"),
        ("h4", "Test bench", "0"),
    ):
        words(stack, f"demo/{host}", {"label": label, "labels": {"line": line}})
        if line != "0":
            job(stack, "guest-start", {"guest": "rtlinux"}, "begin of the shift", f"demo/{host}")
    job(stack, "guest-start", {"guest": "linux1"}, "visualisation", "demo/h1")
    stack.api("POST", "/groups", {"name": "presses", "selection": "label.line=3", "description": "Line 3"})
    stack.api(
        "POST",
        "/windows",
        {"name": "nights", "weekly": [{"days": ["mon", "tue", "wed"], "start": "22:00", "end": "05:00"}]},
    )
    stack.api(
        "POST", "/alarm-rules",
        {"name": "busy", "severity": "warning", "summary": "{host}: the load is {value}", "hosts": "label.line=4",
         "trigger": {"on": "metric", "series": 'guestwire_host_load{window="1m"}', "compare": ">", "value": 0.01}},
    )  # fmt: skip
    rollout = stack.api(
        "POST", "/rollouts",
        {"name": "Start linux2 everywhere", "note": "after the update of the images", "operation": "guest-start",
         "body": {"guest": "linux2"}, "targets": {"selection": "site=demo"}, "waves": {"canary": {"count": 1}}, "soak_s": 600},
    )["id"]  # fmt: skip
    stack.api("POST", f"/rollouts/{rollout}/start")
    edit(stack, "demo/h1", DRAFT)
    stack.api("POST", "/drafts/demo/h1/plan", {})
    return {"rollout": str(rollout)}


def take(page: "Page", view: View, values: dict[str, str]) -> None:
    page.goto(view.path.format(**values))
    expect(page.locator("main#view h1")).to_be_visible()
    page.wait_for_function("() => !document.querySelector('main#view [aria-busy=true]')")
    for theme in view.themes:
        put_theme(page, theme)
        page.mouse.move(0, 0)
        page.wait_for_timeout(QUIET_MS)  # charts are drawn anew, and what pointed at something is gone
        suffix = "" if theme == view.themes[0] else f"-{theme}"
        file = IMAGES / f"{view.name}{suffix}.png"
        page.screenshot(path=file)
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1024} KiB")


def main(names: list[str]) -> int:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="gw-shots-") as work,
        demo_stack(Path(work), hosts=4, machine=MACHINE) as stack,
    ):
        values = furnish(stack)
        time.sleep(HISTORY_S)
        with chromium(Path(work)) as running, running.in_use() as browser:
            context = new_context(browser, stack.cookies, base_url=stack.url, viewport=WIDE)
            page = context.new_page()
            for view in VIEWS:
                if not names or view.name in names:
                    take(page, view, values)
            context.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
