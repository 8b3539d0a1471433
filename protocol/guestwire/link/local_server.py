"""The agent's Unix socket: the same envelopes, the same executor, with the peer's uid in the place of a signature."""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from guestwire.link.framed_server import Clients, Connection, Peer, Receive
from guestwire.link.wires import PlainWire

MAX_CONNECTIONS = 64
MAX_OF_ONE_USER = 32
"""So that one local user cannot keep the others out."""


class _Arrival(asyncio.Protocol):
    """A connection as the loop sees it."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._connection: Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer: socket.socket = transport.get_extra_info("socket")
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, uid, _ = struct.unpack("3i", credentials)
        self._connection = Connection(self._clients, Peer("socket", uid=uid), PlainWire(transport))
        self._clients.greet(self._connection)

    def data_received(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._clients.leave(self._connection)


class LocalServer:
    """Listens on a Unix socket while `async with` lasts. `announce` passes on what the host publishes to the users that
    `may_watch` (by uid). `left` hears of connections that ended: nobody hears answers on that path any more."""

    def __init__(
        self,
        path: Path,
        site: str,
        host: str,
        receive: Receive,
        *,
        may_watch: Callable[[int], bool] = lambda _: True,
        left: Callable[[Connection], None] = lambda _: None,
        mode: int = 0o660,
        group: int = -1,
    ) -> None:
        self.clients = Clients(
            site, host, receive, may_watch=lambda peer: peer.uid is not None and may_watch(peer.uid), left=left,
            most=MAX_CONNECTIONS, most_of_one=MAX_OF_ONE_USER,
        )  # fmt: skip
        self._path = path
        self._mode = mode
        self._group = group
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def __aenter__(self) -> "LocalServer":
        loop = asyncio.get_running_loop()
        listener = await asyncio.to_thread(self._listen)
        self._server = await loop.create_unix_server(lambda: _Arrival(self.clients), sock=listener)
        return self

    def _listen(self) -> socket.socket:
        """A listening socket under the final name: bound beside it and renamed, so nobody meets a half-open one and a
        name left behind by a killed agent is replaced."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(fresh))
        fresh.chmod(self._mode)
        if self._group >= 0:
            os.chown(fresh, -1, self._group)
        listener.listen(64)
        listener.setblocking(False)
        self._inode = fresh.stat().st_ino
        fresh.rename(self._path)
        return listener

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self.clients:
            connection.close()
        await asyncio.to_thread(self._unlink)

    def _unlink(self) -> None:
        """Take the name away, unless another agent listens under it by now."""
        with suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def announce(self, topic: str, frame: bytes, *, retained: bool) -> None:
        """A message of the host's own: to every connection that watches its topic; kept when retained."""
        self.clients.announce(topic, frame, retained=retained)

    def room(self, topic: str) -> int | None:
        """Bytes that all who watch a topic can be given; None: nobody watches it."""
        return self.clients.room(topic)
