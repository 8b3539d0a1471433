"""`guestwire host` and what is about hosts: presence, pings, levels, the doctor."""

import json
from collections.abc import Callable
from pathlib import Path

from fake_host import FakeFleet

from guestwire.sdk import context_file
from guestwire.sdk.contexts import load


def test_list(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    rows = json.loads(run("host", "list", "-o", "json").stdout)
    assert [(row["host"], row["state"], row["verified"], row["presence"]["epoch"]) for row in rows] == [
        ("h1", "online", True, 3),
        ("h2", "online", True, 3),
    ]


def test_list_tells_who_was_never_heard(run, start: Callable[..., FakeFleet]) -> None:  # type: ignore[no-untyped-def]
    start("h1")
    result = run("host", "list", "--wait", "0.3", "-o", "wide")
    assert result.exit_code == 0
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:]] == [["h1", "online"], ["h2", "offline"]]
    assert "never heard" in result.stdout


def test_list_over_a_socket(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("host", "list", "--socket", str(fleet.socket("h2")), "-o", "name").stdout == "h2\n"


def test_show(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert "no KVM here" in run("host", "show", "h1").stdout
    assert json.loads(run("host", "show", "h1", "-o", "json").stdout)["facts"]["cpus"] == 4
    assert run("host", "show").exit_code == 2
    assert run("host", "show", "--socket", str(fleet.socket("h1"))).exit_code == 0


def test_ping(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    result = run("host", "ping", "-c", "2", "-o", "json")
    assert [(row["host"], len(row["times_ms"])) for row in json.loads(result.stdout)] == [("h1", 2), ("h2", 2)]


def test_ping_without_an_answer(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    result = run("host", "ping", "h1", "h9", "--timeout", "0.3")
    assert result.exit_code == 6
    assert "h9" in result.stderr


def test_log_level(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("host", "log-level", "h1", "debug", "-o", "name").stdout == "debug\n"
    assert run("host", "log-level", "h1", "loud").exit_code == 2


def test_messages_and_log(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert [row["seq"] for row in json.loads(run("messages", "h1", "-o", "json").stdout)] == [1, 2, 3]
    assert [row["seq"] for row in json.loads(run("messages", "h1", "--after", "2", "-o", "json").stdout)] == [3]
    assert run("log", "h1").stdout == "one line\ntwo\\x1b[31m line\n"
    assert run("log", "h1", "-n", "1").stderr.startswith("there is more")
    assert run("log", "h1", "--since", "yesterday").exit_code == 2
    assert run("log", "h1", "--since", "10m", "--until", "2026-01-31T12:00:00").exit_code == 0


def test_doctor_in_health(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    result = run("doctor", "-o", "json")
    found = {row["check"]: row["result"] for row in json.loads(result.stdout)}
    assert result.exit_code == 0, result.stdout
    assert {
        found[check] for check in ("python", "context", "key file", "identity", "tcp", "mqtt", "host h1", "clock h1")
    } == {"ok"}


def test_doctor_without_a_context(run) -> None:  # type: ignore[no-untyped-def]
    result = run("doctor", "-o", "json")
    found = {row["check"]: row["result"] for row in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert found["context"] == "fail"


def test_doctor_names_what_is_wrong(run, config: Path, layout, start: Callable[..., FakeFleet]) -> None:  # type: ignore[no-untyped-def]
    start("h1")
    offline = {row["check"]: row for row in json.loads(run("doctor", "-o", "json").stdout)}
    assert offline["host h2"]["result"] == "fail"
    dead = load(config).contexts["plant"].model_copy(update={"brokers": ("mqtt://127.0.0.1:1",)})
    context_file.put(config, "dead", dead)
    unreached = {row["check"]: row for row in json.loads(run("doctor", "--context", "dead", "-o", "json").stdout)}
    assert (unreached["tcp"]["result"], "host h1" in unreached) == ("fail", False)
    layout.key("operator:admin").chmod(0o640)
    opened = {row["check"]: row for row in json.loads(run("doctor", "-o", "json").stdout)}
    assert opened["key file"]["remedy"].startswith("chmod 600 ")


def test_the_log_is_cleared_when_that_is_meant(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("host", "log-clear", "h1").exit_code == 2
    assert json.loads(run("host", "log-clear", "h1", "--yes", "-o", "json").stdout) == {"forgotten": 7, "last_seq": 8}
