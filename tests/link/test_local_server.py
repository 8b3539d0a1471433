"""The agent's Unix socket, from the outside: bytes on a real socket."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from raw_frames import Agent, Client

from guestwire.link.frames import Hello, Watch, Watching
from guestwire.link.local_server import LocalServer
from guestwire.protocol import topics

PRESENCE = topics.make("presence", "plant", "h1")
REQUEST = topics.make("request", "plant", "h1", "cli-1", "host-ping")


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
