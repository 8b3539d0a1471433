"""The guard around the `mqtt5` codec: bytes to packets and back, nothing but packets or `CodecError`.

The only importer of `mqtt5`; whoever needs its packet classes takes them from here. No I/O, no clock. It frames the
stream itself and caps a packet's size before buffering it, has every packet walked by `packet_checks` before the codec
sees it, and turns all the codec can raise, panics included, into `CodecError`. What depends on a connection's state (CONNECT
comes first and once, packet identifiers in use, limits in flight) is its owner's. Enums of the codec are not
IntEnums: they have no hash and no order; compare their `.value`.
"""

from collections.abc import Iterator
from typing import Literal

from mqtt5 import (
    AuthPacket,
    ConnAckPacket,
    ConnAckReasonCode,
    ConnectPacket,
    DisconnectPacket,
    DisconnectReasonCode,
    Packet,
    PingReqPacket,
    PingRespPacket,
    PubAckPacket,
    PubAckReasonCode,
    PubCompPacket,
    PubCompReasonCode,
    PublishPacket,
    PubRecPacket,
    PubRecReasonCode,
    PubRelPacket,
    PubRelReasonCode,
    QoS,
    RetainHandling,
    SubAckPacket,
    SubAckReasonCode,
    SubscribePacket,
    TopicFilter,
    UnsubAckPacket,
    UnsubAckReasonCode,
    UnsubscribePacket,
    Will,
    read,
)

from guestwire.link.packet_checks import (
    FROM_CLIENT,
    FROM_SERVER,
    MALFORMED,
    PACKET_TOO_LARGE,
    PROTOCOL_ERROR,
    PUBLISH_FIRST_BYTES,
    PUBLISH_FROM_CLIENT,
    PUBLISH_FROM_SERVER,
    CodecError,
    publish_body,
)

__all__ = [
    "LARGEST_PACKET",
    "AuthPacket",
    "CodecError",
    "ConnAckPacket",
    "ConnAckReasonCode",
    "ConnectPacket",
    "DisconnectPacket",
    "DisconnectReasonCode",
    "Framer",
    "Packet",
    "PingReqPacket",
    "PingRespPacket",
    "PubAckPacket",
    "PubAckReasonCode",
    "PubCompPacket",
    "PubCompReasonCode",
    "PubRecPacket",
    "PubRecReasonCode",
    "PubRelPacket",
    "PubRelReasonCode",
    "PublishPacket",
    "QoS",
    "RetainHandling",
    "SubAckPacket",
    "SubAckReasonCode",
    "SubscribePacket",
    "TopicFilter",
    "UnsubAckPacket",
    "UnsubAckReasonCode",
    "UnsubscribePacket",
    "Will",
    "puback",
    "write",
]

LARGEST_PACKET = 128 * 1024 * 1024
"""Bytes in the largest packet that `write` makes. MQTT's own limit is 256 MiB; the codec panics there."""


class Framer:
    """Cuts a received stream into packets. After a `CodecError` it must not be fed again: close the connection.

    `peer` says who sends the bytes: a "client" (we are a broker) or a "server" (we are a client); packets that only the
    other side may send are refused. `max_packet` is the largest whole packet, in bytes.
    """

    __slots__ = ("_checks", "_max_packet", "_need", "_publish_properties", "_rest", "_topics")

    def __init__(self, max_packet: int, peer: Literal["client", "server"]) -> None:
        self._max_packet = max_packet
        self._checks = FROM_CLIENT if peer == "client" else FROM_SERVER
        self._publish_properties = PUBLISH_FROM_CLIENT if peer == "client" else PUBLISH_FROM_SERVER
        self._rest = bytearray()
        self._need = 2
        self._topics: set[bytes] = set()

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Yield the packets that are complete with `data`, then raise `CodecError` if what follows is wrong.

        The iterator must be run to its end (or the connection closed): it keeps the incomplete rest only then.
        """
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return
            data = bytes(self._rest)
            self._rest.clear()
        view = memoryview(data)
        size = len(data)
        topics, publish_properties = self._topics, self._publish_properties
        at = 0
        while size - at >= 2:
            first = data[at]
            length = data[at + 1]
            body = at + 2
            if length > 0x7F:
                if size - at > 2 and 0 < data[at + 2] < 0x80:  # two bytes: nearly every message
                    length = length & 0x7F | data[at + 2] << 7
                    body = at + 3
                else:
                    length, body = _remaining_length(data, at + 1, size)
                    if not body:
                        self._need = size - at + 1
                        break
            end = body + length
            if end - at > self._max_packet:
                raise CodecError(PACKET_TOO_LARGE, f"a packet of {end - at} bytes")
            if end > size:
                self._check_first(first)
                self._need = end - at
                break
            if first in PUBLISH_FIRST_BYTES:
                publish_body(data, body, end, first & 0x06, publish_properties, topics)
            else:
                self._check_first(first)
                self._checks[first](data, body, end)
            try:
                packet, used = read(view[at:end])
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as err:  # noqa: BLE001 (a panic is one; the checks should leave it no cause)
                raise CodecError(MALFORMED, str(err)) from None
            at += used
            if at != end:
                raise CodecError(MALFORMED, "bytes after the end of the packet's last field")
            yield packet
        else:
            self._need = 2
        if at < size:
            self._rest += view[at:]

    def _check_first(self, first: int) -> None:
        """Refuse a packet by its first byte, before its body is awaited."""
        if first not in self._checks and first not in PUBLISH_FIRST_BYTES:
            raise CodecError(MALFORMED, f"a packet that begins with 0x{first:02X}")


def _remaining_length(data: bytes, at: int, size: int) -> tuple[int, int]:
    """The Remaining Length at `at`, and where it ends: 0 if more bytes are needed to tell."""
    value = shift = 0
    while shift < 28:
        if at >= size:
            return 0, 0
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if not byte:
                break
            return value, at
        shift += 7
    raise CodecError(MALFORMED, "a Remaining Length that is too long")


def write(packet: Packet, max_packet: int = LARGEST_PACKET) -> bytes:
    """The bytes of a packet. Raises `CodecError`: 0x95 above `max_packet`, 0x82 if the codec cannot write it.

    What a packet is made of must be checked before: the codec's constructors raise ValueError, TypeError,
    OverflowError or UnicodeEncodeError, and neither they nor this look at wildcards in topics.
    """
    # the codec panics at 256 MiB: no packet may come near
    if isinstance(packet, PublishPacket) and len(packet.payload) > max_packet:
        raise CodecError(PACKET_TOO_LARGE, f"a payload of {len(packet.payload)} bytes, and {max_packet} are allowed")
    try:
        frame = packet.write()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as err:  # noqa: BLE001 (a panic of the codec is a BaseException)
        raise CodecError(PROTOCOL_ERROR, str(err)) from None
    if len(frame) > max_packet:
        raise CodecError(PACKET_TOO_LARGE, f"a packet of {len(frame)} bytes, and {max_packet} are allowed")
    return frame


def puback(packet_id: int) -> bytes:
    """The bytes of a PUBACK with reason 0: one is written for every QoS 1 message, so it is made without the codec."""
    return b"\x40\x02" + packet_id.to_bytes(2)
