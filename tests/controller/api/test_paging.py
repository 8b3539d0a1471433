"""Pages and cursors."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.api.paging import LONGEST_CURSOR, Page, cursor, listing, page
from guestwire.model.errors import GuestwireError

_KEYS = st.lists(
    st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20)
    | st.integers(-(1 << 62), 1 << 62),
    min_size=1,
    max_size=4,
)


@given(_KEYS)
async def test_a_cursor_is_the_key_again(key: list[str | int]) -> None:
    text = cursor(tuple(key))
    assert (await page(10, text)).key == tuple(key)
    assert not set(text) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def made(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "%%%", "....", "AAAA", made({}), made([]), made("x"), made(None), made([None]), made([1.5]), made([["x"]]),
        made([True]), made(["a"] * 5), made([1 << 63]), made([-(1 << 70)]), made(["\0"]), made(["\ud800"]),
        base64.urlsafe_b64encode(b"[" * 500).decode(), "ä",
    ],
)  # fmt: skip
async def test_no_cursor(text: str) -> None:
    with pytest.raises(GuestwireError) as caught:
        await page(10, text)
    assert (caught.value.code, caught.value.field) == ("CURSOR-INVALID", "cursor")


def test_a_cursor_of_another_list() -> None:
    assert Page(10, ("a", 1)).after(str, int) == ("a", 1)
    assert Page(10).after(str) is None
    for key in (("a",), (1, "a"), ("a", 1, 2), (True, 1)):
        with pytest.raises(GuestwireError, match="CURSOR-INVALID"):
            Page(10, key).after(str, int)


@given(st.lists(st.integers(0, 1000), unique=True, max_size=60), st.integers(1, 20))
async def test_pages_have_everything_once(numbers: list[int], limit: int) -> None:
    rows, seen, text = sorted(numbers), [], None
    while True:
        wanted = await page(limit, text)
        after = wanted.after(int)
        there = [row for row in rows if after is None or row > after[0]][: wanted.fetch]
        shown = listing(there, wanted, lambda row: (row,))
        assert len(shown.items) <= limit
        seen.extend(shown.items)
        text = shown.next
        if text is None:
            break
        assert len(text) <= LONGEST_CURSOR
    assert seen == rows
