"""Our own MQTT 5 broker inside this process, for machines without mosquitto. Loopback only, never for production.

What it does not do: QoS 2 (CONNACK says Maximum QoS 1), shared subscriptions (SUBACK 0x9E), topic aliases, extended
authentication, bridges, MQTT 3.1.1 (refused in its own words), state on disk. With `persistence` set, sessions and
retained messages survive `restart()` in memory; otherwise a restart forgets them, as mosquitto does.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from guestwire.broker_test.acl import read_acl
from guestwire.broker_test.connection import Connection
from guestwire.broker_test.errors import BrokerError
from guestwire.broker_test.gate import Gate
from guestwire.broker_test.hall import Hall, Member
from guestwire.broker_test.log_lines import LogLines
from guestwire.broker_test.options import LOOPBACK, BrokerOptions, Listener, Tls
from guestwire.broker_test.passwords import read_passwords
from guestwire.broker_test.router import Router
from guestwire.broker_test.running import Address, Kind, RunningBroker, first_port, first_tls_port, url_of
from guestwire.broker_test.sessions import Counts

_SHUTTING_DOWN = 0x8B


class EmbeddedBroker:
    """A running embedded broker (see RunningBroker). Made by `embedded()`."""

    kind: Kind = "embedded"
    host = LOOPBACK

    def __init__(self, options: BrokerOptions) -> None:
        self._options = options
        self._servers: list[asyncio.Server] = []
        self._addresses: tuple[Address, ...] = ()
        self._hall: Hall | None = None
        self._router: Router | None = None
        self.log = LogLines()

    @property
    def version(self) -> str:
        """Guestwire's own version."""
        try:
            return version("guestwire")
        except PackageNotFoundError:
            return "0"

    @property
    def addresses(self) -> tuple[Address, ...]:
        """One per listener, in order."""
        return self._addresses

    @property
    def port(self) -> int:
        """The first plain port, else the first port."""
        return first_port(self._addresses)

    @property
    def tls_port(self) -> int | None:
        """The first port with TLS."""
        return first_tls_port(self._addresses)

    @property
    def url(self) -> str:
        """`mqtt://127.0.0.1:PORT` (mqtts if all listeners have TLS)."""
        return url_of(self._addresses)

    @property
    def pid(self) -> int:
        """Our own process."""
        return os.getpid()

    @property
    def counts(self) -> Counts:
        """What was not delivered, and why, since the start."""
        return self._router.counts if self._router else Counts()

    async def start(self) -> None:
        """Listen. Raises BrokerError(BROKER-START-FAILED): port taken, bad certificate, access list or password file."""
        await self._start_on(tuple(x.port for x in self._options.listeners))

    async def _start_on(self, ports: tuple[int, ...]) -> None:
        loop = asyncio.get_running_loop()
        if self._router is None or self._options.persistence is None:
            self._router = Router(self._options, loop)
        hall = self._hall = Hall(self._options, self._router, self.log)
        addresses = []
        try:
            for listener, port in zip(self._options.listeners, ports, strict=True):
                make: Callable[[], Connection] = partial(Connection, hall, _gate(listener))
                context = _tls_context(listener.tls) if listener.tls else None
                server = await loop.create_server(make, LOOPBACK, port, ssl=context)
                self._servers.append(server)
                addresses.append(Address(LOOPBACK, server.sockets[0].getsockname()[1], listener.tls is not None))
        except OSError as err:
            await self.kill()
            raise BrokerError("BROKER-START-FAILED", f"cannot listen: {err}") from err
        except BrokerError:
            await self.kill()
            raise
        self._addresses = tuple(addresses)
        for address in addresses:
            self.log.append(f"Listening on port {address.port}{' with TLS' if address.tls else ''}.")
        self.log.append(f"guestwire embedded broker {self.version} running")

    async def stop(self) -> None:
        """See RunningBroker.stop. Clients get DISCONNECT 0x8B; wills of connected clients go out."""
        await self._end(lambda connection: connection.end(_SHUTTING_DOWN))

    async def kill(self) -> None:
        """See RunningBroker.kill. Sessions in memory survive only where `persistence` is set."""
        await self._end(lambda connection: connection.abort())

    async def _end(self, end: Callable[[Member], None]) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        if self._hall is None:
            return
        hall, self._hall = self._hall, None
        for connection in tuple(hall.connections):
            end(connection)
        try:
            async with asyncio.timeout(self._options.stop_timeout_s):
                await hall.all_gone()
        except TimeoutError:
            for connection in tuple(hall.connections):
                connection.abort()
            await asyncio.sleep(0)
        if self._router and self._options.persistence is None:
            self._router.close()

    async def close(self) -> None:
        """Stop for good: no timer stays."""
        await self.stop()
        if self._router:
            self._router.close()

    async def restart(self) -> None:
        """See RunningBroker.restart."""
        await self.stop()
        await self._start_on(tuple(a.port for a in self._addresses))


def _gate(listener: Listener) -> Gate:
    return Gate(
        passwords=read_passwords(listener.passwords) if listener.passwords else None,
        access=read_acl(listener.acl) if listener.acl else None,
        anonymous=listener.allows_anonymous,
        by_certificate=listener.tls is not None and listener.tls.require_client_certificate,
    )


def _tls_context(tls: Tls) -> ssl.SSLContext:
    """For a server; TLS 1.2 at least. Raises OSError (ssl.SSLError is one) for files that do not fit."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.cert, tls.key)
    if tls.ca:
        context.load_verify_locations(tls.ca)
    if tls.crl:
        context.load_verify_locations(tls.crl)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    if tls.require_client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@asynccontextmanager
async def embedded(options: BrokerOptions | None = None) -> AsyncIterator[EmbeddedBroker]:
    """An embedded broker on the running loop, closed at the end of the block. Raises BrokerError."""
    broker = EmbeddedBroker((options or BrokerOptions()).checked())
    await broker.start()
    try:
        _is_running_broker: RunningBroker = broker
        yield broker
    finally:
        await broker.close()
