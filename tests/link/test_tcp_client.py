"""The TCP listener as a transport: calls over it, and peers that are not who they must be or do not behave."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from made_certificates import CLIENT, SERVER, Authority, Files
from own_listener import Pki, listening

from guestwire.link.frames import Close, Frame, Hello, Watch, encode
from guestwire.link.invoke import caller
from guestwire.link.serve import Server
from guestwire.link.tcp_client import HostAddress, TcpConnect, connect_tcp
from guestwire.link.tls_context import server_context
from guestwire.link.transport import Incoming, Options, TransportError
from guestwire.protocol import operation_models as m
from guestwire.protocol.executor import Executor
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Call, Inbound, Record
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument

LOOPS = "both"
LIMIT_S = 10.0
HOST_KEY, CLIENT_KEY = SigningKey.generate(), SigningKey.generate()
TRUST = Trust(
    TrustDocument(
        site="plant", rev=1, issued_at=0,
        signers=(
            Signer(principal="host:h1", public_key=HOST_KEY.public.raw.hex(), scope=Scope(operations=(), hosts=())),
            Signer(principal="operator:cli-1", public_key=CLIENT_KEY.public.raw.hex(), scope=Scope(risk=3)),
        ),
    )
)  # fmt: skip


def ignore(_message: Incoming) -> None:
    """Nobody listens."""


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path)


class Commands:
    """There are none here."""

    def take(self, record: Record, taken: Callable[[], None]) -> None:
        raise AssertionError(record)


class Audit:
    """Hears what was refused."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def refused(self, code: str, inbound: Inbound, *, audit: bool) -> None:
        self.codes.append(code)

    def answered(self, call: Call, code: str | None, at: object) -> None: ...

    def defect(self, operation: str, error: BaseException) -> None:
        raise error


async def test_a_call_straight_to_the_host(pki: Pki) -> None:
    """The host's word is believed for its signature, not for its connection; an effect without a signature is refused."""
    audit = Audit()
    executor = Executor("plant", "h1", BY_NAME, TRUST, HOST_KEY)
    pong = m.Pong(payload=b"x", now=1, epoch=1)
    async with (
        Server(executor, {"host-ping": lambda call: pong}, Commands(), audit) as server,
        listening(pki, server.receive) as it,
    ):
        options = Options("127.0.0.1", it.port, "cli-1", tls=pki.client_context(pki.client), tls_server_name="h1")
        signed = Invoker("plant", "cli-1", "operator:cli-1", CLIENT_KEY, TRUST, sign_reads=True)
        async with caller(signed, lambda: options, TcpConnect()) as one:
            done = await one.call("h1", BY_NAME["host-ping"], m.Ping(), timeout_s=5)
        assert (done.reply.payload, done.verified) == (b"x", True)
        unsigned = Invoker("plant", "cli-1", "observer:cli-1", path_vouches=True)
        async with caller(unsigned, lambda: options, TcpConnect()) as one:
            done = await one.call("h1", BY_NAME["host-ping"], m.Ping(), timeout_s=5)
            assert not done.verified
            with pytest.raises(Exception, match="UNSIGNED"):
                await one.call("h1", BY_NAME["guest-start"], m.GuestStart(guest="web"), timeout_s=5)
    assert audit.codes == ["UNSIGNED"]


@asynccontextmanager
async def impostor(
    pki: Pki, files: Files, *greeting: Frame | bytes
) -> AsyncIterator[tuple[HostAddress, list[asyncio.StreamWriter]]]:
    """A server with that certificate, that says something and then nothing."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        for frame in greeting:
            writer.write(frame if isinstance(frame, bytes) else encode(frame))

    tls = server_context(files.certificate, files.key, pki.ca.certificate)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield HostAddress("h1", "127.0.0.1", server.sockets[0].getsockname()[1]), writers
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


@asynccontextmanager
async def plain(says: bytes) -> AsyncIterator[HostAddress]:
    """A server without TLS, that says something and then nothing."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(says)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield HostAddress("h1", "127.0.0.1", server.sockets[0].getsockname()[1])
        for writer in writers:
            writer.transport.abort()
            await writer.wait_closed()


HOSTS: dict[str, tuple[Callable[[Pki], Files], str]] = {
    "another host's": (lambda p: p.ca.issue("h2", (CLIENT, SERVER)), "CERTIFICATE-NAME"),
    "for clients alone": (lambda p: p.ca.issue("h1"), "CERTIFICATE-PURPOSE"),
    "of another CA": (
        lambda p: Authority(p.folder, "other").issue("h1", (SERVER,), file="foreign"),
        "CERTIFICATE-UNTRUSTED",
    ),
}


@pytest.mark.parametrize("case", HOSTS)
async def test_a_host_that_is_not_to_be_believed(pki: Pki, case: str) -> None:
    make, code = HOSTS[case]
    async with impostor(pki, make(pki), Hello("plant", "h1")) as (address, _):
        with pytest.raises(TransportError) as refused:
            await connect_tcp(address, pki.client_context(pki.client), ignore, LIMIT_S)
    assert refused.value.code == code, refused.value.message


async def test_a_hello_of_another_host(pki: Pki) -> None:
    async with impostor(pki, pki.host, Hello("plant", "h2")) as (address, _):
        with pytest.raises(TransportError) as refused:
            await connect_tcp(address, pki.client_context(pki.client), ignore, LIMIT_S)
    assert refused.value.code == "CERTIFICATE-NAME"


