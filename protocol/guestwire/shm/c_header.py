"""The table as a C header: constants, structs, and assertions that a compiler lays them out as the table says."""

from collections.abc import Iterator, Mapping

from guestwire.shm.layout import Constant, Field, Scalar, Struct
from guestwire.shm.layouts import CONSTANTS, LOCK_EVENT, QUEUE_EVENT, SPACE_EVENT, STRUCTS, WAIT_ANY_MAX

C_TYPES: Mapping[Scalar, str] = {
    "u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t", "i32": "int32_t", "char": "char",
}  # fmt: skip

TEXTS: Mapping[str, tuple[str, str]] = {
    "GW_QUEUE_EVENT": (QUEUE_EVENT, "and the queue's name: its reader waits on this event"),
    "GW_SPACE_EVENT": (SPACE_EVENT, "and the ring's number: its writer waits on it for a free slot"),
    "GW_LOCK_EVENT": (LOCK_EVENT, "and the lock's name: who wants it waits on it"),
}

OPENING = """\
/* guestwire_layout.h - what lies in memory that guests share. Made from guestwire.shm.layouts by
 * guestwire.guest.c.generate: change it there. Little endian, naturally aligned, no hidden padding. C11;
 * C++ sees the atomic fields as volatile ones. */
#ifndef GUESTWIRE_LAYOUT_H
#define GUESTWIRE_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define GW_ATOMIC(type) volatile type
#define GW_ASSERT(condition) static_assert(condition, #condition)
#else
#define GW_ATOMIC(type) _Atomic(type)
#define GW_ASSERT(condition) _Static_assert(condition, #condition)
#endif
"""


def c_header() -> str:
    """The text of guestwire_layout.h."""
    parts = [OPENING, "\n".join(_constants()), *(_struct(struct) for struct in STRUCTS), "#endif"]
    return "\n".join(f"{part}\n" if not part.endswith("\n") else part for part in parts)


def _constants() -> Iterator[str]:
    for constant in CONSTANTS:
        yield _define(constant.name, _number(constant), constant.text)
    yield _define("GW_WAIT_ANY_MAX", str(WAIT_ANY_MAX), "handles in a GW_OP_WAIT")
    for name, (value, text) in TEXTS.items():
        yield _define(name, f'"{value}"', text)


def _define(name: str, value: str, text: str) -> str:
    line = f"#define {name} {value}"
    return f"{line} /* {text} */" if text else line


def _number(constant: Constant) -> str:
    if constant.value < 0:
        return f"({constant.value})"
    if constant.value > 0xFFFFFFFF:
        return f"UINT64_C({constant.value:#x})"
    return f"{constant.value:#x}u" if constant.value > 0x7FFFFFFF else str(constant.value)


def _struct(struct: Struct) -> str:
    return "\n".join(
        (
            f"/* {struct.text} */",
            f"struct {struct.name} {{",
            *(f"    {_member(field)}" for field in struct.fields),
            "};",
            f"GW_ASSERT(sizeof(struct {struct.name}) == {struct.size});",
            *(f"GW_ASSERT(offsetof(struct {struct.name}, {n}) == {at});" for n, at in struct.offsets.items()),
        )
    )


def _member(field: Field) -> str:
    kind = C_TYPES[field.type]
    array = f"[{field.count}]" if field.count > 1 or field.type == "char" else ""
    line = f"GW_ATOMIC({kind}) {field.name}{array};" if field.atomic else f"{kind} {field.name}{array};"
    return f"{line} /* {field.text} */" if field.text else line
