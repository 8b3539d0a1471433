"""Jobs: the list with its filters, a job's page, and what is done about one."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from browser import SMALL, WIDE
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
    expect(reply.get_by_role("row").filter(has_text="linux1")).to_contain_text("started")
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
    expect(wrong).to_contain_text("NOT-FOUND")
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


def test_older_jobs_are_offered_where_none_of_the_newest_matches(page: "Page", stack: Any) -> None:
    [job] = ordered(stack, "log-level", "demo/h2", body={"level": "info"})
    assert ended(stack, job) == "succeeded"
    page.route(
        "**/api/v1/jobs?*",
        lambda route: route.fulfill(json={"items": [stack.api("GET", f"/jobs/{job}")], "next": "AAAA"}),
    )
    page.goto("/jobs?host=no-such")
    expect(page.get_by_text("None among the newest 1 is what you look for")).to_be_visible()
    expect(page.get_by_role("button", name="Older jobs")).to_be_visible()


# -- what is pure


def test_a_host_is_asked_for_by_its_name(module_page: Any) -> None:
    hosts = ["a/h1", "a/h10", "a/h2", "b/h2"]
    found = module_page.table(
        "views/fleet/job_words.js", f"(m, text) => m.filterOf(new URLSearchParams({{ host: text }}), {hosts}).host",
        ["h1", "h10", "h2", "h", "a/h2", ""],
    )  # fmt: skip
    assert found == ["a/h1", "a/h10", "h2", "h", "a/h2", ""]
    asked = module_page.table("views/fleet/job_words.js", "(m, host) => m.asked({ host, state: '' }).host", found)
    assert asked == ["a/h1", "a/h10", None, None, "a/h2", None]


MANY = """async (m) => {
  const said = [];
  const jobs = Array.from({ length: 30 }, (_, n) => ({ id: `j${n}`, host: `s/h${n}`, operation: "guests-boot", state: "queued" }));
  const known = new Map();
  let follower;
  const live = { get: (kind, id) => known.get(id), on: (kind, fn) => { follower = fn; return () => { follower = null; }; } };
  const missed = { ...jobs[29], finished: true, state: "canceled" };
  const api = { send: async () => ({ document: { items: jobs } }), get: async (path) => (path === "/jobs/j29" ? missed : null) };
  const say = { info: (text) => said.push(text), done: (text) => said.push(text), problem: (error) => said.push(error.message) };
  const made = new m.Jobs(api, live, say, () => null);
  known.set("j0", { ...jobs[0], finished: true, state: "succeeded" }); // before anybody followed
  await made.order({ operation: "guests-boot", hosts: [] });
  const ends = jobs.slice(1, 29).map((job, n) => ({ ...job, finished: true, state: n < 3 ? "failed" : "succeeded" }));
  for (const document of ends) follower([{ kind: "job", key: document.id, document }]);
  follower([]); // the stream began anew: what it has not is asked for
  await new Promise((done) => setTimeout(done));
  return [said, follower];
}"""


def test_of_many_jobs_two_words_are_said(module_page: Any) -> None:
    said, follower = module_page.run("core/jobs.js", MANY)
    assert said == [
        "guests-boot: 30 jobs made: see Jobs.",
        "guests-boot: of 30 jobs 26 succeeded, 3 failed, 1 canceled. Jobs shows which.",
    ]
    assert follower is None


COMMANDED = """async (m, [id, state, guests, sure]) => {
  const asked = [];
  const ordered = [];
  const dialogs = {
    confirmName: async ({ text }) => { asked.push(["name", text]); return sure; },
    confirm: async ({ text }) => { asked.push(["yes", text]); return sure; },
  };
  const detail = { guest_list: guests.map((one) => ({ name: one, state: one })) };
  const commands = new m.Commands({ may: () => true }, { get: () => ({ state, approval: "approved" }) },
    { of: () => ({ detail, guest: () => ({ state: "stopped" }) }) }, { order: async (order) => ordered.push(order.body) }, dialogs);
  const command = [...commands.guest, ...commands.host].find((one) => one.id === id);
  const ctx = { host: "s/h1", guest: "web" };
  await commands.run(command, ctx);
  return { asked, ordered, cli: command.cli(ctx), why: commands.why(command, { host: "s/h1" }) };
}"""


def test_a_command_for_a_host_that_is_not_there_is_asked_about(module_page: Any) -> None:
    away = "The host is not there now: it gets its job when it is back within an hour, else the job ends."
    cases = [
        ["start", "online", [], True], ["start", "offline", [], True], ["start", "offline", [], False], ["destroy", "offline", [], True],
    ]  # fmt: skip
    there, gone, rather_not, power = (module_page.run("core/commands.js", COMMANDED, case) for case in cases)
    assert (there["asked"], there["ordered"]) == ([], [{"guest": "web"}])
    assert (gone["asked"], gone["ordered"]) == ([["yes", away]], [{"guest": "web"}])
    assert (rather_not["asked"], rather_not["ordered"]) == ([["yes", away]], [])
    [[how, text]] = power["asked"]
    assert how == "name"
    assert text.startswith("The power is taken away")
    assert text.endswith(away)


def test_communication_is_stopped_though_guests_are_attached(module_page: Any) -> None:
    stop, restart, none = (
        module_page.run("core/commands.js", COMMANDED, [f"comm-{verb}-force", "online", guests, True])
        for verb, guests in (("stop", ["running"]), ("restart", ["stopped", "running"]), ("stop", ["stopped"]))
    )
    assert [stop["cli"], restart["cli"]] == [
        "guestwire comm stop h1 --force",
        "guestwire comm restart h1 --force",
    ]
    assert stop["ordered"] == restart["ordered"] == [{"force": True}]
    assert stop["asked"][0][0] == "name"
    assert (stop["why"], restart["why"]) == ("", "")
    assert none["why"].startswith("No guest runs")


UNREAD = """async (m) => {
  let asked = 0;
  const get = async () => {
    asked += 1;
    if (asked === 1) return { revision: 1 };
    throw Object.assign(new Error("busy"), { status: 503 });
  };
  const job = document.createElement("gw-job");
  job.render = () => "";
  const live = { get: () => ({ revision: 2, finished: true }), on: () => () => null };
  Object.assign(job, { params: { id: "j" }, services: { api: { get }, live } });
  document.body.append(job);
  for (let n = 0; n < 20; n += 1) await new Promise((done) => setTimeout(done));
  const at_first = asked;
  job._failedAt -= 2000;
  job.requestUpdate();
  await job.updateComplete;
  job.remove();
  return [at_first, asked];
}"""


def test_a_job_that_could_not_be_read_is_asked_for_again_but_not_at_once(module_page: Any) -> None:
    assert module_page.run("views/fleet/job.js", UNREAD) == [2, 3]
