"""Opens the link that a context names: MQTT by the first of its brokers that answers, a host's Unix socket, or its TCP
listener."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

from guestwire.link.backoff import Backoff
from guestwire.link.broker_url import BrokerAddress, broker_address
from guestwire.link.host_port import host_port
from guestwire.link.invoke import Caller, caller
from guestwire.link.local_client import LocalConnect
from guestwire.link.tcp_client import TcpConnect
from guestwire.link.transport import Connect, OnMessage, Options, Transport, TransportError
from guestwire.model.errors import GuestwireError
from guestwire.protocol.invoker import Invoker
from guestwire.sdk.contexts import Context
from guestwire.sdk.credentials import Credentials, check_closed, read_password

LOCAL_AGAIN_S = 2.0
"""The longest wait for an agent on this host, which is back within seconds: its socket is no broker that many come back to."""
DIRECT_AGAIN_S = 10.0
"""The longest wait for a host that is asked directly."""


def addresses(context: Context) -> tuple[BrokerAddress, ...]:
    """The brokers of a context. Raises CONFIG-INVALID."""
    try:
        return tuple(broker_address(url) for url in context.brokers)
    except ValueError as err:
        raise GuestwireError("CONFIG-INVALID", f"{err}.", field="brokers") from err


def tls_context(context: Context) -> ssl.SSLContext:
    """The TLS side of a context. Raises CONFIG-INVALID when a file of it cannot be used, KEY-FILE-INVALID when the key is open
    to other users."""
    check_closed(context.certificate_key)
    try:
        made = ssl.create_default_context(cafile=context.ca)
        if context.certificate and context.certificate_key:
            made.load_cert_chain(context.certificate, context.certificate_key)
    except (OSError, ssl.SSLError) as err:
        named = ", ".join(path for path in (context.ca, context.certificate, context.certificate_key) if path)
        raise GuestwireError(
            "CONFIG-INVALID", f"TLS cannot be set up from {named}: {err}", field="certificate"
        ) from err
    return made


def broker_options(context: Context, who: Credentials, client_id: str) -> tuple[Options, ...]:
    """How to connect to each broker of a context. A session of its own that ends with the connection: what was asked
    is asked again by request id, so nothing needs to wait at the broker."""
    brokers = addresses(context)
    tls = tls_context(context) if any(address.tls for address in brokers) else None
    return tuple(
        Options(
            host=address.host,
            port=address.port,
            client_id=client_id,
            username=context.username or (None if context.certificate else who.client),
            password=read_password(context),
            tls=tls if address.tls else None,
            tls_server_name=address.host if address.tls else None,
            clean_start=True,
            session_expiry_s=0,
        )
        for address in brokers
    )


@asynccontextmanager
async def mqtt_link(context: Context, who: Credentials, connect_timeout_s: float) -> AsyncIterator[Caller]:
    """A caller over MQTT. Raises BROKER-UNREACHABLE, BROKER-REFUSED once every broker was tried, CONFIG-INVALID."""
    from guestwire.link import brokers

    memory = brokers.BrokerMemory()

    async def connect(options: Options, on_message: OnMessage) -> Transport:
        return await brokers.connect(options, on_message, context.transport, memory)

    # several processes of one user are one {client} of the protocol, and different clients of the broker
    client_id = f"{who.client}-{secrets.token_hex(4)}"
    async with _opened(context, who, broker_options(context, who, client_id), connect, connect_timeout_s) as it:
        yield it


@asynccontextmanager
async def socket_link(context: Context, who: Credentials, connect_timeout_s: float) -> AsyncIterator[Caller]:
    """A caller over a Unix socket, whose kernel vouches for both ends. Raises SOCKET-UNREACHABLE."""
    assert context.socket is not None
    options = Options(context.socket, 0, who.client)
    connect = LocalConnect(Path(context.socket))
    async with _opened(context, who, (options,), connect, connect_timeout_s, Backoff(cap_s=LOCAL_AGAIN_S)) as it:
        yield it


def host_options(context: Context, who: Credentials, connect_timeout_s: float) -> Options:
    """How to connect to the listener of a context's host, which its certificate must name. Raises CONFIG-INVALID."""
    assert context.address is not None
    try:
        address, port = host_port(context.address)
    except ValueError as err:
        raise GuestwireError("CONFIG-INVALID", f"{err}.", field="address") from err
    return Options(
        address,
        port,
        who.client,
        tls=tls_context(context),
        tls_server_name=context.host,
        connect_timeout_s=connect_timeout_s,
    )


@asynccontextmanager
async def tcp_link(context: Context, who: Credentials, connect_timeout_s: float) -> AsyncIterator[Caller]:
    """A caller over the TCP listener of one host. Raises LISTENER-UNREACHABLE, TLS-FAILED, the CERTIFICATE codes,
    CLIENT-UNKNOWN, CONFIG-INVALID."""
    options = host_options(context, who, connect_timeout_s)
    backoff = Backoff(cap_s=DIRECT_AGAIN_S)
    async with _opened(context, who, (options,), TcpConnect(), connect_timeout_s, backoff) as it:
        yield it


@asynccontextmanager
async def _opened(
    context: Context,
    who: Credentials,
    options: Sequence[Options],
    connect: Connect,
    connect_timeout_s: float,
    backoff: Backoff | None = None,
) -> AsyncIterator[Caller]:
    invoker = Invoker(
        context.site, who.client, who.issuer, who.key, who.trust,
        path_vouches=context.via == "socket", sign_reads=who.key is not None,
    )  # fmt: skip
    if who.store is not None:
        who.store.follow(invoker)
    first_round = _FirstRound(connect, len(options))
    turn: Callable[[], Options] = cycle(options).__next__
    async with caller(invoker, turn, first_round, connect_timeout_s=False, backoff=backoff) as it:
        await first_round.connected(it, connect_timeout_s)
        yield it


class _FirstRound:
    """A `Connect` that knows when every address failed once: a person at a terminal wants to hear that at once."""

    def __init__(self, connect: Connect, addresses: int) -> None:
        self._connect = connect
        self._left = addresses
        self._all_failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __call__(self, options: Options, on_message: OnMessage) -> Transport:
        try:
            return await self._connect(options, on_message)
        except TransportError as err:
            self._left -= 1
            if self._left == 0 and not self._all_failed.done():
                self._all_failed.set_exception(err)
            raise

    async def connected(self, it: Caller, timeout_s: float) -> None:
        """Wait for the first connection. Raises the error of the last address."""
        up = asyncio.ensure_future(it.session.connected(timeout_s))
        try:
            either: set[asyncio.Future[Any]] = {up, self._all_failed}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not up.done():
                self._all_failed.result()
            await up
        finally:
            up.cancel()
            self._all_failed.cancel()
            await asyncio.gather(up, self._all_failed, return_exceptions=True)
