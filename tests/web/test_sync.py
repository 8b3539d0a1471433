"""From an edit in Config mode to the host: the drawer, the plan, the apply with its stages, what blocks it, the countdown."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from config_mode import drawer, edit_in
from furnished import edit
from put_back import active, ended, put_back, rebased

if TYPE_CHECKING:
    from conftest import ModulePage
    from demo_stack import Stack
    from playwright.sync_api import Locator, Page

HOST = "demo/h1"
PLACE = f"/hosts/{HOST}"


@pytest.fixture
def host(stack: "Stack") -> "Iterator[Any]":
    """What the host has; it has that again afterwards."""
    with put_back(stack, HOST) as before:
        yield before


def memory(mib: int, guest: str = "linux1") -> dict[str, Any]:
    return {"op": "set", "path": f"guest.{guest}.memory_mib", "value": mib}


def test_an_edit_is_pending_then_planned_applied_and_true(page: "Page", stack: "Stack", host: Any) -> None:
    page.goto(f"{PLACE}/guests?mode=config")
    edit_in(page, HOST, memory(512))
    side = drawer(page)
    side.get_by_role("link", name="changed memory: 256 MiB → 512 MiB").wait_for()
    side.get_by_text("Saved, not applied.").wait_for()
    assert "Impact: nothing that runs is interrupted." in side.inner_text()
    page.get_by_role("link", name=re.compile("Sync · 1 change")).wait_for()

    side.get_by_role("link", name="Review and apply…").click()
    restart = page.get_by_role("region", name="Changes: Guest restart")
    restart.get_by_role("row", name="changed guests / linux1 memory 256 MiB 512 MiB").wait_for()
    page.get_by_label("A word for the history").fill("more for the web")
    page.get_by_role("button", name="Apply", exact=True).click()
    progress = page.get_by_role("region", name="Progress")
    progress.get_by_text("In sync.").wait_for()
    assert "Carried out" in progress.inner_text()
    side.get_by_text("Nothing differs from the host.").wait_for()

    now = active(stack, HOST)
    assert now["revision"]["number"] == host["revision"]["number"] + 1
    assert "more for the web" in now["revision"]["comment"]
    assert next(one for one in now["desired"]["guests"] if one["name"] == "linux1")["memory_mib"] == 512

    page.reload()  # the address has the plan: the same job is shown
    progress.get_by_text("In sync.").wait_for()


def test_undo_redo_and_discard(page: "Page", stack: "Stack", host: Any) -> None:
    page.goto(f"{PLACE}/guests?mode=config")
    side = drawer(page)
    edit_in(page, HOST, memory(384))
    line = side.get_by_role("link", name="changed memory: 256 MiB → 384 MiB")
    line.wait_for()
    side.get_by_role("button", name="Undo").click()
    line.wait_for(state="detached")
    page.keyboard.press("Control+y")
    line.wait_for()
    line.click()
    page.wait_for_url("**/guests/linux1?**field=guests.linux1.memory_mib**")
    side.get_by_role("button", name="Discard").click()
    page.get_by_role("dialog", name="Discard the draft").get_by_role("button", name="Discard").click()
    side.get_by_text("There is no draft of this host.").wait_for()
    assert stack.ask("GET", f"/drafts/{HOST}").status_code == 404


def test_an_error_blocks_and_leads_to_its_field(page: "Page", stack: "Stack", host: Any) -> None:
    edit(stack, HOST, [{"path": "guest.rtlinux.cpuset", "value": "3"}])
    page.goto(f"{PLACE}/sync?mode=config")
    way = page.get_by_role("region", name="In its way")
    way.get_by_text("VALIDATION-FAILED").wait_for()
    assert page.get_by_role("button", name=re.compile("^Apply")).is_disabled()
    way.get_by_role("link", name=re.compile("3 gives rtlinux 1 cores")).click()
    page.wait_for_url("**/hosts/demo/h1/cpu?**field=guests.rtlinux.cpuset**")
    checks = drawer(page).get_by_role("link", name=re.compile("3 gives rtlinux 1 cores"))
    checks.wait_for()
    edit_in(page, HOST, {"op": "set", "path": "guest.rtlinux.cpuset", "value": "2-3"})
    checks.wait_for(state="detached")


def test_a_plan_is_made_again_when_the_draft_was_edited_since(page: "Page", stack: "Stack", host: Any) -> None:
    edit(stack, HOST, [memory(320)])
    page.goto(f"{PLACE}/sync?mode=config")
    page.get_by_role("row", name=re.compile("256 MiB 320 MiB")).wait_for()
    edit(stack, HOST, [memory(352)])
    way = page.get_by_role("region", name="In its way")
    way.get_by_text("PLAN-STALE").wait_for()
    assert page.get_by_role("button", name="Apply", exact=True).is_disabled()
    way.get_by_role("button", name="Plan again").click()
    page.get_by_role("row", name=re.compile("256 MiB 352 MiB")).wait_for()
    way.wait_for(state="detached")


def apply_by_hand(page: "Page", stack: "Stack", mib: int) -> "Locator":
    """A change that a person confirms; its countdown runs then."""
    edit(stack, HOST, [memory(mib)])
    page.goto(f"{PLACE}/sync?mode=config")
    page.get_by_label("Confirmed", exact=True).select_option("manual")
    page.get_by_label("Undone after (seconds)").fill("120")
    page.get_by_role("button", name="Apply", exact=True).click()
    timer = page.get_by_role("timer")
    timer.wait_for()
    return timer


def test_what_is_not_confirmed_is_undone(page: "Page", stack: "Stack", host: Any) -> None:
    timer = apply_by_hand(page, stack, 448)
    assert active(stack, HOST)["state"] == "confirm_wait"
    page.reload()  # in the middle: the same countdown
    timer.wait_for()
    assert re.search(r"\d+ (s|min)", timer.inner_text())
    page.get_by_role("button", name="Undo now").click()
    page.get_by_text("It was not confirmed, and is undone").wait_for()
    assert active(stack, HOST)["revision"]["hash"] == host["revision"]["hash"]
    page.get_by_role("button", name="Plan again").first.click()
    page.get_by_role("button", name="Apply", exact=True).wait_for()


def test_what_is_confirmed_is_kept(page: "Page", stack: "Stack", host: Any, look: Callable[..., None]) -> None:
    apply_by_hand(page, stack, 480)
    look(page)
    page.get_by_role("button", name="Confirm", exact=True).click()
    page.get_by_role("region", name="Progress").get_by_text("In sync.").wait_for()
    assert active(stack, HOST)["state"] == "in_sync"
    assert active(stack, HOST)["revision"]["number"] == host["revision"]["number"] + 1


def test_a_disk_is_lost_only_when_its_path_was_typed(page: "Page", stack: "Stack", host: Any) -> None:
    edit(stack, HOST, [{"op": "append", "path": "guest.linux1.disks", "value": {"size_mib": 64}}])
    plan = stack.api("POST", f"/drafts/{HOST}/plan", {})
    made = ended(stack, stack.api("POST", f"/drafts/{HOST}/apply", {"plan_id": plan["plan"]["plan_id"]}))
    rebased(stack, HOST, made["reply"]["revision"]["number"])
    guest = next(one for one in active(stack, HOST)["desired"]["guests"] if one["name"] == "linux1")
    disk = guest["disks"][0]["path"]
    edit(stack, HOST, [{"op": "default", "path": "guest.linux1.disks.0"}])

    page.goto(f"{PLACE}/sync?mode=config")
    apply = page.get_by_role("button", name=re.compile("^Apply"))
    apply.wait_for()
    assert apply.is_enabled(), "the image stays, unless somebody says otherwise"
    page.get_by_label(f"Delete the disk image {disk} too").check()
    typed = page.get_by_label(f"Type {disk}")
    typed.wait_for()
    page.get_by_text("R3, destroys data").first.wait_for()
    assert apply.is_disabled()
    typed.fill(disk[:-1])
    assert apply.is_disabled()
    typed.fill(disk)
    apply.click()
    dialog = page.get_by_role("dialog", name="Sign what is to be allowed")
    dialog.get_by_text("up to R3, destroys data").wait_for()
    dialog.get_by_role("button", name="Not now").click()
    [approval] = stack.api("GET", "/approvals", state="open")["items"]
    stack.cli("--yes", "approval", "sign", approval["id"])
    page.get_by_role("region", name="Progress").get_by_text("In sync.").wait_for()


def test_what_takes_a_reboot_waits_for_it(page: "Page", stack: "Stack", host: Any, look: Callable[..., None]) -> None:
    edit(stack, HOST, [{"path": "settings.hugepages", "value": [{"size_mib": 1024, "pages": 2}]}])
    page.goto(f"{PLACE}/sync?mode=config")
    page.get_by_role("region", name="Changes: Host reboot").get_by_role("row", name="hugepages").wait_for()
    page.get_by_text("Impact: host reboot for hugepages. Est. 3 min outage.").first.wait_for()
    page.get_by_role("button", name="Apply and sign…").click()
    page.get_by_role("dialog", name="Sign what is to be allowed").get_by_role("button", name="Not now").click()
    [approval] = stack.api("GET", "/approvals", state="open")["items"]
    stack.cli("--yes", "approval", "sign", approval["id"])
    progress = page.get_by_role("region", name="Progress")
    progress.get_by_text("the host has to be rebooted").wait_for()
    progress.get_by_role("button", name="Reboot the host…").wait_for()
    look(page)
    progress.get_by_role("button", name="Undo now").click()
    progress.get_by_text("It was undone before the reboot").wait_for()
    assert active(stack, HOST)["revision"]["hash"] == host["revision"]["hash"]


def test_the_drawer_tells_what_needs_attention(page: "Page", stack: "Stack", look: Callable[..., None]) -> None:
    job = stack.api("POST", "/jobs", {"operation": "host-reboot", "hosts": [HOST], "body": {}})["items"][0]
    try:
        page.goto(PLACE)
        side = drawer(page)
        side.get_by_role("heading", name="Needs attention").wait_for()
        side.get_by_role("link", name="host-reboot").wait_for()
        look(page)
    finally:
        stack.api("POST", f"/jobs/{job['id']}/cancel")


JOB: dict[str, Any] = {
    "state": "succeeded", "finished": True, "created_at": 1, "sent_at": 2, "accepted_at": 3, "finished_at": 4, "plan_id": "p",
    "approval": None, "window": None, "not_before": None, "reply": {"state": "confirm_wait", "revision": {"number": 5, "hash": "h"}},
}  # fmt: skip
WAITS = {"state": "confirm_wait", "plan_id": "p", "revision": {"number": 5, "hash": "h"}}
OUTCOMES: tuple[tuple[dict[str, Any], Any, str, str], ...] = (
    ({"state": "waiting-approval", "finished": False, "sent_at": None}, None, "waits", "signed"),
    ({"state": "waiting-window", "finished": False, "sent_at": None, "window": "night"}, None, "waits", "window"),
    ({"state": "running", "finished": False}, None, "runs", "done"),
    ({"reply": {"state": "in_sync", "revision": {"number": 5, "hash": "h"}}}, None, "kept", ""),
    ({}, None, "confirm", "kept"),
    ({}, WAITS, "confirm", "kept"),
    ({}, {**WAITS, "state": "waiting_reboot"}, "reboot", "kept"),
    ({"reply": {**JOB["reply"], "state": "waiting_reboot"}}, None, "reboot", "kept"),
    ({}, {"state": "in_sync", "plan_id": None, "revision": {"number": 5, "hash": "h"}}, "kept", ""),
    ({}, {"state": "in_sync", "plan_id": None, "revision": {"number": 7, "hash": "x"}}, "kept", ""),
    ({}, {"state": "rolled_back", "plan_id": None, "revision": {"number": 4, "hash": "g"}}, "undone", "kept"),
    ({"state": "failed", "reply": None}, None, "failed", "done"),
    ({"state": "rolled-back", "reply": None}, None, "failed", "done"),
    ({"state": "canceled", "reply": None, "sent_at": None, "accepted_at": None}, None, "ended", "sent"),
)


def test_what_has_come_of_an_apply(module_page: "ModulePage") -> None:
    function = """(m, [job, config]) => {
      const found = m.outcome(job, config);
      return [found, m.stages(job, found).find((one) => one.standing === "now" || one.standing === "failed")?.id ?? ""];
    }"""
    cases = [
        [{**JOB, **job, **({"approval": "a"} if job.get("state") == "waiting-approval" else {})}, config]
        for job, config, _, _ in OUTCOMES
    ]
    found = module_page.table("views/sync/apply_stages.js", function, cases)
    assert found == [[outcome, stage] for _, _, outcome, stage in OUTCOMES]


ITEM = {"op": "update", "object": "guests.web", "effect": "guest_restart", "risk": 1}
IMPACTS: tuple[tuple[list[dict[str, Any]], list[str], str], ...] = (
    ([], ["web"], "Nothing that runs is interrupted."),
    ([{**ITEM, "field": "memory_mib", "outage_s": 0}], [], "Nothing that runs is interrupted."),
    ([{**ITEM, "field": "memory_mib", "outage_s": 0}], ["web"], "web has it after the next start."),
    (
        [{**ITEM, "field": "memory_mib", "outage_s": 35}, {**ITEM, "field": "vcpus", "outage_s": 35}], ["web"],
        "web restarts. 1 guest affected, est. 35 s outage.",
    ),
    (
        [
            {**ITEM, "field": "memory_mib", "outage_s": 35},
            {"op": "tune", "object": "settings", "field": "hugepages", "effect": "host_reboot", "outage_s": 35},
        ],
        ["web", "plc"], "web restarts, host reboot for hugepages. 2 guests affected, est. 1 min 10 s outage.",
    ),
)  # fmt: skip


def test_what_a_plan_comes_to(module_page: "ModulePage") -> None:
    cases = [[items, running] for items, running, _ in IMPACTS]
    found = module_page.table("core/plan.js", "(m, [items, running]) => m.impact(items, running).text", cases)
    assert found == [text for _, _, text in IMPACTS]


LINES: tuple[tuple[dict[str, Any], list[str]], ...] = (
    (
        {"op": "tune", "object": "guests.rt", "field": "cpuset", "before": '"15"', "after": '"14,15"'},
        ["changed", "guests / rt", "cpus", "15", "14, 15"],
    ),
    (
        {"op": "update", "object": "areas.plc-io", "field": "overrides.plc", "before": None, "after": '"RW--"'},
        ["added", "memory areas / plc-io", "access plc", "not set", "RW--"],
    ),
    (
        {"op": "delete", "object": "guests.old", "before": '{"name":"old","memory_mib":256}', "after": None},
        ["removed", "guests / old", "guest old", "name old, memory 256 MiB", "not set"],
    ),
    (
        {"op": "tune", "object": "host_cpuset", "before": '"0-1"', "after": None},
        ["removed", "host / cpu", "host CPUs", "0-1", "not set"],
    ),
    (
        {"op": "update", "object": "settings", "field": "airgap", "before": "false", "after": "true"},
        ["changed", "host / settings", "air gap", "no", "yes"],
    ),
)  # fmt: skip


def test_changes_as_lines(module_page: "ModulePage") -> None:
    function = "(m, item) => { const l = m.itemLine(item); return [l.kind, l.group, l.label, l.before, l.after]; }"
    assert module_page.table("core/plan.js", function, [item for item, _ in LINES]) == [line for _, line in LINES]


@pytest.mark.parametrize(
    ("path", "page_of"),
    [
        ("guests.rt.cpuset", "/cpu"),
        ("guests.rt.memory_mib", "/guests/rt"),
        ("guests.rt.devices.0", "/guests/rt/devices"),
        ('guests."a b".nics', "/guests/a%20b/network"),
        ("areas.plc-io.size", "/areas/plc-io"),
        ("events.go.signal", "/events/go"),
        ("networks.lan.cidr", "/network"),
        ("settings.hugepages", "/memory"),
        ("settings.swap_mib", "/settings"),
        ("policy.profile", "/settings"),
        ("autostart.active", "/autostart"),
        ("host_cpuset", "/cpu"),
    ],
)
def test_the_page_of_a_place(module_page: "ModulePage", path: str, page_of: str) -> None:
    assert module_page.run("core/places.js", "(m, path) => m.pageOf(path)", path) == page_of
