"""Guest services from Python, over the serial channel as in a guest."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.support.guest_peers import PROJECT, Peers
from tests.support.serial_bridge import serial_bridge

from guestwire.comm.client import CommClient
from guestwire.comm.tracing import UNOPENED
from guestwire.guest.connection import Connection
from guestwire.guest.errors import GuestError
from guestwire.guest.services import Services
from guestwire.model.communication import CommDocument, CommGuest

pytest_plugins = ("tests.support.guest_fixtures",)

UUIDS = {guest.name: guest.uuid for guest in PROJECT.guests}


@contextmanager
def by_serial(peers: Peers, guest: str) -> Iterator[Connection]:
    path = peers.comm.dir / "guests" / f"{UUIDS[guest]}.serial"
    with serial_bridge(path) as terminal, Connection.open(f"serial:{terminal}", library=peers.library) as gw:
        yield gw


async def happenings(peers: Peers) -> list[tuple[str, str, str, bool]]:
    """What guests logged."""
    async with CommClient(peers.comm.dir) as client:
        followed = await client.follow(b"", 0, 1.0)
    return [(one.guest, one.text, one.level, one.truncated) for one in followed.happenings if one.kind == "log"]


async def traced(peers: Peers) -> bool:
    """Whether the host has a trace. It is opened in the background once a guest may use it: waits until that is known."""
    async with CommClient(peers.comm.dir) as client, asyncio.timeout(20):
        while (missing := (await client.status()).missing.get("trace", "")) == UNOPENED:
            await asyncio.sleep(0.01)
    return not missing


def test_a_guest_logs_and_marks(peers: Peers) -> None:
    there = asyncio.run(traced(peers))
    with by_serial(peers, "a") as gw:
        assert gw.way == "serial"
        services = gw.services
        assert services.available()
        assert services.available("log")
        assert services.log("a line from a", "warning")
        assert services.log("x" * 5000) is False, "the host kept the front of it"
        with pytest.raises(GuestError, match="GW_TOO_LARGE"):
            services.log("x" * 40000)
        with pytest.raises(GuestError, match="GW_INVALID"):
            services.data(b"")
        with pytest.raises(KeyError):
            services.log("x", "loud")  # type: ignore[arg-type]
        assert services.available("data") is there
        if there:
            services.data(bytes(range(256)))
        else:
            with pytest.raises(GuestError, match="GW_UNSUPPORTED"):
                services.data(bytes(range(256)))
    followed = asyncio.run(happenings(peers))
    assert ("a", "a line from a", "warning", False) in followed
    assert ("a", "xxxx", "info", True) in [(guest, text[:4], level, cut) for guest, text, level, cut in followed]


def test_pings_are_in_order(peers: Peers) -> None:
    with peers.open("a") as gw:
        services: Services = gw.services
        times = [services.ping(n << 40) for n in range(3)]
        assert times == sorted(times)
        gw.ready()


def test_a_snapshot_is_taken_where_there_is_a_trace(peers: Peers) -> None:
    there = asyncio.run(traced(peers))
    with peers.open("a") as gw:
        assert gw.services.available("flush") is there
        if there:
            gw.services.flush("host")
        else:
            with pytest.raises(GuestError, match="GW_UNSUPPORTED"):
                gw.services.flush("host")


async def test_what_the_project_does_not_give_is_refused(own_peers: Peers) -> None:
    guest = CommGuest(name="a", uuid=UUIDS["a"], services=("ping",))
    async with CommClient(own_peers.comm.dir) as client:
        await client.apply(CommDocument(guests=(guest,)))
    with own_peers.open("a") as gw:
        assert gw.services.available("ping")
        assert not gw.services.available("log")
        gw.services.ping()
        with pytest.raises(GuestError, match="GW_DENIED"):
            gw.services.flush()
