"""Rollouts from their form to their end, and the maintenance windows that they may go by."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from browser import SMALL, WIDE
from furnished import off
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SLOW = "canary=1&size=1&soak=10m"
"""After the canary the rollout watches for ten minutes: it goes on while the test looks at it."""
BOOT = "operation=guests-boot&q=site%3Ddemo"


@pytest.fixture(autouse=True)
def as_it_was(stack: Any) -> "Iterator[None]":
    """Nothing goes on after a test, and guests are off again."""
    yield
    for one in stack.api("GET", "/rollouts")["items"]:
        if one["state"] in ("running", "paused"):
            stack.cli("rollout", "abort", one["id"], "--yes")
    off(stack)


def made(page: "Page", name: str, query: str) -> None:
    """A rollout by its form, begun."""
    page.goto(f"/rollouts/new?{query}")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Start the rollout").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def target(page: "Page", host: str) -> "Locator":
    return page.get_by_role("table", name="Hosts of the rollout").get_by_role("row").filter(has_text=host)


def test_a_rollout_is_filled_in_previewed_and_followed_to_its_end(page: "Page", stack: Any, look: Any) -> None:
    page.goto("/rollouts")
    page.get_by_role("link", name="New rollout").first.click()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("3 fields have to be mended first")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("boot all")
    page.get_by_label("Operation", exact=True).select_option("guests-boot")
    page.get_by_label("Request").fill('{"all": tru}')
    expect(page.get_by_text("This is no JSON").first).to_be_visible()
    page.get_by_label("Request").fill('{"all": true}')
    page.get_by_role("textbox", name="Selection").fill("site=demo")
    page.get_by_label("Canary").fill("demo/h2")
    page.get_by_label("Hosts in a wave").fill("50%")
    line = """guestwire rollout start 'boot all' --operation guests-boot --body '{"all": true}' --select site=demo --canary demo/h2 --wave 50% --watch"""
    expect(page.get_by_text(line)).to_be_visible()
    expect(page.get_by_role("button", name="Start the rollout")).to_be_disabled()
    page.get_by_role("button", name="Preview").click()
    preview = page.get_by_role("region", name="Preview")
    expect(preview).to_contain_text("2 hosts")
    expect(preview.get_by_role("row", name=re.compile("canary"))).to_contain_text("demo/h2")
    expect(preview.get_by_role("row", name=re.compile("wave 1"))).to_contain_text("demo/h1")
    look(page, sizes=(WIDE, SMALL))
    page.get_by_label("Canary").fill("1")
    expect(page.get_by_text("The form is another one than that of the preview")).to_be_visible()
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Start the rollout").click()
    expect(page.get_by_role("heading", name="boot all")).to_be_visible()
    expect(page.get_by_text("2 of 2 hosts done.")).to_be_visible()
    expect(page.get_by_text("✓ succeeded").first).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^canary 1"))).to_contain_text("1 succeeded")
    expect(target(page, "demo/h1")).to_contain_text("succeeded")
    expect(page.get_by_text("demo/h2 begun, wave 1")).to_be_visible()
    look(page, sizes=(WIDE, SMALL))
    target(page, "demo/h1").get_by_role("link", name="Job of demo/h1").click()
    expect(page.get_by_role("heading", name="guests-boot")).to_be_visible()
    page.goto("/rollouts")
    row = page.get_by_role("table", name="Rollouts").get_by_role("row").filter(has_text="boot all")
    expect(row).to_contain_text("2 succeeded")
    look(page)


def test_a_rollout_is_paused_resumed_and_aborted(page: "Page", look: Any) -> None:
    made(page, "stop and go", f"{BOOT}&{SLOW}")
    expect(page.get_by_text("watches the wave")).to_be_visible()
    expect(page.get_by_text("1 of 2 hosts done.")).to_be_visible()
    expect(page.get_by_text("It ends about")).to_be_visible()
    page.get_by_role("button", name="Pause…").click()
    page.get_by_label("Why").fill("look at h1 first")
    page.get_by_role("button", name="Pause the rollout").click()
    expect(page.get_by_text("paused: admin: look at h1 first")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("watches the wave")).to_be_visible()
    page.get_by_role("button", name="Abort…").click()
    abort = page.get_by_role("button", name="Abort the rollout")
    expect(abort).to_be_disabled()
    page.get_by_role("dialog").get_by_role("textbox").fill("stop and go")
    abort.click()
    expect(page.get_by_text("✕ aborted")).to_be_visible()
    expect(target(page, "demo/h1")).to_contain_text("succeeded")
    expect(target(page, "demo/h2")).to_contain_text("canceled")
    page.get_by_label("State").select_option("canceled")
    expect(target(page, "demo/h1")).to_have_count(0)
    assert "state=canceled" in page.url


def test_a_draft_is_kept_and_begun_later(page: "Page", stack: Any) -> None:
    page.goto(f"/rollouts/new?{BOOT}&name=later")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Keep as a draft").click()
    expect(page.get_by_text("It has not begun.")).to_be_visible()
    stack.cli("rollout", "go", page.url.rsplit("/", 1)[1])  # somebody else begins it: the page follows
    expect(page.get_by_text("2 of 2 hosts done.")).to_be_visible()


def test_what_failed_is_tried_again(page: "Page") -> None:
    made(page, "no such guest", "operation=guest-start&q=host%3Dh1&body=%7B%22guest%22%3A%22nobody%22%7D")
    expect(target(page, "demo/h1")).to_contain_text("NOT-FOUND")
    expect(page.get_by_text("✕ failed").first).to_be_visible()
    page.get_by_role("button", name="Try again what failed").click()
    expect(target(page, "demo/h1").get_by_role("cell", name="2", exact=True)).to_be_visible()


def test_a_rollout_that_could_not_be_read_is_asked_for_again(page: "Page", stack: Any, page_errors: Any) -> None:
    page_errors.expect("503")
    page.goto(f"/rollouts/new?{BOOT}&name=cut+off")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Keep as a draft").click()
    expect(page.get_by_text("It has not begun.")).to_be_visible()
    busy = {"code": "BUSY", "title": "Busy", "detail": "The controller is busy.", "status": 503}
    page.route("**/targets?*", lambda route: route.fulfill(status=503, json=busy))
    stack.cli("rollout", "go", page.url.rsplit("/", 1)[1])
    expect(page.get_by_text("The controller is busy. What is shown may be old.")).to_be_visible()
    expect(page.get_by_text("2 of 2 hosts done.")).to_be_visible()  # as the stream says
    page.unroute("**/targets?*")
    expect(target(page, "demo/h2")).to_contain_text("succeeded")
    expect(page.get_by_text("What is shown may be old.")).to_have_count(0)


def test_what_interrupts_wants_the_name(page: "Page") -> None:
    page.goto("/rollouts/new?operation=guests-shutdown&q=site%3Ddemo&name=lights+out")
    page.get_by_role("button", name="Preview").click()
    preview = page.get_by_role("region", name="Preview")
    expect(preview).to_contain_text("2 hosts need somebody's signature first")
    expect(preview).to_contain_text("R2, disruptive")
    page.get_by_role("button", name="Start the rollout").click()
    dialog = page.get_by_role("dialog", name="Start this rollout?")
    go = dialog.get_by_role("button", name="Start the rollout")
    expect(go).to_be_disabled()
    dialog.get_by_role("textbox").fill("lights out")
    go.click()
    expect(page.get_by_text("2 hosts wait for a signature")).to_be_visible()
    expect(target(page, "demo/h1")).to_contain_text("planned, not signed yet")


def test_errors_of_the_controller_stand_at_their_fields(page: "Page") -> None:
    page.goto(f"/rollouts/new?{BOOT}&name=x&rate=5&fastest=2")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".issue.e")).to_contain_text("max_rate is at least base_rate")
    page.get_by_role("textbox", name="Selection").fill("site=nowhere")
    page.get_by_label("But at most, in a minute").fill("")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("region", name="Preview")).to_contain_text("0 hosts")
    expect(page.get_by_role("button", name="Start the rollout")).to_be_disabled()


def test_a_rollout_that_is_not_there(page: "Page") -> None:
    page.goto("/rollouts/00000000-0000-7000-8000-000000000000")
    expect(page.get_by_text("This rollout cannot be shown")).to_be_visible()
    with page.expect_request("**/api/v1/rollouts?*state=paused*"):
        page.goto("/rollouts?state=paused")
    expect(page.get_by_text("No rollout is paused")).to_be_visible()
    expect(page.get_by_text("guestwire rollout list --state paused", exact=True)).to_be_visible()


def test_maintenance_windows_are_made_changed_and_removed(page: "Page", stack: Any, look: Any) -> None:
    page.goto("/windows")
    expect(
        page.get_by_text("guestwire window put night --open mon-fri 22:00-04:00 --zone Europe/Berlin")
    ).to_be_visible()
    page.get_by_role("button", name="New window…").first.click()
    dialog = page.get_by_role("dialog", name="New maintenance window")
    dialog.get_by_role("button", name="Save the window").click()
    expect(dialog.get_by_text("The name: small letters")).to_be_visible()
    dialog.get_by_label("Name").fill("weekend")
    for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"):
        dialog.get_by_role("checkbox", name=day).uncheck()
    dialog.get_by_role("checkbox", name="Saturday").check()
    dialog.get_by_label("From").fill("25:00")
    dialog.get_by_role("button", name="Save the window").click()
    expect(dialog.get_by_text("Times of day are written as 07:30")).to_be_visible()
    dialog.get_by_label("From").fill("00:00")
    dialog.get_by_label("To", exact=True).fill("24:00")
    expect(dialog.get_by_text("guestwire window put weekend --open sat 00:00-24:00", exact=True)).to_be_visible()
    dialog.get_by_role("button", name="Add a special day").click()
    dialog.get_by_label("Date").fill("2027-12-25")
    look(page, sizes=(WIDE, SMALL))
    dialog.get_by_role("button", name="Save the window").click()
    row = page.get_by_role("table", name="Maintenance windows").get_by_role("row").filter(has_text="weekend")
    expect(row).to_contain_text("sat 00:00-24:00; closed on 2027-12-25")
    look(page)
    row.get_by_role("button", name="Edit… weekend").click()
    dialog = page.get_by_role("dialog", name="Maintenance window weekend")
    dialog.get_by_label("Time zone").fill("Mars/Olympus")
    dialog.get_by_role("button", name="Save the window").click()
    expect(dialog.get_by_text("there is no such time zone")).to_be_visible()
    dialog.get_by_label("Time zone").fill("Europe/Berlin")
    dialog.get_by_role("button", name="Save the window").click()
    expect(row).to_contain_text("Europe/Berlin")
    row.get_by_role("link", name="Rollout in weekend").click()
    expect(page.get_by_label("Maintenance window")).to_have_value("weekend")
    page.goto("/windows")
    row.get_by_role("button", name="Remove… weekend").click()
    dialog = page.get_by_role("dialog", name="Remove this maintenance window?")
    dialog.get_by_role("textbox").fill("weekend")
    dialog.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text("No maintenance windows yet")).to_be_visible()
    assert stack.api("GET", "/windows")["items"] == []


# -- what is pure

FORM = {
    "name": "night shift", "operation": "guests-boot", "body": '{"all": true}', "q": "label.line=3 or site=demo", "canary": "10%",
    "size": "2", "rate": "30", "factor": "1.5", "fastest": "120", "soak": "2m", "success": "95", "pause": "5%", "abort": "3",
    "attempts": "2", "deadline": "1h", "note": "it's for a trial", "join": "1d",
}  # fmt: skip


def test_the_form_and_its_command_say_the_same(module_page: Any, stack: Any) -> None:
    import shlex

    said = module_page.run("views/fleet/rollout_form.js", "(m, form) => m.specOf(form)", FORM)
    assert said["wrong"] == {}
    line = module_page.run("views/fleet/rollout_form.js", "(m, form) => m.rolloutCli(form)", FORM)
    words = shlex.split(line)
    assert (words[0], words[-1]) == ("guestwire", "--watch")
    by_form = stack.api("POST", "/rollouts", said["spec"])["spec"]
    by_command = stack.cli(*words[1:-1], "--draft", "-o", "name").strip()
    assert stack.api("GET", f"/rollouts/{by_command}")["spec"] == by_form
    assert by_form["waves"]["canary"]["percent"] == 10
    assert (by_form["open_s"], by_form["soak_s"], by_form["deadline_s"]) == (86_400, 120, 3600)
    assert (by_form["thresholds"]["pause_percent"], by_form["thresholds"]["abort_count"]) == (5, 3)


def test_what_is_wrong_with_a_form(module_page: Any) -> None:
    cases = [
        ({"name": ""}, "name"), ({"operation": ""}, "operation"), ({"body": "[]"}, "body"), ({"q": ""}, "q"), ({"canary": "h1"}, "canary"),
        ({"size": "1.5"}, "size"), ({"rate": "0"}, "rate"), ({"factor": "0.5"}, "factor"), ({"soak": "5 weeks"}, "soak"),
        ({"success": "101"}, "success"), ({"project": "p"}, "revision"),
    ]  # fmt: skip
    forms = [{**FORM, **change} for change, _ in cases]
    found = module_page.table("views/fleet/rollout_form.js", "(m, form) => Object.keys(m.specOf(form).wrong)", forms)
    assert found == [[field] for _, field in cases]


def test_an_error_is_put_to_its_field(module_page: Any) -> None:
    cases = {
        "waves.canary.count": "canary", "body.waves.size": "size", "thresholds.pause_percent": "pause", "targets": "q",
        "targets.hosts.0": "hosts", "project.revision": "revision", "nothing.known": None, "": None, "name": "name",
    }  # fmt: skip
    found = module_page.table("views/fleet/rollout_form.js", "(m, path) => m.fieldOf(path) ?? null", list(cases))
    assert found == list(cases.values())


def test_about_when_a_rollout_ends(module_page: Any) -> None:
    going = {
        "state": "running",
        "started_at": 0,
        "doing": "beginning",
        "hosts": 10,
        "done": 4,
        "rate": None,
        "next_at": None,
        "soak_until": None,
    }
    cases = [
        (going, 100_000), ({**going, "done": 0}, None), ({**going, "done": 0, "rate": 10}, 100_000), ({**going, "state": "paused"}, None),
        ({**going, "doing": "joining"}, None), ({**going, "done": 10, "soak_until": 50_000}, 50_000), ({**going, "next_at": 200_000}, 200_000),
    ]  # fmt: skip
    found = module_page.table(
        "views/fleet/rollout_standing.js", "(m, rollout) => m.estimatedEnd(rollout, 40000)", [case for case, _ in cases]
    )
    assert found == [expected for _, expected in cases]


def test_days_of_a_window_in_words(module_page: Any) -> None:
    cases = [["mon"], ["mon", "tue"], ["wed", "tue", "mon"], ["mon", "tue", "wed", "sat", "sun"], ["sun", "mon"], []]
    found = module_page.table("views/fleet/window_words.js", "(m, days) => m.daysText(days)", cases)
    assert found == ["mon", "mon,tue", "mon-wed", "mon-wed,sat,sun", "mon,sun", ""]
