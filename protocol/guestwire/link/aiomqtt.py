"""The transport port on aiomqtt 2.5 (paho beneath): for brokers that speak only MQTT 3.1.1, and on request for 5.

A new client for every connection, for paho would send again what the broker kicked us for. Level 4 has no reason codes
and no Receive Maximum: a refused publication looks like a success, and what the broker sends beyond `receive_maximum`
is held here until something is acknowledged. What aiomqtt itself gets wrong is put right in `aiomqtt_client`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from guestwire.link.aiomqtt_client import Client, packed, properties_of
from guestwire.link.intake import Intake
from guestwire.link.outcomes import fail, failed
from guestwire.link.packet_checks import (
    QOS_NOT_SUPPORTED,
    REFUSED,
    RETAIN_NOT_SUPPORTED,
    TAKEN_OVER,
    UNSUPPORTED_VERSION,
)
from guestwire.link.packet_mapping import check_filter, check_topic
from guestwire.link.publish_window import PublishWindow
from guestwire.link.transport import (
    NO_PROPERTIES,
    Connack,
    Incoming,
    OnMessage,
    Options,
    Properties,
    Subscription,
    TransportError,
)

CLOSE_TIMEOUT_S: Final = 2.0
"""How long a connection that is being closed may take to write what is queued; then it is cut."""

MOST_HELD_BYTES: Final = 64 << 20
"""Payload that may wait here for acknowledgements, at most; beyond it the connection is given up."""

_Publication = tuple[str, bytes, bool, Properties]


async def connect(options: Options, on_message: OnMessage) -> "AiomqttTransport":
    """An open connection (`transport.Connect`). `on_message` is first called after the caller has had its turn."""
    if options.will is not None:
        check_topic(options.will.topic)
    link = AiomqttTransport(options, on_message)
    try:
        async with asyncio.timeout(options.connect_timeout_s):
            await link.open()
    except TimeoutError:
        raise link.unreachable("no CONNACK in time") from None
    finally:
        if not link.is_open:
            await link.abort()
    link.begin()
    return link


class AiomqttTransport:
    """One connection; see `transport.Transport` for the promises. Made by `connect`."""

    def __init__(self, options: Options, on_message: OnMessage) -> None:
        self._loop = asyncio.get_running_loop()
        self._options = options
        self._client = Client(options, self)
        self._closed: asyncio.Future[TransportError | None] = self._loop.create_future()
        self._connack: Connack | None = None
        self._ended = False
        self._intake = Intake(on_message, self._client.acknowledge, lambda: None, options.receive_maximum)
        self._window: PublishWindow[_Publication] = PublishWindow(
            self._transmit, self._lose, options.publish_timeout_s, options.receive_maximum
        )
        self._last_key = 0
        self._keys: dict[int, int] = {}
        self._shared_mids: set[int] = set()
        self._unwritten: deque[tuple[paho.MQTTMessageInfo, int]] = deque()
        self._unwritten_bytes = 0
        self._replies: dict[int, asyncio.Future[list[ReasonCode]]] = {}

    # -- the port

    @property
    def connack(self) -> Connack:
        assert self._connack is not None
        return self._connack

    @property
    def peer_address(self) -> str | None:
        return self._client.peer_address

    @property
    def closed(self) -> Awaitable[TransportError | None]:
        return asyncio.shield(self._closed)

    @property
    def is_open(self) -> bool:
        return self._connack is not None and not self._ended

    async def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        filters = [(check_filter(one.topic_filter), self._subscribe_options(one)) for one in subscriptions]
        codes = await self._ask(lambda: self._client.request_subscribe(filters))
        for subscription, code in zip(subscriptions, codes, strict=False):
            if code.value >= REFUSED:
                detail = {"filter": subscription.topic_filter, "reason": code.value}
                raise TransportError("SUBSCRIBE-REFUSED", detail=detail)

    async def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        filters = [check_filter(one) for one in topic_filters]
        await self._ask(lambda: self._client.request_unsubscribe(filters))

    def send(self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties = NO_PROPERTIES) -> None:
        if self._ended:
            raise self._lost()
        size = self._checked_size(topic, payload, 0, retain, properties)
        self._forget_written()
        if self._queued + size > self._options.write_queue_bytes:
            raise TransportError("LINK-BUSY")
        info = self._client.request_publish(topic, payload, 0, retain, self._paho_properties(properties))
        if info is None:
            raise self._lost()
        if info.mid in self._keys:
            self._shared_mids.add(info.mid)
        self._unwritten.append((info, size))
        self._unwritten_bytes += size

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties = NO_PROPERTIES
    ) -> "asyncio.Future[int]":
        if self._ended:
            return failed(self._lost())
        try:
            size = self._checked_size(topic, payload, 1, retain, properties)
        except TransportError as err:
            return failed(err)
        self._forget_written()
        if self._window.full or self._queued + size > self._options.write_queue_bytes:
            return failed(TransportError("LINK-BUSY"))
        self._last_key += 1
        return self._window.add(self._last_key, (topic, payload, retain, properties), size)

    async def close(self) -> None:
        if not self._ended:
            self._client.say_goodbye()
            self._end(None)
        await self._client.until_gone(CLOSE_TIMEOUT_S)

    # -- the life of the connection

    async def open(self) -> None:
        """Connect and wait for CONNACK. The caller bounds the time."""
        try:
            await self._client.__aenter__()
        except aiomqtt.MqttError as err:
            if self._closed.done() and (why := self._closed.result()) is not None:
                raise why from None
            raise self.unreachable(str(err)) from err

    def begin(self) -> None:
        """Deliver what comes, and came with CONNACK, once the caller has had its turn."""
        self._intake.begin()

    async def abort(self) -> None:
        """Cut the connection: the broker publishes the will."""
        self._end(TransportError("LINK-LOST"))
        self._client.cut()
        await self._client.until_gone(CLOSE_TIMEOUT_S)

    def unreachable(self, why: str) -> TransportError:
        detail = {"broker": f"{self._options.host}:{self._options.port}", "why": why}
        return TransportError("BROKER-UNREACHABLE", detail=detail)

    def _end(self, error: TransportError | None) -> None:
        """The one way to the end: settle all that waits."""
        if self._ended:
            return
        self._ended = True
        self._closed.set_result(error)
        self._intake.close()
        self._window.close(self._lost)
        for reply in self._replies.values():
            fail(reply, self._lost())

    def _lost(self) -> TransportError:
        why = self._closed.result() if self._closed.done() else None
        return TransportError("LINK-LOST", detail=why.detail if why is not None else None)

    def _lose(self, why: str) -> None:
        self._fail(TransportError("LINK-LOST", detail={"why": why}))

    def _fail(self, error: TransportError) -> None:
        self._end(error)
        self._client.cut()

    # -- what the client tells (all on the loop)

    def on_connack(self, connack: Connack) -> None:
        self._connack = connack
        if connack.level == 5:
            self._window.limit = connack.receive_maximum

    def on_refused(self, reason: int) -> None:
        code = "BROKER-NO-V5" if self._options.level == 5 and reason in (1, UNSUPPORTED_VERSION) else "BROKER-REFUSED"
        self._end(TransportError(code, detail={"reason": reason}))

    def on_gone(self, why: str, reason: int | None = None) -> None:
        detail: dict[str, Any] = {"why": why} if reason is None else {"why": why, "reason": reason}
        if self._connack is not None:
            self._end(TransportError("SESSION-TAKEN-OVER" if reason == TAKEN_OVER else "LINK-LOST", detail=detail))
        elif reason is not None:
            self._end(TransportError("BROKER-REFUSED", detail=detail))
        elif self._options.level == 5:
            self._end(TransportError("BROKER-NO-V5", detail=detail))
        else:
            self._end(self.unreachable(why))

    def on_malformed(self, why: str) -> None:
        if self._connack is None:
            self.on_gone(why)
        self._fail(TransportError("PEER-MALFORMED", detail={"why": why}))

    def on_written_or_confirmed(self, mid: int, reason: int) -> None:
        # both have identifiers of one series, which meet only when a message stays unconfirmed while 65,535 others are
        # sent; then the first call is about the one of QoS 0, which is written at once
        if mid in self._shared_mids:
            self._shared_mids.discard(mid)
        elif (key := self._keys.pop(mid, None)) is not None:
            self._window.confirmed(key, reason)

    def on_reply(self, mid: int, codes: list[ReasonCode]) -> None:
        reply = self._replies.get(mid)
        if reply is not None and not reply.done():
            reply.set_result(codes)

    def on_publish(self, message: paho.MQTTMessage) -> None:
        if self._ended:
            return
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self.on_malformed("a topic is not UTF-8")
            return
        ack: Callable[[], None] = self._intake.receipt(message.mid) if message.qos else _nothing
        payload = bytes(message.payload)
        incoming = Incoming(topic, payload, message.qos, message.retain, message.dup, ack, properties_of(message))
        if not self._intake.offer(incoming) and self._intake.held_bytes > MOST_HELD_BYTES:
            self._lose("more unacknowledged messages than fit")

    # -- sending

    @property
    def _queued(self) -> int:
        return self._unwritten_bytes + self._window.waiting_bytes

    def _forget_written(self) -> None:
        unwritten = self._unwritten
        while unwritten and unwritten[0][0].is_published():
            self._unwritten_bytes -= unwritten.popleft()[1]

    def _checked_size(self, topic: str, payload: bytes, qos: int, retain: bool, properties: Properties) -> int:
        """The size of the PUBLISH packet, in bytes, if the broker takes such a message."""
        check_topic(topic)
        granted = self.connack
        if retain and not granted.retain_available:
            raise TransportError("PUBLISH-REFUSED", detail={"reason": RETAIN_NOT_SUPPORTED})
        if qos > granted.max_qos:
            raise TransportError("PUBLISH-REFUSED", detail={"reason": QOS_NOT_SUPPORTED})
        size = 2 + len(topic.encode()) + 2 * qos + len(payload)
        if granted.level == 5:
            packed = self._paho_properties(properties)
            size += 1 if packed is None else len(packed.pack())
        length_bytes = 1 + (size > 0x7F) + (size > 0x3FFF) + (size > 0x1FFFFF)
        size += 1 + length_bytes
        if granted.max_packet is not None and size > granted.max_packet:
            raise TransportError("PACKET-TOO-LARGE", detail={"limit": granted.max_packet})
        return size

    def _transmit(self, key: int, item: _Publication) -> None:
        topic, payload, retain, properties = item
        info = self._client.request_publish(topic, payload, 1, retain, self._paho_properties(properties))
        if info is not None:
            self._keys[info.mid] = key

    async def _ask(self, request: Callable[[], int | None]) -> list[ReasonCode]:
        """Send a request and wait for its reply. A broker that gives none is lost."""
        mid = None if self._ended else request()
        if mid is None:
            raise self._lost()
        reply: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._replies[mid] = reply
        try:
            async with asyncio.timeout(self._options.publish_timeout_s):
                return await reply
        except TimeoutError:
            self._lose("no reply to a subscription")
            raise self._lost() from None
        finally:
            del self._replies[mid]

    def _subscribe_options(self, subscription: Subscription) -> "SubscribeOptions | int":
        if self.connack.level == 4:
            return subscription.qos
        handling = (
            SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE if subscription.retained else SubscribeOptions.RETAIN_DO_NOT_SEND
        )
        return SubscribeOptions(qos=subscription.qos, retainAsPublished=True, retainHandling=handling)

    def _paho_properties(self, properties: Properties) -> Any:
        return None if properties is NO_PROPERTIES or self.connack.level == 4 else packed(properties)


def _nothing() -> None:
    """The acknowledgement of a message of QoS 0."""
