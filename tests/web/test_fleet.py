"""The fleet's page: its numbers, finding and grouping hosts, what is done with many of them, saved groups."""

from typing import TYPE_CHECKING, Any

import pytest
from browser import SMALL, WIDE, new_context
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

HOSTS = ("demo/h1", "demo/h2")


def rows(page: "Page") -> "Locator":
    return page.get_by_role("table", name="Hosts").locator("tbody tr")


def find(page: "Page", text: str) -> None:
    page.get_by_label("Find hosts").fill(text)


def choose(page: "Page", *hosts: str) -> None:
    for host in hosts:
        page.get_by_role("checkbox", name=f"Choose {host}").check()


def unlabel(stack: Any, *names: str) -> None:
    for host in HOSTS:
        stack.cli("fleet", "label", host, *(f"{name}-" for name in names))


def test_the_numbers_find_their_hosts(page: "Page", stack: Any, look: Any) -> None:
    health = page.get_by_role("region", name="Health of the fleet")
    expect(health).to_contain_text("2 hosts")
    expect(health).to_contain_text("of 6 running")
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("in sync")
    look(page, sizes=(WIDE, SMALL))
    online = health.get_by_role("link", name="2 online")
    online.click()
    expect(page.get_by_label("Find hosts")).to_have_value("state=online")
    assert "q=state%3Donline" in page.url
    expect(online).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("status").filter(has_text="2 of 2 hosts")).to_be_visible()
    online.click()
    expect(page.get_by_label("Find hosts")).to_have_value("")
    health.get_by_role("link", name="critical").click()
    expect(page).to_have_url(f"{stack.url}/alarms?severity=critical")


def test_hosts_are_found_as_one_types(page: "Page") -> None:
    expect(rows(page)).to_have_count(2)
    find(page, "h2")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("h2")
    page.reload()
    expect(page.get_by_label("Find hosts")).to_have_value("h2")
    expect(rows(page)).to_have_count(1)
    find(page, "rtlinux")  # a guest's name: only the controller knows
    expect(rows(page)).to_have_count(2)
    find(page, 'host=h1 or (host=h2 "no such words")')
    expect(rows(page)).to_have_count(1)
    find(page, "state=foo")
    said = page.locator("#gw-fleet-q-said")
    expect(said).to_contain_text("state is one of online, suspect, offline, flapping, unknown, not 'foo'")
    expect(page.get_by_label("Find hosts")).to_have_attribute("aria-invalid", "true")
    find(page, "site=nowhere")
    expect(page.get_by_text("No host matches")).to_be_visible()
    expect(page.get_by_text("guestwire fleet list site=nowhere", exact=True)).to_be_visible()
    said.get_by_role("link", name="Show all").click()
    expect(rows(page)).to_have_count(2)


def test_what_is_found_follows_the_hosts(page: "Page", stack: Any) -> None:
    find(page, "label.following=yes")
    expect(page.get_by_text("No host matches")).to_be_visible()
    try:
        stack.cli("fleet", "label", "demo/h2", "following=yes")
        expect(rows(page)).to_have_count(1)
        expect(rows(page)).to_contain_text("following=yes")
    finally:
        unlabel(stack, "following")
    expect(page.get_by_text("No host matches")).to_be_visible()


def test_hosts_are_put_together_by_a_label(page: "Page", stack: Any, look: Any) -> None:
    stack.cli("fleet", "label", "demo/h1", "line=3,5 a")
    stack.cli("fleet", "label", "demo/h2", "line=10")
    try:
        page.get_by_label("Group by").select_option("Label line")
        first = page.get_by_role("region", name="line 3,5 a")
        expect(first).to_contain_text("1 online")
        expect(first.get_by_role("table")).to_contain_text("h1")
        expect(page.locator(".fleet-toggle")).to_have_text(["▾ line 3,5 a 1 host", "▾ line 10 1 host"])
        first.get_by_role("button", name="line 3,5 a").click()
        expect(first.get_by_role("table")).to_have_count(0)
        page.reload()
        expect(page.get_by_role("region", name="line 10").get_by_role("table")).to_be_visible()
        expect(first.get_by_role("table")).to_have_count(0)
        look(page)
        page.get_by_role("button", name="Close all").click()
        expect(page.get_by_role("table")).to_have_count(0)
        page.get_by_role("button", name="Open all").click()
        expect(page.get_by_role("table")).to_have_count(2)
        first.get_by_role("link", name="Only these: line 3,5 a").click()
        expect(rows(page)).to_have_count(1)
        expect(page.get_by_label("Find hosts")).to_have_value('label.line="3,5 a"')
    finally:
        unlabel(stack, "line")


