"""How a layout is written down, and its codec."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.shm.layout import SIZES, Constant, Field, Scalar, Struct

POINT = Struct(
    "point", "", 32,
    (Field("u32", "x"), Field("i32", "y"), Field("u64", "many", "", 2), Field("char", "name", "", 8)),
)  # fmt: skip


def test_offsets_are_those_of_the_fields() -> None:
    assert POINT.offsets == {"x": 0, "y": 4, "many": 8, "name": 24}


def test_bytes_are_little_endian_and_missing_fields_are_zero() -> None:
    assert POINT.pack(x=1, y=-1, many=(2,), name="ä") == (
        b"\x01\0\0\0" + b"\xff" * 4 + b"\x02" + bytes(15) + "ä".encode() + bytes(6)
    )
    assert POINT.pack() == bytes(32)


def test_what_was_packed_is_unpacked() -> None:
    assert POINT.unpack(b"??" + POINT.pack(x=7, y=-3, many=(5, 6), name="seven"), 2) == {
        "x": 7, "y": -3, "many": (5, 6), "name": "seven",
    }  # fmt: skip


def test_a_text_ends_at_its_zero_byte_and_may_be_anything() -> None:
    assert POINT.unpack(bytes(24) + b"a\0bcdefg")["name"] == "a"
    assert POINT.unpack(bytes(24) + b"\xff" * 8)["name"] == "\ufffd" * 8


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"z": 1}, "point has no z"),
        ({"x": -1}, "point"),
        ({"x": 1 << 32}, "point"),
        ({"y": 1 << 31}, "point"),
        ({"many": (1, 2, 3)}, "point.many takes at most 2 numbers"),
        ({"many": 1}, "point.many takes at most 2 numbers"),
        ({"name": "12345678"}, "point.name takes at most 7 bytes"),
        ({"name": 7}, "point.name takes at most 7 bytes"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        POINT.pack(**values)


@pytest.mark.parametrize(("data", "at"), [(bytes(31), 0), (bytes(32), 1), (b"", 0)])
def test_too_few_bytes_are_refused(data: bytes, at: int) -> None:
    with pytest.raises(ValueError, match="point"):
        POINT.unpack(data, at)


@pytest.mark.parametrize(
    ("size", "fields", "complaint"),
    [
        (8, (Field("u32", "a"),), "its fields take 4 bytes, not 8"),
        (12, (Field("u32", "a"), Field("u64", "b")), "s.b at 4 is not aligned"),
        (3, (Field("u8", "a"), Field("u16", "b")), "s.b at 1 is not aligned"),
    ],
)
def test_a_layout_with_gaps_is_none(size: int, fields: tuple[Field, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Struct("s", "", size, fields)


@given(st.sampled_from(sorted(SIZES)), st.integers(1, 4))
@settings(max_examples=50)
def test_a_field_has_the_size_of_its_items(kind: Scalar, count: int) -> None:
    assert Field(kind, "f", count=count).size == SIZES[kind] * count


@given(st.binary(min_size=32, max_size=32))
@settings(max_examples=100)
def test_any_bytes_are_a_record(data: bytes) -> None:
    values = POINT.unpack(data)
    if len(values["name"].encode()) < 8 and "\ufffd" not in values["name"]:
        assert POINT.unpack(POINT.pack(**values)) == values


def test_a_constant_has_a_text_where_it_needs_one() -> None:
    assert Constant("GW_X", 1).text == ""
