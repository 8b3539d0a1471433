"""A TCP connection as it arrives at the listener: TLS, then whose certificate it is, then one of the host's connections.

It costs next to nothing until its first bytes come, and those are the beginning of TLS. Whatever it is refused for, it hears:
by TLS's own alert before TLS stands, by a Close frame after.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, cast

from guestwire.link.framed_server import Clients, Connection, Peer
from guestwire.link.peer_certificate import PeerCertificate, peer_certificate
from guestwire.link.tcp import quick_ack
from guestwire.link.tls_refusals import OTHERWISE, verdict
from guestwire.link.tls_wire import TlsWire
from guestwire.link.transport import PeerCheck
from guestwire.link.wires import PlainWire, Wire

TLS_HANDSHAKE: Final = 0x16
"""The first byte of a connection that speaks TLS (RFC 8446, 5.1)."""
LINGER_S: Final = 2.0
"""How long a connection that was ended may take to read why; then it is cut."""

ServerTls = Callable[[], tuple[ssl.SSLContext, PeerCheck | None]]
"""What the next connection is made with. Another context than before: the files behind it have changed."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds. `handshake`: until TLS stands; `first_frame`: from then until the client asked something; `frame`: for the
    rest of a frame; `idle`: for any byte."""

    handshake: float = 5.0
    first_frame: float = 10.0
    frame: float = 10.0
    idle: float = 120.0


class Admission(Protocol):
    """Who may come in. Asked at first, and again while the connection stands."""

    def refusal(self, certificate: PeerCertificate) -> str | None:
        """A code of the error table, or None: the client is known here."""
        ...

    def may_watch(self, client: str) -> bool:
        """Whether this client may hear what the host says by itself."""
        ...


class Door(Protocol):
    """The listener, as an arrival needs it."""

    clients: Clients
    admission: Admission

    def arrived(self, arrival: "Arrival") -> None: ...

    def may_shake(self, arrival: "Arrival") -> bool:
        """Whether it may have TLS, which costs time and memory."""
        ...

    def admitted(self, arrival: "Arrival") -> None: ...

    def leaving(self, arrival: "Arrival") -> None: ...

    def gone(self, arrival: "Arrival") -> None: ...

    def tls(self) -> tuple[ssl.SSLContext, PeerCheck | None]: ...

    def refused(self, code: str, client: str) -> None: ...


class Arrival(asyncio.Protocol):
    """One TCP connection, from its first byte to its end. `until` is when it must be further, by the loop's clock, while it
    is not one of the host's connections."""

    def __init__(self, door: Door, deadlines: Deadlines) -> None:
        self._door = door
        self._deadlines = deadlines
        self._clock = asyncio.get_running_loop().time
        self._wire: TlsWire | None = None
        self._check: PeerCheck | None = None
        self.address = ""
        self.until = 0.0
        self.leaving = False
        self.connection: Connection | None = None
        self.certificate: PeerCertificate | None = None
        self.context: ssl.SSLContext | None = None

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._socket: socket.socket = transport.get_extra_info("socket")
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        self.until = self._clock() + self._deadlines.handshake
        self._door.arrived(self)

    def data_received(self, data: bytes) -> None:
        if self.leaving:
            return  # what it sends after its end is read away, so that it reads why
        try:
            if self._wire is None:
                if not self._begins_tls(data):
                    return
                self._wire = self._tls_wire()
            self._wire.feed(data)
            if self._wire.established or (self._wire.shake() and self._identified(self._wire)):
                self._plain(self._wire)
        except ssl.SSLError as err:
            if self.connection is None:
                self._door.refused(verdict(err), self.address)
            self.leave()
        if not self._transport.is_closing():
            quick_ack(self._socket)

    def eof_received(self) -> None:
        """The peer is done: the loop closes the transport when what was written has left."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._wire is not None:
            self._wire.closing = True
        if self.connection is not None:
            self._door.clients.leave(self.connection)
        self._door.gone(self)

    # -- in

    def _begins_tls(self, data: bytes) -> bool:
        if data[0] != TLS_HANDSHAKE:
            self._door.refused(OTHERWISE, self.address)
            self.cut()
            return False
        if not self._door.may_shake(self):
            self.cut()
            return False
        return True

    def _tls_wire(self) -> TlsWire:
        self.context, self._check = self._door.tls()
        return TlsWire(self.context, self._transport, server_side=True)

    def _identified(self, wire: TlsWire) -> bool:
        """TLS stands: whose connection it is, and whether it is one of the host's from now on."""
        certificate = self.certificate = peer_certificate(wire.tls)
        door, client = self._door, certificate.name
        self.connection = Connection(door.clients, Peer("tcp", client=client), wire)
        code = None
        if self._check is not None and self._check(wire.tls) is not None:
            code = "CERTIFICATE-EXPIRED"
        code = code or door.admission.refusal(certificate)
        if code is not None:
            self.refuse(code)
            return False
        if not door.clients.greet(self.connection):
            self.leave()
            return False
        door.admitted(self)
        return True

    def _plain(self, wire: TlsWire) -> None:
        assert self.connection is not None
        for data in wire.plain():
            self.connection.receive(data)
        if wire.ended or wire.closing:
            self.leave()

    # -- its end

    def overdue(self, at: float) -> bool:
        """Whether something has not come that must have come by now."""
        connection, deadlines = self.connection, self._deadlines
        if connection is None or self.leaving:
            return at >= self.until
        if connection.partial_since is not None and at - connection.partial_since >= deadlines.frame:
            return True
        silent_s = at - connection.heard_at
        return silent_s >= (deadlines.idle if connection.asked else deadlines.first_frame)

    def refuse(self, code: str) -> None:
        """End it, and say why: to the client, and to those who look after the host."""
        if self.certificate is not None and not self.leaving:
            self._door.refused(code, self.certificate.name or self.address)
        self.dismiss(code)

    def dismiss(self, code: str) -> None:
        """End it, and say why to the client: it may come again."""
        if self.connection is not None and not self.leaving:
            self.connection.refuse(code)
            self.leave()

    def leave(self) -> None:
        """It has ended as far as the host goes: what was said still goes out, for as long as LINGER_S."""
        if self.leaving:
            return
        self.leaving = True
        self.until = self._clock() + LINGER_S
        wire: Wire = self._wire or PlainWire(self._transport)
        wire.close()
        if self.connection is not None:
            self._door.clients.leave(self.connection)
        self._door.leaving(self)

    def finish(self) -> None:
        """End it as soon as what was said is out, without waiting for the peer."""
        self.leave()
        self._transport.close()

    def cut(self) -> None:
        """End it now."""
        self.leaving = True
        self._transport.abort()
