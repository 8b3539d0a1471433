"""The in-memory twin of a broker: transports without a socket, for tests and for peers in one process.

QoS 1 order, retained messages, wills, sessions kept over a reconnect and acknowledgement by the receiver are the real
thing's; faults are injected with `cut` and `drop`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from guestwire.link.topic_filters import matches
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

MAX_QUEUED = 10_000


class _Kept:
    """One client id's session: what it subscribed to, what waits for it and what it has not acknowledged."""

    def __init__(self) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self.queued: deque[tuple[str, bytes]] = deque(maxlen=MAX_QUEUED)
        self.unacknowledged: dict[int, tuple[str, bytes]] = {}
        self.online: MemoryTransport | None = None
        self.next_id = 0


class MemoryBroker:
    """A `Connect`: calling it makes a connection. `drop`: a predicate over (topic, payload); what it picks is lost."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Kept] = {}
        self.retained: dict[str, bytes] = {}
        self.drop: Callable[[str, bytes], bool] = _keep_all
        self.refuse: TransportError | None = None

    async def __call__(self, options: Options, on_message: OnMessage) -> Transport:
        if self.refuse is not None:
            raise self.refuse
        present = options.client_id in self._sessions and not options.clean_start
        if options.clean_start or not present:
            self._sessions[options.client_id] = _Kept()
        kept = self._sessions[options.client_id]
        if kept.online is not None:
            kept.online.lost(TransportError("SESSION-TAKEN-OVER"))
        transport = MemoryTransport(self, kept, options, on_message, session_present=present)
        kept.online = transport
        transport.deliver_kept()
        return transport

    def cut(self, client_id: str) -> None:
        """End a client's connection as a network does: its will is published."""
        kept = self._sessions.get(client_id)
        if kept is not None and kept.online is not None:
            kept.online.lost(TransportError("LINK-LOST"))

    def route(self, topic: str, payload: bytes, qos: int, *, retain: bool) -> int:
        """Deliver a message; how many sessions it went to."""
        if self.drop(topic, payload):
            return 0
        if retain:
            if payload:
                self.retained[topic] = payload
            else:
                self.retained.pop(topic, None)
        receivers = 0
        for kept in tuple(self._sessions.values()):
            granted = [s.qos for s in kept.subscriptions.values() if matches(s.topic_filter, topic)]
            if not granted:
                continue
            receivers += 1
            if kept.online is not None:
                kept.online.deliver(topic, payload, min(qos, max(granted)), retain=retain)
            elif min(qos, max(granted)):
                kept.queued.append((topic, payload))
        return receivers


def _keep_all(_topic: str, _payload: bytes) -> bool:
    return False


class MemoryTransport:
    """One connection to a MemoryBroker."""

    def __init__(
        self, broker: MemoryBroker, kept: _Kept, options: Options, on_message: OnMessage, *, session_present: bool
    ) -> None:
        self._broker = broker
        self._kept = kept
        self._options = options
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._closed: asyncio.Future[TransportError | None] = self._loop.create_future()
        self._connack = Connack(session_present, 5, options.keep_alive_s)

    @property
    def connack(self) -> Connack:
        return self._connack

    @property
    def peer_address(self) -> str | None:
        return None

    @property
    def closed(self) -> Awaitable[TransportError | None]:
        return self._closed

    async def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        for subscription in subscriptions:
            self._kept.subscriptions[subscription.topic_filter] = subscription
            if subscription.retained:
                for topic, payload in tuple(self._broker.retained.items()):
                    if matches(subscription.topic_filter, topic):
                        self.deliver(topic, payload, subscription.qos, retain=True)

    async def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        for topic_filter in topic_filters:
            self._kept.subscriptions.pop(topic_filter, None)

    def send(self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties = NO_PROPERTIES) -> None:
        self._must_be_open()
        self._broker.route(topic, payload, 0, retain=retain)

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties = NO_PROPERTIES
    ) -> Awaitable[int]:
        self._must_be_open()
        receivers = self._broker.route(topic, payload, 1, retain=retain)
        done: asyncio.Future[int] = self._loop.create_future()
        done.set_result(0 if receivers else 0x10)
        return done

    async def close(self) -> None:
        if not self._closed.done():
            self._kept.online = None
            self._closed.set_result(None)

    def deliver_kept(self) -> None:
        again, self._kept.unacknowledged = self._kept.unacknowledged, {}
        for topic, payload in again.values():
            self.deliver(topic, payload, 1, retain=False, duplicate=True)
        while self._kept.queued:
            topic, payload = self._kept.queued.popleft()
            self.deliver(topic, payload, 1, retain=False)

    def deliver(self, topic: str, payload: bytes, qos: int, *, retain: bool, duplicate: bool = False) -> None:
        kept = self._kept
        ack: Callable[[], None] = _nothing
        if qos:
            kept.next_id += 1
            number = kept.next_id
            kept.unacknowledged[number] = (topic, payload)

            def ack() -> None:
                kept.unacknowledged.pop(number, None)

        self._loop.call_soon(self._hand_over, Incoming(topic, payload, qos, retain, duplicate, ack))

    def _hand_over(self, message: Incoming) -> None:
        if not self._closed.done():
            self._on_message(message)

    def lost(self, error: TransportError) -> None:
        """The connection ends without DISCONNECT."""
        if self._closed.done():
            return
        if self._kept.online is self:
            self._kept.online = None
        self._closed.set_result(error)
        if self._options.will is not None:
            will = self._options.will
            self._broker.route(will.topic, will.payload, 1, retain=will.retain)

    def _must_be_open(self) -> None:
        if self._closed.done():
            raise TransportError("LINK-LOST")


def _nothing() -> None:
    """QoS 0: nothing to acknowledge."""
