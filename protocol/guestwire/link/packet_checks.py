"""What MQTT 5 demands of the bytes of a packet, checked before the codec sees them.

Pure. The codec accepts much that the standard forbids, and panics on text that is not UTF-8; so every packet is walked
here first, strings, properties, flags and lengths. Each check has the frame's bytes, where the body begins and where it
ends, and either returns or raises. Values of reason codes are left to the codec, which refuses unknown ones.
"""

from collections.abc import Callable, Mapping
from typing import Final

from guestwire.link.topic_filters import SHARE_PREFIX, valid_topic_filter, valid_topic_name

REFUSED: Final = 0x80
"""Reason codes from here on are refusals."""

MALFORMED: Final = 0x81
PROTOCOL_ERROR: Final = 0x82
UNSUPPORTED_VERSION: Final = 0x84
TAKEN_OVER: Final = 0x8E
TOPIC_NAME_INVALID: Final = 0x90
RECEIVE_MAXIMUM_EXCEEDED: Final = 0x93
TOPIC_ALIAS_INVALID: Final = 0x94
PACKET_TOO_LARGE: Final = 0x95
RETAIN_NOT_SUPPORTED: Final = 0x9A
QOS_NOT_SUPPORTED: Final = 0x9B


class CodecError(Exception):
    """The bytes are not what MQTT 5 allows, or a packet cannot be written.

    `reason_code` is what DISCONNECT (or CONNACK) should say to the peer: 0x81, 0x82, 0x84, 0x90, 0x94 or 0x95.
    """

    def __init__(self, reason_code: int, message: str) -> None:
        self.reason_code = reason_code
        super().__init__(f"0x{reason_code:02X}: {message}")


Check = Callable[[bytes, int, int], None]

# What a property holds. The kinds below _BINARY are the size of a value of fixed size.
_U16, _U32 = 2, 4
_BINARY, _STRING, _TOPIC = 5, 6, 7
_PAIR, _BOOL, _U16_ABOVE_0, _U32_ABOVE_0, _VARINT_ABOVE_0, _ALIAS, _NOT_ALLOWED = 8, 9, 10, 11, 12, 13, 14

_KINDS: Mapping[int, int] = {
    0x01: _BOOL, 0x02: _U32, 0x03: _STRING, 0x08: _TOPIC, 0x09: _BINARY, 0x0B: _VARINT_ABOVE_0,
    0x11: _U32, 0x12: _STRING, 0x13: _U16, 0x15: _STRING, 0x16: _BINARY, 0x17: _BOOL, 0x18: _U32, 0x19: _BOOL,
    0x1A: _STRING, 0x1C: _STRING, 0x1F: _STRING,
    0x21: _U16_ABOVE_0, 0x22: _U16, 0x23: _ALIAS, 0x24: _BOOL, 0x25: _BOOL, 0x26: _PAIR,
    0x27: _U32_ABOVE_0, 0x28: _BOOL, 0x29: _BOOL, 0x2A: _BOOL,
}  # fmt: skip
"""Every property of MQTT 5 (2.2.2.2) by its identifier."""


def _table(*identifiers: int) -> bytes:
    """The kind of each property a packet may carry, by identifier."""
    table = bytearray([_NOT_ALLOWED] * 256)
    for identifier in (*identifiers, 0x26):
        table[identifier] = _KINDS[identifier]
    return bytes(table)


_CONNECT_PROPERTIES = _table(0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x27)
_WILL_PROPERTIES = _table(0x01, 0x02, 0x03, 0x08, 0x09, 0x18)
_CONNACK_PROPERTIES = _table(
    0x11, 0x12, 0x13, 0x15, 0x16, 0x1A, 0x1C, 0x1F, 0x21, 0x22, 0x24, 0x25, 0x27, 0x28, 0x29, 0x2A
)
PUBLISH_FROM_SERVER = _table(0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x23)
PUBLISH_FROM_CLIENT = _table(0x01, 0x02, 0x03, 0x08, 0x09, 0x23)
_ACK_PROPERTIES = _table(0x1F)
_SUBSCRIBE_PROPERTIES = _table(0x0B)
_UNSUBSCRIBE_PROPERTIES = _table()
_DISCONNECT_PROPERTIES = _table(0x11, 0x1C, 0x1F)
_AUTH_PROPERTIES = _table(0x15, 0x16, 0x1F)


def _malformed(what: str) -> CodecError:
    return CodecError(MALFORMED, what)


def string_end(data: bytes, at: int, end: int) -> int:
    """Check the UTF-8 string at `at` (1.5.4); return where it ends."""
    stop = binary_end(data, at, end)
    text = data[at + 2 : stop]
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            raise _malformed("a string is not UTF-8") from None
    if 0 in text:
        raise _malformed("a string contains NUL")
    return stop


