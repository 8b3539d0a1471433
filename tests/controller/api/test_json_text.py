"""Bodies that no database and no model should see."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.api.json_text import DEEPEST, GREATEST, check
from guestwire.model.errors import GuestwireError


@pytest.mark.parametrize(
    ("body", "about"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"[" * 100_000, "body"),
        (b'{"a":' * 100_000, "body"),
        (b"[" * 200 + b"]" * 200, "nested"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": {"b": 1, "b": 1}}', "twice"),
        (b'{"a": "\\u0000"}', "NUL"),
        (b'["x", {"y": "\\u0000"}]', "NUL"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'"\\ud800"', "surrogate"),
        (b'{"a\\udfff": 1}', "surrogate"),
        (b'{"a": NaN}', "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e999]", "number"),
        (b"[9007199254740993]", "2\\^53"),
        (b"[-9007199254740993]", "2\\^53"),
        (b"[" + b"9" * 5000 + b"]", "2\\^53"),
        (b"1" * 5000, "2\\^53"),
    ],
)
def test_refused(body: bytes, about: str) -> None:
    with pytest.raises(GuestwireError, match=about) as caught:
        check(body)
    assert caught.value.code == "MALFORMED"
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"null", b'"x"', b"1", b"9007199254740992", b'{"a": "\\u00e4 \\ud83d\\ude00"}', b"1.5e300",
     ("[" * DEEPEST + "]" * DEEPEST).encode(), '{"ä": "€ 😀"}'.encode(), b'{"a": "\\\\u0000"}'],
)  # fmt: skip
def test_taken(body: bytes) -> None:
    check(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-GREATEST, GREATEST) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))), inner),
    max_leaves=20,
)  # fmt: skip


@given(_JSON)
def test_what_is_sound_is_taken(value: object) -> None:
    check(json.dumps(value).encode())
    check(json.dumps(value, ensure_ascii=False).encode())


@given(st.binary(max_size=200))
def test_anything_is_judged(body: bytes) -> None:
    try:
        check(body)
    except GuestwireError as err:
        refused = err.code
    else:
        refused = ""
    assert refused in ("", "MALFORMED")
