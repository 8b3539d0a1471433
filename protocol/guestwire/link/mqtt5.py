"""Our MQTT 5 transport: an asyncio protocol on the guarded codec.

What is received is dispatched straight from `data_received`; what is sent in one tick of the loop leaves in one write.
Only version 5; a broker that does not speak it gives BROKER-NO-V5. Nothing is kept of messages that were not confirmed:
after a loss of the connection the caller re-sends by request id.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from socket import socket
from typing import Final, TypeAlias, cast

from guestwire.link.codec import (
    LARGEST_PACKET,
    CodecError,
    ConnAckPacket,
    DisconnectPacket,
    DisconnectReasonCode,
    Framer,
    Packet,
    PingReqPacket,
    PingRespPacket,
    PubAckPacket,
    PublishPacket,
    SubAckPacket,
    SubscribePacket,
    UnsubAckPacket,
    UnsubscribePacket,
    puback,
    write,
)
from guestwire.link.intake import Intake
from guestwire.link.keep_alive import KeepAlive
from guestwire.link.outcomes import fail, failed
from guestwire.link.packet_checks import (
    PROTOCOL_ERROR,
    QOS_NOT_SUPPORTED,
    REFUSED,
    RETAIN_NOT_SUPPORTED,
    TAKEN_OVER,
    UNSUPPORTED_VERSION,
)
from guestwire.link.packet_mapping import (
    check_filter,
    connack,
    connect_packet,
    properties_of,
    publish_packet,
    topic_filter,
)
from guestwire.link.publish_window import PublishWindow
from guestwire.link.tcp import open_socket, quick_ack
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
from guestwire.link.write_queue import WriteQueue

WRITE_BUFFER_BYTES: Final = 64 * 1024
"""What the socket's own buffer may hold before nothing more is handed to it."""

CLOSE_TIMEOUT_S: Final = 2.0
"""How long a connection that is being closed may take to write what is queued; then it is cut."""

_Reply: TypeAlias = SubAckPacket | UnsubAckPacket

_PING = write(PingReqPacket())


async def connect(options: Options, on_message: OnMessage) -> "Mqtt5Transport":
    """An open connection (`transport.Connect`). `on_message` is first called after the caller has had its turn."""
    where = {"broker": f"{options.host}:{options.port}"}
    link: Mqtt5Transport | None = None
    try:
        async with asyncio.timeout(options.connect_timeout_s):
            sock = await open_socket(options.host, options.port)
            link = Mqtt5Transport(options, on_message, sock)
            await _attach(link, sock, options)
            await link.connected
    except TimeoutError:
        raise TransportError("BROKER-UNREACHABLE", detail={**where, "why": "no CONNACK in time"}) from None
    except OSError as err:  # ssl.SSLError is one
        raise TransportError("BROKER-UNREACHABLE", detail={**where, "why": str(err)}) from err
    finally:
        if link is not None and not link.is_open:
            await link.abort()
    link.begin()
    return link


async def _attach(link: "Mqtt5Transport", sock: socket, options: Options) -> None:
    """Give the socket to the loop, which owns it from then on; with TLS where that is wanted."""
    loop = asyncio.get_running_loop()
    try:
        if options.tls is None:
            await loop.create_connection(lambda: link, sock=sock)
        else:
            await loop.create_connection(
                lambda: link,
                sock=sock,
                ssl=options.tls,
                server_hostname=options.tls_server_name or options.host,
                ssl_handshake_timeout=options.connect_timeout_s,
                ssl_shutdown_timeout=CLOSE_TIMEOUT_S,
            )
    except BaseException:
        link.detached()
        sock.close()
        raise


