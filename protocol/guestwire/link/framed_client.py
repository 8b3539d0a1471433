"""A client's connection of frames to one host, as a transport: no broker between."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from guestwire.link.frames import Close, Frame, FrameError, FrameReader, Hello, Publish, Watch, Watching, encode
from guestwire.link.transport import (
    NO_PROPERTIES,
    Connack,
    Incoming,
    OnMessage,
    Properties,
    Subscription,
    TransportError,
)
from guestwire.link.wires import Wire

ANSWER_S: Final = 5.0
WRITE_LIMIT: Final = 1 << 20


class FramedTransport:
    """A Transport. Its owner gives it a `wire`, hands it the bytes that come, and tells it when the connection is lost.
    `hello` says which host answers."""

    def __init__(self, on_message: OnMessage) -> None:
        loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._reader = FrameReader()
        self._wire: Wire | None = None
        self._watching: dict[int, asyncio.Future[None]] = {}
        self._error: TransportError | None = None
        self._closed: asyncio.Future[TransportError | None] = loop.create_future()
        self.hello: asyncio.Future[Hello] = loop.create_future()

    # -- of its owner

    def received(self, data: bytes) -> None:
        try:
            frames = self._reader.feed(data)
        except FrameError as err:
            self.fail(TransportError("PEER-MALFORMED", str(err)))
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
                self._error = closed_by_host(code)
            case _:
                self.fail(TransportError("PEER-MALFORMED"))

    def fail(self, error: TransportError) -> None:
        """Cut the connection, for this reason."""
        self._error = self._error or error
        if self._wire is not None:
            self._wire.abort()

    def lost(self, otherwise: TransportError) -> None:
        """The connection is lost; `otherwise` is why, where nobody said."""
        error = self._error = self._error or otherwise
        waiters: list[asyncio.Future[Any]] = [self.hello, *self._watching.values()]
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(error)
                waiter.exception()  # it may have no reader any more
        if not self._closed.done():
            self._closed.set_result(error)

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
        self.write(Watch(number, tuple(s.topic_filter for s in subscriptions)))
        try:
            async with asyncio.timeout(ANSWER_S):
                await waiter
        except TimeoutError:
            raise TransportError("LINK-LOST", "The agent did not answer a subscription in time.") from None
        finally:
            self._watching.pop(number, None)

    async def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        """The host forgets filters with the connection; none is taken back before."""

    def send(self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties = NO_PROPERTIES) -> None:
        self.write(Publish(topic, payload, retain))

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties = NO_PROPERTIES
    ) -> Awaitable[int]:
        self.write(Publish(topic, payload, retain))
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        done.set_result(0)
        return done

    def write(self, frame: Frame) -> None:
        """Raises LINK-LOST, LINK-BUSY."""
        if self._wire is None or self._wire.closing or self._closed.done():
            raise self._error or TransportError("LINK-LOST")
        if self._wire.unsent > WRITE_LIMIT:
            raise TransportError("LINK-BUSY")
        self._wire.write(encode(frame))

    async def close(self) -> None:
        if not self._closed.done():
            self._closed.set_result(None)
        if self._wire is not None:
            self._wire.close()


def closed_by_host(code: str) -> TransportError:
    """The error of a Close frame. A code that this version does not know is one nevertheless."""
    try:
        return TransportError(code)
    except KeyError:
        return TransportError("LINK-LOST", f"The agent closed the connection: {code}")


def _nothing() -> None:
    """There is nothing to acknowledge."""
