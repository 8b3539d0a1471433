"""Errors over the wire."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.model.errors import BY_CODE, CODES, GuestwireError
from guestwire.protocol.envelope import PART_LIMIT
from guestwire.protocol.error_body import from_body, to_body
from guestwire.protocol.packing import pack, unpack


@pytest.mark.parametrize("code", [row.code for row in CODES])
def test_every_code_comes_back(code: str) -> None:
    error = GuestwireError(code, "words", field="a.b", after_ms=5, detail={"x": [1, None]}, cause=("INTERNAL",))
    back = from_body(to_body(error))
    assert (back.code, back.message, back.field, back.after_ms) == (code, "words", "a.b", 5)
    assert back.detail == {"x": (1, None)}
    assert back.cause == ("INTERNAL",)


@given(st.text(), st.dictionaries(st.text(), st.binary() | st.integers() | st.text()), st.lists(st.text()))
def test_anything_in_it_still_fits_a_frame(message: str, detail: dict[str, Any], cause: list[str]) -> None:
    body = to_body(GuestwireError("INTERNAL", message, field=message * 3, detail=detail, cause=cause))
    assert len(body) <= PART_LIMIT
    assert from_body(body).code == "INTERNAL"


@pytest.mark.parametrize(
    "detail",
    [{"big": "x" * 100_000}, {"odd": object()}, {"deep": [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}, {"huge": 1 << 80}],
)
def test_a_detail_that_cannot_go_is_left_out(detail: dict[str, Any]) -> None:
    back = from_body(to_body(GuestwireError("BUSY", after_ms=7, detail=detail)))
    assert (back.code, back.after_ms) == ("BUSY", 7)


def test_a_code_of_a_newer_host_keeps_its_kind_and_words() -> None:
    body = {"code": "TELEPORT-JAM", "kind": "BUSY", "where": "host", "retry": "after", "message": "wait", "after_ms": 9}
    back = from_body(pack(body))
    assert back.kind.value == "BUSY"
    assert (back.message, back.after_ms, back.detail["code"]) == ("wait", 9, "TELEPORT-JAM")
    assert from_body(pack(body | {"kind": "NEWER"})).code == "INTERNAL"


@given(st.binary(max_size=100))
def test_any_bytes_are_some_error(data: bytes) -> None:
    assert from_body(data).code in BY_CODE


def test_the_body_says_the_row_again() -> None:
    body = unpack(to_body(GuestwireError("BUSY")))
    row = BY_CODE["BUSY"]
    assert (body["kind"], body["where"], body["retry"]) == (row.kind.value, row.where.value, row.retry.value)
