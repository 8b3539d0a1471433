"""`guestwire example`."""

import json

import pytest
from fake_host import FakeFleet

from guestwire.formats.examples import EXAMPLES
from guestwire.model.desired import Desired
from guestwire.model.guest import Disk, Guest

OURS = Guest(name="ours", disks=(Disk(path="/d/ours.qcow2"),))


def test_list(run) -> None:  # type: ignore[no-untyped-def]
    assert run("example", "list", "-o", "name").stdout.split() == [example.name for example in EXAMPLES]
    assert json.loads(run("example", "list", "-o", "json").stdout)[0]["guests"]


@pytest.mark.parametrize("name", [example.name for example in EXAMPLES])
def test_open_without_a_host(name: str, run) -> None:  # type: ignore[no-untyped-def]
    said = run("example", "open", name, "h7")
    assert said.exit_code == 0, said.stderr
    assert "CONTEXT-UNKNOWN" in said.stderr
    assert run("project", "show", "h7", "-o", "name").stdout
    assert "#" in run("project", "show", "h7").stdout, "its remarks are part of an example"


def test_open_says_what_an_apply_takes_away(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    fleet.hosts["h1"].config.add(Desired(guests=(OURS,)))
    said = run("example", "open", "rt-linux", "h1")
    assert said.exit_code == 0, said.stderr
    assert "an apply removes the guest ours" in said.stderr
    assert "/d/ours.qcow2 stays" in said.stderr
    assert "base_revision = 1" in run("project", "show", "h1").stdout
    items = json.loads(run("project", "diff", "h1", "-o", "json").stdout)
    assert ("delete", "guests.ours") in {(item["op"], item["object"]) for item in items}


def test_open_does_not_drop_edits(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert run("project", "pull", "h1").exit_code == 0
    run("project", "set", "h1", "settings.swap_mib=1")
    assert run("example", "open", "rt-linux", "h1").exit_code == 4
    assert run("example", "open", "rt-linux", "h1", "--discard").exit_code == 0


def test_an_example_that_is_none(run) -> None:  # type: ignore[no-untyped-def]
    said = run("example", "open", "rt-linus", "h1")
    assert said.exit_code == 3
    assert "rt-linux" in said.stderr