def test_labels_are_set_on_chosen_hosts_and_stay_text(page: "Page", stack: Any) -> None:
    hostile = "<img/src=x/onerror=alert(1)>"
    try:
        choose(page, *HOSTS)
        assert "chosen=demo%2Fh1%2Cdemo%2Fh2" in page.url
        page.get_by_role("button", name="Set labels…").click()
        dialog = page.get_by_role("dialog", name="Set labels: 2 hosts")
        expect(dialog).to_contain_text("It reaches 2 hosts. demo/h1, demo/h2")
        dialog.get_by_label("Labels").fill("no label")
        expect(dialog).to_contain_text("no is no label")
        dialog.get_by_label("Labels").fill(f"trial={hostile} pool=b")
        expect(dialog.get_by_text('for host in demo/h1 demo/h2; do guestwire fleet label "$host"')).to_be_visible()
        dialog.get_by_role("button", name="Set labels: 2 hosts").click()
        expect(dialog).to_have_count(0)
        expect(page.get_by_text(f"trial={hostile}")).to_have_count(2)
        assert stack.api("GET", "/hosts/demo/h1")["labels"]["trial"] == hostile
        assert page.locator("img[src=x]").count() == 0
    finally:
        unlabel(stack, "trial", "pool")
    expect(page.get_by_text("pool=b")).to_have_count(0)


def test_guests_of_many_hosts_are_started_and_shut_down(page: "Page", stack: Any, look: Any) -> None:
    health = page.get_by_role("region", name="Health of the fleet")
    expect(health).to_contain_text("0 of 6 running")
    find(page, "site=demo")
    choose(page, "demo/h1")
    page.get_by_role("button", name="Choose all 2 hosts").click()
    expect(page.get_by_text("All 2 hosts found are chosen")).to_be_visible()
    page.get_by_role("button", name="Start guests…").click()
    dialog = page.get_by_role("dialog")
    look(page)
    dialog.get_by_label("Every guest that is not disabled").check()
    line = """guestwire rollout start guests-boot --operation guests-boot --body '{"all":true}' --select site=demo"""
    expect(dialog.get_by_text(line)).to_be_visible()
    dialog.get_by_role("button", name="Start guests: 2 hosts").click()
    expect(health).to_contain_text("6 of 6 running")
    page.get_by_role("button", name="Shut guests down…").click()
    go = dialog.get_by_role("button", name="Shut guests down: 2 hosts")
    expect(go).to_be_disabled()
    dialog.get_by_label("Type the number of hosts").fill("3")
    expect(go).to_be_disabled()
    dialog.get_by_label("Type the number of hosts").fill("2")
    go.click()
    signing = page.get_by_role("dialog", name="Sign what is to be allowed")
    expect(signing).to_be_visible()
    page.keyboard.press("Escape")
    approval = stack.api("GET", "/jobs", operation="guests-shutdown", state="waiting-approval")["items"][0]["approval"]
    stack.cli("approval", "sign", approval, "--yes")
    expect(health).to_contain_text("0 of 6 running")
    page.get_by_role("button", name="Choose none").click()
    expect(page.get_by_role("button", name="Reboot…")).to_have_count(0)


def test_a_reboot_wants_the_number_of_hosts(page: "Page") -> None:
    choose(page, *HOSTS)
    page.get_by_role("button", name="Reboot…").click()
    dialog = page.get_by_role("dialog", name="Reboot: 2 hosts")
    dialog.get_by_label("Though guests run").check()
    line = """guestwire rollout start host-reboot --operation host-reboot --body '{"force":true}' --host demo/h1 --host demo/h2"""
    expect(dialog.get_by_text(line)).to_be_visible()
    expect(dialog.get_by_role("button", name="Reboot: 2 hosts")).to_be_disabled()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    page.get_by_role("link", name="Start a rollout…").click()
    expect(page.get_by_role("textbox", name="Hosts", exact=True)).to_have_value("demo/h1,demo/h2")


