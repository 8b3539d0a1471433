"""What users see at the command line: forms of output, errors with their codes and texts, exit codes. One real fleet."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import yaml
from fleet import SITE, Cli, Fleet, client_context, fleet, make_site, unix_ms
from quick_cli import QuickCli

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.protocol import ids
from guestwire.sdk import context_file
from guestwire.sdk.contexts import Context
from guestwire.site import enrolment

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    require_mosquitto()
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(mosquitto(BrokerOptions()))
        hosts = {"h1": {"simulated": {"boot_s": 3600}}, "h2": {}}
        yield await stack.enter_async_context(fleet(tmp_path_factory.mktemp("site"), broker, hosts, cli=QuickCli))


async def test_every_form_of_output(site: Fleet) -> None:
    table, wide, document, text, names = await asyncio.gather(
        *(site.cli("guest", "list", "-o", form) for form in ("table", "wide", "json", "yaml", "name"))
    )
    assert {said.code for said in (table, wide, document, text, names)} == {0}
    assert len(table.lines) == 5
    assert len(wide.lines[0]) > len(table.lines[0])
    assert document.document == yaml.safe_load(text.out)
    assert names.lines == ["h1/rtlinux", "h1/linux1", "h2/rtlinux", "h2/linux1"]
    assert "\x1b" not in table.out, "colour in a pipe"


async def test_names_are_what_other_commands_take(site: Fleet) -> None:
    names = (await site.cli("guest", "list", "h2", "-o", "name")).lines
    assert (await site.cli("guest", "start", *names, "-q", "-o", "name")).lines == names
    refused = await site.cli("guest", "destroy", "h2/*")
    assert refused.code == 2
    assert "--yes" in refused.err
    done = await site.cli("guest", "destroy", "h2/*", "--yes", "-o", "name")
    assert (done.code, done.lines) == (0, names)


async def test_one_failure_among_several_stops_no_other(site: Fleet) -> None:
    said = await site.cli("guest", "start", "h2/linux1", "h2/nobody", "-o", "json")
    assert said.code == 3
    assert said.error["code"] == "NOT-FOUND"
    assert said.error["target"] == "h2/nobody"
    assert [one["guest"]["name"] for one in said.document] == ["linux1"]
    mixed = await site.cli("guest", "resume", "h2/nobody", "h2/rtlinux", "-o", "json")
    assert mixed.code == 1, "different failures have no code in common"


@dataclass(frozen=True)
class Wrong:
    """A command line, and what its user sees: exit code, stable code, and words of the text."""

    line: str
    exit_code: int
    code: str
    words: str


WRONG = (
    Wrong("guest show h1/nobody", 3, "NOT-FOUND", "no guest 'nobody'"),
    Wrong("guest start h1/nobody", 3, "NOT-FOUND", "no guest 'nobody'"),
    Wrong("guest pause h1/linux1", 4, "WRONG-STATE", "does not run"),
    Wrong("guest reset h1/linux1", 4, "WRONG-STATE", "running guest"),
    Wrong("guest threads h1/linux1", 4, "WRONG-STATE", "no process"),
    Wrong("guest define h1 --name linux1", 4, "NAME-DUP", "exists"),
    Wrong("guest define h1 --name new --cpuset 2-", 9, "VALIDATION-FAILED", "CPUSET-SYNTAX at guests.new.cpuset: "),
    Wrong("guest define h1 --name new --cpuset 2-", 9, "VALIDATION-FAILED", "CPU set"),
    Wrong("guest define h1 --name new --cpuset 99", 9, "VALIDATION-FAILED", "CPUSET-UNKNOWN at guests.new.cpuset: "),
    Wrong("guest define h1 --name new --cpuset 99", 9, "VALIDATION-FAILED", "99"),
    Wrong("guest define h1 --name a/b", 9, "VALIDATION-FAILED", "NAME-INVALID at "),
    Wrong(
        "guest define h1 --name new --kind rt --vcpus 3", 9, "VALIDATION-FAILED", "RT-NO-CPUSET at guests.new.cpuset: "
    ),
    Wrong("host show h9 --timeout 0.5", 6, "HOST-UNREACHABLE", "is its agent running"),
    Wrong("guest start h9/linux1 --timeout 0.5", 6, "HOST-UNREACHABLE", "is its agent running"),
    Wrong(f"job show h1/{ids.text(ids.request_id(unix_ms()))}", 3, "NOT-FOUND", ""),
    Wrong(f"job cancel h1/{ids.text(ids.request_id(unix_ms()))}", 3, "NOT-FOUND", ""),
    Wrong("guest list --context nowhere", 3, "CONTEXT-UNKNOWN", "nowhere"),
    Wrong("guest list --socket /nowhere.sock", 6, "SOCKET-UNREACHABLE", "/nowhere.sock"),
)


async def test_errors_have_codes_and_texts(site: Fleet) -> None:
    answers = await asyncio.gather(*(site.cli(*wrong.line.split()) for wrong in WRONG))
    for wrong, said in zip(WRONG, answers, strict=True):
        assert said.code == wrong.exit_code, (wrong.line, said)
        assert said.err.startswith(f"error: {wrong.code}: ") or f"\nerror: {wrong.code}: " in said.err, (
            wrong.line,
            said,
        )
        assert wrong.words in said.err, (wrong.line, said)
        assert "Traceback" not in said.err
        assert said.out == ""


async def test_errors_are_documents_for_programs(site: Fleet) -> None:
    said = await site.cli("guest", "show", "h1/nobody", "-o", "json")
    assert said.code == 3
    error = json.loads(said.err)["error"]
    assert (error["code"], error["kind"], error["where"], error["retry"]) == (
        "NOT-FOUND",
        "NOT-FOUND",
        "resource",
        "no",
    )
    assert error["exit_code"] == 3


async def test_a_wrong_command_line(site: Fleet) -> None:
    lines = ("guest strat h1/linux1", "guest start", "guest list -o xml", "host ping NOT_A_SLUG", "gest list")
    answers = await asyncio.gather(*(site.cli(*line.split()) for line in lines))
    assert [said.code for said in answers] == [2] * len(lines)
    assert "Did you mean 'guest'?" in answers[-1].err


async def test_a_command_that_takes_too_long(site: Fleet) -> None:
    """The host has it and works on it; the command gives up, and says how to go on."""
    said = await site.cli("guest", "start", "h1/linux1", "--wait", "ready", "--timeout", "2", "-o", "json")
    assert (said.code, said.error["code"]) == (7, "NO-ANSWER")
    shown = await site.cli("job", "show", f"h1/{said.error['detail']['request_id']}", "-o", "json")
    assert shown.document["state"] == "running"
    cancelled = await site.cli("job", "cancel", f"h1/{said.error['detail']['request_id']}")
    assert cancelled.code == 0


async def test_ctrl_c_leaves_the_job_at_work(site: Fleet) -> None:
    async with site.cli.following("guest", "start", "h1/rtlinux", "--wait", "ready") as waiting:
        jobs: list[str] = []
        while not jobs:
            jobs = (await site.cli("job", "list", "h1", "--state", "running", "-o", "name")).lines
        assert await waiting.end(signal.SIGINT) == 130
    assert (await site.cli("job", "show", jobs[0], "-o", "json")).document["state"] == "running"
    assert (await site.cli("job", "cancel", jobs[0])).code == 0


async def test_keys_the_site_does_not_believe(site: Fleet, tmp_path: Path) -> None:
    """A key of another site is refused here; one that only the host does not know yet, by the host; until it is told."""
    foreign = make_site(tmp_path, ["h1"], ["mallory"])
    wrong_key = client_context(site.layout, site.broker.url).model_copy(
        update={"key": str(foreign.key("operator:mallory"))}
    )
    local = await _with_context(site.cli, tmp_path, wrong_key)("guest", "start", "h2/rtlinux", "-o", "json")
    assert (local.code, local.error["code"]) == (5, "KEY-UNKNOWN")
    await asyncio.to_thread(enrolment.add, site.layout.base, ["operator:eve"], unix_ms())
    eve = _with_context(site.cli, tmp_path, client_context(site.layout, site.broker.url, operator="eve"))
    before = (await site.refused("h2")).get("KEY-UNKNOWN", 0)
    refused = await eve("guest", "start", "h2/rtlinux", "-o", "json")
    assert (refused.code, refused.error["code"]) == (5, "KEY-UNKNOWN")
    assert (await site.refused("h2"))["KEY-UNKNOWN"] > before
    agent = site.agents["h2"]
    os.kill(agent.pid, signal.SIGHUP)
    await agent.log.wait_for("reloaded")
    assert (await eve("guest", "start", "h2/rtlinux")).code == 0


def _with_context(cli: Cli, base: Path, context: Context) -> Cli:
    name = f"c{len(list(base.iterdir()))}"
    config = base / f"{name}.toml"
    context_file.put(config, name, context, make_current=True)
    return Cli(config)


async def test_an_observer_reads_and_may_do_nothing(site: Fleet, tmp_path: Path) -> None:
    """Without a key what is read is shown as unverified, and an effect is refused."""
    context = Context(
        site=SITE, brokers=(site.broker.url,), trust=str(site.layout.trust), root=str(site.layout.root_public)
    )
    observer = _with_context(site.cli, tmp_path, context)
    shown, started = await asyncio.gather(
        observer("host", "show", "h2", "-o", "json"), observer("guest", "start", "h2/rtlinux", "-o", "json")
    )
    assert (shown.code, shown.document["verified"]) == (0, False)
    assert (started.code, started.error["code"]) == (5, "UNSIGNED")


async def test_doctor_finds_nothing_wrong_and_context_shows_the_way(site: Fleet) -> None:
    doctor, shown, listed, completion = await asyncio.gather(
        site.cli("doctor", "-o", "json"),
        site.cli("context", "show", "-o", "json"),
        site.cli("context", "list"),
        site.cli("completion", "bash"),
    )
    assert doctor.code == 0, doctor
    assert {one["result"] for one in doctor.document} <= {"ok", "warn", "skip"}
    assert shown.document["brokers"] == [site.broker.url]
    assert SITE in listed.out
    assert completion.code == 0


async def test_messages_and_log_by_level_and_number(site: Fleet) -> None:
    all_of, errors, log, level = await asyncio.gather(
        site.cli("messages", "h2", "-o", "json"),
        site.cli("messages", "h2", "--level", "error", "-o", "json"),
        site.cli("log", "h2", "--match", "broker connected", "-n", "5"),
        site.cli("host", "log-level", "h2", "info"),
    )
    numbers = [message["seq"] for message in all_of.document]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert errors.document == []
    assert log.lines
    assert all("broker connected" in line for line in log.lines)
    assert level.code == 0
    later = await site.cli("messages", "h2", "--after", str(numbers[0]), "-n", "1", "-o", "name")
    assert later.lines == [str(numbers[1])]


async def test_the_broker_command_and_a_site_from_nothing(tmp_path: Path) -> None:
    """`guestwire broker`, `guestwire site init`, and the agent as the documentation has it: the whole first way."""
    cli = Cli(tmp_path / "client.toml")
    async with cli.following("broker", "-o", "json", "--embedded") as broker:
        url = json.loads(await broker.line(r"^\{"))["url"]
        made = await cli("site", "init", str(tmp_path / "mine"), "--site", "mine", "--host", "h1", "--broker", url)
        assert made.code == 0, made
        listed = await cli("host", "list", "-o", "json")
        assert [(one["host"], one["state"]) for one in listed.document] == [("h1", "offline")]
        assert (await cli("site", "init", str(tmp_path / "mine"))).code == 4
        assert await broker.end() == 0
    gone = await cli("host", "list", "-o", "json")
    assert (gone.code, gone.error["code"]) == (6, "BROKER-UNREACHABLE")
