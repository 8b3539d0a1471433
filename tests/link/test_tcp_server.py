"""The TCP listener from the outside: who gets in, who is told why not, and what floods and slow clients cost the others."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from made_certificates import CLIENT, SERVER, Authority, Files
from own_listener import Listening, Pki, listening

from guestwire.link import tcp_server
from guestwire.link.frames import Hello, Publish, Watch, encode
from guestwire.link.tcp_arrival import Deadlines
from guestwire.link.tcp_client import TcpTransport, connect_tcp
from guestwire.link.tcp_server import TcpServer
from guestwire.link.tls_context import server_context
from guestwire.link.transport import Incoming, Subscription, TransportError
from guestwire.protocol import topics
from guestwire.protocol.steps import Inbound

LOOPS = "both"
HOUR = timedelta(hours=1)
PRESENCE = topics.make("presence", "plant", "h1")
LIMIT_S = 10.0


def request(client: str) -> str:
    return topics.make("request", "plant", "h1", client, "host-ping")


def unasked(_inbound: Inbound, taken: Callable[[], None]) -> None:
    taken()


def ignore(_message: Incoming) -> None:
    """Nobody listens."""


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path)


@pytest.fixture
async def it(pki: Pki) -> AsyncIterator[Listening]:
    async with listening(pki, unasked) as listener:
        yield listener


async def enter(it: Listening, files: Files | None = None, **versions: Any) -> TcpTransport:
    tls = it.pki.client_context(files or it.pki.client, **versions)
    return await connect_tcp(it.address, tls, ignore, LIMIT_S)


class TlsPeer:
    """A client's TLS by hand, so that its last words of the handshake and its first of the protocol are one piece."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname="h1")

    def done(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def hear(self, data: bytes) -> None:
        self._in.write(data)

    def said(self) -> bytes:
        return self._out.read()

    def sealed(self, data: bytes) -> bytes:
        self._tls.write(data)
        return self._out.read()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.002)


async def end_of(transport: TcpTransport) -> str:
    async with asyncio.timeout(LIMIT_S):
        error = await transport.closed
    assert error is not None
    await transport.close()
    return error.code


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


# -- who gets in


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_known_client_is_greeted(it: Listening, version: ssl.TLSVersion) -> None:
    link = await enter(it, minimum_version=version, maximum_version=version)
    assert link.hello.result() == Hello("plant", "h1")
    [seen] = it.known.seen
    assert (seen.name, seen.for_clients) == ("cli-1", True)
    assert seen.not_before_ms < seen.not_after_ms
    assert link.peer_address == "127.0.0.1"
    await link.close()
    assert it.refused == []


CASES: dict[str, tuple[Callable[[Pki], Files | None], str, str]] = {
    "expired": (lambda p: p.ca.issue("cli-1", ends=-HOUR / 2), "CERTIFICATE-EXPIRED", "CERTIFICATE-EXPIRED"),
    "not yet valid": (
        lambda p: p.ca.issue("cli-1", begins=HOUR / 2),
        "CERTIFICATE-NOT-YET-VALID",
        "CERTIFICATE-NOT-YET-VALID",
    ),
    "for servers": (lambda p: p.ca.issue("cli-1", (SERVER,)), "CERTIFICATE-PURPOSE", "CERTIFICATE-PURPOSE"),
    "for nothing it names": (lambda p: p.ca.issue("cli-1", ()), "CERTIFICATE-PURPOSE", "CERTIFICATE-PURPOSE"),
    "of another CA": (
        lambda p: Authority(p.folder, "other").issue("cli-1", file="foreign"),
        "CERTIFICATE-UNTRUSTED",
        "CERTIFICATE-UNTRUSTED",
    ),
    "none": (lambda _: None, "CERTIFICATE-REQUIRED", "CERTIFICATE-REQUIRED"),
    "of nobody known": (lambda p: p.ca.issue("stranger"), "CLIENT-UNKNOWN", "CLIENT-UNKNOWN"),
    "of a host": (lambda p: p.ca.issue("h2", (CLIENT, SERVER)), "CLIENT-UNKNOWN", "CLIENT-UNKNOWN"),
    "with two names": (lambda p: p.ca.issue(("cli-1", "cli-1")), "CLIENT-UNKNOWN", "CLIENT-UNKNOWN"),
    "without a name": (lambda p: p.ca.issue(()), "CLIENT-UNKNOWN", "CLIENT-UNKNOWN"),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES)
