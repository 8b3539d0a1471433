"""TLS over a plain asyncio transport, by an SSLObject between two buffers of memory.

Not the loop's own TLS: when a handshake fails, asyncio and uvloop cut the connection with the alert still in their buffer,
and the peer never learns that its certificate has expired. Here it does. A connection also costs no buffer of 256 KiB, and
what the loop does when it ends is the same on both loops.
"""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, cast

READ_BYTES: Final = 64 * 1024
HANDSHAKE_BYTES: Final = 64 * 1024
"""What a peer may send before the handshake is done; chains of certificates are a few KiB."""


class TlsWire:
    """One TLS connection, either end. Give what the transport received to `feed`, then call `shake` until it is done, then
    read `plain`. All three raise ssl.SSLError, with the alert on its way to the peer."""

    def __init__(
        self,
        context: ssl.SSLContext,
        transport: asyncio.BaseTransport,
        *,
        server_side: bool,
        server_hostname: str | None = None,
    ) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname
        )
        self._fed = 0
        self.established = False
        self.closing = False
        self.ended = False
        """The peer said in good order that nothing more comes."""

    # -- in

    def feed(self, data: bytes) -> None:
        self._fed += 0 if self.established else len(data)
        self._incoming.write(data)

    def shake(self) -> bool:
        """Go on with the handshake; whether it is done, and the peer believed."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            if (
                self._fed > HANDSHAKE_BYTES
            ):  # what comes after the handshake's end, in one piece with it, is not counted
                raise ssl.SSLError(ssl.SSL_ERROR_SSL, "a handshake without an end") from None
            return False
        finally:
            self._flush()
        self.established = True
        return True

    def plain(self) -> Iterator[bytes]:
        """What the peer said, as far as it is complete."""
        try:
            while not self.closing:
                data = self.tls.read(READ_BYTES)
                if not data:
                    self.ended = True
                    return
                yield data
        except ssl.SSLWantReadError:
            return
        finally:
            self._flush()  # an alert, or the answer to a change of keys

    # -- out: a Wire

    @property
    def unsent(self) -> int:
        return self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        self.tls.write(data)
        self._flush()

    def close(self) -> None:
        """Say the end of TLS, and of what we send. The transport stays open for what the peer has sent already: closed over
        that, the kernel would reset the connection, and the peer might never read our last words. It ends when the peer
        closes too, or whoever owns it aborts."""
        if self.closing:
            return
        self.closing = True
        if self.established:
            with suppress(ssl.SSLError):  # it waits for the peer's own end, or TLS is broken already
                self.tls.unwrap()
        self._flush()
        if not self._transport.is_closing():
            self._transport.write_eof()

    def abort(self) -> None:
        self.closing = True
        self._transport.abort()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data and not self._transport.is_closing():
            self._transport.write(data)