def test_a_host_is_turned_away_and_let_in(page: "Page", stack: Any, look: Any) -> None:
    try:
        choose(page, "demo/h2")
        page.get_by_role("button", name="Reject…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("guestwire fleet reject demo/h2")).to_be_visible()
        dialog.get_by_label("Type the number of hosts").fill("1")
        dialog.get_by_role("button", name="Reject: 1 host").click()
        page.get_by_role("region", name="Health of the fleet").get_by_role("link", name="1 rejected").click()
        expect(rows(page)).to_have_count(1)
        expect(rows(page)).to_contain_text("rejected")
        look(page)
        choose(page, "demo/h2")
        page.get_by_role("button", name="Approve…").click()
        expect(dialog.get_by_text("guestwire fleet approve demo/h2")).to_be_visible()
        expect(dialog).to_contain_text(stack.api("GET", "/hosts/demo/h2")["key_id"])
        look(page)
        dialog.get_by_role("button", name="Approve: 1 host").click()
        expect(page.get_by_text("No host matches")).to_be_visible()
        assert stack.api("GET", "/hosts/demo/h2")["approval"] == "approved"
    finally:
        if stack.api("GET", "/hosts/demo/h2")["approval"] != "approved":
            stack.cli("fleet", "approve", "demo/h2")


def test_groups_are_made_looked_at_edited_and_removed(page: "Page", stack: Any, look: Any) -> None:
    page.goto("/groups")
    expect(page.get_by_text("guestwire fleet group put line3 label.line=3")).to_be_visible()
    page.get_by_role("button", name="New group…").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Presses")
    expect(dialog.get_by_text("Small letters, digits and hyphens")).to_be_visible()
    dialog.get_by_label("Name").fill("presses")
    dialog.get_by_label("Selection").fill("site=")
    expect(dialog.get_by_text("a value is missing")).to_be_visible()
    expect(dialog.get_by_role("button", name="Save the group")).to_be_disabled()
    dialog.get_by_label("Selection").fill("host=h1")
    expect(dialog.get_by_text("It has 1 host now: demo/h1.")).to_be_visible()
    expect(dialog.get_by_text("guestwire fleet group put presses host=h1")).to_be_visible()
    look(page)
    dialog.get_by_role("button", name="Save the group").click()
    group = page.get_by_role("region", name="presses")
    expect(group).to_contain_text("1 host")
    group.get_by_role("button", name="presses 1 host").click()
    expect(group.get_by_role("table").locator("tbody tr")).to_have_count(1)
    look(page)
    group.get_by_role("button", name="Edit…").click()
    dialog.get_by_label("Selection").fill("site=demo")
    dialog.get_by_label("What it is for").fill("all of them")
    dialog.get_by_role("button", name="Save the group").click()
    expect(group).to_contain_text("all of them")
    expect(group.get_by_role("table").locator("tbody tr")).to_have_count(2)
    page.goto("/?group=group")
    expect(page.get_by_role("region", name="presses")).to_contain_text("2 hosts")
    page.goto("/groups")
    group.get_by_role("button", name="Remove…").click()
    dialog.get_by_role("textbox").fill("presses")
    dialog.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text("No groups yet")).to_be_visible()
    assert stack.api("GET", "/groups")["items"] == []


def test_who_may_only_look_is_not_offered_to_change(browser: Any, stack: Any, page_errors: Any) -> None:
    name, password = "fleet-looker", "a pass phrase for looking 7"
    observer = {
        "name": name,
        "password": password,
        "must_change": False,
        "bindings": [{"role": "observer", "scope": "*"}],
    }
    stack.api("POST", "/users", observer)
    context = new_context(browser, stack.signed_in(name, password), base_url=stack.url)
    page = context.new_page()
    page_errors.watch(page)
    page.goto("/?chosen=demo/h1")
    for action in ("Set labels…", "Reboot…", "Start guests…"):
        expect(page.get_by_role("button", name=action)).to_be_disabled()
    page.goto("/groups")
    expect(page.get_by_role("button", name="New group…").first).to_be_disabled()
    page_errors.check()
    context.close()