async def test_why_a_certificate_is_refused_is_told_at_both_ends(
    it: Listening, case: str, version: ssl.TLSVersion
) -> None:
    make, to_client, to_host = CASES[case]
    tls = it.pki.client_context(make(it.pki), minimum_version=version, maximum_version=version)
    with pytest.raises(TransportError) as refused:
        await connect_tcp(it.address, tls, ignore, LIMIT_S)
    if case == "none" and version == ssl.TLSVersion.TLSv1_2:  # whose alerts have no word for it
        to_client = "TLS-FAILED"
    assert refused.value.code == to_client, refused.value.message
    [(code, who)] = it.refused
    assert code == to_host
    assert who in ("127.0.0.1", "cli-1", "stranger", "h2")
    assert len(it.server.clients) == 0


async def test_a_revoked_certificate_is_refused_and_a_list_that_ran_out_lets_nobody_in(pki: Pki) -> None:
    revoked, good = pki.ca.issue("cli-1", file="revoked"), pki.client
    for list_ends, files, to_client, to_host in (
        (HOUR, revoked, "CERTIFICATE-REVOKED", "CERTIFICATE-REVOKED"),
        (HOUR, good, None, None),
        (-HOUR / 2, good, "CERTIFICATE-EXPIRED", "REVOCATION-UNKNOWN"),
    ):
        async with listening(pki, unasked, pki.ca.revoke(revoked, ends=list_ends)) as it:
            if to_client is None:
                await (await enter(it, files)).close()
                continue
            with pytest.raises(TransportError) as refused:
                await enter(it, files)
            assert refused.value.code == to_client
            assert [code for code, _ in it.refused] == [to_host]


async def test_much_that_comes_in_one_piece_with_the_end_of_the_handshake_is_no_endless_handshake(pki: Pki) -> None:
    heard: list[Inbound] = []

    def receive(inbound: Inbound, taken: Callable[[], None]) -> None:
        heard.append(inbound)
        taken()

    async with listening(pki, receive) as it:
        client = TlsPeer(pki.client_context(pki.client))
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        frames = encode(Publish(request("cli-1"), bytes(60_000))) * 2
        async with asyncio.timeout(LIMIT_S):
            while not client.done():
                writer.write(client.said())
                client.hear(await reader.read(1 << 16))
            writer.write(client.said() + client.sealed(frames))
            while len(heard) < 2:
                assert await reader.read(1 << 16), "the connection was cut"
        writer.transport.abort()


async def test_what_is_no_tls_is_cut_at_its_first_byte(it: Listening) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
    writer.write(encode(Publish(request("cli-1"), b"x")))
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
    writer.close()
    assert it.refused == [("TLS-FAILED", "127.0.0.1")]


async def test_the_first_version_of_tls_is_not_spoken(it: Listening) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
    body = b"\3\1" + bytes(32) + b"\0" + b"\0\4\xc0\x09\xc0\x13" + b"\1\0"  # a ClientHello that knows TLS 1.0 alone
    message = b"\1" + len(body).to_bytes(3, "big") + body
    writer.write(b"\x16\3\1" + len(message).to_bytes(2, "big") + message)
    async with asyncio.timeout(LIMIT_S):
        alert = await reader.read()
    writer.close()
    assert alert[:1] == b"\x15", "a TLS alert"
    await until(lambda: it.refused == [("TLS-FAILED", "127.0.0.1")])


# -- while it stands


