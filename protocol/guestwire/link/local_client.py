"""The Unix socket as a transport: one host at the other end, no broker between."""

import asyncio
from pathlib import Path

from guestwire.link.framed_client import FramedTransport
from guestwire.link.transport import OnMessage, Options, Transport, TransportError
from guestwire.link.wires import PlainWire

CONNECT_TIMEOUT_S = 5.0


class LocalTransport(FramedTransport, asyncio.Protocol):
    """A client's connection to an agent's socket."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = PlainWire(transport)

    def data_received(self, data: bytes) -> None:
        self.received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost(TransportError("LINK-LOST", "The agent closed its socket."))


async def connect_local(path: Path, on_message: OnMessage) -> LocalTransport:
    """Connect and wait for the host's Hello. Raises SOCKET-UNREACHABLE."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, protocol = await loop.create_unix_connection(lambda: LocalTransport(on_message), str(path))
            try:
                await protocol.hello
            except BaseException:
                await protocol.close()
                raise
    except (OSError, TimeoutError) as err:
        why = err.strerror if isinstance(err, OSError) and err.strerror else "no answer"
        raise TransportError(
            "SOCKET-UNREACHABLE", f"{path}: {why}. Is guestwire-agent running, and may you open its socket?"
        ) from err
    return protocol


class LocalConnect:
    """A `Connect` for a session: the socket's path stands in for the broker."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __call__(self, options: Options, on_message: OnMessage) -> Transport:
        return await connect_local(self._path, on_message)
