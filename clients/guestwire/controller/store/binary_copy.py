"""Columns of numbers as one piece of bytes that PostgreSQL takes by COPY (its binary format): a tenth of the time that values
handed over one by one take. Pure.
"""

import struct
import sys
from array import array
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

_BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_END: Final = struct.pack(">h", -1)


class Numbers(NamedTuple):
    """A column: i integer, q bigint, d double precision. There is no null in it."""

    code: Literal["i", "q", "d"]
    values: Sequence[float]


def binary_copy(columns: Sequence[Numbers]) -> bytes:
    """The rows, for COPY ... FROM STDIN (FORMAT binary). Raises OverflowError for a number that its column does not hold."""
    n = len(columns[0].values)
    packed = [_big_endian(one) for one in columns]
    row = struct.pack(">h", len(columns))
    places = []
    for one in packed:
        row += struct.pack(">i", one.itemsize)
        places.append(len(row))
        row += bytes(one.itemsize)
    # a row for each, and then byte by byte what is different in all of them
    rows = bytearray(row * n)
    for place, one in zip(places, packed, strict=True):
        data = one.tobytes()
        for at in range(one.itemsize):
            rows[place + at :: len(row)] = data[at :: one.itemsize]
    return b"".join((_BEGIN, rows, _END))


def _big_endian(column: Numbers) -> "array[int] | array[float]":
    made: array[int] | array[float] = array(column.code, column.values)
    if sys.byteorder == "little":
        made.byteswap()
    return made
