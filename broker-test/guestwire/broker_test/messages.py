"""A published message on its way through the embedded broker: kept as the bytes it came in, encoded at most once.

Properties are forwarded unchanged and user properties in order [MQTT-3.3.2-15, -16, -17, -18]; the expiry interval is
lowered by the seconds the message waited [MQTT-3.3.2-6].
"""

from guestwire.link.codec import PublishPacket, Will, write


class Message:
    """One PUBLISH. `sender` is the client id of the publisher, for No Local. Times are on the loop's clock."""

    __slots__ = (
        "_expiry_s",
        "_frames",
        "_packet",
        "_received",
        "_rest",
        "_topic_field",
        "frame",
        "qos",
        "retain",
        "sender",
        "topic",
    )

    def __init__(self, packet: PublishPacket, now: float, sender: str) -> None:
        self._packet = packet
        self.frame = write(packet)
        self.topic = packet.topic
        self.qos: int = packet.qos.value
        self.retain = packet.retain
        self.sender = sender
        self._received = now
        self._expiry_s = packet.message_expiry_interval
        self._topic_field = b""
        self._rest = b""
        self._frames: dict[bool, bytes] | None = None

    @property
    def empty(self) -> bool:
        """Whether it has no payload: retained, such a message deletes."""
        return not self._packet.payload

    def expired(self, now: float) -> bool:
        """Whether its expiry interval has passed."""
        return self._expiry_s is not None and now - self._received >= self._expiry_s

    def fresh(self, now: float) -> bool:
        """Whether it may be sent just as it was published: no expiry interval, or not a second of it passed."""
        return self._expiry_s is None or (now - self._received < 1.0 and self._expiry_s > 0)

    def expiry_left(self, now: float) -> int | None:
        """What the expiry interval must be lowered to, in seconds; None: as published is right."""
        waited = int(now - self._received)
        return None if self._expiry_s is None or waited < 1 else max(0, self._expiry_s - waited)

    def at_qos_0(self, retain: bool) -> bytes:
        """The PUBLISH for subscribers at QoS 0 that need nothing of their own: encoded once for all of them."""
        if self.frame[0] == (0x31 if retain else 0x30):
            return self.frame
        if self._frames is None:
            self._frames = {}
        if retain not in self._frames:
            self._frames[retain] = self.encoded(0, 0, retain=retain)
        return self._frames[retain]

    def encoded(
        self,
        qos: int,
        packet_id: int,
        *,
        retain: bool = False,
        duplicate: bool = False,
        identifiers: tuple[int, ...] = (),
        expiry_left: int | None = None,
    ) -> bytes:
        """The PUBLISH for one subscriber. `expiry_left` None keeps the expiry interval as it was published."""
        if not self._topic_field:
            self._split()
        rest = self._rest
        if identifiers or expiry_left is not None:
            rest = _split(self._rewritten(identifiers, expiry_left))[1]
        first = 0x30 | duplicate << 3 | qos << 1 | retain
        identifier = packet_id.to_bytes(2, "big") if qos else b""
        length = len(self._topic_field) + len(identifier) + len(rest)
        return b"%c%b%b%b%b" % (first, _variable_integer(length), self._topic_field, identifier, rest)

    def _split(self) -> None:
        self._topic_field, self._rest = _split(self.frame)

    def _rewritten(self, identifiers: tuple[int, ...], expiry_left: int | None) -> bytes:
        packet = self._packet
        return write(
            PublishPacket(
                packet.topic,
                packet.payload,
                payload_format_indicator=packet.payload_format_indicator,
                message_expiry_interval=packet.message_expiry_interval if expiry_left is None else expiry_left,
                content_type=packet.content_type,
                response_topic=packet.response_topic,
                correlation_data=packet.correlation_data,
                subscription_ids=list(identifiers),
                user_properties=packet.user_properties,
            )
        )


def _split(frame: bytes) -> tuple[bytes, bytes]:
    """The topic field of a PUBLISH frame, and everything from the properties on."""
    at = 2
    while frame[at - 1] & 0x80:
        at += 1
    end = at + 2 + (frame[at] << 8 | frame[at + 1])
    return frame[at:end], frame[end + 2 if frame[0] & 0x06 else end :]


def _variable_integer(value: int) -> bytes:
    """A Variable Byte Integer (1.5.5)."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def message_of_will(will: Will, now: float, sender: str) -> Message:
    """The message a will becomes; its expiry interval begins now."""
    packet = PublishPacket(
        will.topic,
        will.payload or b"",
        qos=will.qos,
        retain=will.retain,
        packet_id=1 if will.qos.value else None,
        payload_format_indicator=will.payload_format_indicator,
        message_expiry_interval=will.message_expiry_interval,
        content_type=will.content_type,
        response_topic=will.response_topic,
        correlation_data=will.correlation_data,
        user_properties=will.user_properties,
    )
    return Message(packet, now, sender)
