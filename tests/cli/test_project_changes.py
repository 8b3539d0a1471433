"""`guestwire project pull|apply|confirm|cancel|rollback|adopt` against hosts over a broker."""

import json
from pathlib import Path
from typing import Any

import pytest
from fake_host import FakeFleet

from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.plan import SyncState
from guestwire.protocol.config_models import ConfigApply

RT = Guest(name="rt", kind="rt", cpuset="2,3", memory_mib=256)


@pytest.fixture
def drafts(tmp_path: Path) -> Path:
    return tmp_path / "data/guestwire/projects/plant"


@pytest.fixture
def pulled(run, fleet: FakeFleet) -> FakeFleet:  # type: ignore[no-untyped-def]
    """h1 with the guest rt, and a draft of it."""
    fleet.hosts["h1"].config.add(Desired(guests=(RT,)))
    assert run("project", "pull", "h1").exit_code == 0
    return fleet


def _last(fleet: FakeFleet) -> ConfigApply:
    request = fleet.hosts["h1"].config.requests[-1]
    assert isinstance(request, ConfigApply)
    return request


def test_pull_remembers_where_it_comes_from(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    document = json.loads(run("project", "show", "h1", "-o", "json").stdout)
    config = pulled.hosts["h1"].config
    assert document["base_revision"] == 1
    assert document["base_topology"] == config.topology.fingerprint
    assert document["guests"][0]["id"] == "GUEST0001"


def test_pull_does_not_drop_edits(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    refused = run("project", "pull", "h1")
    assert refused.exit_code == 4
    assert "--discard" in refused.stderr
    assert "memory_mib = 512" in run("project", "show", "h1").stdout
    assert run("project", "pull", "h1", "--discard").exit_code == 0
    assert "memory_mib = 256" in run("project", "show", "h1").stdout


def test_pull_keeps_remarks_and_takes_what_others_changed(run, pulled: FakeFleet, drafts: Path) -> None:  # type: ignore[no-untyped-def]
    draft = drafts / "h1.toml"
    draft.write_text(draft.read_text().replace('cpuset = "2,3"', 'cpuset = "2,3"  # next to the card'))
    pulled.hosts["h1"].config.add(Desired(guests=(RT.model_copy(update={"memory_mib": 300}),)))
    assert run("project", "pull", "h1").exit_code == 0
    assert "# next to the card" in draft.read_text()
    assert "memory_mib = 300" in draft.read_text()


def test_pull_over_a_draft_that_cannot_be_read(run, pulled: FakeFleet, drafts: Path) -> None:  # type: ignore[no-untyped-def]
    (drafts / "h1.toml").write_text("nonsense")
    assert run("project", "pull", "h1").exit_code == 4
    assert run("project", "pull", "h1", "--discard").exit_code == 0
    assert run("project", "diff", "h1").exit_code == 0


def test_pull_into_a_file(run, pulled: FakeFleet, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "p.toml"
    file.write_text("schema = 1\n# ours\n[hosts.other]\n")
    assert run("project", "pull", "h1", "-f", str(file)).exit_code == 0
    assert "# ours" in file.read_text()
    assert run("project", "diff", "h1", "-f", str(file)).exit_code == 0


def test_apply_plans_asks_and_says_how_it_ended(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    refused = run("project", "apply", "h1")
    assert refused.exit_code == 2
    assert "memory_mib" in refused.stderr, "what would be changed is shown"
    assert "--yes" in refused.stderr
    assert refused.stdout == ""
    done = run("project", "apply", "h1", "--yes", "--comment", "more memory", "-o", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["revision"]["number"] == 2
    assert _last(pulled).comment == "more memory"
    assert _last(pulled).base_revision == 1
    assert run("project", "diff", "h1").exit_code == 0
    assert json.loads(run("project", "status", "h1", "-o", "json").stdout)[0]["draft"] == "clean"
    assert "base_revision = 2" in run("project", "show", "h1").stdout


def test_apply_of_nothing(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    said = run("project", "apply", "h1", "--yes")
    assert (said.exit_code, said.stdout) == (0, "")
    assert "nothing to change" in said.stderr
    assert "config-apply" not in pulled.hosts["h1"].calls


def test_a_new_draft_is_applied_and_gets_its_identifiers(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "new", "--host", "h1")
    run("project", "add", "h1", "guest", "gp", "vcpus=1")
    assert run("project", "apply", "--yes").exit_code == 0
    assert 'id = "GUEST0001"' in run("project", "show", "h1").stdout
    run("project", "rename", "h1", "guest", "gp", "renamed")
    (item,) = json.loads(run("project", "diff", "h1", "-o", "json").stdout)
    assert (item["op"], item["field"]) == ("update", "name")


def test_a_draft_that_breaks_rules_is_not_sent(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.cpuset=9")
    said = run("project", "apply", "h1", "--yes")
    assert said.exit_code == 9
    assert "error: VALIDATION-FAILED: " in said.stderr
    assert "guests.rt.cpuset: CPUSET-UNKNOWN: " in said.stderr
    assert "config-apply" not in pulled.hosts["h1"].calls


def test_the_host_has_moved_on(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    pulled.hosts["h1"].config.add(Desired(guests=(RT.model_copy(update={"comments": "by another"}),)))
    said = run("project", "apply", "h1", "--yes")
    assert said.exit_code == 4
    assert "error: BASE-REVISION: " in said.stderr
    assert "config-apply" not in pulled.hosts["h1"].calls


def test_the_plan_is_stale(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    config = pulled.hosts["h1"].config

    def somebody_else() -> None:
        revision, desired = config.kept.pop()
        config.kept.append((revision, desired.model_copy(update={"host_cpuset": "0"})))

    config.on_apply = somebody_else
    said = run("project", "apply", "h1", "--yes")
    assert said.exit_code == 4
    assert "error: PLAN-STALE: " in said.stderr
    assert "plan again" in said.stderr


@pytest.mark.parametrize(
    ("code", "exit_code"), [("ROLLED-BACK", 1), ("ROLLBACK-INCOMPLETE", 1), ("COMM-UNAVAILABLE", 1), ("HOST-BUSY", 1)]
)
def test_an_apply_that_fails(code: str, exit_code: int, run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    pulled.hosts["h1"].fail["config-apply"] = GuestwireError(
        code, detail={"left": ["the disk /d/a", "the domain b"]}, cause=("DRIVER-ERROR",)
    )
    said = run("project", "apply", "h1", "--yes")
    assert said.exit_code == exit_code
    assert "left: the disk /d/a" in said.stderr
    assert "left: the domain b" in said.stderr
    assert "cause: DRIVER-ERROR" in said.stderr
    assert "memory_mib = 512" in run("project", "show", "h1").stdout, "the draft stays"


def test_disks_go_only_when_named(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "remove", "h1", "guest", "rt")
    planned = run("project", "plan", "h1", "--destroy", "/d/rt.qcow2")
    assert "the content of /d/rt.qcow2 would be lost" in planned.stdout
    pulled.hosts["h1"].fail["config-apply"] = GuestwireError("DESTROY-DISK", detail={"disks": ["/d/rt.qcow2"]})
    said = run("project", "apply", "h1", "--yes")
    assert said.exit_code == 4
    assert "disks: /d/rt.qcow2" in said.stderr
    pulled.hosts["h1"].fail.clear()
    assert run("project", "apply", "h1", "--yes", "--destroy", "/d/rt.qcow2").exit_code == 0
    assert _last(pulled).destroy == _last(pulled).remove_disks == ("/d/rt.qcow2",)


def test_a_change_of_the_way_to_the_host_is_confirmed_over_a_new_connection(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    config = pulled.hosts["h1"].config
    config.wants_confirmation = True
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    refused = run("project", "apply", "h1", "--yes")
    assert refused.exit_code == 4
    assert "--confirm-within" in refused.stderr
    done = run("project", "apply", "h1", "--yes", "--confirm-within", "30", "-o", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "in_sync"
    calls = pulled.hosts["h1"].calls
    assert calls.index("config-apply") < calls.index("config-confirm")


@pytest.mark.parametrize(("verb", "state", "revision"), [("confirm", "in_sync", 2), ("cancel", "rolled_back", 1)])
def test_left_to_be_confirmed(verb: str, state: str, revision: int, run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    waiting = run("project", "apply", "h1", "--yes", "--confirm-within", "30", "--no-confirm")
    assert waiting.exit_code == 0, waiting.stderr
    assert "confirm wait" in waiting.stdout
    assert "project confirm h1" in waiting.stderr
    pulled.hosts["h1"].fail["config-apply"] = GuestwireError("HOST-BUSY")
    run("project", "set", "h1", "guest.rt.memory_mib=600")
    assert run("project", "apply", "h1", "--yes", "--confirm-within", "30").exit_code == 1
    assert run("project", verb, "h1", "--plan", "short").exit_code == 2
    assert run("project", verb, "h1", "--plan", "f" * 32).exit_code == 3
    document = json.loads(run("project", verb, "h1", "-o", "json").stdout)
    assert (document["state"], document["revision"]["number"]) == (state, revision)


@pytest.mark.parametrize("where", ["own", "file"])
def test_a_draft_whose_change_is_confirmed_later_is_of_the_new_revision(  # type: ignore[no-untyped-def]
    where: str, run, pulled: FakeFleet, tmp_path: Path
) -> None:
    file = ("-f", str(tmp_path / "plant.toml")) if where == "file" else ()
    if file:
        assert run("project", "pull", "h1", *file).exit_code == 0
    run("project", "set", "h1", "guest.rt.memory_mib=512", *file)
    assert run("project", "apply", "h1", "--yes", "--confirm-within", "30", "--no-confirm", *file).exit_code == 0
    assert json.loads(run("project", "show", "h1", *file, "-o", "json").stdout)["base_revision"] == 1
    run("project", "set", "h1", "guest.rt.memory_mib=600", *file)
    assert run("project", "confirm", "h1").exit_code == 0
    document = json.loads(run("project", "show", "h1", *file, "-o", "json").stdout)
    assert (document["base_revision"], document["guests"][0]["memory_mib"]) == (2, 600)


def test_confirming_what_somebody_else_applied_leaves_the_draft_alone(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    config = pulled.hosts["h1"].config
    config.add(Desired(guests=(RT.model_copy(update={"memory_mib": 1024}),)))
    config.state, config.waiting = "confirm_wait", ("e" * 32, 1 << 50)
    said = run("project", "confirm", "h1")
    assert said.exit_code == 0, said.stderr
    assert f"not applied from here: plan {'e' * 32}" in said.stderr
    assert json.loads(run("project", "show", "h1", "-o", "json").stdout)["base_revision"] == 1


def test_a_plan_is_known_before_it_is_sent(run, pulled: FakeFleet, drafts: Path) -> None:  # type: ignore[no-untyped-def]
    """So that it can be confirmed, or undone, whatever becomes of the process that sent it."""
    known: list[str] = []
    pulled.hosts["h1"].config.on_apply = lambda: known.append((drafts / "h1.plan").read_text().split()[0])
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    assert run("project", "apply", "h1", "--yes").exit_code == 0
    assert known == [_last(pulled).plan_id]


def test_what_was_done_on_the_host_already_is_agreed_to(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    """A guest that somebody deleted by hand: there is nothing to do, and a revision to make."""
    config = pulled.hosts["h1"].config
    config.observed = Desired()
    run("project", "remove", "h1", "guest", "rt")
    done = run("project", "apply", "h1", "--yes", "-o", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["revision"]["number"] == 2
    assert config.active.guests == ()


def test_an_answer_that_the_change_itself_cut_off(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    pulled.hosts["h1"].config.loses_answers = True
    done = run("project", "apply", "h1", "--yes", "--confirm-within", "30", "-o", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "in_sync"
    assert pulled.hosts["h1"].config.waiting is None


def test_without_a_confirmation_a_lost_answer_is_an_error(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    pulled.hosts["h1"].fail["config-apply"] = GuestwireError("LINK-LOST")
    assert run("project", "apply", "h1", "--yes").exit_code == 6


@pytest.mark.parametrize(("flags", "state"), [((), "waiting_reboot"), (("--wait",), "in_sync")])
def test_a_reboot_is_waited_for_when_asked(flags: tuple[str, ...], state: str, run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    pulled.hosts["h1"].config.reboots = True
    done = run("project", "apply", "h1", "--yes", *flags, "-o", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["state"] == state


@pytest.mark.parametrize(("state", "code"), [("rolled_back", "ROLLED-BACK"), ("failed", "ROLLBACK-INCOMPLETE")])
def test_a_change_that_a_reboot_undoes_is_an_error(state: SyncState, code: str, run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    config = pulled.hosts["h1"].config
    config.reboots, config.after_boot, config.last_failure = True, state, f"{code}: the kernel gave 0 of 1 huge pages"
    done = run("project", "apply", "h1", "--yes", "--wait", "-o", "json")
    assert (done.exit_code, done.stdout) == (1, "")
    assert code in done.stderr
    assert "the kernel gave 0 of 1 huge pages" in done.stderr
    assert json.loads(run("project", "show", "h1", "-o", "json").stdout)["base_revision"] == 1


@pytest.mark.parametrize("memory", [1024, 256], ids=["another", "as it was"])
def test_a_change_that_somebody_undid_before_the_reboot_is_an_error(memory: int, run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    config = pulled.hosts["h1"].config

    def somebody_else() -> None:
        config.kept.pop()
        config.add(Desired(guests=(RT.model_copy(update={"memory_mib": memory}),)))

    config.reboots, config.on_boot = True, somebody_else
    done = run("project", "apply", "h1", "--yes", "--wait", "-o", "json")
    assert (done.exit_code, done.stdout) == (1, "")
    assert '"CANCELED"' in done.stderr
    document = json.loads(run("project", "show", "h1", "-o", "json").stdout)
    assert (document["base_revision"], document["guests"][0]["memory_mib"]) == (1, 512)


def test_a_change_that_was_kept_is_done_whatever_came_after(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    config = pulled.hosts["h1"].config
    config.reboots = True
    config.on_boot = lambda: config.add(Desired(guests=(RT.model_copy(update={"memory_mib": 1024}),)), "adopt") and None
    done = run("project", "apply", "h1", "--yes", "--wait", "-o", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["revision"]["number"] == 2


def test_another_change_that_waits_is_not_ours(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    config = pulled.hosts["h1"].config
    config.reboots, config.after_boot = True, "waiting_reboot"

    def somebody_else() -> None:
        config.kept[-1] = (config.kept[-1][0].model_copy(update={"hash": "0" * 64}), Desired())
        config.waiting = ("e" * 32, 1 << 50)

    config.on_boot = somebody_else
    done = run("project", "apply", "h1", "--yes", "--wait", "-o", "json")
    assert (done.exit_code, done.stdout) == (1, "")
    assert '"CANCELED"' in done.stderr


def test_what_cannot_be_confirmed_over_this_connection_says_how(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    pulled.hosts["h1"].fail["config-confirm"] = GuestwireError("CONFIRM-REQUIRED", "The socket proves nothing.")
    said = run("project", "apply", "h1", "--yes", "--confirm-within", "30")
    assert said.exit_code == 4
    assert "The socket proves nothing." in said.stderr
    assert f"`guestwire project confirm h1 --plan {_last(pulled).plan_id}` over the broker" in said.stderr
    assert "apply it with a confirmation time" not in said.stderr


def test_a_host_whose_connection_is_not_new_yet_is_asked_again(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    class Once(dict[str, GuestwireError]):
        def get(self, key: str, default: Any = None) -> Any:
            return self.pop(key, default)

    run("project", "set", "h1", "guest.rt.memory_mib=512")
    host = pulled.hosts["h1"]
    host.fail = Once({"config-confirm": GuestwireError("CONFIRM-REQUIRED", "Not new yet.", after_ms=10)})
    done = run("project", "apply", "h1", "--yes", "--confirm-within", "30", "-o", "json")
    assert done.exit_code == 0, done.stderr
    assert host.calls.count("config-confirm") == 2


@pytest.mark.parametrize(
    "words",
    [
        ("project", "apply", "h1", "--destroy", "relative.qcow2"),
        ("project", "apply", "h1", "--comment", "x" * 513),
        ("project", "adopt", "h1", "g" * 64),
        ("boot", "h1", ""),
        ("project", "show", "No Host"),
    ],
)
def test_words_that_can_mean_nothing(words: tuple[str, ...], run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run(*words).exit_code == 2


def test_nothing_to_confirm(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("project", "confirm", "h1").exit_code == 3


def test_rollback(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    run("project", "apply", "h1", "--yes")
    back = run("project", "rollback", "h1", "--yes", "-o", "json")
    assert back.exit_code == 0, back.stderr
    config = pulled.hosts["h1"].config
    assert (config.revision.number, config.revision.origin, config.active.guests[0].memory_mib) == (3, "rollback", 256)
    assert config.revision.comment == "rollback to revision 1"
    assert run("project", "rollback", "h1", "--to", "2", "--yes").exit_code == 0
    assert config.active.guests[0].memory_mib == 512
    assert run("project", "rollback", "h1", "--to", "77", "--yes").exit_code == 3


def test_no_earlier_revision(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("project", "rollback", "h1", "--yes").exit_code == 3


def test_show_of_what_the_host_has_and_had(run, pulled: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    run("project", "set", "h1", "guest.rt.memory_mib=512")
    assert "memory_mib = 256" in run("project", "show", "h1", "--active").stdout
    assert "guests" not in run("project", "show", "h1", "--revision", "0").stdout
    assert run("project", "show", "h1", "--revision", "9").exit_code == 3


@pytest.mark.parametrize("command", [("project", "adopt"), ("guest", "import")])
def test_adopt(command: tuple[str, ...], run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    said = run(*command, "h1", "theirs", "--update", "-o", "json")
    assert said.exit_code == 0, said.stderr
    assert json.loads(said.stdout)["adopted"] == ["theirs"]
    assert fleet.hosts["h1"].config.requests[-1].update
    assert "left as they are: old" in " ".join(run(*command, "h1").stdout.split())
