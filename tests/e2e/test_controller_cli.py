"""The command line through a controller, as a user has it: a broker, two hosts, a controller, and contexts of it."""

import asyncio
import signal
import ssl
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import controller_page
import httpx
import pytest
import pytest_asyncio
from controller_process import ControllerProcess
from fleet import PATIENCE_S, SITE, Cli, Fleet, Following, fleet
from made_certificates import SERVER, Authority
from quick_cli import QuickCli
from test_coming_from import FILES

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.controller.audit.collecting import CollectRules

pytestmark = pytest.mark.asyncio(loop_scope="module")
PASSWORD = "four words of a passphrase"
NEVER = 'severity = "info"\ntrigger = { on = "metric", series = "guestwire_host_load", compare = ">=", value = 1e9 }\n'
"""A rule that never holds."""


@dataclass
class Desk:
    """Anna, the first administrator, has a context of the controller; `key` is hers, and the site knows it. `url`: where the
    controller is, `ca`: whose certificate it has there."""

    site: Fleet
    controller: ControllerProcess
    url: str
    ca: str
    cli: Cli
    password: Path
    key: str

    async def until(self, *command: str, said: str) -> None:
        """Wait until a command says so."""
        async with asyncio.timeout(PATIENCE_S):
            while said not in (await self.cli(*command)).out:
                await asyncio.sleep(0.1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    require_mosquitto()
    base = tmp_path_factory.mktemp("desk")
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(mosquitto(BrokerOptions()))
        site = await stack.enter_async_context(fleet(base / "site", broker, {"h1": {}, "h2": {}}))
        authority = Authority(base)
        controller = ControllerProcess(
            base, site.layout, broker.url, tls=authority.issue("localhost", (SERVER,), file="serve")
        )
        stack.push_async_callback(controller.stop)
        await controller.start()
        password = base / "password"
        password.touch(mode=0o600)
        password.write_text(f"{PASSWORD}\n", encoding="utf-8")
        cli = QuickCli(base / "client.toml", XDG_DATA_HOME=str(base / "data"))
        first = str(controller.home / "first-administrator")
        url = controller.url.replace("127.0.0.1", "localhost")
        made = Desk(
            site, controller, url, str(authority.certificate), cli, password, str(site.layout.key("operator:admin"))
        )
        login = (
            "login", url, "--name", "anna", "--site", SITE, "--first-file", first, "--password-file", str(password),
        )  # fmt: skip
        stranger = await cli(*login, "-o", "json")
        assert (stranger.code, stranger.error["code"]) == (5, "CERTIFICATE-UNTRUSTED"), stranger
        said = await cli(*login, "--ca", made.ca)
        assert (said.code, "plant-controller is the current context now" in said.err) == (0, True), said
        for host in ("h1", "h2"):
            await made.until("fleet", "list", said=f"{SITE}/{host}")
        assert (await cli.good("fleet", "approve", "h1"))[0]["approval"] == "approved"
        waiting = ("fleet", "approve", "--select", f"site={SITE} host=h*")
        assert [(one["host"], one["approval"]) for one in await cli.good(*waiting)] == [("h2", "approved")]
        assert await cli.good(*waiting) == []
        await made.until("fleet", "list", "state=online", said=f"{SITE}/h2")
        yield made


async def test_hosts_are_asked_through_the_controller(desk: Desk) -> None:
    hosts = await desk.cli.good("host", "list")
    assert [(one["host"], one["state"], one["verified"]) for one in hosts] == [
        ("h1", "online", True),
        ("h2", "online", True),
    ]
    names = (await desk.cli("guest", "list", "-o", "name")).lines
    assert names == ["h1/rtlinux", "h1/linux1", "h2/rtlinux", "h2/linux1"]
    [started] = await desk.cli.good("guest", "start", "h1/linux1")
    assert started["verified"] is True
    job = (await desk.cli.good("job", "list", "h1", "-n", "1"))[0]
    assert (job["operation"], job["state"], job["person"]) == ("guest-start", "succeeded", "anna")
    shown = await desk.cli.good("job", "show", job["id"])
    assert shown["reply"]["guest"]["name"] == "linux1"


async def test_an_error_of_a_host_is_what_it_would_be_without_the_controller(desk: Desk) -> None:
    through = await desk.cli("guest", "start", "h1/nobody", "-o", "json")
    direct = await desk.site.cli("guest", "start", "h1/nobody", "-o", "json")
    assert through.code == direct.code == 3
    assert through.error["code"] == direct.error["code"] == "NOT-FOUND"
    assert through.error["message"] == direct.error["message"]
    away = await desk.cli("guest", "list", "h9", "-o", "json")
    assert (away.code, away.error["code"]) == (4, "HOST-NOT-APPROVED")


async def test_what_disrupts_is_signed_by_a_key_that_the_controller_does_not_have(desk: Desk) -> None:
    waits = await desk.cli("guest", "reset", "h1/linux1", "-o", "json")
    assert (waits.code, waits.error["code"]) == (5, "APPROVAL-NEEDED")
    job = waits.error["detail"]["job"]
    [enrolled] = await desk.cli.good("key", "enrol", desk.key, "--label", "laptop")
    assert enrolled["in_trust"][0]["principal"] == "operator:admin"
    [waiting] = await desk.cli.good("approval", "list", "--mine")
    assert (waiting["operations"], waiting["yours"]) == (["guest-reset"], True)
    refused = await desk.cli("job", "approve", job, "--key", desk.key)
    assert (refused.code, "--yes" in refused.err) == (2, True), "what is signed is asked about"
    assert "guest-reset (R2), 1 requests" in refused.err
    signed = await desk.cli("job", "approve", job, "--key", desk.key, "--yes")
    assert (signed.code, "it goes on" in signed.err) == (0, True), signed
    [ended] = await desk.cli.good("job", "wait", job)
    assert (ended["state"], ended["verified"]) == ("succeeded", True)


async def test_with_the_key_in_the_context_it_is_signed_as_it_comes_up(desk: Desk) -> None:
    said = await desk.cli("login", "--name", "anna", "--password-file", str(desk.password), "--key", desk.key)
    assert said.code == 0, said
    await desk.cli.good("guest", "start", "h2/linux1")
    done = await desk.cli("guest", "destroy", "h2/linux1", "--yes", "-o", "json")
    assert (done.code, done.document[0]["status"]["state"]) == (0, "stopped"), done
    doctor = await desk.cli.good("doctor")
    found = {one["check"]: one["result"] for one in doctor}
    assert (found["controller"], found["signing"], found["hosts"]) == ("ok", "ok", "ok"), doctor


async def test_jobs_are_cancelled_tried_again_and_turned_down(desk: Desk) -> None:
    """Of somebody without a key, so that they wait."""
    dora = await _user(desk, "dora", f"operator:site:{SITE}")
    waits = await dora("guest", "reset", "h1/linux1", "-o", "json")
    job = waits.error["detail"]["job"]
    [cancelled] = await dora.good("job", "cancel", job)
    assert (cancelled["state"], cancelled["finished"]) == ("canceled", True)
    [again] = await dora.good("job", "retry", job)
    assert (again["operation"], again["id"] == job) == ("guest-reset", False)
    assert (await dora.good("job", "show", job))["retried_by"] == again["id"]
    [asked] = await desk.cli.good("approval", "list", "--mine")
    rejected = await desk.cli.good("approval", "reject", asked["id"], "--reason", "not on a Friday")
    assert (rejected["state"], rejected["decided_by"]) == ("rejected", "anna")
    ended = await dora("job", "wait", again["id"])
    assert (ended.code, "anna turned it down: not on a Friday" in ended.err) == (5, True), ended


async def test_a_rollout_is_held_up_ended_and_tried_again(desk: Desk) -> None:
    waits = ("--operation", "guest-reset", "--body", '{"guest": "linux1"}', "--host", "h1")
    kept = await desk.cli("rollout", "start", "later", *waits, "--draft")
    assert (kept.code, "guestwire rollout go" in kept.err) == (0, True), kept
    for verb, state in (("go", "running"), ("pause", "paused"), ("resume", "running")):
        assert (await desk.cli.good("rollout", verb, "later"))["state"] == state
    assert (await desk.cli("rollout", "abort", "later")).code == 2, "it is asked about"
    await desk.cli.good("rollout", "abort", "later", "--reason", "enough", "--yes")
    await desk.until("rollout", "status", "later", said="aborted")
    fails = ("--operation", "guest-start", "--body", '{"guest": "nobody"}', "--host", "h1")
    assert (await desk.cli("rollout", "start", "nobodys", *fails, "--watch")).code == 1
    [target] = await desk.cli.good("rollout", "status", "nobodys", "--hosts")
    assert (target["state"], target["code"], target["attempt"]) == ("rejected", "NOT-FOUND", 1)
    assert (await desk.cli.good("rollout", "retry", "nobodys", "h1"))["state"] == "running"
    assert (await desk.cli("rollout", "status", "nobodys", "--watch")).code == 1
    [target] = await desk.cli.good("rollout", "status", "nobodys", "--hosts")
    assert (target["state"], target["attempt"]) == ("rejected", 2)


async def test_labels_groups_and_a_rollout(desk: Desk) -> None:
    labelled = await desk.cli.good("fleet", "label", "h1", "line=3", "--name", "Press")
    assert (labelled["labels"], labelled["label"]) == ({"line": "3"}, "Press")
    assert (await desk.cli("fleet", "list", "label.line=3", "-o", "name")).lines == [f"{SITE}/h1"]
    assert (await desk.cli.good("fleet", "group", "put", "presses", "label.line=3"))[0]["hosts"] == 1
    what = ("--operation", "guest-start", "--body", '{"guest": "rtlinux"}')
    preview = await desk.cli.good("rollout", "preview", *what, "--group", "presses")
    assert (preview["hosts"], preview["waves"][0]["first"]) == (1, [f"{SITE}/h1"])
    said = await desk.cli("rollout", "start", "boot", *what, "--select", f"site={SITE}", "--canary", "1", "--watch")
    assert (said.code, "finished (succeeded)" in said.out, "wave canary" in said.out) == (0, True, True), said
    targets = await desk.cli.good("rollout", "status", "boot", "--hosts")
    assert [(one["host"], one["state"]) for one in targets] == [("h1", "succeeded"), ("h2", "succeeded")]
    assert (await desk.cli("rollout", "status", "nothing")).code == 3
    reset = ("--operation", "guest-reset", "--body", '{"guest": "linux1"}', "--host", "h1")
    assert (await desk.cli("rollout", "start", "again", *reset, "--yes")).code == 0
    await desk.until("rollout", "status", "again", said="it waits for a signature for guest-reset on 1 host")
    [waits] = [one for one in await desk.cli.good("approval", "list", "--mine") if one["rollout"]]
    assert (await desk.cli("approval", "sign", waits["id"], "--yes")).code == 0
    assert (await desk.cli("rollout", "status", "again", "--watch")).code == 0


async def test_telemetry_and_alarms(desk: Desk) -> None:
    selector = 'guestwire_host_load{window="1m"}'
    for host in ("h1", "h2"):
        await desk.until("metrics", "top", selector, said=f"{SITE}/{host}")
    history = await desk.cli.good("metrics", "query", selector, "--since", "10m", "--step", "5s")
    assert {one["labels"]["host"] for one in history["series"]} == {"h1", "h2"}
    csv = await desk.cli("metrics", "query", selector, "--since", "10m", "--csv")
    assert csv.lines[0] == "time,time_ms,site,host,window,guestwire_host_load"
    rule = desk.password.with_name("rule.toml")
    rule.write_text(
        'severity = "info"\ntrigger = { on = "metric", series = "guestwire_host_load", compare = ">=", value = 0 }\n'
    )
    await desk.cli.good("alarm", "rule", "put", "always", str(rule))
    await desk.until("alarm", "list", "--rule", "always", said=f"{SITE}/h1")
    raised = await desk.cli.good("alarm", "list", "--rule", "always", "--host", "h1")
    acknowledged = await desk.cli.good("alarm", "ack", raised[0]["id"], "--note", "mine")
    assert (acknowledged[0]["state"], acknowledged[0]["acknowledged_by"]) == ("acknowledged", "anna")
    [over] = await desk.cli.good("alarm", "clear", raised[0]["id"], "--note", "it was nothing")
    assert (over["state"], over["cleared_by"]) == ("cleared", "anna")
    past = await desk.cli.good("alarm", "history", "--since", "1h", "--host", "h1")
    assert raised[0]["id"] in {one["id"] for one in past if one["state"] == "cleared"}
    assert (await desk.cli("alarm", "rule", "delete", "always", "--yes")).code == 0


async def test_users_roles_and_tokens(desk: Desk) -> None:
    add = (
        "user",
        "add",
        "bruno",
        "--role",
        f"observer:site:{SITE}",
        "--password-file",
        str(desk.password),
        "--keep-password",
    )
    assert (await desk.cli(*add)).code == 0
    other = QuickCli(desk.cli.config.with_name("bruno.toml"))
    login = (
        "login", desk.url, "--ca", desk.ca, "--name", "bruno", "--password-file", str(desk.password), "--expires", "1d",
    )  # fmt: skip
    assert (await other(*login)).code == 0, "the one site there is need not be named"
    assert len((await other("guest", "list", "h1", "-o", "name")).lines) == 2
    denied = await other("guest", "start", "h1/linux1", "-o", "json")
    assert (denied.code, denied.error["code"]) == (5, "DENIED")
    console = ("guest", "console", "h1/linux1")
    assert (await other(*console, "-o", "json")).error["code"] == "DENIED"
    await desk.cli.good("role", "give", "bruno", "operator", "--on", f"host:{SITE}/h1")
    assert (await other("guest", "start", "h1/linux1")).code == 0
    assert "Linux version" in (await other(*console)).out
    left = await desk.cli.good("role", "take", "bruno", "operator", "--on", f"host:{SITE}/h1")
    assert left == await desk.cli.good("role", "list", "bruno")
    assert [(one["role"], one["scope"]) for one in left] == [("observer", f"site:{SITE}")]
    assert (await other("guest", "start", "h1/linux1")).code == 5
    text = (await desk.cli("token", "make", "ci", "-o", "name")).out.strip()
    assert text.startswith("gwt_")
    assert (await desk.cli("token", "revoke", "ci")).code == 0
    assert (await other("logout")).code == 0
    again = await other("fleet", "list", "-o", "json")
    assert (again.code, again.error["code"]) == (5, "UNAUTHENTICATED")
    assert (await desk.cli("user", "disable", "bruno")).code == 0
    wrong = await other("login", "--name", "bruno", "--password-file", str(desk.password), "-o", "json")
    assert (wrong.code, wrong.error["code"]) == (5, "LOGIN-REFUSED")


async def test_notices_are_followed_and_the_log_is_kept(desk: Desk, tmp_path: Path) -> None:
    async with desk.cli.following("notices", "-f") as following:
        await following.line(r"h1 +online")
        started = await desk.cli("guest", "start", "h2/linux1")
        assert started.code == 0, started
        assert "linux1" in await following.line(r"h2 +guest")
    rows = await desk.cli.good("audit", "list", "--action", "guest-start")
    assert {row["person"] for row in rows} == {"anna", "bruno"}
    assert (await desk.cli.good("audit", "verify"))["broken"] is None
    file = tmp_path / "audit.ndjson"
    assert (await desk.cli("audit", "export", str(file))).code == 0
    assert (len(file.read_text().splitlines()) > 20, file.stat().st_mode & 0o777) == (True, 0o600)
    # a host's log is collected at some moment of the half minute after it came, and where that failed once more
    async with asyncio.timeout(2 * PATIENCE_S + CollectRules().after_failure_s):
        while not await desk.cli.good("audit", "list", "--host", "h1"):
            await asyncio.sleep(0.3)


async def test_drafts_and_projects_are_the_controllers(desk: Desk) -> None:
    pulled = await desk.cli("project", "pull", "h2")
    assert (pulled.code, "the draft of h2 at the controller" in pulled.err) == (0, True), pulled
    assert (await desk.cli("project", "set", "h2", "guests.linux1.memory_mib=300")).code == 0
    assert [one["host"] for one in await desk.cli.good("project", "list")] == ["h2"]
    assert "memory_mib = 300" in (await desk.cli("project", "show", "h2")).out
    assert (await desk.cli("project", "diff", "h2")).code == 8
    kept = await desk.cli("project", "pull", "h2", "-o", "json")
    assert (kept.code, kept.error["code"]) == (4, "EXISTS")
    assert (await desk.cli.good("project", "save", "line7"))[0]["hosts"] == ["h2"]
    applied = await desk.cli("project", "apply", "h2", "--yes")
    assert (applied.code, "in sync" in applied.out) == (0, True), applied
    [status] = await desk.cli.good("project", "status", "h2")
    assert (status["state"], status["draft"]) == ("in_sync", "clean"), "the draft is one of the new revision"
    assert (await desk.cli("project", "set", "h2", "guests.linux1.memory_mib=310")).code == 0
    refused = await desk.cli("project", "open", "line7", "-o", "json")
    assert (refused.code, refused.error["code"]) == (4, "EXISTS")
    [opened] = await desk.cli.good("project", "open", "line7", "h2", "--discard")
    assert (opened["target"], opened["errors"]) == (f"{SITE}/h2", 0)
    assert "memory_mib = 300" in (await desk.cli("project", "show", "h2")).out
    assert [one["name"] for one in await desk.cli.good("project", "saved")] == ["line7"]
    assert [(one["author"], one["revision"]) for one in await desk.cli.good("project", "saved", "line7")] == [
        ("anna", 1)
    ]
    assert (await desk.cli("project", "unsave", "line7", "--yes")).code == 0
    assert await desk.cli.good("project", "saved") == []
    assert (await desk.cli("project", "delete", "h2", "--yes")).code == 0
    assert (await desk.cli("project", "show", "h2")).code == 3


async def test_a_plan_is_kept_reviewed_and_carried_out_as_it_was_read(desk: Desk, tmp_path: Path) -> None:
    await desk.cli("project", "pull", "h1", "--discard")
    assert (await desk.cli("project", "set", "h1", "guest.linux1.comments=first")).code == 0
    planned = await desk.cli.good("project", "plan", "h1")
    assert [item["field"] for item in planned["items"] if item["object"] == "guests.linux1"] == ["comments"]
    own = await desk.cli("project", "review", "h1", "approve", "-o", "json")
    assert (own.code, own.error["code"]) == (5, "REVIEW-OWN")
    reviewer = await _user(desk, "carla", f"engineer:site:{SITE}")
    rejected = await reviewer.good("project", "review", "h1", "reject", "--note", "why?")
    assert (rejected["review"]["state"], rejected["review"]["by"]) == ("rejected", "carla")
    refused = await desk.cli("project", "apply", "h1", "--yes", "--plan", planned["plan_id"], "-o", "json")
    assert (refused.code, refused.error["code"]) == (4, "REVIEW-REQUIRED")
    assert (await reviewer.good("project", "review", "h1", "approve"))["review"]["state"] == "approved"
    assert "carla" in (await desk.cli("project", "review", "h1")).out
    past = await desk.cli("project", "apply", "h1", "-f", str(tmp_path / "h1.toml"))
    assert (past.code, "project import h1" in past.err) == (2, True)
    [applied] = [await desk.cli.good("project", "apply", "h1", "--yes")]
    assert (applied["host"], applied["state"]) == ("h1", "in_sync")
    [row] = await desk.cli.good("audit", "list", "--action", "config-apply", "--target", f"{SITE}/h1")
    assert row["detail"]["plan_id"] == planned["plan_id"], "the one that was approved"
    newest, *_ = await desk.cli.good("project", "history", "h1")
    assert (newest["number"], newest["person"]) == (applied["revision"]["number"], "anna")
    what = await desk.cli.good("project", "diff", "h1", "--revision", str(newest["number"]))
    assert ("guests.linux1", "comments") in {(item["object"], item.get("field")) for item in what}
    edits = await desk.cli.good("project", "history", "h1", "--draft")
    edited = next(one for one in edits if one["kind"] == "put")
    assert (edited["author"], edited["changes"][0]["path"]) == ("anna", "guests.linux1.comments")
    shown = await desk.cli.good("project", "diff", "h1", "--draft-revision", str(edited["revision"]))
    assert shown == [{"path": "guests.linux1.comments", "before": None, "after": "first"}]
    assert (await desk.cli("project", "apply", "h1", "--yes")).err.endswith("nothing to change\n")


async def test_back_to_an_earlier_revision_and_to_an_earlier_draft(desk: Desk) -> None:
    before = (await desk.cli.good("project", "history", "h1"))[1]["number"]
    back = await desk.cli.good("project", "rollback", "h1", "--yes")
    assert (back["state"], back["revision"]["origin"]) == ("in_sync", "rollback")
    assert back["revision"]["comment"].endswith(f"rollback to revision {before}")
    assert (await desk.cli("project", "set", "h1", "guest.linux1.comments=merged")).code == 0
    behind = await desk.cli("project", "apply", "h1", "--yes", "-o", "json")
    assert (behind.code, behind.error["code"], "--merge" in behind.error["message"]) == (4, "BASE-REVISION", True)
    assert (await desk.cli("project", "pull", "h1", "--merge")).code == 0
    assert "merged" in (await desk.cli("project", "show", "h1")).out
    drafts = await desk.cli.good("project", "history", "h1", "--draft")
    first = next(one["revision"] for one in drafts if one["kind"] == "pull")
    assert (await desk.cli("project", "restore", "h1", str(first))).code == 0
    assert "merged" not in (await desk.cli("project", "show", "h1")).out
    missing = await desk.cli("project", "diff", "h1", "--draft-revision", "9999", "-o", "json")
    assert (missing.code, missing.error["code"]) == (3, "NOT-FOUND")
    await desk.cli("project", "pull", "h1", "--discard")
    assert (await desk.cli("project", "set", "h1", "guest.linux1.comments=watched")).code == 0
    confirmed = await desk.cli.good("project", "apply", "h1", "--yes", "--confirm-within", "60", "--no-confirm")
    assert confirmed["state"] == "confirm_wait"
    assert (await desk.cli.good("project", "confirm", "h1"))["state"] == "in_sync"
    assert (await desk.cli("project", "cancel", "h1", "-o", "json")).code == 3, "nothing waits"


async def test_connections(desk: Desk) -> None:
    [there] = await desk.cli.good("connection", "list")
    assert (there["name"], there["state"], there["configured"]) == (SITE, "up", True)
    assert (await desk.cli("connection", "test", SITE)).code == 0
    socket = str(desk.site.base / "nowhere.sock")
    added = await desk.cli("connection", "add", "bench", "--site", "lab", "--agent-socket", socket, "--host", "b1")
    assert (added.code, "SOCKET-UNREACHABLE" in added.out, "tried again" in added.err) == (0, True, True), added
    assert (await desk.cli("connection", "test", "bench", "--timeout", "1")).code == 6
    assert (await desk.cli("connection", "add", "x", "--site", "lab")).code == 2
    kept = await desk.cli("connection", "remove", SITE, "--yes", "-o", "json")
    assert (kept.code, kept.error["code"]) == (4, "CONNECTION-CONFIGURED")
    assert (await desk.cli("connection", "remove", "bench", "--yes")).code == 0


async def test_what_was_said_is_listed_kept_in_a_file_and_forgotten(desk: Desk, tmp_path: Path) -> None:
    assert any(one["notice_class"] == "guest" for one in await desk.cli.good("notices", "h1", "--since", "1h"))
    for name, command in (
        ("n", ("notices",)),
        ("m", ("messages", "h1")),
        ("l", ("log", "h1")),
        ("a", ("audit", "export")),
    ):
        file = tmp_path / name
        option = () if name == "a" else ("--export",)
        assert (await desk.cli(*command, *option, str(file))).code == 0
        assert file.read_text().strip()
        assert (await desk.cli(*command, *option, str(file))).code == 4, "it is there already"
    assert "forgotten" in (await desk.cli("notices", "h1", "--clear", "--yes")).err
    assert await desk.cli.good("notices", "h1", "--since", "1h") == []
    assert (await desk.cli.good("host", "log-clear", "h1", "--yes"))["forgotten"] > 0
    assert (await desk.cli.good("metrics", "gaps", "h1"))["gaps"] == []
    assert (await desk.cli.good("session", "list"), (await desk.cli("session", "end")).code) == ([], 2)


async def test_a_list_is_watched_by_the_stream(desk: Desk) -> None:
    async with desk.cli.following("fleet", "list", "--watch", "-o", "jsonl") as following:
        await following.line(f'"site": "{SITE}", "host": "h2"')
        await desk.cli("fleet", "label", "h2", "seen=yes")
        assert '"h2"' in await following.line('"seen": "yes"')


async def _user(desk: Desk, name: str, role: str) -> Cli:
    """Somebody else with a context of the controller."""
    password = ("--password-file", str(desk.password))
    assert (await desk.cli("user", "add", name, "--role", role, *password, "--keep-password")).code == 0
    other = QuickCli(desk.cli.config.with_name(f"{name}.toml"), XDG_DATA_HOME=str(desk.cli.config.parent / name))
    assert (await other("login", desk.url, "--ca", desk.ca, "--name", name, *password)).code == 0
    return other


async def test_windows_and_webhooks(desk: Desk) -> None:
    [window] = await desk.cli.good(
        "window", "put", "night", "--open", "mon-sun", "00:00-24:00", "--zone", "Europe/Berlin"
    )
    assert window["open_until"] is not None
    assert (await desk.cli("window", "delete", "night", "--yes")).code == 0
    [hook] = await desk.cli.good("webhook", "make", "ops", "https://hooks.example/x", "--from", "critical")
    assert len(hook["secret"]) == 64
    [changed] = await desk.cli.good("webhook", "change", "ops", "--disable")
    assert (changed["enabled"], changed.get("secret")) == (False, None)
    assert (await desk.cli("webhook", "delete", "ops", "--yes")).code == 0
    asked = asyncio.Event()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (await reader.readuntil(b"\r\n\r\n")).startswith(b"POST /x "):
            asked.set()
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(receive, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await desk.cli.good("webhook", "make", "here", f"http://127.0.0.1:{port}/x")
        assert (await desk.cli("webhook", "try", "here")).code == 0
        async with asyncio.timeout(PATIENCE_S):
            await asked.wait()
            while (await desk.cli.good("webhook", "list"))[0]["delivered_at"] is None:
                await asyncio.sleep(0.05)
    assert (await desk.cli("webhook", "delete", "here", "--yes")).code == 0
    assert (await desk.cli("webhook", "try", "here")).code == 3


async def test_every_command_of_the_page(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rule.toml").write_text(NEVER, encoding="utf-8")
    words = {"https://controller.example:5000": desk.url, "tls/ca.crt": desk.ca, "web": "linux1"}
    words["~/.config/guestwire/operator-anna.key"] = desk.key
    commands = [
        f"{line} --password-file {desk.password}" if line.startswith("login") else line
        for line in controller_page.lines("cli.md")
    ]
    assert len(commands) > 40
    wrong = await controller_page.wrong_lines(desk.cli, commands, words)
    assert not wrong, "\n".join(wrong)


async def test_every_command_for_those_who_come_from_elsewhere(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    reset = 'operation = "guest-reset"\nbody = { guest = "linux1" }\ntargets = { hosts = ["plant/h1"] }\n'
    files = {
        "rule.toml": NEVER, "kvmrt.cfg": FILES["kvmrt.cfg"], "line7.toml": FILES["line7.toml"],
        "restart.toml": f'name = "gina"\n{reset}',
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    await _user(desk, "gina", f"observer:site:{SITE}")
    [job] = await desk.cli.good("job", "list", "-n", "1", "--state", "succeeded")
    words = {
        "HOST": "h1", "SITE": SITE, "GUEST": "linux1", "NAME": "gina", "ID": job["id"], "FILE": "line7.toml",
        "SELECTION": "label.line=3", "URL": "https://hooks.example/x", "--broker URL": "--broker mqtts://b", "rt": "linux1",
    }  # fmt: skip
    commands = controller_page.cells("coming-from.md")
    assert len(commands) > 40
    wrong = await controller_page.wrong_lines(desk.cli, commands, words)
    assert not wrong, "\n".join(wrong)


async def test_the_examples_for_programs(desk: Desk) -> None:
    token = (await desk.cli("token", "make", "examples", "-o", "name")).out.strip()
    words = {"http://127.0.0.1:5000": desk.url, "$TOKEN": token, "/demo/": f"/{SITE}/", "site=demo": f"site={SITE}"}
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=desk.ca), trust_env=False) as client:
        for page in ("api.md", "rollouts.md", "telemetry.md"):
            [command] = controller_page.blocks(page, "sh")
            answer = await controller_page.curl(command, client, words)
            assert answer.is_success, (page, answer.text)
    await desk.until("rollout", "status", "log more", said="finished (succeeded)")
    [program] = controller_page.blocks("cli.md", "python")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-c", program.replace("demo-controller", f"{SITE}-controller"),
        env=desk.cli.environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    following = Following(process)
    try:
        await following.line(rf"^{SITE}/h2 \d+$")
        await following.line(rf"^host {SITE}/h1 online$")
        await desk.cli("fleet", "label", "h1", "examples=yes")
    finally:
        await following.end(signal.SIGTERM)


async def test_a_host_is_turned_away_forgotten_and_let_in_again(desk: Desk) -> None:
    rule = desk.password.with_name("known.toml")
    rule.write_text(
        'severity = "info"\nhosts = "host=h2"\ntrigger = { on = "presence", states = ["online", "offline"] }\n'
    )
    await desk.cli.good("alarm", "rule", "put", "known", str(rule))
    shown = await desk.cli.good("fleet", "show", "h2")
    assert (shown["state"], {guest["name"] for guest in shown["guest_list"]}) == ("online", {"rtlinux", "linux1"})
    assert [one["host"] for one in await desk.cli.good("fleet", "refresh", "h2")] == ["h2"]
    [rejected] = await desk.cli.good("fleet", "reject", "h2", "--yes")
    assert rejected["approval"] == "rejected"
    outside = await desk.cli("guest", "list", "h2", "-o", "json")
    assert (outside.code, outside.error["code"]) == (4, "HOST-NOT-APPROVED")
    there = await desk.cli("fleet", "forget", "h2", "--yes", "-o", "json")
    assert (there.code, there.error["code"]) == (4, "HOST-IS-THERE")
    await desk.site.agents["h2"].stop()
    await desk.until("fleet", "show", "h2", said="offline")
    await desk.until("alarm", "list", "--rule", "known", said=f"{SITE}/h2")
    forgotten = await desk.cli("fleet", "forget", "h2", "--yes")
    assert (forgotten.code, f"{SITE}/h2: forgotten" in forgotten.err) == (0, True), forgotten
    assert await desk.cli.good("alarm", "list", "--rule", "known") == []
    assert (await desk.cli("alarm", "rule", "delete", "known", "--yes")).code == 0
    await desk.site.agents["h2"].start()
    await desk.until("fleet", "list", "approval=pending", "state=online", said=f"{SITE}/h2")
    assert (await desk.cli.good("fleet", "approve", "h2"))[0]["approval"] == "approved"


async def test_a_controller_that_is_away_is_said_so(desk: Desk) -> None:
    await desk.controller.stop()
    away = await desk.cli("guest", "list", "h1", "-o", "json")
    assert (away.code, away.error["code"]) == (6, "CONTROLLER-UNREACHABLE")
    await desk.controller.start()
    await desk.until("guest", "list", "h1", "-o", "name", said="h1/linux1")  # once it is connected again itself
