"""The agent's Unix socket, from the outside: bytes on a real socket."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from guestwire.link import local_server
from guestwire.link.frames import Close, Frame, FrameReader, Hello, Publish, Watch, Watching, encode
from guestwire.link.local_server import LocalServer
from guestwire.protocol import topics
from guestwire.protocol.steps import Inbound, Send

PRESENCE = topics.make("presence", "plant", "h1")
REQUEST = topics.make("request", "plant", "h1", "cli-1", "host-ping")


class Agent:
    """Keeps requests; echoes their payloads."""

    def __init__(self) -> None:
        self.inbound: list[Inbound] = []
        self.echo = True

    def receive(self, inbound: Inbound, taken: Callable[[], None]) -> None:
        taken()
        self.inbound.append(inbound)
        if self.echo:
            inbound.path.answer(Send(inbound.client, [inbound.payload], 0, bytes(16), inbound.path))


class Client:
    """A raw client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._frames: list[Frame] = []
        self._cutter = FrameReader()

    async def next(self) -> Frame | None:
        """The next frame; None when the server has closed."""
        async with asyncio.timeout(5):
            while not self._frames:
                data = await self.reader.read(1 << 16)
                if not data:
                    return None
                self._frames += self._cutter.feed(data)
        return self._frames.pop(0)

    def write(self, *frames: Frame) -> None:
        self.writer.write(b"".join(encode(frame) for frame in frames))


@asynccontextmanager
async def client(path: Path) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.fixture
async def server(agent: Agent, tmp_path: Path) -> AsyncIterator[LocalServer]:
    async with LocalServer(tmp_path / "run" / "agent.sock", "plant", "h1", agent.receive) as it:
        yield it


@pytest.fixture
def path(server: LocalServer, tmp_path: Path) -> Path:
    return tmp_path / "run" / "agent.sock"


async def test_it_says_who_it_is_first(path: Path) -> None:
    async with client(path) as one:
        assert await one.next() == Hello("plant", "h1")


async def test_a_request_comes_with_the_uid_that_the_kernel_vouches_for(path: Path, agent: Agent) -> None:
    async with client(path) as one:
        await one.next()
        one.write(Publish(REQUEST, b"frame"))
        assert await one.next() == Publish(topics.make("response", "plant", "cli-1", "h1"), b"frame")
    [inbound] = agent.inbound
    assert (inbound.uid, inbound.client, inbound.operation, inbound.retained) == (
        os.getuid(),
        "cli-1",
        "host-ping",
        False,
    )


async def test_answers_go_to_the_connection_that_asked(path: Path) -> None:
    async with client(path) as one, client(path) as other:
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
async def test_a_client_that_sends_something_else_is_told_and_cut_off(path: Path, agent: Agent, data: bytes) -> None:
    async with client(path) as one:
        await one.next()
        one.writer.write(data)
        assert await one.next() == Close("MALFORMED")
        assert await one.next() is None
    assert agent.inbound == []
    async with client(path) as another:
        assert await another.next() == Hello("plant", "h1")


async def test_watching_begins_with_what_is_retained(path: Path, server: LocalServer) -> None:
    server.announce(PRESENCE, b"old", retained=True)
    server.announce(PRESENCE, b"kept", retained=True)
    server.announce(topics.make("notice", "plant", "h1", "guest"), b"gone", retained=False)
    async with client(path) as one:
        await one.next()
        one.write(Watch(7, ("gw/1/plant/host/+/presence", "gw/1/plant/host/+/notice/+")))
        assert await one.next() == Publish(PRESENCE, b"kept", True)
        assert await one.next() == Watching(7)
        server.announce(topics.make("notice", "plant", "h1", "alarm"), b"live", retained=False)
        server.announce(topics.make("reported", "plant", "h1"), b"unasked", retained=True)
        server.announce(PRESENCE, b"new", retained=True)
        assert await one.next() == Publish(topics.make("notice", "plant", "h1", "alarm"), b"live")
        assert await one.next() == Publish(PRESENCE, b"new")


