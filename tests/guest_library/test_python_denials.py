"""What a peer may not is refused by the library and told by guestwire-comm."""

import asyncio
from collections.abc import Callable

import pytest
from tests.support.guest_peers import ANSWER_S, PROJECT, Peers
from tests.support.serial_bridge import serial_bridge

from guestwire.comm.client import CommClient
from guestwire.guest.connection import Connection
from guestwire.guest.errors import GuestError

pytest_plugins = ("tests.support.guest_fixtures",)


async def denied(peers: Peers, guest: str, count: int) -> dict[str, int]:
    """How often a guest was denied what, by name, once it is as often as that in all."""
    told: dict[str, int] = {}
    async with CommClient(peers.comm.dir) as client, asyncio.timeout(ANSWER_S):
        log, seq = b"", 0
        while sum(told.values()) < count:
            news = await client.follow(log, seq, 5.0)
            log = news.log
            for one in news.happenings:
                seq = one.seq
                if one.kind == "denied" and one.guest == guest:
                    told[one.name] = told.get(one.name, 0) + one.count
    return told


def refused(act: Callable[[], object], code: str) -> None:
    with pytest.raises(GuestError) as caught:
        act()
    assert caught.value.code == code


async def test_denials_over_a_socket_are_told(own_peers: Peers) -> None:
    with own_peers.open() as host, own_peers.open("c") as c:
        auto, native = host.event_open("auto"), host.event_open("native")
        refused(auto.set, "GW_DENIED")
        refused(auto.reset, "GW_DENIED")
        refused(lambda: auto.set_and_wait(native), "GW_DENIED")
        assert native.wait(0) is False
        refused(lambda: c.region_open("shared", write=True), "GW_DENIED")
        refused(lambda: c.region_open("apart"), "GW_NOT_FOUND")
        refused(lambda: c.region_open("nothing"), "GW_NOT_FOUND")
        assert len(c.region_open("shared").memory) > 0
    assert await denied(own_peers, "HOST", 3) == {"auto": 3}
    assert await denied(own_peers, "c", 2) == {"shared": 1, "apart": 1}


async def test_denials_over_a_guests_own_channel_are_told(own_peers: Peers) -> None:
    uuid = next(guest.uuid for guest in PROJECT.guests if guest.name == "c")
    with serial_bridge(own_peers.comm.dir / "guests" / f"{uuid}.serial") as port:
        with Connection.open(f"serial:{port}", library=own_peers.library) as c:
            refused(lambda: c.region_open("apart"), "GW_NOT_FOUND")
            refused(lambda: c.region_open("nothing"), "GW_NOT_FOUND")
        assert await denied(own_peers, "c", 1) == {"apart": 1}


async def test_who_tries_on_and_on_is_told_a_few_times(own_peers: Peers) -> None:
    tries = 300
    with own_peers.open() as host:
        auto = host.event_open("auto")
        for _ in range(tries):
            refused(auto.set, "GW_DENIED")
        assert await denied(own_peers, "HOST", tries) == {"auto": tries}
    async with CommClient(own_peers.comm.dir) as client:
        news = await client.follow(b"", 0, 0.1)
    assert len([one for one in news.happenings if one.kind == "denied"]) < tries / 10
