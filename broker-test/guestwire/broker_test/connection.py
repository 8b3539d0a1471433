"""One client's connection to the embedded broker: packets in, packets out, keep alive, its end.

What belongs to the session or to everybody is the router's. What one read causes leaves as one write per connection.
"""

import asyncio
import uuid
from typing import Any, cast

from guestwire.broker_test.acl import Permissions
from guestwire.broker_test.frames import FrameSplitter, connect_level
from guestwire.broker_test.gate import SERVER_BUSY, Gate
from guestwire.broker_test.hall import Hall
from guestwire.broker_test.messages import Message
from guestwire.broker_test.router import NOT_AUTHORIZED, QUOTA_EXCEEDED, SUCCESS, wants_retained
from guestwire.broker_test.sessions import Session, Subscription
from guestwire.link.codec import (
    CodecError,
    ConnAckPacket,
    ConnAckReasonCode,
    ConnectPacket,
    DisconnectPacket,
    DisconnectReasonCode,
    Framer,
    Packet,
    PingReqPacket,
    PubAckPacket,
    PublishPacket,
    QoS,
    SubAckPacket,
    SubAckReasonCode,
    SubscribePacket,
    UnsubAckPacket,
    UnsubAckReasonCode,
    UnsubscribePacket,
    Will,
    write,
)
from guestwire.link.topic_filters import SHARE_PREFIX

_PROTOCOL_ERROR = 0x82
_UNSUPPORTED_VERSION = 0x84
_KEEP_ALIVE = 0x8D
_QOS = 0x9B
_SHARED = 0x9E

_CONNECT_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0
_HIGH_WATER = 256 * 1024
_HARD_LIMIT = 8 << 20
"""Bytes of acknowledgements a client may leave unread, on top of paused deliveries, before it is closed."""

_PINGRESP = b"\xd0\x00"
_CONNACK_3_1_1_REFUSED = b"\x20\x02\x00\x01"


