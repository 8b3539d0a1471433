"""Cut a byte stream into whole MQTT packets by the fixed header alone (MQTT 5.0 section 2.1; the same in 3.1.1).

Nothing here looks into a packet: the fault proxy must carry malformed ones too, and both protocol levels.
"""


class FrameSplitter:
    """Collects bytes, gives whole packets; what is incomplete stays.

    A stream that cannot be MQTT (a remaining length of five bytes, a packet above `limit`) passes as it comes from
    there on: whoever receives it shall judge it.
    """

    def __init__(self, limit: int = 8 << 20) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._raw = False

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that `data` completes, in order."""
        if self._raw:
            return [data]
        self._buffer += data
        packets = []
        start = 0
        while size := self._size_at(start):
            packets.append(bytes(self._buffer[start : start + size]))
            start += size
        del self._buffer[:start]
        return packets

    def _size_at(self, start: int) -> int:
        """The size of the packet at `start` with its header, or 0 while it is incomplete."""
        length = 0
        for index in range(4):
            position = start + 1 + index
            if position >= len(self._buffer):
                return 0
            byte = self._buffer[position]
            length |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                size = 2 + index + length
                if size > self._limit:
                    break
                return size if start + size <= len(self._buffer) else 0
        self._raw = True
        return len(self._buffer) - start


def packet_type(packet: bytes) -> int:
    """The type in the fixed header: 1 CONNECT, 2 CONNACK, 3 PUBLISH, 4 PUBACK, ..."""
    return packet[0] >> 4


def connect_level(packet: bytes) -> int | None:
    """The protocol level of a CONNECT packet (4 is 3.1.1, 5 is 5.0), or None when it is no readable CONNECT."""
    if packet_type(packet) != 1:
        return None
    body = 2
    while body < len(packet) and packet[body - 1] & 0x80:
        body += 1
    name_size = int.from_bytes(packet[body : body + 2], "big")
    at = body + 2 + name_size
    return packet[at] if at < len(packet) else None
