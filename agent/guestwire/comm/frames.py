"""Frames of the serial channel (gw_frame), sans I/O: bytes in, requests or replies out.

A byte stream has no end of a message of its own: a guest that is reset in the middle of a frame leaves a half one, and
what comes next is a frame of the guest's next life. So whatever is no frame is skipped, byte by byte, and counted.

What a reader promises: it never raises, it never holds more than one frame, and of what is no frame it loses nothing but
that. A frame that was cut off still takes as many bytes as it said, from the frames behind it, unless the stream falls
silent first: then `give_up` ends it, and what it had taken is read anew. A sender that begins says HELLO, waits for its
reply, and says it again when none comes.
"""

import struct

from guestwire.shm.layouts import FRAME, NUMBERS, REPLY, REQUEST

MAGIC = NUMBERS["GW_FRAME_MAGIC"]
PAYLOAD_MAX = NUMBERS["GW_PAYLOAD_MAX"]
REQUEST_FRAME = NUMBERS["GW_FRAME_REQUEST"]
REPLY_FRAME = NUMBERS["GW_FRAME_REPLY"]
_HEAD = struct.Struct("<HHII4x")
assert _HEAD.size == FRAME.size


class _Reader:
    """Bodies of frames of one type, whose length lies between two bounds."""

    def __init__(self, type: int, shortest: int, longest: int) -> None:
        self._type = type
        self._start = struct.pack("<HH", MAGIC, type)
        self._shortest = shortest
        self._longest = longest
        self._held = bytearray()
        self.skipped = 0
        """Bytes that belonged to no frame, since it was made."""

    @property
    def partial(self) -> int:
        """Bytes that wait for the rest of their frame."""
        return len(self._held)

    def bodies(self, data: bytes) -> list[bytes]:
        self._held += data
        found: list[bytes] = []
        at = 0
        while (at := self._start_of_frame(at)) >= 0:
            if len(self._held) - at < FRAME.size:
                break
            length = self._length(at)
            if length is None:
                self.skipped += 1
                at += 1
                continue
            end = at + FRAME.size + length
            if end > len(self._held):
                break
            found.append(bytes(self._held[at + FRAME.size : end]))
            at = end
        del self._held[: len(self._held) if at < 0 else at]
        return found

    def give_up(self) -> list[bytes]:
        """The frame that is held will not be completed: what was in it after all."""
        if not self._held:
            return []
        self.skipped += 1
        del self._held[:1]
        return self.bodies(b"")

    def _start_of_frame(self, at: int) -> int:
        """Where the next frame may begin; -1: nowhere. What lies before it is skipped."""
        found = self._held.find(self._start, at)
        if found < 0:
            # the last bytes may be the first of a start that goes on with what comes next
            for kept in range(min(len(self._start) - 1, len(self._held) - at), 0, -1):
                if self._start.startswith(self._held[-kept:]):
                    found = len(self._held) - kept
                    break
        self.skipped += (len(self._held) if found < 0 else found) - at
        return found

    def _length(self, at: int) -> int | None:
        """Bytes that follow the head of a frame; None: it is none."""
        magic, type_, length, check = _HEAD.unpack_from(self._held, at)
        sound = check == magic ^ type_ ^ length and self._shortest <= length <= self._longest
        return int(length) if sound else None


class FrameReader(_Reader):
    """The host's side: requests with their payloads."""

    def __init__(self) -> None:
        super().__init__(REQUEST_FRAME, REQUEST.size, REQUEST.size + PAYLOAD_MAX)

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The requests (128 bytes each) and payloads that are whole now, in order."""
        return [_parted(body) for body in self.bodies(data)]

    def abandon(self) -> list[tuple[bytes, bytes]]:
        """The stream fell silent in the middle of a frame: that one is given up. The frames that it had swallowed."""
        return [_parted(body) for body in self.give_up()]


class ReplyReader(_Reader):
    """A guest's side: replies."""

    def __init__(self) -> None:
        super().__init__(REPLY_FRAME, REPLY.size, REPLY.size)

    def feed(self, data: bytes) -> list[bytes]:
        """The replies (64 bytes each) that are whole now, in order."""
        return self.bodies(data)


def encode_request(request: bytes, payload: bytes = b"") -> bytes:
    """A guest's side: the frame of a gw_request. Raises ValueError when it or its payload has not the size it must."""
    if len(request) != REQUEST.size or len(payload) > PAYLOAD_MAX:
        raise ValueError(f"a request has {REQUEST.size} bytes and a payload of at most {PAYLOAD_MAX}")
    return _frame(REQUEST_FRAME, request + payload)


def encode_reply(reply: bytes) -> bytes:
    """The frame of a gw_reply. Raises ValueError when it is none."""
    if len(reply) != REPLY.size:
        raise ValueError(f"a reply has {REPLY.size} bytes")
    return _frame(REPLY_FRAME, reply)


def _frame(type_: int, body: bytes) -> bytes:
    return _HEAD.pack(MAGIC, type_, len(body), MAGIC ^ type_ ^ len(body)) + body


def _parted(body: bytes) -> tuple[bytes, bytes]:
    return body[: REQUEST.size], body[REQUEST.size :]
