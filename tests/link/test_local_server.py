"""The agent's Unix socket, from the outside: bytes on a real socket."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from guestwire.link.frames import Frame, FrameReader, Hello, Watch, Watching, encode
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
