"""Access modes: what they mean, what is refused, and what holds for whom."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.model.access import NONE, Access, Wrong, effective_access, format_access, parse_access, read_access
from guestwire.model.areas import MemoryArea
from guestwire.model.errors import GuestwireError

MEANT = {
    "RWC-": Access(read=True, write=True, cached=True),
    "RW--": Access(read=True, write=True, cached=False),
    "R-C-": Access(read=True, write=False, cached=True),
    "R---": Access(read=True, write=False, cached=False),
    "--C-": Access(read=False, write=False, cached=True),
    "----": Access(read=False, write=False, cached=False),
}


@pytest.mark.parametrize("text", MEANT)
def test_a_mode_means_what_its_letters_say_and_comes_back(text: str) -> None:
    assert parse_access(text) == MEANT[text]
    assert format_access(MEANT[text]) == text


def test_of_all_sixteen_only_these_six_are_modes() -> None:
    taken = set()
    for letters in product("R-", "W-", "C-", "X-"):
        try:
            parse_access("".join(letters))
        except GuestwireError:
            continue
        taken.add("".join(letters))
    assert taken == set(MEANT)


def test_three_characters_are_padded() -> None:
    assert parse_access("R--") == parse_access("R---")
    assert parse_access("RWC") == parse_access("RWC-")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "ACCESS-SYNTAX"),
        ("R", "ACCESS-SYNTAX"),
        ("--", "ACCESS-SYNTAX"),
        ("RWC--", "ACCESS-SYNTAX"),
        ("rwc-", "ACCESS-SYNTAX"),
        ("WR--", "ACCESS-SYNTAX"),
        ("R W-", "ACCESS-SYNTAX"),
        ("RWX-", "ACCESS-SYNTAX"),
        ("RWXX", "ACCESS-SYNTAX"),
        ("R-C\N{EN DASH}", "ACCESS-RESERVED"),
        ("RWCX", "ACCESS-RESERVED"),
        ("---E", "ACCESS-RESERVED"),
        ("-W-X", "ACCESS-RESERVED"),
        ("-W--", "ACCESS-W-NO-R"),
        ("-WC-", "ACCESS-W-NO-R"),
        ("-W-", "ACCESS-W-NO-R"),
    ],
)
def test_what_is_no_mode_is_refused_with_its_code(text: str, code: str) -> None:
    with pytest.raises(GuestwireError) as raised:
        parse_access(text)
    assert raised.value.code == code
    assert raised.value.field == "access"
    assert read_access(text) == Wrong(code, raised.value.message)


@given(st.text("RWC-X", max_size=6) | st.text(max_size=6))
def test_any_text_is_a_mode_or_refused(text: str) -> None:
    try:
        access = parse_access(text)
    except GuestwireError:
        return
    assert parse_access(format_access(access)) == access
    assert access.read or not access.write


def test_a_device_is_plugged_only_where_it_may_be_read() -> None:
    assert {text for text, access in MEANT.items() if access.plugged} == {"RWC-", "RW--", "R-C-", "R---"}
    assert not parse_access(NONE).plugged


def test_an_override_holds_before_the_default() -> None:
    area = MemoryArea(name="a", size=1, default_access="R---", overrides={"one": "RWC-", "two": NONE})
    assert [effective_access(area, guest) for guest in ("one", "two", "three")] == ["RWC-", "----", "R---"]
