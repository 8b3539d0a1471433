"""Strict msgpack."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.protocol.packing import MAX_DEPTH, PackingError, pack, unpack, unpack_flat

LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary() | st.floats(allow_nan=False)
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(VALUES)
def test_what_was_packed_comes_back(value: object) -> None:
    assert unpack(pack(value)) == value


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_value_or_an_error(data: bytes) -> None:
    for decode in (unpack, unpack_flat):
        try:
            decode(data)
        except PackingError:
            continue


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x92\x01",
        b"\x01\x01",
        b"\x82\xa1a\x01\xa1a\x02",
        b"\x81\x01\x02",
        b"\x81\xc4\x01a\x02",
        b"\x81\x91\x80\x02",
        b"\xa1\xff",
        b"\xd4\x05\x00",
        b"\xd6\xff\x00\x00\x00\x05",
        b"\x91\xd6\xff\x00\x00\x00\x05",
        b"\x81\xa1a\xd7\xff" + bytes(8),
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\x7f\xff\xff\xff",
        b"\x91" * 60_000 + b"\xc0",
    ],
    ids=[
        "nothing", "reserved", "cut", "left over", "key twice", "number as key", "bytes as key", "map as key", "not utf-8",
        "extension", "timestamp", "timestamp in an array", "timestamp in a map", "huge array", "huge map", "very deep",
    ],
)  # fmt: skip
def test_what_the_protocol_forbids_is_refused(data: bytes) -> None:
    with pytest.raises(PackingError):
        unpack(data)


def test_depth_is_bounded_exactly() -> None:
    value: object = None
    for _ in range(MAX_DEPTH):
        value = {"a": value}
    assert unpack(pack(value)) == value
    with pytest.raises(PackingError, match="nested"):
        unpack(pack([value]))


def test_a_flat_value_holds_no_map() -> None:
    assert unpack_flat(pack([1, [b"2", None]])) == (1, (b"2", None))
    with pytest.raises(PackingError, match="map"):
        unpack_flat(pack([1, {}]))


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, 1 << 64, "\ud800", 1j], ids=["object", "set", "large", "half", "complex"]
)
def test_what_cannot_be_packed_is_an_error(value: object) -> None:
    with pytest.raises(PackingError):
        pack([value])


def test_a_value_that_holds_itself_is_an_error() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(PackingError):
        pack(value)


def test_the_library_would_take_what_we_refuse() -> None:
    assert msgpack.unpackb(b"\x82\xa1a\x01\xa1a\x02") == {"a": 2}
