"""`guestwire guest` against hosts over a broker and over a socket."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_host import FakeFleet

from guestwire.controller.serving import serving
from guestwire.model.errors import GuestwireError
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.operation_models import GuestList
from guestwire.sdk import context_file
from guestwire.sdk.contexts import Context, load


def _states(fleet: FakeFleet, host: str) -> dict[str, str]:
    return {name: view.status.state for name, view in fleet.hosts[host].guests.items()}


def test_list_of_every_host(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    result = run("guest", "list")
    assert result.exit_code == 0, result.stderr
    assert [line.split()[:3] for line in result.stdout.splitlines()] == [
        ["GUEST", "ID", "STATE"],
        ["h1/web", "GUEST0001", "running"],
        ["h1/db", "GUEST0002", "stopped"],
        ["h2/web", "GUEST0001", "stopped"],
    ]
    assert result.stderr == ""


def test_list_in_every_form(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    documents = json.loads(run("-o", "json", "guest", "list", "h1").stdout)
    assert yaml.safe_load(run("guest", "list", "h1", "-o", "yaml").stdout) == documents
    assert [(d["host"], d["guest"]["name"], d["verified"]) for d in documents] == [
        ("h1", "web", True),
        ("h1", "db", True),
    ]
    assert run("guest", "list", "-o", "name", "h1").stdout == "h1/web\nh1/db\n"
    assert "UUID" in run("guest", "list", "-o", "wide").stdout
    assert run("guest", "list", "--state", "stopped", "-o", "name").stdout == "h1/db\nh2/web\n"


def test_a_host_that_is_away_is_told_and_the_others_are_listed(run, start: Callable[..., FakeFleet]) -> None:  # type: ignore[no-untyped-def]
    start("h1").hosts["h1"].add("web")
    result = run("guest", "list", "-o", "name")
    assert (result.exit_code, result.stdout) == (0, "h1/web\n")
    assert "offline: h2" in result.stderr


async def test_hosts_of_which_a_controller_knows_nothing_are_told_and_not_asked(run, config: Path) -> None:  # type: ignore[no-untyped-def]
    states = {"h1": "online", "h2": "unknown", "h3": "offline", "h4": "unknown", "h5": "suspect"}
    hosts = [
        {"site": "plant", "host": host, "approval": "approved", "state": state, "heard_at": 1000, "revision": 1}
        for host, state in states.items()
    ]
    asked: list[str] = []

    async def controller(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        asked.append(scope["path"].removeprefix("/api/v1"))
        listing = json.dumps({"items": hosts, "next": None}).encode()
        said = listing if asked[-1] == "/hosts" else to_bytes(GuestList(guests=()))
        more = [] if asked[-1] == "/hosts" else [(b"guestwire-verified", b"true")]
        await send({"type": "http.response.start", "status": 200, "headers": more})
        await send({"type": "http.response.body", "body": said})

    token = config.parent / "token"
    async with serving(controller, ("127.0.0.1", 0)) as url:
        context = Context(site="plant", via="controller", controller=url, token_file=str(token))
        context_file.put(config, "main", context, make_current=True)
        token.write_text("gwt_x")
        token.chmod(0o600)
        result = await asyncio.to_thread(run, "guest", "list")
    assert (result.exit_code, sorted(asked)) == (
        0,
        ["/hosts", *(f"/hosts/plant/{host}/operations/guest-list" for host in ("h1", "h5"))],
    )
    assert result.stderr.splitlines()[:2] == [
        "not asked, because offline: h3",
        "not asked, because nobody knows whether they are there: h2, h4",
    ]


def test_a_host_that_fails_is_an_error_and_the_others_are_listed(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    fleet.hosts["h1"].fail["guest-list"] = GuestwireError("DRIVER-LOST", "libvirtd went away")
    result = run("guest", "list", "-o", "name")
    assert (result.exit_code, result.stdout) == (1, "h2/web\n")
    assert "error: DRIVER-LOST: h1: libvirtd went away" in result.stderr


def test_show(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert "running" in run("guest", "show", "h1/web").stdout
    assert json.loads(run("guest", "show", "h1/GUEST0002", "-o", "json").stdout)["guest"]["name"] == "db"
    missing = run("guest", "show", "h1/nothing")
    assert (missing.exit_code, missing.stdout) == (3, "")
    assert missing.stderr.startswith("error: NOT-FOUND: ")


def test_threads(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert "vcpu 0" in run("guest", "threads", "h1/web").stdout
    assert run("guest", "threads", "h1/db").exit_code == 4


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        ("start", "running"), ("shutdown", "stopped"), ("destroy", "stopped"), ("reset", "running"), ("pause", "paused"),
        ("resume", "running"),
    ],
)  # fmt: skip
def test_verbs(verb: str, state: str, run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    result = run("guest", verb, "h1/web", "-o", "json")
    assert result.exit_code == 0, result.stderr
    (document,) = json.loads(result.stdout)
    assert document["status"]["state"] == state
    assert document["verified"]
    assert fleet.hosts["h1"].calls.count(f"guest-{verb}") == 1


def test_start_waits_for_ready(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert "ready" in run("guest", "start", "h1/db", "--wait", "ready").stdout


def test_undefine(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert "undefined" in run("guest", "undefine", "h1/db").stdout
    assert "db" not in fleet.hosts["h1"].guests


def test_several_and_all_of_a_host(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    result = run("guest", "start", "h1/*", "h2/web", "h1/db", "-o", "name")
    assert sorted(result.stdout.split()) == ["h1/db", "h1/web", "h2/web"]
    assert _states(fleet, "h1") == {"web": "running", "db": "running"}


def test_some_fail(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    result = run("guest", "start", "h1/db", "h1/nothing", "-o", "name")
    assert (result.exit_code, result.stdout) == (3, "h1/db\n")
    assert "h1/nothing" in result.stderr


def test_several_disruptions_want_consent(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    before = _states(fleet, "h1")
    refused = run("guest", "destroy", "h1/*")
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert _states(fleet, "h1") == before
    assert run("guest", "destroy", "h1/*", "--yes").exit_code == 0
    assert set(_states(fleet, "h1").values()) == {"stopped"}


def test_define_from_flags_and_from_a_file(run, fleet: FakeFleet, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    made = run(
        "guest",
        "define",
        "h2",
        "--name",
        "new",
        "--memory",
        "64",
        "--kernel",
        "/k",
        "--ready-console",
        "up",
        "-o",
        "json",
    )
    assert made.exit_code == 0, made.stderr
    assert fleet.hosts["h2"].guests["new"].guest.ready_when.text == "up"
    file = tmp_path / "guest.toml"
    file.write_text('name = "filed"\nmemory_mib = 128\n')
    assert run("guest", "define", "h2", "-f", str(file), "--vcpus", "2").exit_code == 0
    assert fleet.hosts["h2"].guests["filed"].guest.vcpus == 2
    assert run("guest", "define", "h2", "-f", "-", input="name: piped\n").exit_code == 0
    assert "piped" in fleet.hosts["h2"].guests


def test_a_wrong_definition_never_leaves_this_machine(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    result = run("guest", "define", "h2", "-f", "-", input="name: x\nmemroy: 3\n")
    assert result.exit_code == 9
    assert "memroy" in result.stderr
    assert "guest-define" not in fleet.hosts["h2"].calls
    assert run("guest", "define", "h2", "--memory", "64").exit_code == 2


@pytest.mark.parametrize("name", ["web", "h1/", "H1/web", "h1/a/b"])
def test_no_address(name: str, run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("guest", "start", name).exit_code == 2


def test_errors_for_programs(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    result = run("guest", "start", "h1/nothing", "-o", "json")
    assert json.loads(result.stdout) == []
    error = json.loads(result.stderr)["error"]
    assert (error["code"], error["target"], error["exit_code"]) == ("NOT-FOUND", "h1/nothing", 3)


def test_over_the_socket(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    socket = str(fleet.socket("h1"))
    assert run("guest", "list", "--socket", socket, "-o", "name").stdout == "h1/web\nh1/db\n"
    assert run("--socket", socket, "guest", "start", "db").exit_code == 0
    assert _states(fleet, "h1")["db"] == "running"


def test_no_socket(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = run("guest", "list", "--socket", str(tmp_path / "none.sock"))
    assert result.exit_code == 6
    assert result.stderr.startswith("error: SOCKET-UNREACHABLE: ")


def test_nobody_answers(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    result = run("guest", "start", "h9/web", "--timeout", "0.3")
    assert result.exit_code == 6
    assert "HOST-UNREACHABLE" in result.stderr


def test_no_broker(run, config: Path, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    dead = load(config).contexts["plant"].model_copy(update={"brokers": ("mqtt://127.0.0.1:1",)})
    context_file.put(config, "dead", dead)
    result = run("guest", "list", "--context", "dead")
    assert result.exit_code == 6
    assert result.stderr.startswith("error: BROKER-UNREACHABLE: ")


def test_a_key_of_a_later_revision_is_refused_by_the_host(run, layout, fleet: FakeFleet, config: Path) -> None:  # type: ignore[no-untyped-def]
    run("site", "add-operator", str(layout.base), "late")
    late = load(config).contexts["plant"].model_copy(update={"key": str(layout.key("operator:late"))})
    context_file.put(config, "late", late)
    result = run("guest", "start", "h1/web", "--context", "late", "--timeout", "5")
    assert result.exit_code == 5
    assert "KEY-UNKNOWN" in result.stderr


def test_without_a_key_reads_work_and_effects_do_not(run, config: Path, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    observer = load(config).contexts["plant"].model_copy(update={"key": None, "client": "observer"})
    context_file.put(config, "observer", observer)
    (document,) = json.loads(run("guest", "list", "h2", "--context", "observer", "-o", "json").stdout)
    assert document["verified"] is False
    result = run("guest", "start", "h1/web", "--context", "observer", "--timeout", "5")
    assert result.exit_code == 5
    assert "UNSIGNED" in result.stderr


def test_a_key_open_to_others_is_refused_here(run, layout, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    layout.key("operator:admin").chmod(0o644)
    result = run("guest", "list")
    assert result.exit_code == 5
    assert "chmod 600" in result.stderr
