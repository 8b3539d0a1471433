"""The Unix socket as a transport: one host at the other end, no broker between."""

import asyncio
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any, cast

from guestwire.link.frames import Close, Frame, FrameError, FrameReader, Hello, Publish, Watch, Watching, encode
from guestwire.link.transport import (
    NO_PROPERTIES,
    Connack,
    Incoming,
    OnMessage,
    Options,
    Properties,
    Subscription,
    Transport,
    TransportError,
)

CONNECT_TIMEOUT_S = 5.0
WRITE_LIMIT = 1 << 20


class LocalTransport(asyncio.Protocol):
    """A client's connection to an agent's socket. `hello` says which host answers."""

    def __init__(self, on_message: OnMessage) -> None:
        loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self.hello: asyncio.Future[Hello] = loop.create_future()
        self._closed: asyncio.Future[TransportError | None] = loop.create_future()
        self._watching: dict[int, asyncio.Future[None]] = {}
        self._error: TransportError | None = None

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not derived from it

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._reader.feed(data)
        except FrameError as err:
            self._error = TransportError("PEER-MALFORMED", str(err))
            self._abort()
            return
        for frame in frames:
            self._received(frame)

    def _received(self, frame: Frame) -> None:
        match frame:
            case Publish(topic, payload, retained):
                self._on_message(Incoming(topic, payload, 0, retained, False, _nothing))
            case Hello():
                if not self.hello.done():
                    self.hello.set_result(frame)
            case Watching(number):
                waiter = self._watching.pop(number, None)
                if waiter is not None and not waiter.done():
                    waiter.set_result(None)
            case Close(code):
                self._error = _closed_by_host(code)
            case _:
                self._error = TransportError("PEER-MALFORMED")
                self._abort()

    def connection_lost(self, exc: Exception | None) -> None:
        error = self._error or TransportError("LINK-LOST", "The agent closed its socket.")
        waiters: list[asyncio.Future[Any]] = [self.hello, *self._watching.values()]
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(error)
                waiter.exception()  # it may have no reader any more
        if not self._closed.done():
            self._closed.set_result(error)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # -- Transport

    @property
    def connack(self) -> Connack:
        return Connack(session_present=False, level=5, keep_alive_s=0)

    @property
    def peer_address(self) -> str | None:
        return None

    @property
    def closed(self) -> Awaitable[TransportError | None]:
        return self._closed

    async def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        number = len(self._watching) + 1
        while number in self._watching:
            number += 1
        waiter = self._watching[number] = asyncio.get_running_loop().create_future()
        self._write(Watch(number, tuple(s.topic_filter for s in subscriptions)))
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await waiter
        except TimeoutError:
            raise TransportError("LINK-LOST", "The agent did not answer on its socket.") from None
        finally:
            self._watching.pop(number, None)

    async def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        """The host forgets filters with the connection; none is taken back before."""

    def send(self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties = NO_PROPERTIES) -> None:
        self._write(Publish(topic, payload, retain))

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties = NO_PROPERTIES
    ) -> Awaitable[int]:
        self._write(Publish(topic, payload, retain))
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        done.set_result(0)
        return done

    def _write(self, frame: Frame) -> None:
        if self._transport is None or self._transport.is_closing():
            raise self._error or TransportError("LINK-LOST")
        if self._transport.get_write_buffer_size() > WRITE_LIMIT:
            raise TransportError("LINK-BUSY")
        self._transport.write(encode(frame))

    async def close(self) -> None:
        if not self._closed.done():
            self._closed.set_result(None)
        if self._transport is not None:
            self._transport.close()


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


def _closed_by_host(code: str) -> TransportError:
    try:
        return TransportError(code)
    except KeyError:
        return TransportError("LINK-LOST", f"The agent closed the connection: {code}")


def _nothing() -> None:
    """There is nothing to acknowledge on a socket."""
