"""The agent's Unix socket: the same envelopes, the same executor, with the peer's uid in the place of a signature."""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

from guestwire.link.frames import Close, Frame, FrameError, FrameReader, Hello, Publish, Watch, Watching, encode
from guestwire.link.topic_filters import matches
from guestwire.protocol import topics
from guestwire.protocol.steps import Inbound, Send

MAX_CONNECTIONS = 64
MAX_OF_ONE_USER = 32
"""So that one local user cannot keep the others out."""
WRITE_LIMIT = 1 << 20
"""Bytes a client may leave unread: after that it is cut off (its requests' results stay in the journal)."""

Receive = Callable[[Inbound, Callable[[], None]], None]


class Connection(asyncio.Protocol):
    """One client. It is the `Path` of its requests' answers."""

    def __init__(self, server: "LocalServer") -> None:
        self._server = server
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self.uid = -1
        self._filters: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not derived from it
        peer: socket.socket = transport.get_extra_info("socket")
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, self.uid, _ = struct.unpack("3i", credentials)
        if not self._server.admit(self):
            self.write(Close("BUSY"))
            self._transport.close()
            return
        self.write(Hello(self._server.site, self._server.host))

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.leave(self)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._received(frame)
        except FrameError:
            self.write(Close("MALFORMED"))
            self.close()

    def _received(self, frame: Frame) -> None:
        match frame:
            case Publish(topic, payload, retained):
                self._request(topic, payload, retained)
            case Watch(number, filters) if self._server.may_watch(self.uid):
                self._filters = [*self._filters, *filters][-256:]
                for topic, kept in self._server.retained.items():
                    if any(matches(f, topic) for f in filters):
                        self.write(Publish(topic, kept, True))
                self.write(Watching(number))
            case Watch(number):  # a user without a scope hears answers to requests, and nothing else
                self.write(Watching(number))
            case _:
                raise FrameError("not a client's frame")

    def _request(self, text: str, payload: bytes, retained: bool) -> None:
        topic = topics.parse(text)
        server = self._server
        if topic is None or topic.kind != "request" or (topic["site"], topic["host"]) != (server.site, server.host):
            raise FrameError("not a request to this host")
        inbound = Inbound(payload, topic["client"], topic["operation"], retained, self.uid, self)
        server.receive(inbound, _nothing)

    def answer(self, send: Send) -> None:
        """A Path: to this connection, whatever client id it named. A client that left asks again, or job-get."""
        topic = topics.make("response", self._server.site, send.client, self._server.host)
        for frame in send.frames:
            self.write(Publish(topic, frame))

    def heard(self, topic: str, frame: bytes, retained: bool) -> None:
        if any(matches(f, topic) for f in self._filters):
            self.write(Publish(topic, frame, retained))

    def write(self, frame: Frame) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > WRITE_LIMIT:
            self._transport.abort()
            return
        self._transport.write(encode(frame))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _nothing() -> None:
    """A socket has no acknowledgement: the client asks again until it hears `accepted`."""


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
        self.site = site
        self.host = host
        self.receive = receive
        self.may_watch = may_watch
        self._left = left
        self.retained: dict[str, bytes] = {}
        self._path = path
        self._mode = mode
        self._group = group
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def __aenter__(self) -> "LocalServer":
        loop = asyncio.get_running_loop()
        listener = await asyncio.to_thread(self._listen)
        self._server = await loop.create_unix_server(lambda: Connection(self), sock=listener)
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
        for connection in tuple(self._connections):
            connection.close()
        await asyncio.to_thread(self._unlink)

    def _unlink(self) -> None:
        """Take the name away, unless another agent listens under it by now."""
        with suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def announce(self, topic: str, frame: bytes, *, retained: bool) -> None:
        """A message of the host's own: to every connection that watches its topic; kept when retained."""
        if retained:
            self.retained[topic] = frame
        for connection in tuple(self._connections):
            connection.heard(topic, frame, False)

    def admit(self, connection: Connection) -> bool:
        same = sum(other.uid == connection.uid for other in self._connections)
        if len(self._connections) >= MAX_CONNECTIONS or same >= MAX_OF_ONE_USER:
            return False
        self._connections.add(connection)
        return True

    def leave(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._left(connection)