async def test_a_client_that_watches_nothing_hears_nothing(path: Path, server: LocalServer) -> None:
    async with client(path) as one:
        await one.next()
        server.announce(PRESENCE, b"x", retained=True)
        one.write(Publish(REQUEST, b"mine"))
        answer = await one.next()
        assert isinstance(answer, Publish)
        assert answer.payload == b"mine"


async def test_too_many_connections_are_told_busy(path: Path) -> None:
    clients = []
    try:
        for _ in range(local_server.MAX_OF_ONE_USER):
            one = Client(*await asyncio.open_unix_connection(str(path)))
            assert await one.next() == Hello("plant", "h1")
            clients.append(one)
        async with client(path) as late:
            assert await late.next() == Close("BUSY")
            assert await late.next() is None
        clients.pop().writer.close()
        async with asyncio.timeout(5):
            while True:
                async with client(path) as again:
                    if await again.next() == Hello("plant", "h1"):
                        break
    finally:
        for one in clients:
            one.writer.close()


async def test_a_client_that_does_not_read_is_cut_off(path: Path, agent: Agent, server: LocalServer) -> None:
    async with client(path) as one:
        await one.next()
        one.write(Watch(1, ("gw/1/plant/host/+/presence",)))
        assert await one.next() == Watching(1)
        one.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(200):
            server.announce(PRESENCE, bytes(60_000), retained=False)
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            while server._connections:
                await asyncio.sleep(0)


async def test_a_client_that_left_does_not_stop_its_request(path: Path, agent: Agent) -> None:
    agent.echo = False
    async with client(path) as one:
        await one.next()
        one.write(Publish(REQUEST, b"frame"))
        async with asyncio.timeout(5):
            while not agent.inbound:
                await asyncio.sleep(0)
    [inbound] = agent.inbound
    for _ in range(3):
        await asyncio.sleep(0)
        inbound.path.answer(Send("cli-1", [b"late"], 0, bytes(16), inbound.path))


async def test_the_sockets_mode_is_set_before_anybody_can_meet_it(tmp_path: Path, agent: Agent) -> None:
    path = tmp_path / "agent.sock"
    async with LocalServer(path, "plant", "h1", agent.receive, mode=0o600, group=os.getgid()):
        status = path.stat()
        assert stat.S_ISSOCK(status.st_mode)
        assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o600, os.getgid())
        assert [item.name for item in tmp_path.iterdir()] == ["agent.sock"]
    assert list(tmp_path.iterdir()) == []


async def test_a_name_left_behind_is_replaced(tmp_path: Path, agent: Agent) -> None:
    path = tmp_path / "agent.sock"
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(path))
    left.close()
    async with LocalServer(path, "plant", "h1", agent.receive), client(path) as one:
        assert await one.next() == Hello("plant", "h1")


async def test_a_successors_socket_is_left_alone(tmp_path: Path, agent: Agent) -> None:
    path = tmp_path / "agent.sock"
    async with LocalServer(path, "plant", "h1", agent.receive) as _:
        second = LocalServer(path, "plant", "h2", agent.receive)
        await second.__aenter__()
    try:
        async with client(path) as one:
            assert await one.next() == Hello("plant", "h2")
    finally:
        await second.__aexit__()


async def test_leaving_closes_every_connection(tmp_path: Path, agent: Agent) -> None:
    path = tmp_path / "agent.sock"
    async with LocalServer(path, "plant", "h1", agent.receive):
        one = Client(*await asyncio.open_unix_connection(str(path)))
        await one.next()
    assert await one.next() is None
    one.writer.close()


async def test_a_user_without_a_scope_hears_nothing_of_what_the_host_says(agent: Agent, tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    topic = "gw/1/plant/host/h1/presence"
    async with LocalServer(path, "plant", "h1", agent.receive, may_watch=lambda uid: False) as server:
        server.announce(topic, b"kept", retained=True)
        async with client(path) as one:
            assert await one.next() == Hello("plant", "h1")
            one.write(Watch(1, ("#",)))
            assert await one.next() == Watching(1)
            server.announce(topic, b"new", retained=True)
            one.write(Watch(2, ()))
            assert await one.next() == Watching(2), "and nothing before it"
