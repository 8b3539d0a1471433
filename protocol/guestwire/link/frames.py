"""Frames of the socket and of the TCP listener: a 4-byte big-endian length, then msgpack [type, ...]. Sans-I/O.

The envelopes inside are the same as over a broker, under the same topics, so a site without a network is not a second
protocol.
"""

from dataclasses import dataclass

from guestwire.protocol import topics
from guestwire.protocol.envelope import FRAME_LIMIT
from guestwire.protocol.packing import PackingError, pack, unpack_flat

MAX_FRAME = FRAME_LIMIT + 1024
HELLO, PUBLISH, WATCH, WATCHING, CLOSE = 0, 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Hello:
    """The host's first frame: who it is."""

    site: str
    host: str


@dataclass(frozen=True, slots=True)
class Publish:
    """An envelope under its topic."""

    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """A client asks for the messages of topic filters; what is retained comes first, then `Watching`."""

    number: int
    topic_filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Watching:
    number: int


@dataclass(frozen=True, slots=True)
class Close:
    """Why the host ends the connection: a code of the error table."""

    code: str


Frame = Hello | Publish | Watch | Watching | Close


class FrameError(ValueError):
    """Bytes that are no frame: the connection is of no more use."""


def encode(frame: Frame) -> bytes:
    match frame:
        case Publish(topic, payload, retained):
            value: tuple[object, ...] = (PUBLISH, topic, payload, retained)
        case Hello(site, host):
            value = (HELLO, site, host)
        case Watch(number, filters):
            value = (WATCH, number, filters)
        case Watching(number):
            value = (WATCHING, number)
        case Close(code):
            value = (CLOSE, code)
    body = pack(value)
    if len(body) > MAX_FRAME:
        raise FrameError(f"{len(body)} bytes; a frame has at most {MAX_FRAME}")
    return len(body).to_bytes(4, "big") + body


def _decode(body: bytes) -> Frame:
    try:
        value = unpack_flat(body)
        match value:
            case (0, str(site), str(host)):
                return Hello(site, host)
            case (1, str(topic), bytes(payload), bool(retained)):
                return Publish(topic, payload, retained)
            case (2, int(number), tuple(filters)) if len(filters) <= 64 and all(_is_filter(f) for f in filters):
                return Watch(number, filters)
            case (3, int(number)):
                return Watching(number)
            case (4, str(code)):
                return Close(code)
    except PackingError as err:
        raise FrameError(str(err)) from err
    raise FrameError("unknown frame")


def _is_filter(value: object) -> bool:
    """A text that is no longer than a topic filter of ours can be: a connection keeps many of them."""
    return isinstance(value, str) and len(value) <= topics.LONGEST


class FrameReader:
    """Cuts a byte stream into frames. After a FrameError it must not be fed again."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames completed by `data`."""
        self._buffer += data
        frames: list[Frame] = []
        at = 0
        while len(self._buffer) - at >= 4:
            length = int.from_bytes(self._buffer[at : at + 4], "big")
            if length > MAX_FRAME:
                raise FrameError(f"a frame of {length} bytes; at most {MAX_FRAME}")
            if len(self._buffer) - at - 4 < length:
                break
            frames.append(_decode(bytes(self._buffer[at + 4 : at + 4 + length])))
            at += 4 + length
        del self._buffer[:at]
        return frames

    @property
    def partial(self) -> bool:
        """Whether the rest of a frame is to come."""
        return bool(self._buffer)