async def test_asking_under_another_name_ends_it(it: Listening) -> None:
    link = await enter(it)
    link.send(request("cli-2"), b"x")
    assert await end_of(link) == "CLIENT-MISMATCH"
    assert it.refused == [("CLIENT-MISMATCH", "cli-1")]


async def test_a_client_that_is_not_known_any_more_is_out_at_once(it: Listening) -> None:
    it.known.clients |= {"cli-2"}
    stays, goes = await enter(it), await enter(it, it.pki.ca.issue("cli-2"))
    it.known.clients -= {"cli-2"}
    it.server.trust_changed()
    assert await end_of(goes) == "CLIENT-UNKNOWN"
    assert it.refused == [("CLIENT-UNKNOWN", "cli-2")]
    await stays.subscribe([Subscription(PRESENCE)])
    await stays.close()


async def test_who_may_not_watch_hears_nothing(it: Listening) -> None:
    heard: list[Incoming] = []
    it.known.watchers.clear()
    it.server.announce(PRESENCE, b"kept", retained=True)
    link = await connect_tcp(it.address, it.pki.client_context(it.pki.client), heard.append, LIMIT_S)
    await link.subscribe([Subscription("#")])
    it.server.announce(PRESENCE, b"new", retained=True)
    await link.subscribe([])
    await link.close()
    assert heard == []


async def test_new_certificates_or_revocations_end_what_came_in_by_the_former(
    pki: Pki,
) -> None:
    deadlines = Deadlines(handshake=0.2, first_frame=30, frame=30, idle=30)
    async with listening(pki, unasked, deadlines=deadlines, judge_s=0.0) as it:
        link = await enter(it)
        crl = pki.ca.revoke(pki.client)
        it.contexts[0] = server_context(pki.host.certificate, pki.host.key, pki.ca.certificate, crl)
        assert await end_of(link) == "LINK-LOST"
        with pytest.raises(TransportError) as refused:
            await enter(it)
        assert refused.value.code == "CERTIFICATE-REVOKED"


async def test_a_key_that_runs_out_ends_a_connection_too(pki: Pki) -> None:
    async with listening(pki, unasked, deadlines=Deadlines(handshake=0.2), judge_s=0.0) as it:
        link = await enter(it)
        it.known.clients.clear()
        assert await end_of(link) == "CLIENT-UNKNOWN"


@pytest.mark.parametrize(
    ("deadlines", "sends"),
    [
        (Deadlines(first_frame=0.1), b""),
        (Deadlines(frame=0.1), b"\0\0"),
        (Deadlines(frame=0.1), encode(Watch(1, ())) + b"\0\0\1\0" + bytes(100)),
        (Deadlines(idle=0.1), encode(Watch(1, ()))),
    ],
    ids=["asks nothing", "half a length", "half a frame", "silent"],
)
async def test_a_slow_or_silent_client_is_cut_off(pki: Pki, deadlines: Deadlines, sends: bytes) -> None:
    async with listening(pki, unasked, deadlines=deadlines) as it:
        link = await enter(it)
        assert link._wire is not None
        if sends:
            link._wire.write(sends)
        assert await end_of(link) == "LINK-TIMEOUT"
        assert it.refused == [], "nobody did anything wrong"


async def test_a_handshake_that_does_not_go_on_is_cut(pki: Pki) -> None:
    async with listening(pki, unasked, deadlines=Deadlines(handshake=0.1)) as it:
        silent = await asyncio.open_connection("127.0.0.1", it.port)
        begun = await asyncio.open_connection("127.0.0.1", it.port)
        begun[1].write(b"\x16\x03\x01")
        for reader, writer in (silent, begun):
            async with asyncio.timeout(LIMIT_S):
                with pytest.raises(ConnectionResetError):
                    await reader.read()
                    raise ConnectionResetError
            writer.close()
        await until(lambda: not it.server._waiting)


# -- floods