class Mqtt5Transport(asyncio.Protocol):
    """One connection; see `transport.Transport` for the promises. Made by `connect`."""

    def __init__(self, options: Options, on_message: OnMessage, sock: socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._options = options
        self._sock = sock
        self._peer_address: str = sock.getpeername()[0]
        self._transport: asyncio.Transport | None = None
        self.connected: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[TransportError | None] = self._loop.create_future()
        self._gone = asyncio.Event()
        self._connack: Connack | None = None
        self._framer = Framer(options.max_packet, "server")
        self._intake = Intake(
            on_message, lambda key: self._queue.add(puback(key)), self._resume_reading, options.receive_maximum
        )
        self._window: PublishWindow[bytes] = PublishWindow(
            lambda _, frame: self._queue.add(frame), self._lose, options.publish_timeout_s
        )
        self._replies: dict[int, asyncio.Future[_Reply]] = {}
        self._packet_id = 0
        self._max_packet = LARGEST_PACKET
        self._queue = WriteQueue(self._write)
        self._keep_alive = KeepAlive(
            self._loop, lambda: self._queue.add(_PING), lambda: self._lose("no answer to PINGREQ")
        )
        self._ended = False
        self._cut: asyncio.TimerHandle | None = None

    # -- the port

    @property
    def connack(self) -> Connack:
        assert self._connack is not None
        return self._connack

    @property
    def peer_address(self) -> str | None:
        return self._peer_address

    @property
    def closed(self) -> Awaitable[TransportError | None]:
        return asyncio.shield(self._closed)

    @property
    def is_open(self) -> bool:
        return self._connack is not None and not self._ended

    async def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        packet_id = self._next_packet_id()
        packet = SubscribePacket(packet_id, [topic_filter(subscription) for subscription in subscriptions])
        reply = await self._ask(packet_id, packet)
        if len(reply.reason_codes) != len(subscriptions):
            self._malformed("a SUBACK with another number of codes", PROTOCOL_ERROR)
            raise self._lost()
        for subscription, code in zip(subscriptions, reply.reason_codes, strict=True):
            if code.value >= REFUSED:
                detail = {"filter": subscription.topic_filter, "reason": code.value}
                raise TransportError("SUBSCRIBE-REFUSED", detail=detail)

    async def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        packet_id = self._next_packet_id()
        await self._ask(packet_id, UnsubscribePacket(packet_id, [check_filter(one) for one in topic_filters]))

    def send(self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties = NO_PROPERTIES) -> None:
        if self._ended:
            raise self._lost()
        frame = self._publish_frame(topic, payload, None, retain, properties)
        if self._queue.size + len(frame) > self._options.write_queue_bytes:
            raise TransportError("LINK-BUSY")
        self._queue.add(frame)

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties = NO_PROPERTIES
    ) -> "asyncio.Future[int]":
        if self._ended:
            return failed(self._lost())
        packet_id = self._next_packet_id()
        try:
            frame = self._publish_frame(topic, payload, packet_id, retain, properties)
        except TransportError as err:
            return failed(err)
        window = self._window
        if window.full or self._queue.size + window.waiting_bytes + len(frame) > self._options.write_queue_bytes:
            return failed(TransportError("LINK-BUSY"))
        return window.add(packet_id, frame, len(frame))

    async def close(self) -> None:
        self._end(None, DisconnectReasonCode.NORMAL_DISCONNECTION)
        await self._gone.wait()  # bounded: _end cuts the connection after CLOSE_TIMEOUT_S

    # -- the life of the connection

    def begin(self) -> None:
        """Deliver what comes, and came with CONNACK, once the caller has had its turn."""
        self._intake.begin()

    async def abort(self) -> None:
        """Cut the connection, unless it is ending already: the broker publishes the will."""
        self._end(TransportError("LINK-LOST"))
        if self._transport is not None:
            await self._gone.wait()

    def detached(self) -> None:
        """The loop gave up on the connection it was making. It may have told of it already, and uvloop then never says
        that it is lost: there is nothing to wait for."""
        self._gone.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        if (check := self._options.check_peer) is not None and self._options.tls is not None:
            why = check(self._transport.get_extra_info("ssl_object"))
            if why is not None:  # it gets to see no CONNECT, for there may be a password in it
                broker = f"{self._options.host}:{self._options.port}"
                self._end(TransportError("BROKER-UNREACHABLE", detail={"broker": broker, "why": why}))
                return
        self._transport.write(write(connect_packet(self._options)))

    def connection_lost(self, exc: Exception | None) -> None:
        code = "LINK-LOST" if self._connack is not None else "BROKER-NO-V5"
        if self._connack is None and isinstance(exc, ssl.SSLError):
            code = "BROKER-UNREACHABLE"  # TLS 1.3: our certificate is refused after the handshake
        self._end(TransportError(code, detail={"why": str(exc)} if exc else None))
        if self._cut is not None:
            self._cut.cancel()
        self._gone.set()

    def _end(self, error: TransportError | None, reason: DisconnectReasonCode | None = None) -> None:
        """The one way to the end: tell the broker the reason, or cut if there is none; settle all that waits."""
        if self._ended:
            return
        self._ended = True
        self._closed.set_result(error)
        self._keep_alive.stop()
        queued = self._queue.drain()
        if self._transport is not None and reason is not None:
            self._transport.write(queued + write(DisconnectPacket(reason_code=reason)))
            self._transport.close()
            self._cut = self._loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)
        elif self._transport is not None:
            self._transport.abort()
        self._intake.close()
        self._window.close(self._lost)
        fail(self.connected, error or self._lost())
        for reply in self._replies.values():
            fail(reply, self._lost())

    def _lost(self) -> TransportError:
        why = self._closed.result() if self._closed.done() else None
        return TransportError("LINK-LOST", detail=why.detail if why is not None else None)

    def _malformed(self, what: str, reason: int) -> None:
        self._end(
            TransportError("PEER-MALFORMED", detail={"why": what, "reason": reason}), DisconnectReasonCode(reason)
        )

    def _lose(self, why: str) -> None:
        self._end(TransportError("LINK-LOST", detail={"why": why}))

    # -- receiving

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._keep_alive.heard = True
        self._queue.hold()  # what the packets give to write leaves at the end, in one write
        try:
            for packet in self._framer.feed(data):
                if type(packet) is PublishPacket and self._connack is not None:
                    self._deliver(packet)
                    continue
                self._other(packet)
                if self._closed.done():
                    return
        except CodecError as err:
            reason = err.reason_code if err.reason_code != UNSUPPORTED_VERSION else PROTOCOL_ERROR
            if err.reason_code == UNSUPPORTED_VERSION and self._connack is None:
                self._end(TransportError("BROKER-NO-V5", detail={"why": str(err), "reason": err.reason_code}))
            self._malformed(str(err), reason)
        finally:
            if not self._queue.flush():  # what is written acknowledges what was read
                quick_ack(self._sock)

    def _deliver(self, packet: PublishPacket) -> None:
        packet_id = packet.packet_id
        if packet_id is None:
            ack: Callable[[], None] = _nothing
        elif packet.qos.value == 1:
            ack = self._intake.receipt(packet_id)
        else:
            raise CodecError(QOS_NOT_SUPPORTED, "a PUBLISH of QoS 2, and no subscription asked for it")
        message = Incoming(
            packet.topic,
            packet.payload,
            0 if packet_id is None else 1,
            packet.retain,
            packet.duplicate,
            ack,
            properties_of(packet),
        )
        if not self._intake.offer(message) and self._intake.overfull:
            self._stop_reading()

    def _stop_reading(self) -> None:
        """From now on TCP makes the broker wait; its answers to our pings wait as well."""
        if self._transport is not None and not self._keep_alive.deaf:
            self._keep_alive.deaf = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        self._keep_alive.deaf = False
        if self._transport is not None and not self._ended:
            self._transport.resume_reading()

    def _other(self, packet: Packet) -> None:
        match packet:
            case PubAckPacket() if self._connack is not None:
                self._window.confirmed(packet.packet_id, packet.reason_code.value)
            case SubAckPacket() | UnsubAckPacket():
                reply = self._replies.get(packet.packet_id)
                if reply is not None and not reply.done():
                    reply.set_result(packet)
            case PingRespPacket():
                pass  # every byte counts as an answer
            case ConnAckPacket() if self._connack is None:
                self._on_connack(packet)
            case DisconnectPacket():
                self._on_disconnect(packet)
            case _:
                raise CodecError(PROTOCOL_ERROR, f"an unexpected {type(packet).__name__}")

    def _on_connack(self, packet: ConnAckPacket) -> None:
        reason = packet.reason_code.value
        if reason >= REFUSED:
            code = "BROKER-NO-V5" if reason == UNSUPPORTED_VERSION else "BROKER-REFUSED"
            self._end(TransportError(code, detail={"reason": reason, "why": packet.reason_str}))
            return
        self._connack = connack(packet, self._options.keep_alive_s)
        self._max_packet = min(packet.max_packet_size or LARGEST_PACKET, LARGEST_PACKET)
        self._window.limit = packet.receive_max
        self._keep_alive.start(self._connack.keep_alive_s)
        if not self.connected.done():
            self.connected.set_result(None)

    def _on_disconnect(self, packet: DisconnectPacket) -> None:
        reason = packet.reason_code.value
        code = "SESSION-TAKEN-OVER" if reason == TAKEN_OVER else "LINK-LOST"
        if self._connack is None:
            code = "BROKER-REFUSED"
        self._end(TransportError(code, detail={"reason": reason, "why": packet.reason_str}))

    # -- sending

    def _publish_frame(
        self, topic: str, payload: bytes, packet_id: int | None, retain: bool, properties: Properties
    ) -> bytes:
        granted = self.connack
        if retain and not granted.retain_available:
            raise TransportError("PUBLISH-REFUSED", detail={"reason": RETAIN_NOT_SUPPORTED})
        if packet_id is not None and not granted.max_qos:
            raise TransportError("PUBLISH-REFUSED", detail={"reason": QOS_NOT_SUPPORTED})
        return self._fitting(publish_packet(topic, payload, packet_id, retain, properties))

    def _fitting(self, packet: Packet) -> bytes:
        """The bytes of the packet, if the broker takes as many."""
        try:
            return write(packet, self._max_packet)
        except CodecError as err:
            raise TransportError("PACKET-TOO-LARGE", detail={"limit": self._max_packet}) from err

    async def _ask(self, packet_id: int, packet: SubscribePacket | UnsubscribePacket) -> _Reply:
        """Send a packet and wait for its reply. A broker that gives none is lost."""
        if self._ended:
            raise self._lost()
        frame = self._fitting(packet)
        reply: asyncio.Future[_Reply] = self._loop.create_future()
        self._replies[packet_id] = reply
        self._queue.add(frame)
        try:
            async with asyncio.timeout(self._options.publish_timeout_s):
                return await reply
        except TimeoutError:
            self._lose("no reply to a subscription")
            raise self._lost() from None
        finally:
            del self._replies[packet_id]

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._ended:
            self._transport.write(data)
            self._keep_alive.sent = True

    def pause_writing(self) -> None:
        self._queue.pause()

    def resume_writing(self) -> None:
        self._queue.resume()

    def _next_packet_id(self) -> int:
        packet_id = self._packet_id % 65_535 + 1
        while packet_id in self._window or packet_id in self._replies:
            packet_id = packet_id % 65_535 + 1
        self._packet_id = packet_id
        return packet_id


def _nothing() -> None:
    """The acknowledgement of a message of QoS 0."""