class Connection(asyncio.Protocol):
    """See the module. It is the sink of its session."""

    def __init__(self, hall: Hall, gate: Gate) -> None:
        self._hall = hall
        self._router = hall.router
        self._gate = gate
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._framer = Framer(hall.options.max_packet_bytes, "client")
        self._first: FrameSplitter | None = FrameSplitter(hall.options.max_packet_bytes)
        self._session: Session | None = None
        self._will: Will | None = None
        self._out: list[bytes] = []
        self._now = self._heard = self._loop.time()
        self._keep_alive_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self._name = "?"
        self.writable = True

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuses by closing when there are twice as many connections as clients allowed."""
        self._transport = cast("asyncio.Transport", transport)
        if len(self._hall.connections) >= 2 * self._hall.options.max_clients:
            self._transport.abort()
            self._ended = True
            return
        self._hall.connections.add(self)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)
        self._timer = self._loop.call_later(_CONNECT_TIMEOUT_S, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """The session stays as long as it may; the will goes out."""
        self._hall.gone(self)
        if self._timer:
            self._timer.cancel()
        if not self._ended:
            self._ended = True
            if self._session:
                self._hall.log.append(f"Client {self._name} closed its connection.")
                self._leave(self._will)

    def pause_writing(self) -> None:
        """The client reads slowly: deliveries wait in its session."""
        self.writable = False

    def resume_writing(self) -> None:
        """There is room again."""
        self.writable = True
        if self._session and not self._ended:
            self._session.pump(self._loop.time())

    def data_received(self, data: bytes) -> None:
        """Handle what is complete; what is not MQTT 5 ends this connection, and only this one."""
        if self._ended:
            return
        assert self._transport is not None
        self._now = self._heard = self._loop.time()
        self._hall.reading = True
        try:
            if self._first and self._old_version(data):
                return
            for packet in self._framer.feed(data):
                self._handle(packet)
        except CodecError as err:
            self._fail(err.reason_code, str(err))
        finally:
            self._hall.write_now()
        if not self.writable and self._transport.get_write_buffer_size() > _HARD_LIMIT:
            self._fail(QUOTA_EXCEEDED, "does not read what it asks for")

    # -- the session's sink

    def send(self, frame: bytes) -> None:
        """Write `frame` together with what else this read causes."""
        if not self._out:
            self._hall.write_later(self)
        self._out.append(frame)

    def flush(self) -> None:
        """Write now what was collected."""
        if self._out and self._transport is not None:
            self._transport.write(b"".join(self._out) if len(self._out) > 1 else self._out[0])
        self._out.clear()

    def end(self, reason: int) -> None:
        """DISCONNECT with `reason`, close; the will goes out, as the client did not say goodbye."""
        if self._ended:
            return
        self._ended = True
        if self._session:
            self._out.append(write(DisconnectPacket(reason_code=DisconnectReasonCode(reason))))
            self._close()
            self._leave(self._will)
        else:
            self._close()

    def abort(self) -> None:
        """Drop the TCP connection at once."""
        if self._transport:
            self._transport.abort()

    # -- packets

    def _handle(self, packet: Packet) -> None:
        session = self._session
        if self._ended:
            return
        if session is None:
            if isinstance(packet, ConnectPacket):
                self._connect(packet)
            else:
                self._fail(_PROTOCOL_ERROR, "the first packet is not CONNECT")
        elif isinstance(packet, PublishPacket):
            self._publish(session, packet)
        elif isinstance(packet, PubAckPacket):
            session.acknowledge(packet.packet_id, self._now)
        elif isinstance(packet, PingReqPacket):
            self.send(_PINGRESP)
        elif isinstance(packet, SubscribePacket):
            self._subscribe(session, packet)
        elif isinstance(packet, UnsubscribePacket):
            reasons = [UnsubAckReasonCode(self._router.unsubscribe(session, x)) for x in packet.patterns]
            self.send(write(UnsubAckPacket(packet.packet_id, reasons)))
        elif isinstance(packet, DisconnectPacket):
            self._disconnect(session, packet)
        else:
            self._fail(_PROTOCOL_ERROR, f"{type(packet).__name__} out of place")

    def _connect(self, packet: ConnectPacket) -> None:
        hall, gate = self._hall, self._gate
        user = self._certificate_name() if gate.by_certificate else packet.username
        refusal = gate.refusal(packet, user)
        # Whoever takes over a connection needs no place of its own.
        if not refusal and hall.clients >= hall.options.max_clients and not self._router.connected(packet.client_id):
            refusal = SERVER_BUSY
        if refusal:
            self._refuse(refusal)
            return
        assigned = None if packet.client_id else f"guestwire-{uuid.uuid4().hex}"
        client_id = self._name = assigned or packet.client_id
        opened = hall.router.open(client_id, packet.clean_start, Permissions(gate.access, user, client_id))
        if opened is None:
            self._refuse(QUOTA_EXCEEDED)
            return
        session, present = opened
        session.expiry_s = packet.session_expiry_interval
        self._session, self._will = session, packet.will
        hall.clients += 1
        hall.log.append(
            f"New client connected from {self._peer()} as {client_id} (p5, c{int(packet.clean_start)}, k{packet.keep_alive}"
            + (f", u'{user}')." if user else ").")
        )
        self.send(
            write(
                ConnAckPacket(
                    session_present=present,
                    assigned_client_id=assigned,
                    receive_max=hall.options.max_inflight,
                    max_qos=QoS.AT_LEAST_ONCE,
                    max_packet_size=hall.options.max_packet_bytes,
                    shared_subscription_available=False,
                )
            )
        )
        if self._timer:
            self._timer.cancel()
        self._keep_alive_s = packet.keep_alive * 1.5
        self._watch()
        session.attach(self, min(packet.receive_max, hall.options.max_inflight), packet.max_packet_size, self._now)

    def _publish(self, session: Session, packet: PublishPacket) -> None:
        qos = packet.qos.value
        if qos > 1:
            self._fail(_QOS, "QoS 2")
            return
        if session.permissions.may("write", packet.topic):
            reason = self._router.publish(Message(packet, self._now, session.client_id), self._now)
        else:
            self._router.counts.denied += 1
            reason = NOT_AUTHORIZED
        if qos:
            packet_id = cast("int", packet.packet_id).to_bytes(2, "big")
            self.send(b"\x40\x02" + packet_id if not reason else b"\x40\x03%b%c" % (packet_id, reason))

    def _subscribe(self, session: Session, packet: SubscribePacket) -> None:
        router = self._router
        reasons, retained = [], []
        for wanted in packet.topic_filters:
            if wanted.pattern.startswith(SHARE_PREFIX):
                reasons.append(_SHARED)
                continue
            is_new = wanted.pattern not in session.subscriptions
            subscription = Subscription(
                wanted.pattern,
                min(wanted.max_qos.value, 1),
                wanted.no_local,
                wanted.retain_as_published,
                packet.subscription_id,
            )
            if not router.subscribe(session, subscription):
                reasons.append(QUOTA_EXCEEDED)
                continue
            reasons.append(subscription.qos)
            if wants_retained(wanted.retain_handling.value, is_new):
                retained.append(subscription)
        self.send(write(SubAckPacket(packet.packet_id, [SubAckReasonCode(x) for x in reasons])))
        for subscription in retained:
            router.send_retained(session, subscription, self._now)

    def _disconnect(self, session: Session, packet: DisconnectPacket) -> None:
        expiry = packet.session_expiry_interval
        if expiry and not session.expiry_s:
            self._fail(_PROTOCOL_ERROR, "a session expiry in DISCONNECT where CONNECT had none")
            return
        if expiry is not None:
            session.expiry_s = expiry
        self._ended = True
        self._hall.log.append(f"Client {self._name} disconnected.")
        self._close()
        self._leave(self._will if packet.reason_code.value != SUCCESS else None)

    # -- ends

    def _leave(self, will: Will | None) -> None:
        if self._session:
            self._hall.clients -= 1
            self._router.leave(self._session, will)

    def _fail(self, reason: int, why: str) -> None:
        self._router.counts.closed_for_error += 1
        self._hall.log.append(f"Client {self._name} closed for 0x{reason:02X}: {why}")
        # DISCONNECT has no 0x84; before CONNACK there is no DISCONNECT at all.
        self.end(_PROTOCOL_ERROR if reason == _UNSUPPORTED_VERSION else reason)

    def _refuse(self, reason: int) -> None:
        self._hall.log.append(f"Client {self._name} refused with 0x{reason:02X}.")
        self._out.append(write(ConnAckPacket(reason_code=ConnAckReasonCode(reason))))
        self._ended = True
        self._close()

    def _old_version(self, data: bytes) -> bool:
        """Answer a CONNECT of another version in its own words [MQTT-3.1.2-2]; only looks at the first packet."""
        assert self._first is not None
        for packet in self._first.feed(data):
            self._first = None
            level = connect_level(packet)
            if level is None or level == 5:
                return False
            self._hall.log.append(f"Client with protocol level {level} refused.")
            unsupported = ConnAckPacket(reason_code=ConnAckReasonCode.UNSUPPORTED_PROTOCOL_VERSION)
            self._out.append(_CONNACK_3_1_1_REFUSED if level < 5 else write(unsupported))
            self._ended = True
            self._close()
            return True
        return False

    def _close(self) -> None:
        """Write what is left and close; a client that does not read it is dropped after a while."""
        self.flush()
        if self._timer:
            self._timer.cancel()
        if self._transport:
            self._transport.close()
            self._timer = self._loop.call_later(_CLOSE_TIMEOUT_S, self.abort)

    def _watch(self) -> None:
        """Keep alive: 1.5 times the interval without a byte ends the connection [MQTT-3.1.2-22]."""
        if not self._keep_alive_s:
            return
        due = self._heard + self._keep_alive_s
        if due <= self._loop.time():
            self._hall.log.append(f"Client {self._name} has exceeded timeout, disconnecting.")
            self.end(_KEEP_ALIVE)
        else:
            self._timer = self._loop.call_at(due, self._watch)

    def _peer(self) -> str:
        peer = self._transport.get_extra_info("peername") if self._transport else None
        return f"{peer[0]}:{peer[1]}" if peer else "?"

    def _certificate_name(self) -> str | None:
        certificate: dict[str, Any] = (self._transport and self._transport.get_extra_info("peercert")) or {}
        for group in certificate.get("subject", ()):
            for key, value in group:
                if key == "commonName":
                    return str(value)
        return None
