"""TOML texts: read with bounds, written for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.formats.toml_text import DEPTH, key, path_text, read, value, write
from guestwire.model.errors import GuestwireError

PLAIN = st.recursive(
    st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), PLAIN, max_size=4))
def test_written_tables_are_read_as_they_were(table):
    assert read(write(table)) == table
    assert read(f"x = {value(table)}") == {"x": table}


def test_tables_come_after_values_with_a_blank_line_before_each():
    table = {"t": {"u": {"x": 1}}, "e": {}, "a": [{"b": 2}, {}], "v": [1, True], "s": "it's", "q": 'a "b"', "l": "a\nb"}
    assert write(table) == (
        "v = [1, true]\ns = \"it's\"\nq = 'a \"b\"'\nl = \"\"\"\na\nb\"\"\"\n\n"
        "[t.u]\nx = 1\n\n[e]\n\n[[a]]\nb = 2\n\n[[a]]\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "written"), [("a-1_B", "a-1_B"), ("", '""'), ("a.b", '"a.b"'), ('"', '"\\""'), ("é", '"é"')]
)
def test_a_key_is_quoted_where_it_must(text, written):
    assert key(text) == written
    assert path_text((text, 0)) == f"{written}.0"


@pytest.mark.parametrize("text", [
    "x = " + "[" * (DEPTH + 1) + "]" * (DEPTH + 1), "x" + ".x" * DEPTH + " = 1", "x = [9223372036854775808]", "x = -9223372036854775809",
    "x = " + "9" * 5000, "x = 1979-99-99", "\ud800 = 1",
])  # fmt: skip
def test_what_has_no_room_is_refused(text):
    with pytest.raises(GuestwireError) as caught:
        read(text)
    assert caught.value.code == "DOCUMENT-INVALID"
    assert caught.value.detail["issues"]


def test_the_deepest_document_is_read():
    assert read("x" + ".x" * (DEPTH - 1) + " = 1")
