"""A session: one MQTT client id that stays connected. Connects, falls back, subscribes, backs off, tries the next broker.

What a session may say when it comes up (presence, outbox) and hear (requests, responses) is its owner's: `Peer`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from guestwire.link.backoff import Backoff
from guestwire.link.transport import (
    NO_PROPERTIES,
    Connect,
    Incoming,
    Options,
    Properties,
    Subscription,
    Transport,
    TransportError,
)
from guestwire.model.errors import GuestwireError

CONFLICT_PAUSE_S = 600.0
"""After another client took the session over: how long to leave it to that one (PROTOCOL, Sessions)."""


class Peer(Protocol):
    """The owner of a session. Nothing here may block; `up` may publish."""

    async def connecting(self, attempt: int) -> Options:
        """The options of the next connection; what must be on disk before CONNECT (the epoch) is written here."""
        ...

    def subscriptions(self) -> Sequence[Subscription]: ...

    async def up(self, transport: Transport) -> None:
        """Connected and subscribed."""
        ...

    def down(self, error: TransportError | None, next_try_s: float) -> None:
        """The connection ended or could not be made."""
        ...

    def receive(self, message: Incoming) -> None: ...


class State(Enum):
    """Where a session is."""

    CONNECTING = "connecting"
    UP = "up"
    WAITING = "waiting"
    CLOSED = "closed"


@dataclass(slots=True)
class Session:
    """Run it with `async with`; it connects in the background and never gives up by itself.

    `send` and `publish` are the transport's, and raise LINK-LOST while there is none. They work before the session is up
    (`transport`, State.UP): what waited at the broker comes before the SUBACK, and can be answered at once.
    """

    peer: Peer
    connect: Connect
    backoff: Backoff = field(default_factory=Backoff)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    state: State = State.CONNECTING
    transport: Transport | None = None
    _open: Transport | None = None
    _task: asyncio.Task[None] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _retry_now: asyncio.Event = field(default_factory=asyncio.Event)
    _last_error: TransportError | None = None
    _hold_s: float = 0.0

    async def __aenter__(self) -> "Session":
        self._task = asyncio.create_task(self._run(), name="mqtt-session")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if not self._task.cancelled() and (err := self._task.exception()) is not None:
            raise err

    @property
    def task(self) -> asyncio.Task[None]:
        """What runs it, from entering to leaving the block; that it ends in between is a defect."""
        assert self._task is not None
        return self._task

    async def connected(self, timeout_s: float) -> Transport:
        """Wait until the session is up. Raises the last connection error, or BROKER-UNREACHABLE, after `timeout_s`;
        at once when the broker refuses this client (waiting would not help)."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.transport is None:
                    if self._last_error is not None and self._last_error.code == "BROKER-REFUSED":
                        raise self._last_error
                    self._failed_task()
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise self._last_error or TransportError("BROKER-UNREACHABLE") from None
        return self.transport

    def send(self, topic: str, payload: bytes, properties: Properties = NO_PROPERTIES, *, retain: bool = False) -> None:
        if self._open is None:
            raise TransportError("LINK-LOST")
        self._open.send(topic, payload, retain=retain, properties=properties)

    def publish(
        self, topic: str, payload: bytes, properties: Properties = NO_PROPERTIES, *, retain: bool = False
    ) -> Awaitable[int]:
        if self._open is None:
            raise TransportError("LINK-LOST")
        return self._open.publish(topic, payload, retain=retain, properties=properties)

    def reconnect(self) -> None:
        """End the present connection, or the wait for the next try, and connect again at once."""
        self._retry_now.set()

    def hold(self, seconds: float) -> None:
        """End the present connection and stay away so long: somebody else is entitled to this client id for now."""
        self._hold_s = seconds
        self._retry_now.set()

    def _failed_task(self) -> None:
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    async def _run(self) -> None:
        attempt = 0
        try:
            while True:
                lasted, error = await self._one_connection(attempt)
                attempt += 1
                wait = self.backoff.failed(lasted)
                if error is not None and error.code == "SESSION-TAKEN-OVER":
                    wait = CONFLICT_PAUSE_S
                if self._hold_s:
                    wait, self._hold_s = self._hold_s, 0.0
                    self._retry_now.clear()
                self._last_error = error
                self._set(State.WAITING)
                self.peer.down(error, wait)
                if not self._retry_now.is_set():
                    await self._pause(wait)
                self._retry_now.clear()
        finally:
            self._set(State.CLOSED)

    async def _one_connection(self, attempt: int) -> tuple[float, TransportError | None]:
        """How long it stood, in seconds, and why it ended."""
        loop = asyncio.get_running_loop()
        self._set(State.CONNECTING)
        try:
            options = await self.peer.connecting(attempt)
            transport = await self.connect(options, self.peer.receive)
        except TransportError as err:
            return 0.0, err
        except GuestwireError as err:  # what must be on disk before CONNECT could not be written: try again later
            return 0.0, TransportError("LINK-LOST", str(err), cause=(err.code,))
        began = loop.time()
        self._open = transport
        try:
            if subscriptions := self.peer.subscriptions():
                await transport.subscribe(subscriptions)
            self.transport = transport
            self._set(State.UP)
            await self.peer.up(transport)
            error = await self._until_closed(transport)
        except TransportError as err:
            error = err
        except GuestwireError as err:
            error = TransportError("LINK-LOST", str(err), cause=(err.code,))
        finally:
            self.transport = self._open = None
            await _close(transport)
        return loop.time() - began, error

    async def _until_closed(self, transport: Transport) -> TransportError | None:
        closed = asyncio.ensure_future(transport.closed)
        asked = asyncio.ensure_future(self._retry_now.wait())
        try:
            await asyncio.wait({closed, asked}, return_when=asyncio.FIRST_COMPLETED)
            return closed.result() if closed.done() else None
        finally:
            asked.cancel()

    async def _pause(self, seconds: float) -> None:
        sleeping = asyncio.ensure_future(self.sleep(seconds))
        asked = asyncio.ensure_future(self._retry_now.wait())
        try:
            await asyncio.wait({sleeping, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            asked.cancel()

    def _set(self, state: State) -> None:
        self.state = state
        self._changed.set()


async def _close(transport: Transport) -> None:
    """Close with a deadline: a peer that does not read must not hold up the next connection."""
    try:
        async with asyncio.timeout(5):
            await transport.close()
    except (TimeoutError, TransportError):
        return
