"""What a gw_request says, and a gw_reply, by hand: this is the way of every event between guests, and the table's own readers
and writers take several times as long. Pure."""

import struct
import time

from guestwire.shm.layouts import REPLY, REQUEST

_SEQ = slice(REQUEST.offsets["seq"], REQUEST.offsets["seq"] + 4)
_OP = slice(REQUEST.offsets["op"], REQUEST.offsets["op"] + 2)
_FLAGS = slice(REQUEST.offsets["flags"], REQUEST.offsets["flags"] + 2)
_HANDLE = slice(REQUEST.offsets["handle"], REQUEST.offsets["handle"] + 4)
_COUNT = slice(REQUEST.offsets["count"], REQUEST.offsets["count"] + 4)
_VALUE = slice(REQUEST.offsets["value"], REQUEST.offsets["value"] + 8)
_TEXT = REQUEST.offsets["text"]
_PACK = struct.Struct("<IiIIQQ32x").pack
assert struct.calcsize("<IiIIQQ32x") == REPLY.size


def seq_of(request: bytes) -> int:
    return int.from_bytes(request[_SEQ], "little")


def op_of(request: bytes) -> int:
    return int.from_bytes(request[_OP], "little")


def flags_of(request: bytes) -> int:
    return int.from_bytes(request[_FLAGS], "little")


def handle_of(request: bytes) -> int:
    return int.from_bytes(request[_HANDLE], "little")


def count_of(request: bytes) -> int:
    return int.from_bytes(request[_COUNT], "little")


def value_of(request: bytes) -> int:
    return int.from_bytes(request[_VALUE], "little")


def handles_of(request: bytes, count: int) -> tuple[int, ...]:
    """The handles of a GW_OP_WAIT, of which there are `count` (at most WAIT_ANY_MAX)."""
    return struct.unpack_from(f"<{count}I", request, _TEXT)


def reply_of(seq: int, code: int, handle: int, flags: int, value: int) -> bytes:
    """A gw_reply, decided now."""
    return _PACK(seq & 0xFFFFFFFF, code, handle, flags, value & 0xFFFFFFFFFFFFFFFF, time.monotonic_ns())