@asynccontextmanager
async def silent_connections(port: int, count: int, first: bytes = b"") -> AsyncIterator[list[socket.socket]]:
    loop = asyncio.get_running_loop()
    made: list[socket.socket] = []
    try:
        for _ in range(count):
            one = socket.socket()
            one.setblocking(False)
            made.append(one)
            await loop.sock_connect(one, ("127.0.0.1", port))
            if first:
                await loop.sock_sendall(one, first)
        yield made
    finally:
        for one in made:
            one.close()


async def test_connections_without_a_handshake_keep_nobody_out(it: Listening) -> None:
    async with silent_connections(it.port, 200):
        link = await enter(it)
        await link.subscribe([Subscription(PRESENCE)])
        assert len(it.server._waiting) <= tcp_server.MOST_ARRIVALS_OF_ONE
        await link.close()
    await until(lambda: not it.server._waiting)


async def test_handshakes_that_stall_are_bounded_and_keep_nobody_out(it: Listening) -> None:
    async with silent_connections(it.port, 60, first=b"\x16\x03\x01\x01\x00"):
        await until(lambda: len(it.server._shaking) >= tcp_server.MOST_HANDSHAKES // 2)
        link = await enter(it)
        assert len(it.server._shaking) <= tcp_server.MOST_HANDSHAKES
        await link.close()


async def test_one_client_cannot_take_all_connections(pki: Pki) -> None:
    async with listening(pki, unasked, most=20, most_of_one=5) as it, AsyncExitStack() as stack:
        it.known.clients |= {"greedy"}
        files = pki.ca.issue("greedy")
        busy = 0
        for _ in range(30):
            try:
                stack.push_async_callback((await enter(it, files)).close)
            except TransportError as err:
                busy += err.code == "BUSY"
        assert (busy, len(it.server.clients)) == (25, 5)
        await (await enter(it)).close()
        assert it.refused == [], "that is no crime"


async def test_a_thousand_connections_of_one_client(pki: Pki) -> None:
    """As fast as it can, from its own address: it gets what one client may have, and the others get in."""
    async with listening(pki, unasked, most_of_one=5) as it, AsyncExitStack() as stack:
        it.known.clients |= {"greedy"}
        tls = pki.client_context(pki.ca.issue("greedy"))
        gate = asyncio.Semaphore(50)
        codes: list[str] = []

        async def one() -> None:
            async with gate:
                try:
                    link = await connect_tcp(it.address, tls, ignore, LIMIT_S)
                except TransportError as err:
                    codes.append(err.code)
                else:
                    stack.push_async_callback(link.close)

        await asyncio.gather(*(one() for _ in range(1000)))
        assert len(codes) == 995
        assert set(codes) <= {"BUSY", "LINK-LOST", "LISTENER-UNREACHABLE"}
        assert len(it.server.clients) == 5
        assert len(it.server._waiting) <= tcp_server.MOST_ARRIVALS_OF_ONE
        async with asyncio.timeout(LIMIT_S):
            while True:  # this address has used up its handshakes; they come back with time
                with suppress(TransportError):
                    link = await enter(it)
                    break
                await asyncio.sleep(0.01)
        await link.close()


async def test_refusals_are_told_at_a_bounded_rate(it: Listening) -> None:
    for _ in range(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(b"GET / HTTP/1.1\r\n")
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
        writer.close()
    assert 20 <= len(it.refused) < 60


# -- the end of the listener


async def test_leaving_ends_every_connection(pki: Pki) -> None:
    async with listening(pki, unasked) as it:
        inside = await enter(it)
        _, silent = await asyncio.open_connection("127.0.0.1", it.port)
    assert await end_of(inside) == "LINK-LOST"
    silent.close()


async def test_a_port_that_is_taken(it: Listening) -> None:
    tls = it.server._tls
    with pytest.raises(OSError, match="in use"):
        async with TcpServer(
            ("127.0.0.1", it.port), "plant", "h1", unasked, tls=tls, admission=it.known, on_refused=lambda *_: None
        ):
            raise AssertionError
