from typing import Literal

import pytest

from guestwire.formats.edit_values import entry, parse, table
from guestwire.model.guest import Guest, Nic

TYPES = {name: field.annotation for name, field in Guest.model_fields.items()}


@pytest.mark.parametrize(("text", "kind", "field", "value"), [
    ("12", int, "vcpus", 12), ("-3", int, "vcpus", -3), ("0xFF", int, "vcpus", 255), ("0b11", int, "vcpus", 3),
    ("64K", int, "size", 65536), ("64 KiB", int, "slot_bytes", 65536), ("2t", int, "memory_mib", 2 << 20),
    ("abc", int, "vcpus", "abc"), ("1.5", int, "vcpus", "1.5"), ("9" * 30, int, "vcpus", "9" * 30),
    ("YES", bool, "x", True), ("0", bool, "x", False), ("2", bool, "x", "2"),
    ("2", Literal[0, 2, 1024], "x", 2), ("3", Literal[0, 2], "x", "3"), ("auto", Literal["auto"] | bool, "x", "auto"),
    ("on", Literal["auto"] | bool, "x", True), ("", str | None, "x", ""), (" x ", str, "x", " x "),
    ("a, b", tuple[str, ...], "x", ["a", "b"]), ("1,2", tuple[int, ...], "x", [1, 2]), ("", tuple[str, ...], "x", []),
    ("[{}]", tuple[Nic, ...], "x", [{}]), ("{a=1}", Nic | None, "x", {"a": 1}), ("{a='b'}", dict[str, str], "x", {"a": "b"}),
    ("2,2,1", TYPES["topology"], "topology", "2,2,1"), ("[2, 2, 1]", TYPES["topology"], "topology", [2, 2, 1]),
])  # fmt: skip
def test_a_text_becomes_what_the_type_asks_for(text, kind, field, value):
    made = parse(text, kind, field)
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(("text", "kind", "field"), [
    ("1K", int, "vcpus"), ("1K", int, "memory_mib"), ("x", Nic, "x"), ("{}, {}", Nic, "x"), ("{}\n[a]", Nic, "x"), ("[", tuple[str, ...], "x"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(text, kind, field):
    with pytest.raises(ValueError):
        parse(text, kind, field)


def test_types_of_lists_and_tables_are_known():
    assert (entry(TYPES["nics"]), table(TYPES["boot"]), table(TYPES["ready_when"])) == (
        Nic, Guest.model_fields["boot"].annotation.__args__[0], Guest.model_fields["ready_when"].annotation,
    )  # fmt: skip
    assert entry(TYPES["topology"]) is None
    assert table(TYPES["title"]) is None
