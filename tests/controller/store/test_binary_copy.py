"""Columns as PostgreSQL's binary COPY has them; that a server takes them is `test_samples`' matter."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.store.binary_copy import Numbers, binary_copy


def rows(data: bytes, codes: str) -> list[tuple[float, ...]]:
    """As PostgreSQL documents the format: signature, flags, extension; for each row how many values, each after its length."""
    assert data.startswith(b"PGCOPY\n\xff\r\n\0" + bytes(8))
    at, found = 19, []
    while (count := struct.unpack_from(">h", data, at)[0]) != -1:
        assert count == len(codes)
        at += 2
        row = []
        for code in codes:
            size = struct.calcsize(">" + code)
            assert struct.unpack_from(">i", data, at) == (size,)
            row += struct.unpack_from(">" + code, data, at + 4)
            at += 4 + size
        found.append(tuple(row))
    assert at + 2 == len(data)
    return found


VALUES = st.tuples(
    st.integers(-(1 << 31), (1 << 31) - 1), st.integers(-(1 << 63), (1 << 63) - 1), st.floats(allow_nan=False)
)


@given(st.lists(VALUES, max_size=30))
def test_every_row_is_there(given_rows: list[tuple[int, int, float]]) -> None:
    columns = [Numbers(code, [row[at] for row in given_rows]) for at, code in enumerate("iqd")]  # type: ignore[arg-type]
    assert rows(binary_copy(columns), "iqd") == given_rows


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(OverflowError):
        binary_copy([Numbers("i", [1 << 31])])
