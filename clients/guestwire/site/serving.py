"""Serves an application over HTTPS, for peers that nobody knows yet: every connection has a deadline, and there are so many at
most, of each address and in all."""

import asyncio
import datetime
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from guestwire.model.errors import GuestwireError
from guestwire.site.layout import Layout
from guestwire.site.service_place import certificate_due, certify

MAX_CONNECTIONS = 128
MAX_OF_ONE_ADDRESS = 16
CONNECTION_S = 60.0
HANDSHAKE_S = 10.0
MAX_HEADER_BYTES = 16 * 1024
LOOK_AT_CERTIFICATE_S = 3600.0


class _Connections:
    """How many there are, by address."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()

    def come(self, address: str) -> bool:
        if self._of.total() >= MAX_CONNECTIONS or self._of[address] >= MAX_OF_ONE_ADDRESS:
            return False
        self._of[address] += 1
        return True

    def gone(self, address: str) -> None:
        self._of[address] -= 1
        if not self._of[address]:
            del self._of[address]


class _Protocol(H11Protocol):
    """HTTP/1.1 for one connection."""

    def __init__(self, config: Config, state: ServerState, gone: Callable[[], None]) -> None:
        super().__init__(config, state, {})
        self._gone = gone

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone()
        super().connection_lost(exc)


class _Arrival(asyncio.Protocol):
    """A connection, from its first moment: it is counted before it has TLS, which takes a quarter of a MiB, and ends at its
    deadline whatever it does. `http` makes what goes on with it, which says when it is gone."""

    def __init__(
        self,
        counted: _Connections,
        context: ssl.SSLContext,
        http: Callable[[Callable[[], None]], asyncio.Protocol],
        tasks: set[asyncio.Task[None]],
    ) -> None:
        self._counted = counted
        self._context = context
        self._http = http
        self._tasks = tasks
        self._address: str | None = None
        self._end: asyncio.TimerHandle | None = None
        self._early = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        plain = cast("asyncio.Transport", transport)
        peer = plain.get_extra_info("peername")
        address = str(peer[0]) if peer else "-"
        if not self._counted.come(address):
            plain.abort()
            return
        self._address = address
        self._end = asyncio.get_running_loop().call_later(CONNECTION_S, plain.abort)
        task = asyncio.create_task(self._secured(plain))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def data_received(self, data: bytes) -> None:
        self._early += data  # with the end of the handshake, before `_secured` goes on

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone()

    async def _secured(self, plain: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        try:
            tls = await loop.start_tls(plain, self, self._context, server_side=True, ssl_handshake_timeout=HANDSHAKE_S)
        except OSError:  # ssl.SSLError is one
            tls = None
        if tls is None or self._address is None:
            plain.abort()
            self._gone()
            return
        http = self._http(self._gone)
        tls.set_protocol(http)
        http.connection_made(tls)
        if self._early:
            http.data_received(bytes(self._early))

    def _gone(self) -> None:
        if self._end is not None:
            self._end.cancel()
        if self._address is not None:
            self._counted.gone(self._address)
            self._address = None


@asynccontextmanager
async def serving(
    application: Any, layout: Layout, names: Sequence[str], listen: tuple[str, int], clock_ms: Callable[[], int]
) -> AsyncIterator[tuple[str, int]]:
    """Serve while the block lasts; gives the address and the port. The service's certificate is issued and renewed here.

    Raises KEY-FILE-INVALID, CERTIFICATE-INVALID, and OSError where the address cannot be had.
    """

    def now() -> datetime.datetime:
        return datetime.datetime.fromtimestamp(clock_ms() / 1000, datetime.UTC)

    if certificate_due(layout, names, now()):
        certify(layout, names, now())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, layout)
    config = Config(
        cast("Any", application), http="h11", ws="none", lifespan="off", log_config=None, access_log=False,
        server_header=False, timeout_keep_alive=5, h11_max_incomplete_event_size=MAX_HEADER_BYTES, proxy_headers=False,
    )  # fmt: skip
    config.load()
    connections, state, arriving = _Connections(), ServerState(), set[asyncio.Task[None]]()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Arrival(connections, context, lambda gone: _Protocol(config, state, gone), arriving), *listen,
        backlog=MAX_CONNECTIONS,
    )  # fmt: skip
    renewing = asyncio.create_task(_renew(context, layout, names, now), name="service-certificate")
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()
        for task in (renewing, *arriving):
            task.cancel()
        await asyncio.gather(renewing, *arriving, return_exceptions=True)
        for connection in tuple(state.connections):
            cast("H11Protocol", connection).transport.abort()
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=5)


async def _renew(
    context: ssl.SSLContext, layout: Layout, names: Sequence[str], now: Callable[[], datetime.datetime]
) -> None:
    """New connections get the new certificate. What fails is tried again: two thirds of its life are over, not all."""
    while True:
        await asyncio.sleep(LOOK_AT_CERTIFICATE_S)
        try:
            if certificate_due(layout, names, now()):
                certify(layout, names, now())
                _load(context, layout)
        except (GuestwireError, OSError):
            continue


def _load(context: ssl.SSLContext, layout: Layout) -> None:
    context.load_cert_chain(layout.service_certificate, layout.service_key)
