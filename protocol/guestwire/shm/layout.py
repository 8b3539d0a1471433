"""How a layout is written down: fields at offsets, as C lays them out on every 64-bit machine (little endian, naturally
aligned, no hidden padding: every gap is a field)."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Scalar = Literal["u8", "u16", "u32", "u64", "i32", "char"]

FORMATS: Mapping[Scalar, str] = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i32": "i", "char": "s"}
SIZES: Mapping[Scalar, int] = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i32": 4, "char": 1}

Value = int | bytes | str | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field. `count` above 1 makes an array; an array of char is a text, padded with zero bytes (UTF-8, never without one
    zero byte at its end). `atomic`: read and written whole by both sides at once; in C it is _Atomic."""

    type: Scalar
    name: str
    text: str = ""
    count: int = 1
    atomic: bool = False

    @property
    def size(self) -> int:
        return SIZES[self.type] * self.count

    @property
    def format(self) -> str:
        return (
            f"{self.count}s" if self.type == "char" else f"{self.count if self.count > 1 else ''}{FORMATS[self.type]}"
        )


@dataclass(frozen=True)
class Struct:
    """A layout. `size` is exact: the fields fill it. Raises ValueError when they do not, or one is not aligned."""

    name: str
    text: str
    size: int
    fields: Sequence[Field]

    def __post_init__(self) -> None:
        at = 0
        for field in self.fields:
            if at % SIZES[field.type]:
                raise ValueError(f"{self.name}.{field.name} at {at} is not aligned")
            at += field.size
        if at != self.size:
            raise ValueError(f"{self.name}: its fields take {at} bytes, not {self.size}")

    @cached_property
    def offsets(self) -> Mapping[str, int]:
        offsets, at = {}, 0
        for field in self.fields:
            offsets[field.name] = at
            at += field.size
        return offsets

    @cached_property
    def _struct(self) -> struct.Struct:
        return struct.Struct("<" + "".join(field.format for field in self.fields))

    def pack(self, **values: Value) -> bytes:
        """The bytes of a record; a field that is not named is zero. Raises ValueError: a text too long, a number out of
        range, a name that is no field."""
        if unknown := values.keys() - self.offsets.keys():
            raise ValueError(f"{self.name} has no {', '.join(sorted(unknown))}")
        flat: list[Any] = []
        for field in self.fields:
            value = values.get(
                field.name, b"" if field.type == "char" else 0 if field.count == 1 else (0,) * field.count
            )
            if field.type == "char":
                data = value.encode() if isinstance(value, str) else value
                if not isinstance(data, bytes) or len(data) >= field.count:
                    raise ValueError(f"{self.name}.{field.name} takes at most {field.count - 1} bytes")
                flat.append(data)
            elif field.count > 1:
                if not isinstance(value, tuple) or len(value) > field.count:
                    raise ValueError(f"{self.name}.{field.name} takes at most {field.count} numbers")
                flat.extend((*value, *(0,) * (field.count - len(value))))
            else:
                flat.append(value)
        try:
            return self._struct.pack(*flat)
        except struct.error as err:
            raise ValueError(f"{self.name}: {err}") from err

    def unpack(self, data: bytes | bytearray | memoryview, at: int = 0) -> dict[str, Any]:
        """The values at an offset: numbers, tuples of numbers, and texts up to their first zero byte (what is not UTF-8 in
        them is replaced: a guest may have written it). Raises ValueError when there are too few bytes."""
        try:
            flat = self._struct.unpack_from(data, at)
        except struct.error as err:
            raise ValueError(f"{self.name}: {err}") from err
        values: dict[str, Any] = {}
        n = 0
        for field in self.fields:
            if field.type == "char":
                values[field.name] = flat[n].split(b"\0", 1)[0].decode("utf-8", "replace")
                n += 1
            elif field.count > 1:
                values[field.name] = flat[n : n + field.count]
                n += field.count
            else:
                values[field.name] = flat[n]
                n += 1
        return values


@dataclass(frozen=True, slots=True)
class Constant:
    """A number that both sides know."""

    name: str
    value: int
    text: str = ""