@pytest.mark.parametrize("greeting", [b"\xff\xff\xff\xff", b"\0\0\0\1\xc1", encode(Watch(1, ()))])
async def test_bytes_that_are_no_hello(pki: Pki, greeting: bytes) -> None:
    async with impostor(pki, pki.host, greeting) as (address, _):
        with pytest.raises(TransportError) as refused:
            await connect_tcp(address, pki.client_context(pki.client), ignore, LIMIT_S)
    assert refused.value.code == "PEER-MALFORMED"


async def test_why_the_host_closes_is_told(pki: Pki) -> None:
    async with impostor(pki, pki.host, Hello("plant", "h1"), Close("CLIENT-UNKNOWN")) as (address, writers):
        link = await connect_tcp(address, pki.client_context(pki.client), ignore, LIMIT_S)
        writers[0].close()
        async with asyncio.timeout(LIMIT_S):
            error = await link.closed
        await link.close()
    assert error is not None
    assert error.code == "CLIENT-UNKNOWN"


async def test_nobody_listens_or_answers(pki: Pki) -> None:
    tls = pki.client_context(pki.client)
    with pytest.raises(TransportError) as refused:
        await connect_tcp(HostAddress("h1", "127.0.0.1", 1), tls, ignore, LIMIT_S)
    assert (refused.value.code, "h1 at 127.0.0.1:1" in refused.value.message) == ("LISTENER-UNREACHABLE", True)
    async with plain(b"") as address:
        with pytest.raises(TransportError) as refused:
            await connect_tcp(address, tls, ignore, 0.2)
    assert refused.value.code == "LISTENER-UNREACHABLE"


async def test_a_port_that_speaks_no_tls(pki: Pki) -> None:
    async with plain(b"220 mail.example ESMTP\r\n") as address:
        with pytest.raises(TransportError) as refused:
            await connect_tcp(address, pki.client_context(pki.client), ignore, LIMIT_S)
    assert refused.value.code == "TLS-FAILED"


async def test_a_host_that_does_not_answer_any_more_is_lost(pki: Pki) -> None:
    async with impostor(pki, pki.host, Hello("plant", "h1")) as (address, _):
        link = await connect_tcp(address, pki.client_context(pki.client), ignore, LIMIT_S, ping_s=0.05)
        async with asyncio.timeout(LIMIT_S):
            error = await link.closed
        await link.close()
    assert error is not None
    assert error.code == "LINK-LOST"


async def test_a_silent_link_stays_for_the_host_answers(pki: Pki) -> None:
    async with listening(pki, lambda _i, taken: taken()) as it:
        link = await connect_tcp(it.address, pki.client_context(pki.client), ignore, LIMIT_S, ping_s=0.02)
        [connection] = it.server.clients
        for _ in range(3):
            heard = connection.heard_at
            async with asyncio.timeout(LIMIT_S):
                while connection.heard_at == heard:
                    await asyncio.sleep(0.002)
        assert not link._closed.done()
        await link.close()


@pytest.mark.parametrize("turns", [*range(8), 20, 60])
async def test_a_connect_that_is_cancelled_ends_at_whatever_point_it_had_come_to(pki: Pki, turns: int) -> None:
    async with listening(pki, lambda _i, taken: taken()) as it:
        task = asyncio.create_task(connect_tcp(it.address, pki.client_context(pki.client), ignore, LIMIT_S))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        async with asyncio.timeout(LIMIT_S):
            [ended] = await asyncio.gather(task, return_exceptions=True)
            if not isinstance(ended, BaseException):
                await ended.close()
            while it.server._waiting or len(it.server.clients):
                await asyncio.sleep(0.002)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_no_session_is_taken_up_again(pki: Pki, version: ssl.TLSVersion) -> None:
    """A session that is resumed is not verified: each connection shows its certificate."""
    async with listening(pki, lambda _i, taken: taken()) as it:
        tls = pki.client_context(pki.client, minimum_version=version, maximum_version=version)
        links = [await connect_tcp(it.address, tls, ignore, LIMIT_S) for _ in range(2)]
        for link in links:
            assert link._tls is not None
            assert not link._tls.tls.session_reused
            await link.close()
        assert len(it.known.seen) == 2


async def test_a_message_of_the_largest_size_goes_through_both_ways(pki: Pki) -> None:
    got: asyncio.Queue[Incoming] = asyncio.Queue()
    inbound: list[Inbound] = []

    def receive(one: Inbound, taken: Callable[[], None]) -> None:
        taken()
        inbound.append(one)

    topic = "gw/1/plant/host/h1/request/cli-1/host-ping"
    async with listening(pki, receive) as it:
        link = await connect_tcp(it.address, pki.client_context(pki.client), got.put_nowait, LIMIT_S)
        for _ in range(10):
            link.send(topic, bytes(65_000))
        async with asyncio.timeout(LIMIT_S):
            while len(inbound) < 10:
                await asyncio.sleep(0.002)
        await link.close()
    assert {len(one.payload) for one in inbound} == {65_000}
    assert {(one.way, one.uid, one.client) for one in inbound} == {("tcp", None, "cli-1")}