# -- what is pure


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("press 3", True),
        ("", True),
        ("h1", True),
        ("site=plant", False),
        ('"two words"', False),
        ("not h1", False),
        ("a OR b", False),
        ("(a)", False),
        ("order", True),
    ],
)
def test_plain_words_are_known(module_page: Any, text: str, plain: bool) -> None:
    assert module_page.run("core/selection.js", "(m, text) => m.isWords(text)", text) is plain


def test_terms_are_written_as_the_controller_reads_them(module_page: Any, stack: Any) -> None:
    values = ["3", "a b", 'say "x"', "back\\slash", "a*b", "or", "(x)", "ümlaut", "=", "<"]
    written = module_page.table("core/selection.js", "(m, value) => m.term('label.line', value)", values)
    for value, selection in zip(values, written, strict=True):
        stack.cli("fleet", "label", "demo/h1", f"line={value}")
        found = [one["host"] for one in stack.api("GET", "/hosts", q=selection)["items"]]
        assert found == ["h1"], selection
    unlabel(stack, "line")
    both = module_page.table(
        "core/selection.js",
        "(m, [one, other]) => m.both(one, other)",
        [["a", ""], ["a=1", "b=2"], ["a or b", "c"], ["", ""]],
    )
    assert both == ["a", "a=1 b=2", "(a or b) c", ""]


def test_labels_are_read_as_the_command_reads_them(module_page: Any) -> None:
    said = module_page.table(
        "views/fleet/bulk_actions.js", "(m, text) => m.labelsOf(text)",
        ["line=3 rack=b", "line-", 'name="two words" x=', "Line=3", "", "a=b=c"],
    )  # fmt: skip
    assert [one["labels"] for one in said[:3]] == [
        {"line": "3", "rack": "b"}, {"line": None}, {"name": "two words", "x": ""},
    ]  # fmt: skip
    assert [bool(one["problem"]) for one in said] == [False, False, False, True, True, False]
    assert said[5]["labels"] == {"a": "b=c"}


def test_what_a_shell_would_do_is_what_the_commands_take(module_page: Any, stack: Any) -> None:
    import shlex

    hosts = [{"site": "demo", "host": name} for name in ("h1", "h2")]
    lines = module_page.run(
        "views/fleet/bulk_actions.js",
        """(m, hosts) => m.BULK_ACTIONS.flatMap((action) => [
          m.bulkCli(action, { hosts: hosts.slice(0, 1), q: null }, { options: { force: true, all: true }, labels: "a=1" }),
          m.bulkCli(action, { hosts, q: null }, { options: { force: true } }),
          m.bulkCli(action, { hosts, q: "site=demo or host=x" }, {})])""",
        hosts,
    )  # fmt: skip
    assert lines[:3] == [
        "guestwire fleet approve demo/h1", "guestwire fleet approve demo/h1 demo/h2", "guestwire fleet approve --select 'site=demo or host=x'",
    ]  # fmt: skip
    one = {
        "fleet label demo/h1 a=1", "boot h1 --all", "shutdown h1 --force", "host reboot h1 --force", "fleet refresh demo/h1", "fleet reject demo/h1",
        "fleet forget demo/h1",
    }  # fmt: skip
    assert {f"guestwire {line}" for line in one} <= set(lines)
    assert "guestwire fleet reject $(guestwire fleet list -n 100000 'site=demo or host=x' -o name)" in lines
    rollouts = [words for line in lines if (words := shlex.split(line))[1] == "rollout"]
    assert len(rollouts) == 6
    for words in rollouts:
        assert "demo/h1" in stack.cli("rollout", "preview", *words[3:]), words


def test_hosts_in_several_groups_and_in_none(module_page: Any) -> None:
    hosts = [{"site": "s", "host": f"h{i}", "labels": {}, "state": "online", "agent_version": ""} for i in range(3)]
    found = module_page.run(
        "views/fleet/host_groups.js",
        """(m, hosts) => m.grouped(hosts, "group", new Map([["b", new Set(["s/h0", "s/h1"])], ["a", new Set(["s/h0"])]]))
          .map((group) => [group.id, group.q, group.hosts.map((host) => host.host)])""",
        hosts,
    )  # fmt: skip
    assert found == [["a", "group=a", ["h0"]], ["b", "group=b", ["h0", "h1"]], ["-", "", ["h2"]]]
    unknown = module_page.run(
        "views/fleet/host_groups.js", "(m, hosts) => m.grouped(hosts, 'agent').map((group) => group.title)", hosts
    )
    assert unknown == ["unknown"]


