"""`guestwire comm`: how the services are, and turning them on and off."""

import json

import pytest
from fake_host import FakeFleet

from guestwire.model.errors import GuestwireError
from guestwire.protocol.comm_models import CommPeer, Stranded

PEER = CommPeer(
    name="linux1", kind="guest", ways=("doorbell", "serial"), peer=4, pid=123_456, since=1_700_000_000_000, ready=True,
    requests=1_234_567, denied=3, throttled=1,
)  # fmt: skip
PROCESS = CommPeer(name="HOST", kind="process", ways=("socket",), pid=99)
REMEDY = "Restart the guest: its devices belong to services that are gone."


@pytest.fixture
def comm(fleet: FakeFleet):  # type: ignore[no-untyped-def]
    """h1's services, with a guest and a process attached."""
    comm = fleet.hosts["h1"].comm
    comm.status = comm.status.model_copy(
        update={
            "peers": (PEER, PROCESS), "regions": 5, "region_bytes": 24 << 20, "counts": {"areas": 3, "events": 0, "locks": 1},
            "missing": {"trace": "no tracefs here"},
        }
    )  # fmt: skip
    return comm


def test_status(run, comm, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    said = run("comm", "status", "h1")
    assert said.exit_code == 0, said.stderr
    for text in (
        "running, since",
        "areas 3, locks 1 (dddddddddddd)",
        "5, at most 24 MiB",
        "no trace:",
        "no tracefs here",
    ):
        assert text in said.stdout
    lines = said.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    row = lines[-2].split()
    assert (row[0], row[1], row[3:]) == ("linux1", "123456", ["1234567", "3", "1", "doorbell,", "serial"])
    assert "to do" not in said.stdout
    wide = run("comm", "status", "h1", "-o", "wide").stdout
    assert "process" in wide
    document = json.loads(run("--socket", str(fleet.socket("h1")), "comm", "status", "-o", "json").stdout)
    assert (document["host"], document["peers"][0]["denied"], document["state"]) == ("h1", 3, "running")
    assert run("comm", "status", "h1", "-o", "name").stdout == "h1 running\n"
    assert run("comm", "status").exit_code == 2


def test_what_is_to_be_done(run, comm) -> None:  # type: ignore[no-untyped-def]
    stranded = (Stranded(guest="linux1", remedy=REMEDY), Stranded(guest="linux2", remedy=REMEDY))
    comm.status = comm.status.model_copy(update={"state": "degraded", "stranded": stranded})
    said = run("comm", "status", "h1")
    assert said.exit_code == 0
    assert said.stdout.count(REMEDY) == 2
    assert "start them again: h1/linux1 h1/linux2" in said.stdout
    comm.status = comm.status.model_copy(update={"state": "stopped", "stranded": ()})
    assert "`guestwire comm start h1`" in run("comm", "status", "h1").stdout


@pytest.mark.parametrize("verb", ["stop", "restart"])
def test_stop_and_restart(verb: str, run, comm) -> None:  # type: ignore[no-untyped-def]
    said = run("comm", verb, "h1")
    assert said.exit_code == 4
    assert "COMM-GUESTS-ATTACHED" in said.stderr
    assert run("comm", verb, "h1", "--force").exit_code == 2
    assert len(comm.requests) == 1
    done = run("comm", verb, "h1", "--force", "--yes", "-o", "json")
    assert json.loads(done.stdout)["state"] == ("stopped" if verb == "stop" else "running")


def test_start(run, comm, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    comm.status = comm.status.model_copy(update={"state": "stopped"})
    assert "running" in run("comm", "start", "h1").stdout
    fleet.hosts["h1"].fail["comm-status"] = GuestwireError("COMM-UNAVAILABLE")
    assert run("comm", "status", "h1").exit_code == 1
