"""What the Unix socket and the TCP listener have in common, from the outside: bytes on real connections, on both loops."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from own_listener import Pki, listening
from raw_frames import Agent, Client

from guestwire.link import local_server
from guestwire.link.framed_server import WRITE_LIMIT, Clients
from guestwire.link.frames import Close, Hello, Publish, Watch, Watching, encode
from guestwire.link.local_server import LocalServer
from guestwire.protocol import topics
from guestwire.protocol.steps import Send

LOOPS = "both"
PRESENCE = topics.make("presence", "plant", "h1")
REQUEST = topics.make("request", "plant", "h1", "cli-1", "host-ping")


@dataclass
class Way:
    """A server, and how to reach it."""

    clients: Clients
    most_of_one: int
    vouched: tuple[str, int | None]
    connect: Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        reader, writer = await self.connect()
        try:
            yield Client(reader, writer)
        finally:
            writer.close()


@asynccontextmanager
async def over_socket(agent: Agent, folder: Path) -> AsyncIterator[Way]:
    path = folder / "run" / "agent.sock"
    async with LocalServer(path, "plant", "h1", agent.receive) as server:
        yield Way(
            server.clients, local_server.MAX_OF_ONE_USER, ("socket", os.getuid()),
            lambda: asyncio.open_unix_connection(str(path)),
        )  # fmt: skip


@asynccontextmanager
async def over_tcp(agent: Agent, folder: Path) -> AsyncIterator[Way]:
    pki = Pki(folder)
    async with listening(pki, agent.receive, most_of_one=8) as it:
        tls = pki.client_context(pki.client)
        yield Way(
            it.server.clients, 8, ("tcp", None),
            lambda: asyncio.open_connection("127.0.0.1", it.port, ssl=tls, server_hostname="h1"),
        )  # fmt: skip


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.fixture(params=[over_socket, over_tcp], ids=["socket", "tcp"])
async def way(request: pytest.FixtureRequest, agent: Agent, tmp_path: Path) -> AsyncIterator[Way]:
    async with request.param(agent, tmp_path) as it:
        yield it


async def test_it_says_who_it_is_first(way: Way) -> None:
    async with way.client() as one:
        assert await one.next() == Hello("plant", "h1")


async def test_a_request_comes_with_who_asked(way: Way, agent: Agent) -> None:
    async with way.client() as one:
        await one.next()
        one.write(Publish(REQUEST, b"frame"))
        assert await one.next() == Publish(topics.make("response", "plant", "cli-1", "h1"), b"frame")
    [inbound] = agent.inbound
    assert (inbound.way, inbound.uid) == way.vouched
    assert (inbound.client, inbound.operation, inbound.retained) == ("cli-1", "host-ping", False)


async def test_answers_go_to_the_connection_that_asked(way: Way) -> None:
    async with way.client() as one, way.client() as other:
        await one.next()
        await other.next()
        one.write(Publish(REQUEST, b"one"))
        other.write(Publish(REQUEST, b"other"))
        first, second = await one.next(), await other.next()
        assert isinstance(first, Publish)
        assert isinstance(second, Publish)
        assert (first.payload, second.payload) == (b"one", b"other")


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00\x00\x01\xc1",
        b"\xff\xff\xff\xff",
        encode(Hello("plant", "h1")),
        encode(Watching(1)),
        encode(Publish("gw/1/plant/host/h2/request/cli-1/host-ping", b"x")),
        encode(Publish("gw/1/depot/host/h1/request/cli-1/host-ping", b"x")),
        encode(Publish(PRESENCE, b"x")),
        encode(Publish("nonsense", b"x")),
    ],
)
async def test_a_client_that_sends_something_else_is_told_and_cut_off(way: Way, agent: Agent, data: bytes) -> None:
    async with way.client() as one:
        await one.next()
        one.writer.write(data)
        assert await one.next() == Close("MALFORMED")
        assert await one.next() is None
    assert agent.inbound == []
    async with way.client() as another:
        assert await another.next() == Hello("plant", "h1")


async def test_watching_begins_with_what_is_retained(way: Way) -> None:
    way.clients.announce(PRESENCE, b"old", retained=True)
    way.clients.announce(PRESENCE, b"kept", retained=True)
    way.clients.announce(topics.make("notice", "plant", "h1", "guest"), b"gone", retained=False)
    async with way.client() as one:
        await one.next()
        one.write(Watch(7, ("gw/1/plant/host/+/presence", "gw/1/plant/host/+/notice/+")))
        assert await one.next() == Publish(PRESENCE, b"kept", True)
        assert await one.next() == Watching(7)
        way.clients.announce(topics.make("notice", "plant", "h1", "alarm"), b"live", retained=False)
        way.clients.announce(topics.make("reported", "plant", "h1"), b"unasked", retained=True)
        way.clients.announce(PRESENCE, b"new", retained=True)
        assert await one.next() == Publish(topics.make("notice", "plant", "h1", "alarm"), b"live")
        assert await one.next() == Publish(PRESENCE, b"new")


async def test_it_tells_whether_somebody_watches_a_topic_and_how_much_they_can_take(way: Way) -> None:
    telemetry = topics.make("telemetry", "plant", "h1", "fast")
    assert way.clients.room(telemetry) is None
    async with way.client() as one, way.client() as other:
        await one.next()
        await other.next()
        one.write(Watch(1, ("gw/1/plant/host/+/notice/+",)))
        assert await one.next() == Watching(1)
        assert way.clients.room(telemetry) is None, "a watcher of notices did not ask for telemetry"
        other.write(Watch(1, ("gw/1/plant/host/h1/telemetry/+",)))
        assert await other.next() == Watching(1)
        assert way.clients.room(telemetry) == WRITE_LIMIT // 2
        async with asyncio.timeout(10):
            while way.clients.room(telemetry):  # it does not read
                way.clients.announce(telemetry, bytes(60_000), retained=False)
                await asyncio.sleep(0)
        assert len(way.clients) == 2, "and is not cut off for that yet"
    async with asyncio.timeout(5):
        while way.clients.room(telemetry) is not None:
            await asyncio.sleep(0)


async def test_a_client_that_watches_nothing_hears_nothing(way: Way) -> None:
    async with way.client() as one:
        await one.next()
        way.clients.announce(PRESENCE, b"x", retained=True)
        one.write(Publish(REQUEST, b"mine"))
        answer = await one.next()
        assert isinstance(answer, Publish)
        assert answer.payload == b"mine"


async def test_too_many_connections_are_told_busy(way: Way) -> None:
    clients = []
    try:
        for _ in range(way.most_of_one):
            one = Client(*await way.connect())
            assert await one.next() == Hello("plant", "h1")
            clients.append(one)
        async with way.client() as late:
            assert await late.next() == Close("BUSY")
            assert await late.next() is None
        clients.pop().writer.close()
        async with asyncio.timeout(5):
            while True:
                async with way.client() as again:
                    if await again.next() == Hello("plant", "h1"):
                        break
    finally:
        for one in clients:
            one.writer.close()


async def test_a_client_that_does_not_read_is_cut_off(way: Way, agent: Agent) -> None:
    async with way.client() as one:
        await one.next()
        one.write(Watch(1, ("gw/1/plant/host/+/presence",)))
        assert await one.next() == Watching(1)
        one.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(200):
            way.clients.announce(PRESENCE, bytes(60_000), retained=False)
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            while len(way.clients):
                await asyncio.sleep(0)


async def test_a_client_that_left_does_not_stop_its_request(way: Way, agent: Agent) -> None:
    agent.echo = False
    async with way.client() as one:
        await one.next()
        one.write(Publish(REQUEST, b"frame"))
        async with asyncio.timeout(5):
            while not agent.inbound:
                await asyncio.sleep(0)
    [inbound] = agent.inbound
    for _ in range(3):
        await asyncio.sleep(0)
        inbound.path.answer(Send("cli-1", [b"late"], 0, bytes(16), inbound.path))
