"""`guestwire project validate|diff|plan|status|history`, with a host and without."""

import json
from pathlib import Path

import pytest
from fake_host import FakeFleet

from guestwire.formats import project_toml
from guestwire.model.desired import Desired, Project
from guestwire.model.guest import Guest, Override
from guestwire.model.plan import PlanItem

RT = Guest(name="rt", kind="rt", cpuset="2,3", memory_mib=256)


@pytest.fixture
def pulled(run, fleet: FakeFleet) -> FakeFleet:  # type: ignore[no-untyped-def]
    """h1 with the guest rt, and a draft of it."""
    fleet.hosts["h1"].config.add(Desired(guests=(RT,)))
    assert run("project", "pull", "h1").exit_code == 0
    return fleet


def test_a_fresh_draft_is_valid_and_differs_in_nothing(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("project", "diff", "h1").exit_code == 0
    assert run("project", "plan", "h1", "-o", "json").exit_code == 0
    valid = run("project", "validate", "h1")
    assert valid.exit_code == 0
    assert "0 errors" in valid.stderr


def test_differences_are_listed_and_have_an_exit_code(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512", "settings.swap_mib=64")
    said = run("project", "diff", "h1", "-o", "json")
    assert said.exit_code == 8
    items = {(one["object"], one["field"]): (one.get("before"), one["after"]) for one in json.loads(said.stdout)}
    assert items == {("guests.rt", "memory_mib"): ("256", "512"), ("settings", "swap_mib"): (None, "64")}


def test_plan_shows_effects_and_issues(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.cpuset=0,9")
    said = run("project", "plan", "h1")
    assert said.exit_code == 9
    assert "tune" in said.stdout
    assert "CPUSET-UNKNOWN" in said.stdout
    document = json.loads(run("project", "plan", "h1", "-o", "json").stdout)
    assert {issue["code"] for issue in document["issues"]} >= {"CPUSET-UNKNOWN"}
    assert document["plan_id"]


def test_validate_asks_the_host(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.cpuset=9")
    before = pulled.hosts["h1"].calls.count("config-plan")
    said = run("project", "validate", "h1", "--all", "-o", "json")
    assert said.exit_code == 9
    assert [one["code"] for one in json.loads(said.stdout)].count("CPUSET-UNKNOWN") == 1
    assert pulled.hosts["h1"].calls.count("config-plan") == before + 1
    assert pulled.hosts["h1"].config.requests[-1].include_disabled


def test_validate_offline_lists_everything(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "p.toml"
    guests = "".join(f"[hosts.h1.guests.g{n}]\ncpuset = '9{n}'\n" for n in range(200))
    file.write_text("schema = 1\n" + guests)
    said = run("project", "validate", "-f", str(file), "--topology", "4-core", "-o", "json")
    assert said.exit_code == 9
    found = [one["path"] for one in json.loads(said.stdout) if one["code"] == "CPUSET-UNKNOWN"]
    assert sorted(found) == sorted(f"guests.g{n}.cpuset" for n in range(200))
    table = run("project", "validate", "-f", str(file), "--topology", "4-core")
    assert table.stdout.splitlines()[0].split() == ["SEVERITY", "CODE", "PATH", "MESSAGE", "HINT"]
    assert len(table.stdout.splitlines()) > 200
    assert " errors, " in table.stderr


def test_an_override_that_fits_nothing_shows_offline(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Pins are known where the machine is."""
    overrides = (Override(op="remove", sel="cputune/emulatorpin"), Override(op="remove", sel="nothere"))
    desired = Desired(guests=(RT.model_copy(update={"overrides": overrides}),))
    (tmp_path / "p.toml").write_text(project_toml.dump(Project(hosts={"h1": desired})))
    for command in ("validate", "plan"):
        said = run("project", command, "-f", str(tmp_path / "p.toml"), "--topology", "4-core", "-o", "json")
        document = json.loads(said.stdout)
        issues = document if command == "validate" else document["issues"]
        assert [one["path"] for one in issues if one["code"] == "OVERRIDES-INVALID"] == ["guests.rt.overrides.1"]


def test_disabled_guests_are_looked_at_when_asked(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "p.toml"
    file.write_text("schema = 1\n[hosts.h1.guests.g]\ncpuset = '9'\ndisabled = true\n")
    offline = ("project", "validate", "-f", str(file), "--topology", "4-core")
    assert run(*offline).exit_code == 0
    assert run(*offline, "--all").exit_code == 9


def test_a_machine_from_a_file(run, pulled: FakeFleet, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shown = run("hardware", "show", "h1", "-o", "json")
    file = tmp_path / "machine.json"
    file.write_text(shown.stdout)
    run("project", "set", "h1", "guest.rt.cpuset=9")
    before = len(pulled.hosts["h1"].calls)
    assert run("project", "validate", "h1", "--topology", str(file)).exit_code == 9
    assert run("project", "validate", "h1", "--topology", "64-thread-4-node").exit_code == 9
    assert run("project", "plan", "h1", "--topology", str(file)).exit_code == 9
    assert len(pulled.hosts["h1"].calls) == before, "a host was asked"


@pytest.mark.parametrize(("text", "code"), [(None, 3), ("{}", 9), ("no json", 9)])
def test_a_machine_that_is_none(text: str | None, code: int, run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    draft, machine = tmp_path / "p.toml", tmp_path / "machine.json"
    draft.write_text("schema = 1\n[hosts.h1]\n")
    if text is not None:
        machine.write_text(text)
    assert run("project", "validate", "-f", str(draft), "--topology", str(machine)).exit_code == code


def test_plan_offline_is_against_what_was_pulled(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    said = run("project", "plan", "h1", "--topology", "4-core", "-o", "json")
    assert said.exit_code == 0, said.stdout
    document = json.loads(said.stdout)
    assert [(one["object"], one["field"]) for one in document["items"]] == [("guests.rt", "memory_mib")]
    assert document["base_revision"] == 1
    assert document["not_checked"]


def test_plan_offline_removes_no_disk_in_silence(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    refused = run("project", "plan", "h1", "--topology", "4-core", "--destroy", "/srv/a.qcow2")
    assert refused.exit_code == 2
    assert "--destroy" in refused.stderr


def test_plan_offline_says_how_many_issues_it_left_out(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "p.toml"
    file.write_text("schema = 1\n" + "".join(f"[hosts.h1.guests.g{n}]\ncpuset = '9{n}'\n" for n in range(201)))
    offline = ("-f", str(file), "--topology", "4-core")
    assert json.loads(run("project", "plan", *offline, "-o", "json").stdout)["more_issues"] > 0
    said = "and at least 1 more issue"
    for verb in ("plan", "validate"):
        told = run("project", verb, *offline).stdout.splitlines()
        assert [line for line in told if "more issue" in line] == [said], verb
    assert said in run("project", "validate", *offline).stderr.splitlines()[-1]


def test_every_command_says_how_many_issues_it_left_out(run, pulled: FakeFleet, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "p.toml"
    many = "".join(f"[hosts.h1.guests.g{n}]\ncpuset = '9{n}'\n" for n in range(256))
    file.write_text("schema = 1\n[hosts.h1]\nbase_revision = 1\n" + many)
    said = "and at least 1 more issue"
    from_host = ("h1", "-f", str(file))
    assert said in run("project", "validate", *from_host).stdout.splitlines()
    assert said in run("project", "plan", *from_host).stdout.splitlines()
    assert said in run("hardware", "pull", *from_host).stdout.splitlines()
    assert said in run("hardware", "pull", *from_host, "--save").stderr
    refused = run("project", "apply", *from_host, "--yes")
    assert refused.exit_code == 9
    assert "at least 1 more issue" in refused.stderr
    document = json.loads(run("project", "apply", *from_host, "--yes", "-o", "json").stderr)["error"]
    assert "at least 1 more issue" in document["message"]
    assert json.loads(run("project", "validate", *from_host, "-o", "json").stdout)


def test_a_project_with_mistakes_is_no_traceback(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "p.toml"
    mistakes = "".join(f"[hosts.h1.guests.g{n}]\nmemory_mib = 'x'\n" for n in range(200))
    file.write_text("schema = 1\n" + mistakes)
    said = run("project", "validate", "-f", str(file), "--topology", "4-core")
    assert (said.exit_code, said.stdout) == (9, "")
    listed = [line for line in said.stderr.splitlines() if "memory_mib: must be" in line and line.startswith("  ")]
    assert len(listed) == 200


def test_status_of_every_kind(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    def states() -> list[tuple[str, str, str]]:
        said = run("project", "status", "-o", "json")
        assert said.exit_code == 0, said.stderr
        return [(one["host"], one["state"], one["draft"]) for one in json.loads(said.stdout)]

    assert states() == [("h1", "in_sync", "clean"), ("h2", "in_sync", "none")]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    assert states()[0] == ("h1", "in_sync", "dirty")
    host = pulled.hosts["h1"].config
    host.add(Desired(guests=(RT.model_copy(update={"vcpus": 1, "comments": "by another"}),)))
    assert states()[0] == ("h1", "in_sync", "diverged")
    assert run("project", "pull", "h1", "--discard").exit_code == 0
    host.add(Desired(guests=(RT,)))
    assert states()[0] == ("h1", "in_sync", "behind")
    host.state, host.last_failure = "drifted", "ROLLED-BACK: the disk is full"
    host.drift = (PlanItem(op="update", object="guests.rt", field="vcpus", before="9", after="1", drift=True),)
    said = run("project", "status", "h1")
    assert "drifted" in said.stdout
    assert "the disk is full" in said.stdout
    assert "undoes an edit made on the host" in said.stdout
    assert run("project", "status", "h9", "--timeout", "0.3").exit_code == 6


@pytest.mark.parametrize("text", ["nonsense", "schema = 1\n[hosts.other]\n"])
def test_a_draft_with_mistakes_does_not_hide_its_host(text: str, run, pulled: FakeFleet, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "data/guestwire/projects/plant/h1.toml").write_text(text)
    said = run("project", "status", "-o", "json")
    assert said.exit_code == 0, said.stderr
    found = {one["host"]: (one["state"], one["draft"]) for one in json.loads(said.stdout)}
    assert found == {"h1": ("in_sync", "mistakes"), "h2": ("in_sync", "none")}
    assert "mistakes" in run("project", "status", "h1").stdout


@pytest.mark.parametrize("command", [("show",), ("validate",), ("plan",), ("delete",), ("set", "settings.swap_mib=1")])
def test_a_draft_that_is_not_there(command: tuple[str, ...], run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    said = run("project", command[0], "h1", *command[1:])
    assert said.exit_code == 3
    assert "error: DRAFT-MISSING: " in said.stderr
    assert "project pull" in said.stderr
    assert "guest list" not in said.stderr


def test_history(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("project", "history", "h1", "-o", "name").stdout == "1\n0\n"
    assert "first" in run("project", "history", "h1").stdout
