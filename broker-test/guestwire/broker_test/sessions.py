"""The state of one client's session: what it subscribed to, what it has not acknowledged, what waits for it.

No I/O: it hands frames to a sink (the connection) and gets the time as an argument. MQTT 5.0 section 4.1. The queue is
bounded in messages and bytes. Full means: a QoS 0 message is dropped and counted; a QoS 1 message is refused, which the
publisher sees as PUBACK 0x97 (other subscribers got it: sending it again duplicates it there, as QoS 1 allows).
"""

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from guestwire.broker_test.acl import Permissions
from guestwire.broker_test.messages import Message


class Sink(Protocol):
    """Where frames go while the client is connected."""

    @property
    def writable(self) -> bool:
        """False: the socket's buffer is full; `Session.pump` is called when it has room again."""
        ...

    def send(self, frame: bytes) -> None: ...

    def end(self, reason: int) -> None:
        """DISCONNECT with this reason and close; the session is detached when it returns."""
        ...


@dataclass(slots=True)
class Counts:
    """What the broker did not deliver, and why. Never reset."""

    dropped_qos0: int = 0
    refused_qos1: int = 0
    expired: int = 0
    too_large: int = 0
    denied: int = 0
    closed_for_error: int = 0


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic filter of one session with its options (3.8.3.1)."""

    topic_filter: str
    qos: int
    no_local: bool
    retain_as_published: bool
    identifier: int | None


@dataclass(slots=True)
class _Outgoing:
    """A message for this session. `packet_id` 0 until it is sent the first time at QoS 1."""

    message: Message
    qos: int
    retain: bool
    identifiers: tuple[int, ...]
    packet_id: int = 0


class Session:
    """One client id. It outlives its connection by its expiry interval."""

    def __init__(self, client_id: str, counts: Counts, max_queued: int, max_bytes: int) -> None:
        self.client_id = client_id
        self.permissions = Permissions(None, None, client_id)
        self.subscriptions: dict[str, Subscription] = {}
        self.expiry_s = 0
        self.sink: Sink | None = None
        self._counts = counts
        self._max_queued = max_queued
        self._max_bytes = max_bytes
        self._queue: deque[_Outgoing] = deque()
        self._slow: deque[_Outgoing] = deque()
        self._bytes = 0
        self._inflight: dict[int, _Outgoing] = {}
        self._next_id = 0
        self._window = 0
        self._max_packet = 0

    @property
    def queued(self) -> int:
        """How many messages wait, unacknowledged ones included."""
        return len(self._queue) + len(self._slow) + len(self._inflight)

    def attach(self, sink: Sink, window: int, max_packet: int | None, now: float) -> None:
        """The client is connected: sends what was unacknowledged again, in order, then what waited.

        `window` is how many QoS 1 messages may be unacknowledged, `max_packet` the client's Maximum Packet Size.
        """
        self.sink = sink
        self._window = window
        self._max_packet = max_packet or 0
        self._queue.extendleft(reversed(self._inflight.values()))
        self._inflight.clear()
        self.pump(now)

    def detach(self) -> None:
        """The connection is gone. QoS 0 messages that waited for the socket go with it."""
        self.sink = None
        self._counts.dropped_qos0 += len(self._slow)
        self._bytes -= sum(len(x.message.frame) for x in self._slow)
        self._slow.clear()

    def deliver_qos0(self, message: Message, retain: bool, identifiers: tuple[int, ...], now: float) -> None:
        """Send now, or wait for a slow socket within the bound, or drop. Never kept for an absent client."""
        sink = self.sink
        if sink is None:
            return
        # The common case, without the queue's bookkeeping: the same bytes for every such subscriber.
        if not identifiers and not self._slow and not self._max_packet and sink.writable and message.fresh(now):
            sink.send(message.at_qos_0(retain))
            return
        outgoing = _Outgoing(message, 0, retain, identifiers)
        if sink.writable and not self._slow:
            self._send(sink, outgoing, now)
        elif self._room_for(message):
            self._bytes += len(message.frame)
            self._slow.append(outgoing)
        else:
            self._counts.dropped_qos0 += 1

    def deliver_qos1(self, message: Message, retain: bool, identifiers: tuple[int, ...], now: float) -> bool:
        """Queue, and send as far as the window allows. False: no room."""
        if not self._room_for(message):
            self._counts.refused_qos1 += 1
            return False
        self._bytes += len(message.frame)
        self._queue.append(_Outgoing(message, 1, retain, identifiers))
        if self.sink is not None:
            self.pump(now)
        return True

    def acknowledge(self, packet_id: int, now: float) -> None:
        """PUBACK. An identifier that is not in use is ignored: it may be late, from before a reconnect."""
        outgoing = self._inflight.pop(packet_id, None)
        if outgoing is not None:
            self._bytes -= len(outgoing.message.frame)
            self.pump(now)

    def pump(self, now: float) -> None:
        """Send what the socket and the window allow; called when either opens."""
        sink = self.sink
        while sink is not None and self._slow and sink.writable:
            outgoing = self._slow.popleft()
            self._bytes -= len(outgoing.message.frame)
            self._send(sink, outgoing, now)
        while sink is not None and self._queue and sink.writable and len(self._inflight) < self._window:
            self._send(sink, self._queue.popleft(), now)

    def _send(self, sink: Sink, outgoing: _Outgoing, now: float) -> None:
        message = outgoing.message
        duplicate = outgoing.packet_id != 0
        # What was sent once is owed until it is acknowledged; expiry counts until the first sending (3.3.2.3.3).
        if not duplicate and message.expired(now):
            self._counts.expired += 1
            self._release(outgoing)
            return
        left = message.expiry_left(now)
        if outgoing.qos == 0 and left is None and not outgoing.identifiers:
            frame = message.at_qos_0(outgoing.retain)
        else:
            if outgoing.qos and not duplicate:
                outgoing.packet_id = self._free_id()
            frame = message.encoded(
                outgoing.qos,
                outgoing.packet_id,
                retain=outgoing.retain,
                duplicate=duplicate,
                identifiers=outgoing.identifiers,
                expiry_left=left,
            )
        if self._max_packet and len(frame) > self._max_packet:
            # Dropped as if it had been sent [MQTT-3.1.2-25].
            self._counts.too_large += 1
            self._release(outgoing)
            return
        if outgoing.qos:
            self._inflight[outgoing.packet_id] = outgoing
        sink.send(frame)

    def _release(self, outgoing: _Outgoing) -> None:
        if outgoing.qos:
            self._bytes -= len(outgoing.message.frame)

    def _room_for(self, message: Message) -> bool:
        return self.queued < self._max_queued and self._bytes + len(message.frame) <= self._max_bytes

    def _free_id(self) -> int:
        self._next_id = self._next_id % 0xFFFF + 1
        while self._next_id in self._inflight or self._owed(self._next_id):
            self._next_id = self._next_id % 0xFFFF + 1
        return self._next_id

    def _owed(self, packet_id: int) -> bool:
        """Whether a message that waits to be sent again has this identifier; they are at the front."""
        for outgoing in self._queue:
            if not outgoing.packet_id:
                return False
            if outgoing.packet_id == packet_id:
                return True
        return False
