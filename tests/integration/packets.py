"""PUBLISH packets taken apart and put together again, for what stands between two peers (MQTT 5.0 section 3.3).

Not the codec under test: a fault that both share would not be seen.
"""

from dataclasses import dataclass, replace

PUBLISH = 3


@dataclass(frozen=True)
class Publish:
    """A PUBLISH. `properties` are kept as they came, their length before them; none at version 3.1.1."""

    flags: int
    topic: str
    packet_id: bytes
    properties: bytes
    payload: bytes

    @property
    def qos(self) -> int:
        return (self.flags >> 1) & 3

    def packet(self) -> bytes:
        topic = self.topic.encode()
        rest = len(topic).to_bytes(2, "big") + topic + self.packet_id + self.properties + self.payload
        return bytes([PUBLISH << 4 | self.flags]) + _number(len(rest)) + rest

    def with_payload(self, payload: bytes) -> "Publish":
        return replace(self, payload=payload)


def publish(packet: bytes, *, level: int = 5) -> Publish | None:
    """The PUBLISH in a whole packet; None when it is another packet."""
    if packet[0] >> 4 != PUBLISH:
        return None
    _, at = _read_number(packet, 1)
    size = int.from_bytes(packet[at : at + 2], "big")
    topic = packet[at + 2 : at + 2 + size].decode()
    at += 2 + size
    flags = packet[0] & 0x0F
    id_end = at + 2 if (flags >> 1) & 3 else at
    body = id_end
    if level == 5:
        length, after = _read_number(packet, id_end)
        body = after + length
    return Publish(flags, topic, packet[at:id_end], packet[id_end:body], packet[body:])


def _number(value: int) -> bytes:
    """A variable byte integer."""
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(out)


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
