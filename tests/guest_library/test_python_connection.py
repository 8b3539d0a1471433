"""Attaching from Python: who it is, what a stop and a restart of guestwire-comm do to it, and the simulated guest."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.guest_peers import ANSWER_S, Peers

from guestwire.guest import simulated
from guestwire.guest.connection import Connection
from guestwire.guest.errors import GuestError
from guestwire.guest.handles import CLOSED
from guestwire.protocol import comm_models as w

pytest_plugins = ("tests.support.guest_fixtures",)


def test_who_is_attached(peers: Peers) -> None:
    with peers.all("a", "") as (a, host):
        assert a.peer != host.peer
        assert (a.way, a.alive, a.closed) == ("socket", True, False)
    assert not a.alive
    with pytest.raises(GuestError) as caught:
        a.region_list()
    assert caught.value.number == CLOSED


def test_what_was_opened_keeps_its_connection(peers: Peers) -> None:
    def only_the_event() -> bool:
        return peers.open("a").event_open("auto").is_set()

    assert only_the_event() is False


def test_a_forked_process_gives_nothing_back(peers: Peers) -> None:
    forks = """
        import os
        event, area = gw.event_open("auto"), gw.region_open("shared")
        if os.fork() == 0:
            event.close(), area.close(), gw.close()
            os._exit(0)
        print(os.wait()[1], event.is_set(), gw.alive, len(area.memory) > 0)
    """
    with peers.child("a", forks) as child:
        assert child.line() == "0 False True True"


@pytest.mark.parametrize(
    ("where", "code", "detail"),
    [
        ("unix:/nowhere/attach.sock", "GW_NOT_STARTED", "/nowhere/attach.sock: No such file"),
        ("serial:/nowhere/port", "GW_NOT_FOUND", "/nowhere/port"),
        ("nonsense", "GW_INVALID", "nonsense"),
    ],
)
def test_where_nobody_is(peers: Peers, where: str, code: str, detail: str) -> None:
    with pytest.raises(GuestError) as caught:
        Connection.open(where, library=peers.library)
    assert caught.value.code == code
    assert detail in caught.value.detail


def test_a_guest_that_the_project_does_not_have(peers: Peers) -> None:
    with pytest.raises(GuestError, match=r"GW_NOT_FOUND.*the project has no guest nobody"):
        peers.open("nobody")


async def test_a_forced_stop_and_a_start(own_peers: Peers) -> None:
    gw = own_peers.open("a")
    event, area = gw.event_open("auto"), gw.region_open("shared", write=True)
    area.memory[:4] = b"kept"
    waits = asyncio.create_task(asyncio.to_thread(event.wait, ANSWER_S))
    async with asyncio.timeout(ANSWER_S):
        while not (await own_peers.ask("event-show", w.NameRef(name="auto"))).waiters:
            await asyncio.sleep(0.01)
    await own_peers.ask("comm-stop", w.CommStop(force=True))
    with pytest.raises(GuestError, match="GW_NOT_STARTED"):
        await waits
    for act in (event.set, event.is_set, gw.region_list, gw.ready, area.check):
        with pytest.raises(GuestError, match="GW_NOT_STARTED"):
            act()
    assert not gw.alive
    with pytest.raises(GuestError, match="GW_NOT_STARTED"):
        own_peers.open("a")
    assert bytes(area.memory[:4]) == b"kept"
    await own_peers.ask("comm-start")
    with own_peers.open("a") as again, again.region_open("shared") as same:
        assert bytes(same.memory[:4]) == b"kept"
        again.event_open("auto").set()
    gw.close()


async def test_a_restarted_guestwire_comm_is_attached_to_anew(own_peers: Peers) -> None:
    gw = own_peers.open("a")
    area = gw.region_open("shared", write=True)
    area.memory[:4] = b"mine"
    await own_peers.comm.kill()
    with pytest.raises(GuestError, match="GW_NOT_STARTED"):
        gw.event_open("auto")
    assert bytes(area.memory[:4]) == b"mine"
    await own_peers.comm.start()
    with pytest.raises(GuestError, match="GW_NOT_STARTED"):
        gw.ready()
    gw.close()
    with own_peers.open("a") as again:
        again.ready()
        assert again.event_open("auto").wait(0) is False


async def attached(peers: Peers, name: str, ready: bool) -> None:
    """Until the guest is, or is not."""
    async with asyncio.timeout(ANSWER_S):
        while [one.ready for one in (await peers.ask("comm-status")).peers if one.name == name] != [True] * ready:
            await asyncio.sleep(0.02)


def inhabitant(attach: Path, guest: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", simulated.__name__, "--attach", str(attach), "--guest", guest], stdin=subprocess.PIPE
    )


async def test_a_simulated_guest_is_there_until_it_is_ended(own_peers: Peers) -> None:
    process = inhabitant(own_peers.comm.attach, "a")
    try:
        await attached(own_peers, "a", ready=True)
        await own_peers.comm.kill()
        await own_peers.comm.start()
        await attached(own_peers, "a", ready=True)
        await own_peers.ask("comm-stop", w.CommStop(force=True))
        await own_peers.ask("comm-start")
        await attached(own_peers, "a", ready=True)
        process.terminate()
        assert await asyncio.to_thread(process.wait, ANSWER_S) == 0
        await attached(own_peers, "a", ready=False)
    finally:
        process.kill()
        process.communicate(timeout=ANSWER_S)


async def test_a_simulated_guest_ends_with_its_input(own_peers: Peers) -> None:
    process = inhabitant(own_peers.comm.attach, "b")
    await attached(own_peers, "b", ready=True)
    await asyncio.to_thread(process.communicate, b"", ANSWER_S)
    assert process.returncode == 0
