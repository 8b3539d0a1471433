"""Patterns of label values: as Python's, but in a time that nobody can stretch."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guestwire.controller.telemetry.label_patterns import LabelPattern
from guestwire.model.errors import GuestwireError

ATOMS = st.sampled_from(["a", "b", "ab", ".", "[ab]", "[^a]", "[a-c1]", r"\d", r"\W", r"[\d_]", r"\.", "c"])
PATTERNS = st.recursive(
    ATOMS,
    lambda part: st.one_of(
        st.tuples(part, part).map("".join),
        st.tuples(part, part).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(part, st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}", "{0}"])).map(lambda two: f"(?:{two[0]}){two[1]}"),
    ),
    max_leaves=8,
)  # fmt: skip


@given(PATTERNS, st.lists(st.text(st.sampled_from("abc1._"), max_size=8), max_size=12))
@example("^(a|b)+$", ["ab", "", "c"])
@example(r"plant-[0-9]{2}", ["plant-01", "plant-1"])
def test_it_means_what_it_means_in_python(pattern: str, texts: list[str]) -> None:
    ours, theirs = LabelPattern(pattern), re.compile(pattern, re.DOTALL)
    for text in texts:
        assert ours.matches(text) == (theirs.fullmatch(text) is not None), (pattern, text)


@pytest.mark.parametrize(
    "pattern",
    ["(", "a)", "*", "a**", "a+?", "[", "[]", "[b-a]", "{1}", "a{2,1}", "a{x}", "a{101}", r"\b", "\\", "(?=a)", "((a{99}){99}){99}", "a" * 257],
)  # fmt: skip
def test_what_is_no_pattern_says_why(pattern: str) -> None:
    with pytest.raises(GuestwireError) as caught:
        LabelPattern(pattern)
    assert (caught.value.code, caught.value.field) == ("INVALID-BODY", "selector")


@pytest.mark.parametrize("pattern", ["(a*)*x", "(a|aa)+x", "(.*)*(.*)*(.*)*x", "(a?){50}a{50}x"])
def test_nobody_can_make_it_run_for_long(pattern: str) -> None:
    assert not LabelPattern(pattern).matches("a" * 512)  # Python's needs longer than the universe is old
