"""Jobs: the list with its filters, a job's page, and what is done about one."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from browser import ANSWER_MS, SMALL, WIDE
from furnished import off
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

WINDOW = "jobs-never"


@pytest.fixture
def never(stack: Any) -> "Iterator[str]":
    """A maintenance window that is shut: jobs that go by it wait."""
    spec = {"name": WINDOW, "exceptions": [{"date": "2100-01-01", "start": "00:00", "end": "01:00"}]}
    revision = stack.api("POST", "/windows", spec)["revision"]
    yield WINDOW
    for job in stack.api("GET", "/jobs", state="waiting-window")["items"]:
        stack.cli("job", "cancel", job["id"])
    stack.api("DELETE", f"/windows/{WINDOW}", headers={"If-Match": f'"{revision}"'})


def ordered(stack: Any, operation: str, *hosts: str, **more: Any) -> list[str]:
    made = stack.api("POST", "/jobs", {"operation": operation, "hosts": list(hosts), **more})
    return [job["id"] for job in made["items"]]


def ended(stack: Any, job: str) -> str:
    return str(stack.api("GET", f"/jobs/{job}", wait_s=30)["state"])


def rows(page: "Page") -> "Locator":
    return page.get_by_role("table", name="Jobs").locator("tbody tr")


def test_jobs_are_found_by_what_they_are(page: "Page", stack: Any, look: Any) -> None:
    [wrong] = ordered(stack, "guest-start", "demo/h1", body={"guest": "nobody"}, note="a trial")
    [right] = ordered(stack, "log-level", "demo/h2", body={"level": "info"})
    assert (ended(stack, wrong), ended(stack, right)) == ("rejected", "succeeded")
    page.goto("/jobs")
    expect(rows(page).filter(has_text="a trial").first).to_contain_text("NOT-FOUND")
    look(page, sizes=(WIDE, SMALL))
    page.get_by_label("State").select_option("wrong")
    expect(rows(page).filter(has_text="log-level")).to_have_count(0)
    expect(rows(page).filter(has_text="guest-start").first).to_be_visible()
    assert "state=wrong" in page.url
    page.get_by_role("link", name="Show all").click()
    page.get_by_label("Host", exact=True).fill("demo/h2")
    expect(rows(page).filter(has_text="demo/h1")).to_have_count(0)
    page.get_by_label("Operation").select_option("log-level")
    expect(rows(page).first).to_contain_text("succeeded")
    page.reload()
    expect(page.get_by_label("Operation")).to_have_value("log-level")
    expect(rows(page).filter(has_text="guest-start")).to_have_count(0)
    page.get_by_label("Person").fill("nobody-of-that-name")
    expect(page.get_by_text("No job matches")).to_be_visible()
    expect(page.get_by_text("guestwire job list demo/h2", exact=True)).to_be_visible()
    page.goto("/jobs?host=h1")  # a part of a name
    expect(rows(page).filter(has_text="demo/h1").first).to_be_visible()
    expect(rows(page).filter(has_text="demo/h2")).to_have_count(0)


def test_the_list_follows_what_happens(page: "Page", stack: Any, never: str) -> None:
    page.goto("/jobs?operation=comm-start&state=unfinished")
    expect(page.get_by_text("No job matches")).to_be_visible()
    [job] = ordered(stack, "comm-start", "demo/h1", window=never)
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("waiting window")
    stack.cli("job", "cancel", job)
    expect(page.get_by_text("No job matches")).to_be_visible()


def test_a_job_that_succeeded_shows_what_the_host_said(page: "Page", stack: Any, look: Any) -> None:
    [job] = ordered(stack, "guests-boot", "demo/h2", body={"guests": ["linux1"]})
    page.goto(f"/jobs/{job}")
    reply = page.get_by_role("table", name="guests")
    expect(reply.get_by_role("row").filter(has_text="linux1")).to_contain_text("started", timeout=ANSWER_MS)
    expect(page.get_by_text("the host's signature vouches for it")).to_be_visible()
    expect(page.get_by_text(f"guestwire job show {job}")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel the job")).to_have_count(0)
    look(page, sizes=(WIDE, SMALL))
    off(stack)


def test_a_job_that_failed_is_tried_again(page: "Page", stack: Any, look: Any) -> None:
    [job] = ordered(stack, "guest-start", "demo/h1", body={"guest": "nobody"})
    page.goto(f"/jobs/{job}")
    wrong = page.locator("section").filter(has=page.get_by_role("heading", name="What went wrong"))
    expect(wrong).to_contain_text("NOT-FOUND")
    expect(wrong).to_contain_text("nobody")
    wrong.get_by_text("The whole error").click()
    expect(page.get_by_role("region", name="The whole error")).to_contain_text('"code": "NOT-FOUND"')
    look(page)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("link", name="the first one")).to_be_visible()
    assert job not in page.url
    expect(wrong).to_contain_text("NOT-FOUND", timeout=ANSWER_MS)
    page.get_by_role("link", name="the first one").click()
    expect(page.get_by_role("link", name="as this one")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)


def test_a_job_that_waits_is_cancelled(page: "Page", stack: Any, never: str, look: Any) -> None:
    [job] = ordered(stack, "comm-start", "demo/h2", window=never)
    page.goto(f"/jobs/{job}")
    expect(page.get_by_text("Waits for its maintenance window")).to_be_visible()
    expect(page.get_by_role("link", name=never)).to_be_visible()
    look(page)
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_text("canceled after")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_a_job_that_waits_for_a_signature_leads_to_it(page: "Page", stack: Any) -> None:
    [job] = ordered(stack, "host-reboot", "demo/h1")
    page.goto(f"/jobs/{job}")
    expect(page.get_by_text("Waits for a signature")).to_be_visible()
    expect(page.get_by_role("button", name="Sign…")).to_be_visible()
    approval = stack.api("GET", f"/jobs/{job}")["approval"]
    expect(page.get_by_role("link", name="Show the approval")).to_have_attribute("href", f"/approvals/{approval}")
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_text("canceled after")).to_be_visible()


def test_a_job_that_is_not_there(page: "Page") -> None:
    page.goto("/jobs/no-such-job")
    expect(page.get_by_text("This job cannot be shown")).to_be_visible()
    expect(page.get_by_text("guestwire job list", exact=True)).to_be_visible()


def test_what_a_filter_means(module_page: Any) -> None:
    job = {"state": "failed", "host": "demo/h1", "operation": "guest-start", "person": "admin", "rollout": None}
    none = {"state": "", "host": "", "operation": "", "by": "", "rollout": ""}
    cases = [
        ({}, True), ({"state": "failed"}, True), ({"state": "wrong"}, True), ({"state": "unfinished"}, False), ({"host": "demo/h1"}, True),
        ({"host": "h1"}, True), ({"host": "demo/h"}, False), ({"by": "adm"}, False), ({"operation": "guest-start"}, True), ({"rollout": "x"}, False),
    ]  # fmt: skip
    found = module_page.run(
        "views/fleet/job_words.js", "(m, [filters, job]) => filters.map((filter) => m.matches(filter, job))",
        [[{**none, **change} for change, _ in cases], job],
    )  # fmt: skip
    assert found == [expected for _, expected in cases]
    line = module_page.run(
        "views/fleet/job_words.js", "(m, filter) => m.jobsCli(filter)", {**none, "host": "demo/h1", "state": "wrong"}
    )
    assert line.startswith("guestwire job list demo/h1 --state failed --state timed-out")
