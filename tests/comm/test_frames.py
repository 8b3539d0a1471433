"""Frames of the serial channel: whole ones, cut ones, and whatever else a guest may send."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.comm.frames import PAYLOAD_MAX, FrameReader, ReplyReader, encode_reply, encode_request
from guestwire.shm.layouts import FRAME, NUMBERS, REPLY, REQUEST

START = struct.pack("<HH", NUMBERS["GW_FRAME_MAGIC"], NUMBERS["GW_FRAME_REQUEST"])


def request(seq: int, op: str = "GW_OP_PING") -> bytes:
    return REQUEST.pack(seq=seq, op=NUMBERS[op], value=seq)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    at = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(at)]


PAYLOADS = st.binary(max_size=200) | st.integers(0, PAYLOAD_MAX).map(bytes)
MESSAGES = st.lists(PAYLOADS, max_size=6).map(lambda all: [(request(n), payload) for n, payload in enumerate(all)])
NOISE = st.binary(max_size=300).filter(lambda noise: START not in noise)
CUTS = st.lists(st.integers(0, 1 << 20), max_size=8)


def test_a_frame_is_laid_out_as_the_layouts_say():
    frame = encode_request(request(7), b"text")
    head = FRAME.unpack(frame)
    assert head["magic"] == NUMBERS["GW_FRAME_MAGIC"]
    assert head["type"] == NUMBERS["GW_FRAME_REQUEST"]
    assert head["length"] == len(frame) - FRAME.size == REQUEST.size + 4
    assert head["check"] == head["magic"] ^ head["type"] ^ head["length"]
    assert frame[FRAME.size :] == request(7) + b"text"


def test_replies_go_the_other_way():
    replies = [REPLY.pack(seq=n, value=n) for n in range(3)]
    reader = ReplyReader()
    stream = b"?" + b"GW".join(map(encode_reply, replies))
    assert [got for byte in stream for got in reader.feed(bytes([byte]))] == replies
    assert reader.skipped == 1 + 2 * 2


@settings(max_examples=60, deadline=None)
@given(MESSAGES, CUTS)
def test_requests_come_out_as_they_went_in_however_the_stream_is_cut(messages, cuts):
    reader = FrameReader()
    stream = b"".join(encode_request(*message) for message in messages)
    assert [got for piece in pieces(stream, cuts) for got in reader.feed(piece)] == messages
    assert (reader.skipped, reader.partial) == (0, 0)


@settings(max_examples=100, deadline=None)
@given(MESSAGES, st.lists(NOISE, min_size=7, max_size=7), CUTS)
def test_noise_between_frames_is_skipped_and_counted_and_nothing_else_is_lost(messages, noise, cuts):
    reader = FrameReader()
    stream = noise[6]
    for message, after in zip(messages, noise, strict=False):
        stream += encode_request(*message) + after
    got = [got for piece in pieces(stream, cuts) for got in reader.feed(piece)]
    while reader.partial:
        got += reader.abandon()
    assert got == messages
    assert reader.skipped == len(stream) - sum(len(encode_request(*message)) for message in messages)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, PAYLOAD_MAX).map(bytes), st.integers(1, 1 << 20), MESSAGES, CUTS)
def test_a_frame_that_was_cut_off_costs_nothing_else_when_silence_follows(payload, kept, messages, cuts):
    """A guest that was reset in the middle of a frame: its next life speaks after a while."""
    broken = encode_request(request(99), payload)
    reader = FrameReader()
    assert reader.feed(broken[: kept % len(broken)]) == []
    while reader.partial:
        assert reader.abandon() == []
    stream = b"".join(encode_request(*message) for message in messages)
    assert [got for piece in pieces(stream, cuts) for got in reader.feed(piece)] == messages


@settings(max_examples=60, deadline=None)
@given(st.integers(FRAME.size, FRAME.size + REQUEST.size - 1), MESSAGES)
def test_what_a_frame_that_was_cut_off_took_is_read_anew_when_it_is_given_up(kept, messages):
    """It says that it is the longest, and is cut: what follows at once looks like the rest of it."""
    reader = FrameReader()
    messages = [(one, payload[:1000]) for one, payload in messages]
    stream = encode_request(request(99), bytes(PAYLOAD_MAX))[:kept] + b"".join(
        encode_request(*message) for message in messages
    )
    assert reader.feed(stream) == []
    got = []
    while reader.partial:
        got += reader.abandon()
    assert got == messages


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.binary(max_size=400) | st.builds(bytes.__add__, st.just(START), st.binary(max_size=400)), max_size=20)
)
def test_nothing_that_a_guest_sends_raises_or_is_held_beyond_one_frame(chunks):
    reader = FrameReader()
    fed = taken = 0
    for chunk in chunks:
        fed += len(chunk)
        taken += sum(FRAME.size + len(one) + len(payload) for one, payload in reader.feed(chunk))
        assert taken + reader.skipped + reader.partial == fed
        assert reader.partial <= FRAME.size + REQUEST.size + PAYLOAD_MAX


@pytest.mark.parametrize(
    "length", [0, REQUEST.size - 1, REQUEST.size + PAYLOAD_MAX + 1, 0xFFFFFFFF], ids=["none", "short", "long", "most"]
)
def test_a_head_with_a_length_that_no_frame_has_is_noise(length):
    reader = FrameReader()
    magic, type_ = NUMBERS["GW_FRAME_MAGIC"], NUMBERS["GW_FRAME_REQUEST"]
    head = FRAME.pack(magic=magic, type=type_, length=length, check=magic ^ type_ ^ length)
    assert reader.feed(head + encode_request(request(1))) == [(request(1), b"")]
    assert reader.skipped == FRAME.size


@pytest.mark.parametrize("at", range(12))
def test_a_head_with_a_wrong_bit_is_noise(at):
    """What is left of a frame when bytes of it are missing, for one."""
    reader = FrameReader()
    broken = bytearray(encode_request(request(1)))
    broken[at] ^= 1
    assert reader.feed(bytes(broken) + encode_request(request(2))) == [(request(2), b"")]
    assert reader.skipped == len(broken)


def test_a_reader_of_requests_takes_no_replies():
    reader = FrameReader()
    assert reader.feed(encode_reply(REPLY.pack(seq=1)) + encode_request(request(1))) == [(request(1), b"")]


@pytest.mark.parametrize(
    "make", [lambda: encode_request(b"short"), lambda: encode_request(request(1), bytes(PAYLOAD_MAX + 1)),
             lambda: encode_reply(b"short")],
)  # fmt: skip
def test_what_is_no_message_is_not_framed(make):
    with pytest.raises(ValueError, match="bytes"):
        make()
