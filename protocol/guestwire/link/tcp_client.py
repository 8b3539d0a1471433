"""A host's TCP listener as a transport: mutual TLS to one host, no broker between."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from socket import socket
from typing import Final, cast

from guestwire.link.framed_client import FramedTransport
from guestwire.link.frames import Watch
from guestwire.link.tcp import keep_alive, open_socket, quick_ack
from guestwire.link.tls_refusals import refused
from guestwire.link.tls_wire import TlsWire
from guestwire.link.transport import OnMessage, Options, Transport, TransportError

PING_S: Final = 20.0
"""How often a silent connection is asked for a sign of life; the host closes one that it does not hear for longer."""
CLOSE_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class HostAddress:
    """Where a host listens, and which host it must be."""

    host: str
    address: str
    port: int

    def __str__(self) -> str:
        where = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.host} at {where}:{self.port}"


class TcpTransport(FramedTransport, asyncio.Protocol):
    """A client's connection to a host's listener. A peer that does not answer is lost after `ping_s` and once more."""

    def __init__(
        self, to: HostAddress, tls: ssl.SSLContext, on_message: OnMessage, sock: socket, ping_s: float
    ) -> None:
        super().__init__(on_message)
        self._loop = asyncio.get_running_loop()
        self._to = to
        self._context = tls
        self._socket = sock
        self._ping_s = ping_s
        self._address = to.address
        self._tls: TlsWire | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard = True
        self.gone = asyncio.Event()
        """The socket is closed."""

    @property
    def peer_address(self) -> str | None:
        return self._address

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if (peer := transport.get_extra_info("peername")) is not None:
            self._address = str(peer[0])
        tls = TlsWire(self._context, transport, server_side=False, server_hostname=self._to.host)
        self._wire = self._tls = tls
        tls.shake()
        self._timer = self._loop.call_later(self._ping_s, self._ping)

    def data_received(self, data: bytes) -> None:
        tls = self._tls
        if tls is None or tls.closing:
            return
        self._heard = True
        try:
            tls.feed(data)
            if tls.established or tls.shake():
                for plain in tls.plain():
                    self.received(plain)
        except ssl.SSLError as err:
            self._error = self._error or refused(err, str(self._to))
            self._end()
            return
        if tls.ended:
            self._end()
        elif not self._transport.is_closing():
            quick_ack(self._socket)

    def eof_received(self) -> None:
        """The loop closes the transport."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._tls is not None:
            self._tls.closing = True
        why = f" ({exc})" if exc is not None else ""
        self.lost(TransportError("LINK-LOST", f"{self._to} closed the connection{why}."))
        self.gone.set()

    # -- its end

    async def close(self) -> None:
        await super().close()
        self._end()
        await self.gone.wait()  # bounded: _end cuts the connection after CLOSE_TIMEOUT_S

    def detached(self) -> None:
        """The loop gave up on making the connection: it may have told of it, and uvloop then never says that it is lost."""
        if self._timer is not None:
            self._timer.cancel()
        self.gone.set()

    def _end(self) -> None:
        """What was written still leaves; then the connection is closed, or cut when the peer does not read."""
        if self._tls is None:
            return
        self._tls.close()
        self._transport.close()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)

    def _ping(self) -> None:
        """A subscription to nothing: the host answers it."""
        if not self._heard:
            self.fail(TransportError("LINK-LOST", f"{self._to} does not answer any more."))
            return
        self._heard = False
        self._timer = self._loop.call_later(self._ping_s, self._ping)
        if self.hello.done():
            with contextlib.suppress(TransportError):
                self.write(Watch(0, ()))


async def connect_tcp(
    to: HostAddress, tls: ssl.SSLContext, on_message: OnMessage, timeout_s: float, *, ping_s: float = PING_S
) -> TcpTransport:
    """Connect, agree on TLS and wait for the host's Hello. Raises LISTENER-UNREACHABLE, TLS-FAILED, the CERTIFICATE codes, and
    what the host closes with: CLIENT-UNKNOWN, BUSY."""
    link: TcpTransport | None = None
    done = False
    try:
        async with asyncio.timeout(timeout_s):
            sock = await open_socket(to.address, to.port)
            link = TcpTransport(to, tls, on_message, sock, ping_s)
            await _attach(link, sock)
            hello = await link.hello
        if hello.host != to.host:
            raise TransportError("CERTIFICATE-NAME", f"{to} says that it is {hello.host}.")
        done = True
    except (OSError, TimeoutError) as err:
        why = err.strerror if isinstance(err, OSError) and err.strerror else "no answer in time"
        raise TransportError(
            "LISTENER-UNREACHABLE", f"{to}: {why}. Does its agent run, with listener.address set?"
        ) from err
    finally:
        if link is not None and not done:
            await link.close()
    return link


async def _attach(link: TcpTransport, sock: socket) -> None:
    """Give the socket to the loop, which owns it from then on."""
    try:
        keep_alive(sock)
        await asyncio.get_running_loop().create_connection(lambda: link, sock=sock)
    except BaseException:
        link.detached()
        sock.close()
        raise


class TcpConnect:
    """A `Connect` for a session: the options' address is the host's, their server name is which host it must be."""

    async def __call__(self, options: Options, on_message: OnMessage) -> Transport:
        assert options.tls is not None
        assert options.tls_server_name is not None
        to = HostAddress(options.tls_server_name, options.host, options.port)
        return await connect_tcp(to, options.tls, on_message, options.connect_timeout_s)
