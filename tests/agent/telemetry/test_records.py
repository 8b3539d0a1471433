"""Records and heads of segments: what comes back, and what damage does."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.agent.telemetry.records import (
    CLASS_OF,
    HEAD_BYTES,
    KINDS,
    Damage,
    Record,
    SegmentHead,
    decode_head,
    encode,
    encode_head,
    scan,
    seed_of,
    time_of,
)

SEED = seed_of(b"l" * 16)
FRAMES = st.lists(st.binary(max_size=80), min_size=1, max_size=8)


def written(frames: list[bytes]) -> list[bytes]:
    return [encode(SEED, KINDS[n % len(KINDS)], n + 1, 1000 + n, frame) for n, frame in enumerate(frames)]


def records(data: bytes, offset: int = 0, *, whole: bool = True) -> list[Record]:
    return [one for one in scan(SEED, data, offset, whole=whole) if isinstance(one, Record)]


@given(FRAMES)
def test_what_was_written_is_read(frames: list[bytes]) -> None:
    data = b"".join(written(frames))
    found = list(scan(SEED, data, 36))
    assert [(one.seq, one.first, one.at_ms, one.kind, one.frame) for one in found if isinstance(one, Record)] == [
        (n + 1, n + 1, 1000 + n, KINDS[n % len(KINDS)], frame) for n, frame in enumerate(frames)
    ]
    assert found[0].offset == 36
    assert found[-1].end == 36 + len(data)
    assert time_of(data[:HEAD_BYTES]) == 1000


@given(FRAMES, st.data())
def test_a_tail_that_is_torn_at_any_byte_costs_its_record_alone(frames: list[bytes], data: st.DataObject) -> None:
    parts = written(frames)
    whole = b"".join(parts)
    cut = data.draw(st.integers(0, len(whole)))
    complete = sum(sum(map(len, parts[: n + 1])) <= cut for n in range(len(parts)))
    assert [one.frame for one in records(whole[:cut])] == frames[:complete]
    end = sum(map(len, parts[:complete]))
    assert [one for one in scan(SEED, whole[:cut]) if isinstance(one, Damage)] == (
        [Damage(end, cut)] if cut > end else []
    )
    assert [one for one in scan(SEED, whole[:cut], whole=False) if isinstance(one, Damage)] == [], "its rest may come"


@given(FRAMES, st.data())
def test_a_byte_that_changed_costs_the_record_it_is_in_and_no_other(frames: list[bytes], data: st.DataObject) -> None:
    parts = written(frames)
    whole = bytearray(b"".join(parts))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    hit = next(n for n in range(len(parts)) if at < sum(map(len, parts[: n + 1])))
    found = list(scan(SEED, bytes(whole)))
    assert [one.frame for one in found if isinstance(one, Record)] == [f for n, f in enumerate(frames) if n != hit]
    (damage,) = [one for one in found if isinstance(one, Damage)]
    assert damage == Damage(sum(map(len, parts[:hit])), sum(map(len, parts[: hit + 1])))


@given(FRAMES, st.data())
def test_reading_in_pieces_finds_the_same(frames: list[bytes], data: st.DataObject) -> None:
    parts = written(frames)
    whole = b"".join(parts)
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    size = data.draw(st.integers(2 * max(map(len, parts)), 400))
    found: list[Record] = []
    at = 0
    while at < len(whole):
        before = at
        for one in scan(SEED, whole[at : at + size], at, whole=at + size >= len(whole)):
            at = one.end
            if isinstance(one, Record):
                found.append(one)
        if at == before:
            assert before + size >= len(whole), "a piece of two records moves on"
            break
    assert found == records(whole)


def test_what_somebody_wrote_into_a_record_is_not_taken_for_one() -> None:
    """Guests write into notices. They do not know the log."""
    forged = encode(seed_of(bytes(16)), "alarm", 1 << 52, 1, b"forged")
    data = bytearray(b"".join((encode(SEED, "comm", 1, 1, b"x" + forged + b"y"), encode(SEED, "comm", 2, 2, b"next"))))
    data[0] ^= 1
    assert [one.seq for one in records(bytes(data))] == [2]


@pytest.mark.parametrize("bounds", [(), (3, 9, 200)])
def test_a_head_says_what_it_said_and_damage_shows(bounds: tuple[int, ...]) -> None:
    head = SegmentHead(7, 200, 2, sent=True, bounds=bounds)
    data = encode_head(SEED, head)
    assert decode_head(SEED, data + b"more") == (head, len(data))
    for at in (0, *range(8, len(data))):
        assert decode_head(SEED, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]) is None
        assert decode_head(SEED, data[:at]) is None
    assert decode_head(seed_of(bytes(16)), data) is None


def test_a_length_that_no_frame_has_is_damage() -> None:
    data = bytearray(encode(SEED, "fast", 1, 1, b"x"))
    struct.pack_into("<I", data, 8, 1 << 30)
    assert list(scan(SEED, bytes(data), whole=False)) == [Damage(0, len(data))]


def test_every_kind_has_its_class_and_its_place() -> None:
    assert KINDS == ("fast", "normal", "slow", "guest", "comm", "config", "audit", "alarm"), "as it is on the disks"
    assert set(CLASS_OF) == set(KINDS)
