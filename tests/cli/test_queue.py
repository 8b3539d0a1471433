"""`guestwire queue`: how full queues are, and their configuration in one go."""

import json

import pytest
from fake_host import FakeFleet

from guestwire.model.areas import SYSTEM_AREA, MemoryArea, Queue
from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.protocol.comm_models import QueueView, RingView

LINUX1, LINUX2 = (Guest(name=f"linux{n}", kind="gp_comm", memory_mib=256) for n in (1, 2))
RING = RingView(writer="linux1", depth=3, put=10, taken=7, refused=2, sound=True)
ORDERS = QueueView(name="orders", area=SYSTEM_AREA, slots=64, slot_bytes=256, reader="linux2", depth=3, rings=(RING,))
BROKEN = ORDERS.model_copy(update={"name": "odd", "rings": (RING.model_copy(update={"sound": False}),)})


@pytest.fixture
def config(fleet: FakeFleet):  # type: ignore[no-untyped-def]
    """h1's configuration, with two guests, the system's area and another."""
    areas = (MemoryArea(name=SYSTEM_AREA, kind="system", size=6 << 20), MemoryArea(name="shm1", size=1 << 20))
    fleet.hosts["h1"].config.add(Desired(guests=(LINUX1, LINUX2), areas=areas))
    return fleet.hosts["h1"].config


def test_list_and_show(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    fleet.hosts["h1"].comm.queues = [ORDERS, BROKEN]
    lines = run("queue", "list", "h1").stdout.splitlines()
    assert lines[1].split() == ["h1/orders", SYSTEM_AREA, "64", "256", "B", "3", "yes", "linux2", "linux1"]
    assert " no " in lines[2]
    assert max(map(len, lines)) <= 80
    said = run("queue", "show", "h1/orders").stdout
    assert "3 messages wait" in said
    assert said.splitlines()[-1].split() == ["linux1", "3", "10", "7", "2", "yes"]
    assert "not sound" in run("queue", "show", "h1/odd").stdout
    assert json.loads(run("queue", "show", "h1/orders", "-o", "json").stdout)["rings"][0]["refused"] == 2
    assert run("queue", "show", "h1/nothing").exit_code == 3


def test_create_and_delete(run, config) -> None:  # type: ignore[no-untyped-def]
    said = run(
        "queue", "create", "h1/orders", "--area", "shm1", "--slots", "16", "--slot-bytes", "1K", "--writer",
        "linux1,HOST", "--reader", "GUEST0002", "--yes",
    )  # fmt: skip
    assert said.exit_code == 0, said.stderr
    assert config.active.queues == (
        Queue(name="orders", area="shm1", slots=16, slot_bytes=1024, writers=("linux1", "HOST"), reader="linux2"),
    )
    assert run("queue", "create", "h1/plain", "--writer", "linux1", "--reader", "linux2", "--yes").exit_code == 0
    assert config.active.queues[1].area == SYSTEM_AREA
    assert run("queue", "create", "h1/lost", "--area", "none", "--yes").exit_code == 9
    assert run("area", "delete", "h1/shm1", "--yes").exit_code == 9
    assert run("queue", "delete", "h1/orders", "--yes").exit_code == 0
    assert [queue.name for queue in config.active.queues] == ["plain"]