def test_what_nobody_knows_is_not_counted(module_page: Any) -> None:
    hosts = [
        {"guests": 3, "guests_running": 2, "approval": "approved", "drift": 0, "reboot": False, "clock": "synchronised"},
        {"guests": 4, "guests_running": None, "approval": "approved", "drift": None, "reboot": None, "clock": "unknown"},
    ]  # fmt: skip
    counts = module_page.run("views/fleet/health.js", "(m, hosts) => m.guestCounts(hosts)", hosts)
    assert counts == {"running": 2, "known": 3, "unknown": 4, "total": 7}
    assert module_page.run("views/fleet/health.js", "(m, hosts) => m.needs(hosts)", hosts) == []


BULK = """async (m, [end, count]) => {
  const said = [];
  let asked = 0;
  const open = [];
  const dialog = document.createElement("gw-bulk-dialog");
  const action = { id: "forget", label: "Forget", text: "", why: () => "", command: "fleet forget" };
  const hosts = Array.from({ length: count }, (_, n) => ({ site: "s", host: `h${n}`, state: "offline", approval: "approved" }));
  const say = { done: (text) => said.push(text), info: (text) => said.push(text) };
  Object.assign(dialog, {
    action, chosen: { hosts, q: null }, services: { say, api: { send: () => { asked += 1; return new Promise((done) => open.push(done)); } } },
  });
  document.body.append(dialog);
  await dialog.updateComplete;
  const button = (text) => [...dialog.querySelectorAll("button")].find((one) => one.textContent.includes(text));
  button("Forget: ").click();
  await dialog.updateComplete;
  open.shift()(); // the first is done, a fifth is begun
  await new Promise((done) => setTimeout(done));
  if (end === "stop") button("Stop").click();
  else dialog.remove();
  for (const done of open) done();
  await new Promise((done) => setTimeout(done, 20));
  await dialog.updateComplete;
  return { asked, said, text: dialog.querySelector("[aria-live]").textContent.replace(/\\s+/g, " ").trim(), left: Boolean(button("Forget: 15 hosts")) };
}"""


def test_what_is_done_one_by_one_ends_with_its_dialog(module_page: Any) -> None:
    stopped = module_page.run("views/fleet/bulk_dialog.js", BULK, ["stop", 20])
    assert stopped == {"asked": 5, "said": [], "text": "Stopped. 5 of 20 hosts done.", "left": True}
    left = module_page.run("views/fleet/bulk_dialog.js", BULK, ["leave", 20])
    assert (left["asked"], left["said"]) == (5, ["Forget: stopped, as its dialog was left. 5 of 20 hosts done."])


def test_a_question_under_way_is_let_end(module_page: Any) -> None:
    """Though hosts change faster than the answer comes; then it is asked once more."""
    script = """async (m) => {
      const answers = [];
      let [asked, known, changed] = [0, 0, () => null];
      const live = { on: (kind, fn) => { changed = fn; return () => null; } };
      const api = { all: (path, query, most, signal) => new Promise((done, fail) => {
        asked += 1;
        signal.addEventListener("abort", () => fail(signal.reason));
        answers.push(done);
      }) };
      const pause = (ms) => new Promise((done) => setTimeout(done, ms));
      const until = async (what) => { for (let at = 0; at < 500 && !what(); at++) await pause(10); };
      const members = new m.GroupMembers(api, live);
      members._again_ms = 5;
      members.addEventListener("change", () => { known += 1; });
      members.begin();
      for (let at = 0; at < 10; at++) { changed(); await pause(10); }
      const meanwhile = asked;
      answers[0]([]);
      await until(() => asked === 2);
      answers[1]([]);
      await until(() => known === 2);
      await pause(50);
      return { meanwhile, known, asked };
    }"""
    assert module_page.run("views/fleet/group_members.js", script) == {"meanwhile": 1, "known": 2, "asked": 2}
