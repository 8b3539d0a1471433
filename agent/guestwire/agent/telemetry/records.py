"""What a segment of the spool is made of: a head, then records, each with its length and checksum. Sans-I/O.

The checksum begins from the log's id, so nothing that somebody had written into a record can be taken for one. A record that
is damaged is passed over up to the next that is sound; what was in between is told as `Damage`. Which numbers are held, and
what becomes of lost ones, is `class_log`'s matter.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from zlib import crc32

from guestwire.protocol.envelope import FRAME_LIMIT
from guestwire.protocol.notices import SPOOL_CLASS_OF
from guestwire.protocol.telemetry import TIERS, SpoolClass

KINDS: Final = ("fast", "normal", "slow", "guest", "comm", "config", "audit", "alarm")
"""What a record is: the last level of its topic. A record has the place in this list: it never changes."""
CLASS_OF: Final[Mapping[str, SpoolClass]] = {
    "fast": "metric",
    "normal": "metric",
    "slow": "metric",
    **{str(kind): name for kind, name in SPOOL_CLASS_OF.items()},
}


def is_tier(kind: str) -> bool:
    """Whether it is a batch of telemetry; else it is a notice."""
    return kind in TIERS


_RECORD: Final = struct.Struct("<4sIIIQQB3x")
"""Magic, checksum of all that follows it, length of the frame, how many numbers it stands for, the last of them, when it was
made (Unix ms), kind."""
_MAGIC: Final = b"GWrc"
_CHECKED_FROM: Final = 8
HEAD_BYTES: Final = _RECORD.size

_SEGMENT: Final = struct.Struct("<4sB3xIQQII")
"""Magic, whether anything of it was ever sent, checksum of what follows, first number, last number (0: as many as come), how
coarse, how many numbers follow: the last number of each record of a coarse segment."""
_SEGMENT_MAGIC: Final = b"GWsg"
_SEGMENT_CHECKED_FROM: Final = 12
SENT_AT: Final = 4
"""Where in a segment the byte is that says whether anything of it was sent: one that is not 0. It is outside of the checksum."""
SENT: Final = 0xFF
"""What is written there: no single bit that flips makes it unsent."""
_MOST_BOUNDS: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was found. It stands for the numbers from `first` to `seq`."""

    seq: int
    first: int
    at_ms: int
    kind: str
    frame: bytes
    offset: int
    end: int


class Damage(NamedTuple):
    """Bytes that are no sound record."""

    offset: int
    end: int


@dataclass(frozen=True, slots=True)
class SegmentHead:
    """What a segment says of itself. `last` 0: it is not a coarse one. `bounds`: the last number of each of its records, where
    it is coarse: a record stands for all numbers after the one before."""

    first: int
    last: int = 0
    level: int = 0
    sent: bool = False
    bounds: tuple[int, ...] = ()


def seed_of(log: bytes) -> int:
    """What the checksums of a log begin from."""
    return crc32(log)


def encode(seed: int, kind: str, seq: int, at_ms: int, frame: bytes, span: int = 1) -> bytes:
    """A record, ready to be written."""
    checked = _RECORD.pack(_MAGIC, 0, len(frame), span, seq, at_ms, KINDS.index(kind))[_CHECKED_FROM:]
    crc = crc32(frame, crc32(checked, seed))
    return b"".join((_MAGIC, crc.to_bytes(4, "little"), checked, frame))


def encode_head(seed: int, head: SegmentHead) -> bytes:
    """The head of a segment."""
    bounds = struct.pack(f"<{len(head.bounds)}Q", *head.bounds)
    checked = struct.pack("<QQII", head.first, head.last, head.level, len(head.bounds)) + bounds
    crc = crc32(checked, seed)
    return _SEGMENT_MAGIC + bytes((SENT if head.sent else 0, 0, 0, 0)) + crc.to_bytes(4, "little") + checked


def decode_head(seed: int, data: bytes) -> tuple[SegmentHead, int] | None:
    """The head that a segment begins with, and where its records begin; None where it is damaged."""
    if len(data) < _SEGMENT.size:
        return None
    magic, sent, crc, first, last, level, count = _SEGMENT.unpack_from(data)
    end = _SEGMENT.size + 8 * count
    if magic != _SEGMENT_MAGIC or count > _MOST_BOUNDS or len(data) < end:
        return None
    if crc32(data[_SEGMENT_CHECKED_FROM:end], seed) != crc:
        return None
    bounds = struct.unpack_from(f"<{count}Q", data, _SEGMENT.size)
    return SegmentHead(first, last, level, bool(sent), bounds), end


def time_of(data: bytes) -> int:
    """When a record was made, by its first `HEAD_BYTES`; 0 where that cannot be told. A hint: nothing was checked."""
    if len(data) < HEAD_BYTES or data[:4] != _MAGIC:
        return 0
    at_ms: int = _RECORD.unpack_from(data)[5]
    return at_ms


def scan(seed: int, data: bytes, offset: int = 0, *, whole: bool = True) -> Iterator[Record | Damage]:
    """The records in `data`, which begins at `offset` of its segment, and what is damaged. `whole`: the data end where the
    segment does; else a record at the end that is cut off is left for the next reading."""
    at = 0
    while at < len(data):
        found = _record(seed, data, at, offset)
        if found is not None:
            yield found
            at = found.end - offset
            continue
        following = _next_sound(seed, data, at + 1)
        if following is not None:
            yield Damage(offset + at, offset + following)
            at = following
            continue
        cut_off = None if whole else _cut_off_record(data, at)
        end = len(data) if cut_off is None else cut_off
        if end > at:
            yield Damage(offset + at, offset + end)
        return


def _record(seed: int, data: bytes, at: int, offset: int) -> Record | None:
    if len(data) - at < HEAD_BYTES:
        return None
    magic, crc, length, span, seq, at_ms, kind = _RECORD.unpack_from(data, at)
    end = at + HEAD_BYTES + length
    if magic != _MAGIC or length > FRAME_LIMIT or kind >= len(KINDS) or not 1 <= span <= seq or end > len(data):
        return None
    if crc32(memoryview(data)[at + _CHECKED_FROM : end], seed) != crc:
        return None
    frame = data[at + HEAD_BYTES : end]
    return Record(seq, seq - span + 1, at_ms, KINDS[kind], frame, offset + at, offset + end)


def _next_sound(seed: int, data: bytes, at: int) -> int | None:
    while (at := data.find(_MAGIC, at)) >= 0:
        if _record(seed, data, at, 0) is not None:
            return at
        at += 1
    return None


def _cut_off_record(data: bytes, at: int) -> int | None:
    """Where something begins, from `at` on, that may be a record whose rest comes with the next part."""
    at = max(at, len(data) - HEAD_BYTES - FRAME_LIMIT)
    while (at := data.find(_MAGIC, at)) >= 0:
        if len(data) - at < HEAD_BYTES:
            return at
        length = _RECORD.unpack_from(data, at)[2]
        if length <= FRAME_LIMIT and at + HEAD_BYTES + length > len(data):
            return at
        at += 1
    begun = next((n for n in (3, 2, 1) if data.endswith(_MAGIC[:n])), 0)
    return len(data) - begun if begun else None
