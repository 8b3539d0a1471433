"""`guestwire lock`: who holds what, breaking, and their configuration in one go."""

import json

import pytest
from fake_host import FakeFleet

from guestwire.model.areas import SYSTEM_AREA, Lock, MemoryArea
from guestwire.model.desired import Desired
from guestwire.protocol.comm_models import LockView

DOOR = LockView(name="door", area=SYSTEM_AREA, kind="shared", owner="linux1", token=7, waiters=True)
FREE = LockView(name="free", area=SYSTEM_AREA, kind="robust", died=True)
ODD = LockView(name="odd", area=SYSTEM_AREA, kind="shared", sound=False)


@pytest.fixture
def comm(fleet: FakeFleet):  # type: ignore[no-untyped-def]
    """h1's services, with locks."""
    comm = fleet.hosts["h1"].comm
    comm.locks = [DOOR, FREE, ODD]
    return comm


def test_list_and_show(run, comm) -> None:  # type: ignore[no-untyped-def]
    lines = run("lock", "list", "h1").stdout.splitlines()
    assert lines[1].split() == ["h1/door", SYSTEM_AREA, "shared", "7", "yes", "held", "linux1"]
    assert "free, holder died" in lines[2]
    assert "not sound" in lines[3]
    assert max(map(len, lines)) <= 80
    assert "7, of the last who took it" in run("lock", "show", "h1/door").stdout
    assert "half done" in run("lock", "show", "h1/free").stdout
    assert "lock break h1/odd --force" in run("lock", "show", "h1/odd").stdout
    assert json.loads(run("lock", "show", "h1/door", "-o", "json").stdout)["owner"] == "linux1"
    assert run("lock", "show", "h1/nothing").exit_code == 3


def test_break(run, comm) -> None:  # type: ignore[no-untyped-def]
    assert run("lock", "break", "h1/free").exit_code == 0
    held = run("lock", "break", "h1/door")
    assert held.exit_code == 4
    assert "LOCK-HELD" in held.stderr
    assert run("lock", "break", "h1/door", "--force").exit_code == 2
    assert comm.locks[0].owner == "linux1"
    assert run("lock", "break", "h1/door", "--force", "--yes").exit_code == 0
    assert comm.locks[0].owner == ""


def test_create_and_delete(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    config = fleet.hosts["h1"].config
    config.add(
        Desired(areas=(MemoryArea(name=SYSTEM_AREA, kind="system", size=6 << 20), MemoryArea(name="a", size=4096)))
    )
    assert run("lock", "create", "h1/door", "--yes").exit_code == 0
    assert run("lock", "create", "h1/gate", "--area", "a", "--yes").exit_code == 0
    assert config.active.locks == (Lock(name="door"), Lock(name="gate", area="a"))
    assert run("lock", "create", "h1/lost", "--area", "none", "--yes").exit_code == 9
    assert run("lock", "delete", "h1/door", "--yes").exit_code == 0
    assert [lock.name for lock in config.active.locks] == ["gate"]
