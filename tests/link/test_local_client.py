"""The socket as a transport, against the real server and against one that misbehaves."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from guestwire.link.framed_client import WRITE_LIMIT
from guestwire.link.frames import Close, Frame, Hello, Publish, Watch, encode
from guestwire.link.invoke import caller
from guestwire.link.local_client import LocalConnect, connect_local
from guestwire.link.local_server import LocalServer
from guestwire.link.serve import Server
from guestwire.link.session import Session
from guestwire.link.transport import Incoming, Options, Subscription, Transport, TransportError
from guestwire.protocol import operation_models as m
from guestwire.protocol import topics
from guestwire.protocol.executor import Executor
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Call, Inbound, Limits, Now, Record
from guestwire.protocol.trust import LocalScope, Scope, Trust, TrustDocument

PRESENCE = topics.make("presence", "plant", "h1")


def ignore(_message: Incoming) -> None:
    """Nobody listens."""


class Commands:
    """There are none here."""

    def take(self, record: Record, taken: Callable[[], None]) -> None:
        raise AssertionError(record)


class Audit:
    """Nothing is refused here."""

    def refused(self, code: str, inbound: Inbound, *, audit: bool) -> None:
        raise AssertionError(code)

    def answered(self, call: Call, code: str | None, at: Now) -> None: ...

    def defect(self, operation: str, error: BaseException) -> None:
        raise error


@asynccontextmanager
async def agent(path: Path, uid: int) -> AsyncIterator[LocalServer]:
    """A host behind its socket, which trusts `uid`."""
    local = (LocalScope(uid=uid, scope=Scope(risk=3)),)
    trust = Trust(TrustDocument(site="plant", rev=1, issued_at=0, signers=(), local=local))
    executor = Executor("plant", "h1", BY_NAME, trust, SigningKey.generate(), limits=Limits())
    pong = m.Pong(payload=b"x", now=1, epoch=1)
    async with (
        Server(executor, {"host-ping": lambda call: pong}, Commands(), Audit()) as server,
        LocalServer(path, "plant", "h1", server.receive) as it,
    ):
        yield it


@asynccontextmanager
async def impostor(path: Path, *greeting: Frame | bytes) -> AsyncIterator[list[asyncio.StreamWriter]]:
    """A server that says something and then nothing."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        for frame in greeting:
            writer.write(frame if isinstance(frame, bytes) else encode(frame))

    server = await asyncio.start_unix_server(serve, str(path))
    try:
        yield writers
    finally:
        server.close()
        for writer in writers:
            writer.close()


async def test_a_call_over_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    invoker = Invoker("plant", "cli-1", "local:0", path_vouches=True)
    async with agent(path, os.getuid()), caller(invoker, lambda: Options("", 0, "cli-1"), LocalConnect(path)) as it:
        done = await it.call("h1", BY_NAME["host-ping"], m.Ping(), timeout_s=5)
    assert done.reply.payload == b"x"


async def test_hello_says_which_host_answers(tmp_path: Path) -> None:
    async with agent(tmp_path / "s", 0):
        transport = await connect_local(tmp_path / "s", ignore)
        assert await transport.hello == Hello("plant", "h1")
        assert not transport.connack.session_present
        await transport.close()
        assert await transport.closed is None
        with pytest.raises(TransportError):
            transport.send("a", b"x")


async def test_watching_over_the_socket(tmp_path: Path) -> None:
    got: asyncio.Queue[Incoming] = asyncio.Queue()
    async with agent(tmp_path / "s", 0) as server:
        server.announce(PRESENCE, b"kept", retained=True)
        transport = await connect_local(tmp_path / "s", got.put_nowait)
        await transport.subscribe([Subscription("gw/1/plant/host/+/presence")])
        await transport.subscribe([Subscription("gw/1/plant/host/+/reported")])
        server.announce(PRESENCE, b"live", retained=True)
        async with asyncio.timeout(5):
            first, second = await got.get(), await got.get()
        assert (first.payload, first.retain, second.payload, second.retain) == (b"kept", True, b"live", False)
        first.ack()
        await transport.unsubscribe(["gw/1/plant/host/+/presence"])
        await transport.close()


@pytest.mark.parametrize("make", ["nothing", "file", "dead socket"])
async def test_where_nobody_listens(tmp_path: Path, make: str) -> None:
    path = tmp_path / "s"
    if make == "file":
        path.write_text("")
    if make == "dead socket":
        server = await asyncio.start_unix_server(lambda _r, _w: None, str(path))
        server.close()
        await server.wait_closed()
    with pytest.raises(TransportError) as raised:
        await connect_local(path, ignore)
    assert raised.value.code == "SOCKET-UNREACHABLE"
    assert str(path) in raised.value.message


