"""An MQTT 5 client over mutual TLS that does what it is told and nothing by itself: of a broker under test.

Nothing waits for a duration: a PUBACK, a SUBACK or a PINGRESP comes after whatever the broker did before it.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

PATIENCE_S = 10.0
CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP, DISCONNECT = 2, 3, 4, 9, 13, 14
NOT_AUTHORISED = 0x87


class Refused(Exception):
    """The broker let us not in, or closed; its text has the TLS alert where there was one."""


class Peer:
    """A connection that is open. `received`: topics and payloads in their order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._id = 0
        self.received: list[tuple[str, bytes]] = []
        self.acknowledges = True

    async def connect(self, client_id: str, *, keep_alive_s: int = 60, session_s: int = 0, window: int = 0) -> int:
        """The reason code of the CONNACK. `window`: our receive maximum; 0 is the default one."""
        properties = b"\x11" + session_s.to_bytes(4, "big") if session_s else b""
        properties += b"\x21" + window.to_bytes(2, "big") if window else b""
        head = _text("MQTT") + bytes([5, 0 if session_s else 2]) + keep_alive_s.to_bytes(2, "big")
        self._send(0x10, head + bytes([len(properties)]) + properties + _text(client_id))
        return (await self._until(CONNACK))[1]

    async def subscribe(self, filters: Sequence[str], qos: int = 1) -> bytes:
        """A reason code per filter."""
        self._id += 1
        asked = b"".join(_text(one) + bytes([qos]) for one in filters)
        self._send(0x82, self._id.to_bytes(2, "big") + b"\x00" + asked)
        return (await self._until(SUBACK))[3:]

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """At QoS 1; the reason code of the PUBACK: 0x87 not authorised, 0x10 nobody listens."""
        self._id += 1
        self._send(0x32 | retain, _text(topic) + self._id.to_bytes(2, "big") + b"\x00" + payload)
        body = await self._until(PUBACK)
        return body[2] if len(body) > 2 else 0

    async def settled(self) -> list[tuple[str, bytes]]:
        """Everything that the broker sent us before it answers a ping."""
        self._send(0xC0, b"")
        await self._until(PINGRESP)
        return self.received

    def acknowledge(self, packet_id: int) -> None:
        """A message at QoS 1: by itself where `acknowledges` is set."""
        self._send(0x40, packet_id.to_bytes(2, "big"))

    async def closed(self) -> str:
        """Wait until the broker closes; how it ended, in words."""
        try:
            await self._until(None)
        except Refused as err:
            return str(err)
        raise AssertionError("unreachable")

    def _send(self, first: int, rest: bytes) -> None:
        length, out = len(rest), bytearray([first])
        while True:
            length, digit = divmod(length, 128)
            out.append(digit | (0x80 if length else 0))
            if not length:
                break
        self._writer.write(bytes(out) + rest)

    async def _until(self, wanted: int | None) -> bytes:
        """The body of the next packet of that type; messages before it are kept."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                kind, flags, body = await self._packet()
                if kind == PUBLISH:
                    self._take(flags, body)
                elif kind == wanted:
                    return body
                elif kind == DISCONNECT:
                    raise Refused(f"DISCONNECT {body[0] if body else 0:#x}")

    async def _packet(self) -> tuple[int, int, bytes]:
        try:
            first = (await self._reader.readexactly(1))[0]
            length = shift = 0
            while True:
                byte = (await self._reader.readexactly(1))[0]
                length |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            return first >> 4, first & 0x0F, await self._reader.readexactly(length)
        except ssl.SSLError as err:
            raise Refused(err.reason) from err
        except (asyncio.IncompleteReadError, OSError) as err:
            raise Refused("closed") from err

    def _take(self, flags: int, body: bytes) -> None:
        size = int.from_bytes(body[:2], "big")
        topic, at = body[2 : 2 + size].decode(), 2 + size
        if flags & 6:
            if self.acknowledges:
                self.acknowledge(int.from_bytes(body[at : at + 2], "big"))
            at += 2
        at += 1 + body[at]  # properties shorter than 128 bytes
        self.received.append((topic, body[at:]))


def tls_context(authority: Path, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """As strict as Python is by default from 3.13 on."""
    context = ssl.create_default_context(cafile=str(authority))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


@asynccontextmanager
async def peer(port: int, tls: ssl.SSLContext) -> AsyncIterator[Peer]:
    """A connection to 127.0.0.1, before its CONNECT. Raises Refused where the handshake shows why not."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname="localhost")
    except ssl.SSLError as err:
        raise Refused(getattr(err, "verify_message", None) or err.reason) from err
    except OSError as err:
        raise Refused("closed") from err
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()


def _text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2, "big") + data
