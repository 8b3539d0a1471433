"""Frames of the socket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.link.frames import (
    MAX_FRAME,
    Close,
    Frame,
    FrameError,
    FrameReader,
    Hello,
    Publish,
    Watch,
    Watching,
    encode,
)
from guestwire.protocol.envelope import FRAME_LIMIT
from guestwire.protocol.packing import pack

FRAMES = st.one_of(
    st.builds(Hello, st.text(), st.text()),
    st.builds(Publish, st.text(max_size=300), st.binary(max_size=300), st.booleans()),
    st.builds(Watch, st.integers(0, 1 << 31), st.lists(st.text(max_size=20), max_size=64).map(tuple)),
    st.builds(Watching, st.integers(0, 1 << 31)),
    st.builds(Close, st.text(max_size=30)),
)


@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(1, 50), max_size=60))
def test_a_stream_cut_anywhere_gives_the_same_frames(frames: list[Frame], sizes: list[int]) -> None:
    stream = b"".join(encode(frame) for frame in frames)
    reader, got, at = FrameReader(), [], 0
    for size in [*sizes, len(stream)]:
        got += reader.feed(stream[at : at + size])
        at += size
    assert got == frames


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_frames_or_an_error(data: bytes) -> None:
    reader = FrameReader()
    try:
        for byte in data:
            reader.feed(bytes([byte]))
    except FrameError:
        return


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    "data",
    [
        (MAX_FRAME + 1).to_bytes(4, "big"),
        b"\xff\xff\xff\xff",
        framed(b""),
        framed(b"\xc1"),
        framed(pack(7)),
        framed(pack([9, "x"])),
        framed(pack([1, "topic", "text", False])),
        framed(pack([1, "topic", b"payload"])),
        framed(pack([1, "topic", b"payload", 1])),
        framed(pack([2, 1, ["a"] * 65])),
        framed(pack([2, 1, [b"a"]])),
        framed(pack([2, 1, "abc"])),
        framed(pack([0, "plant", None])),
        framed(pack({"type": 1})),
        framed(pack([4, "BUSY"]) + b"\0"),
    ],
)
def test_what_is_no_frame(data: bytes) -> None:
    with pytest.raises(FrameError):
        FrameReader().feed(data)


def test_the_largest_envelope_fits_and_more_does_not() -> None:
    frame = Publish("gw/1/" + "a" * 250, bytes(FRAME_LIMIT))
    assert FrameReader().feed(encode(frame)) == [frame]
    with pytest.raises(FrameError):
        encode(Publish("t", bytes(MAX_FRAME)))


def test_nothing_is_kept_of_frames_that_are_complete() -> None:
    reader = FrameReader()
    data = encode(Watching(1))
    assert reader.feed(data + data[:3]) == [Watching(1)]
    assert reader.feed(data[3:]) == [Watching(1)]