async def test_a_host_that_is_full_says_so(tmp_path: Path) -> None:
    async with impostor(tmp_path / "s", Close("BUSY")) as writers:
        task = asyncio.create_task(connect_local(tmp_path / "s", ignore))
        async with asyncio.timeout(5):
            while not writers:
                await asyncio.sleep(0)
        writers[0].close()
        with pytest.raises(TransportError) as raised:
            await task
    assert raised.value.code == "BUSY"


@pytest.mark.parametrize("greeting", [b"\xff\xff\xff\xff", b"\0\0\0\1\xc1", encode(Watch(1, ()))])
async def test_bytes_that_are_no_hello(tmp_path: Path, greeting: bytes) -> None:
    async with impostor(tmp_path / "s", greeting):
        with pytest.raises(TransportError) as raised:
            await connect_local(tmp_path / "s", ignore)
    assert raised.value.code == "PEER-MALFORMED"


async def test_the_end_of_the_agent_is_the_end_of_the_connection(tmp_path: Path) -> None:
    async with agent(tmp_path / "s", 0):
        transport = await connect_local(tmp_path / "s", ignore)
    async with asyncio.timeout(5):
        error = await transport.closed
    assert error is not None
    assert error.code == "LINK-LOST"
    with pytest.raises(TransportError):
        await transport.publish("a", b"x")


@pytest.mark.parametrize(("code", "expected"), [("MALFORMED", "MALFORMED"), ("SINCE-MINOR-9", "LINK-LOST")])
async def test_why_the_host_closed_is_told(tmp_path: Path, code: str, expected: str) -> None:
    async with impostor(tmp_path / "s", Hello("plant", "h1"), Close(code)) as writers:
        transport = await connect_local(tmp_path / "s", ignore)
        writers[0].close()
        async with asyncio.timeout(5):
            error = await transport.closed
    assert error is not None
    assert error.code == expected


async def test_a_watch_ends_with_the_connection(tmp_path: Path) -> None:
    async with impostor(tmp_path / "s", Hello("plant", "h1")) as writers:
        transport = await connect_local(tmp_path / "s", ignore)
        task = asyncio.create_task(transport.subscribe([Subscription("a")]))
        await asyncio.sleep(0)
        writers[0].close()
        with pytest.raises(TransportError) as raised:
            await task
    assert raised.value.code == "LINK-LOST"


async def test_a_host_that_does_not_read_makes_the_client_wait(tmp_path: Path) -> None:
    async with impostor(tmp_path / "s", Hello("plant", "h1")) as writers:
        transport = await connect_local(tmp_path / "s", ignore)
        async with asyncio.timeout(5):
            while not writers:
                await asyncio.sleep(0)
        with pytest.raises(TransportError) as raised:
            for _ in range(WRITE_LIMIT // 50_000 + 20):
                await transport.publish("a", bytes(60_000))
        assert raised.value.code == "LINK-BUSY"
        await transport.close()


async def test_a_session_over_the_socket_comes_back_with_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "s"
    ups: asyncio.Queue[Transport] = asyncio.Queue()
    downs: asyncio.Queue[str] = asyncio.Queue()

    class Peer:
        """Counts."""

        async def connecting(self, attempt: int) -> Options:
            return Options("", 0, "cli-1")

        def subscriptions(self) -> list[Subscription]:
            return [Subscription("gw/1/plant/host/+/presence")]

        async def up(self, transport: Transport) -> None:
            ups.put_nowait(transport)

        def down(self, error: TransportError | None, next_try_s: float) -> None:
            downs.put_nowait(error.code if error is not None else "")

        def receive(self, message: Incoming) -> None: ...

    async def no_wait(_seconds: float) -> None:
        await asyncio.sleep(0)

    async with Session(Peer(), LocalConnect(path), sleep=no_wait), asyncio.timeout(5):
        assert await downs.get() == "SOCKET-UNREACHABLE"
        async with agent(path, 0):
            await ups.get()
        while await downs.get() != "LINK-LOST":
            pass
        async with agent(path, 0):
            await ups.get()


async def test_frames_of_the_host_are_passed_on_as_they_are(tmp_path: Path) -> None:
    got: asyncio.Queue[Incoming] = asyncio.Queue()
    async with impostor(tmp_path / "s", Hello("plant", "h1"), Publish("a", b"x", True)):
        transport = await connect_local(tmp_path / "s", got.put_nowait)
        async with asyncio.timeout(5):
            message = await got.get()
        assert (message.topic, message.payload, message.retain, message.qos) == ("a", b"x", True, 0)
        await transport.close()
