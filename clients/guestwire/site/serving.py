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
    """HTTP/1.1 for one connection, which ends at its deadline whatever it does."""

    def __init__(self, config: Config, connections: _Connections, state: ServerState) -> None:
        super().__init__(config, state, {})
        self._counted = connections
        self._address: str | None = None
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = self.client[0] if self.client else "-"
        if not self._counted.come(address):
            transport.abort()
            return
        self._address = address
        self._end = asyncio.get_running_loop().call_later(CONNECTION_S, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._end is not None:
            self._end.cancel()
        if self._address is not None:
            self._counted.gone(self._address)
            self._address = None
        super().connection_lost(exc)


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
    connections, state = _Connections(), ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Protocol(config, connections, state), *listen, ssl=context, ssl_handshake_timeout=HANDSHAKE_S,
        backlog=MAX_CONNECTIONS,
    )  # fmt: skip
    renewing = asyncio.create_task(_renew(context, layout, names, now), name="service-certificate")
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        server.close()
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