def binary_end(data: bytes, at: int, end: int) -> int:
    """Check the binary data at `at` (1.5.6); return where it ends."""
    if at + 2 > end:
        raise _malformed("the packet ends inside a length")
    stop = at + 2 + (data[at] << 8 | data[at + 1])
    if stop > end:
        raise _malformed("a string or binary value is longer than its packet")
    return stop


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The variable byte integer at `at` (1.5.5), minimal form only, and where it ends."""
    value = shift = 0
    while shift < 28:
        if at >= end:
            raise _malformed("the packet ends inside a variable byte integer")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift:
                raise _malformed("a variable byte integer is longer than it needs to be")
            return value, at
        shift += 7
    raise _malformed("a variable byte integer has more than four bytes")


def _topic_end(data: bytes, at: int, end: int) -> int:
    stop = string_end(data, at, end)
    if not valid_topic_name(data[at + 2 : stop].decode()):
        raise CodecError(TOPIC_NAME_INVALID, "not a valid topic name")
    return stop


def properties_end(data: bytes, at: int, end: int, table: bytes) -> int:
    """Check the properties at `at`; return where they end. The codec refuses those that are there twice."""
    if at < end and data[at] < 0x80:
        stop = at + 1 + data[at]
        at += 1
    else:
        length, at = varint(data, at, end)
        stop = at + length
    if stop > end:
        raise _malformed("the properties are longer than the packet")
    while at < stop:
        kind = table[data[at]]
        if kind < _BINARY:
            at += 1 + kind
            continue
        if kind > _TOPIC:
            at = _value_end(data, at + 1, stop, kind)
            continue
        # the rest is string_end, written out: three of these are in every request
        first = at + 3
        if first > stop:
            break
        at = first + (data[at + 1] << 8 | data[at + 2])
        if kind != _BINARY and at <= stop:
            text = data[first:at]
            if not text.isascii() or 0 in text or (kind == _TOPIC and (not text or b"+" in text or b"#" in text)):
                _topic_end(data, first - 2, stop) if kind == _TOPIC else string_end(data, first - 2, stop)
    if at != stop:
        raise _malformed("a property is longer than the properties")
    return stop


def _value_end(data: bytes, at: int, end: int, kind: int) -> int:
    """Check the value at `at` of a kind that does not allow every value; return where it ends."""
    if kind == _PAIR:
        return string_end(data, string_end(data, at, end), end)
    if kind == _ALIAS:
        # we announce a Topic Alias Maximum of 0, so the peer must not send any (3.3.2.3.4)
        raise CodecError(TOPIC_ALIAS_INVALID, "a topic alias, and none was allowed")
    if kind == _NOT_ALLOWED:
        raise _malformed("a property that this packet cannot have")
    if kind == _VARINT_ABOVE_0:
        value, stop = varint(data, at, end)
    else:
        stop = at + {_BOOL: 1, _U16_ABOVE_0: 2, _U32_ABOVE_0: 4}[kind]
        value = int.from_bytes(data[at:stop])
    if value > 1 if kind == _BOOL else value == 0:
        raise CodecError(PROTOCOL_ERROR, f"a property has the forbidden value {value}")
    return stop


def publish_body(data: bytes, at: int, end: int, qos: int, table: bytes, topics: set[bytes]) -> None:
    """Check a PUBLISH from its topic to its properties. `topics` remembers the topic names found valid."""
    stop = at + 2 + (data[at] << 8 | data[at + 1]) if at + 2 <= end else end + 1
    if stop > end:
        raise _malformed("a topic is longer than its packet")
    topic = data[at + 2 : stop]
    if topic not in topics:
        if not topic:
            raise CodecError(TOPIC_ALIAS_INVALID, "an empty topic, and no topic alias was allowed")
        _topic_end(data, at, end)
        if len(topics) >= 1024:  # a peer may use any number of topics; what it costs to forget them is a check again
            topics.clear()
        topics.add(topic)
    if qos:
        stop = _packet_id_end(data, stop, end)
    if stop >= end or data[stop]:
        properties_end(data, stop, end, table)


def _packet_id_end(data: bytes, at: int, end: int) -> int:
    if at + 2 > end:
        raise _malformed("the packet ends inside its packet identifier")
    if not (data[at] or data[at + 1]):
        raise CodecError(PROTOCOL_ERROR, "packet identifier 0")
    return at + 2


def _nothing_after(at: int, end: int) -> None:
    if at != end:
        raise _malformed("bytes after the end of the packet's last field")


def _connect(data: bytes, at: int, end: int) -> None:
    name_end = string_end(data, at, end)
    if data[at + 2 : name_end] not in (b"MQTT", b"MQIsdp"):
        raise _malformed("not the protocol name of MQTT")
    if name_end >= end or data[name_end] != 5 or name_end != at + 6:
        raise CodecError(UNSUPPORTED_VERSION, "not MQTT version 5")
    at = name_end + 4  # level, flags, keep alive
    if at > end:
        raise _malformed("the packet ends inside its header")
    flags = data[name_end + 1]
    will = flags & 0x04
    if flags & 0x01 or flags & 0x18 == 0x18 or (not will and flags & 0x38):
        raise _malformed("CONNECT flags that are reserved or contradict each other")
    at = properties_end(data, at, end, _CONNECT_PROPERTIES)
    at = string_end(data, at, end)
    if will:
        at = properties_end(data, at, end, _WILL_PROPERTIES)
        at = _topic_end(data, at, end)
        at = binary_end(data, at, end)
    if flags & 0x80:
        at = string_end(data, at, end)
    if flags & 0x40:
        at = binary_end(data, at, end)
    _nothing_after(at, end)


def _connack(data: bytes, at: int, end: int) -> None:
    if end - at == 2 and data[at] < 2:
        # the form of MQTT 3.1.1, which has no properties: how a server of that version answers our CONNECT
        raise CodecError(UNSUPPORTED_VERSION, "a CONNACK of MQTT 3.1.1")
    if at + 2 > end or data[at] > 1 or (data[at] and data[at + 1]):
        raise _malformed("CONNACK flags that are reserved, or a session with a refusal")
    _nothing_after(properties_end(data, at + 2, end, _CONNACK_PROPERTIES), end)


def _ack(data: bytes, at: int, end: int) -> None:
    at = _packet_id_end(data, at, end)
    if end - at > 1:  # a reason code and properties; each may be left out
        _nothing_after(properties_end(data, at + 1, end, _ACK_PROPERTIES), end)


def _subscribe(data: bytes, at: int, end: int) -> None:
    at = properties_end(data, _packet_id_end(data, at, end), end, _SUBSCRIBE_PROPERTIES)
    if at == end:
        raise CodecError(PROTOCOL_ERROR, "no topic filter")
    while at < end:
        stop = string_end(data, at, end)
        topic_filter = _checked_filter(data, at, stop)
        if stop >= end:
            raise _malformed("a topic filter without its options")
        options = data[stop]
        if options & 0xC0 or options & 0x03 == 0x03 or options & 0x30 == 0x30:
            raise _malformed("subscription options that are reserved")
        if options & 0x04 and topic_filter.startswith(SHARE_PREFIX):
            raise CodecError(PROTOCOL_ERROR, "No Local on a shared subscription")
        at = stop + 1


def _unsubscribe(data: bytes, at: int, end: int) -> None:
    at = properties_end(data, _packet_id_end(data, at, end), end, _UNSUBSCRIBE_PROPERTIES)
    if at == end:
        raise CodecError(PROTOCOL_ERROR, "no topic filter")
    while at < end:
        stop = string_end(data, at, end)
        _checked_filter(data, at, stop)
        at = stop


def _checked_filter(data: bytes, at: int, stop: int) -> str:
    topic_filter = data[at + 2 : stop].decode()
    if not valid_topic_filter(topic_filter):
        raise _malformed("not a valid topic filter")
    return topic_filter


def _suback(data: bytes, at: int, end: int) -> None:
    at = properties_end(data, _packet_id_end(data, at, end), end, _ACK_PROPERTIES)
    if at == end:
        raise CodecError(PROTOCOL_ERROR, "no reason code")


def _empty(_data: bytes, at: int, end: int) -> None:
    _nothing_after(at, end)


def _disconnect(data: bytes, at: int, end: int) -> None:
    if end - at > 1:
        _nothing_after(properties_end(data, at + 1, end, _DISCONNECT_PROPERTIES), end)


def _auth(data: bytes, at: int, end: int) -> None:
    if end - at > 1:
        _nothing_after(properties_end(data, at + 1, end, _AUTH_PROPERTIES), end)


_BOTH: Mapping[int, Check] = {0x40: _ack, 0x50: _ack, 0x62: _ack, 0x70: _ack, 0xE0: _disconnect, 0xF0: _auth}

FROM_CLIENT: Mapping[int, Check] = {**_BOTH, 0x10: _connect, 0x82: _subscribe, 0xA2: _unsubscribe, 0xC0: _empty}
"""The first bytes that a client may send, other than those of PUBLISH, and the check of each. Flags are part of it."""

FROM_SERVER: Mapping[int, Check] = {**_BOTH, 0x20: _connack, 0x90: _suback, 0xB0: _suback, 0xD0: _empty}
"""The same for a server."""

PUBLISH_FIRST_BYTES = frozenset({0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3A, 0x3B, 0x3C, 0x3D})
"""The first bytes of PUBLISH: QoS 0 without DUP, QoS 1 and 2 with and without it; never QoS 3."""
