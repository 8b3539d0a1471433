"""Topic names and filters: the standard's own examples, and matching against a plain model."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.link.topic_filters import LONGEST_UTF8, matches, valid_topic_filter, valid_topic_name


@pytest.mark.parametrize("name", ["a", "/", "a//b", "$SYS/x", "a b", "é/ü", "a" * LONGEST_UTF8, "$share/g/x"])
def test_valid_names(name: str) -> None:
    assert valid_topic_name(name)


@pytest.mark.parametrize("name", ["", "a/#", "+", "a+b", "#", "a\0", "\ud800", "a" * (LONGEST_UTF8 + 1), "é" * 32768])
def test_invalid_names(name: str) -> None:
    assert not valid_topic_name(name)


@pytest.mark.parametrize("topic_filter", ["#", "+", "a/#", "+/a/#", "/", "/+", "+/+", "a/+/b", "$share/g/a/#", "é/+"])
def test_valid_filters(topic_filter: str) -> None:
    assert valid_topic_filter(topic_filter)


@pytest.mark.parametrize(
    "topic_filter",
    [
        *("", "a/#/b", "a#", "#a", "a+", "+a/b", "a/b+", "##", "a/##", "++", "a\0", "\udfff", "x" * 65_536),
        *("$share/g", "$share//a", "$share/+/a", "$share/g/", "$share/g/a#", "$share/"),
    ],
)
def test_invalid_filters(topic_filter: str) -> None:
    assert not valid_topic_filter(topic_filter)


@pytest.mark.parametrize(
    ("topic_filter", "name", "expected"),
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/#", "sport", True),
        ("#", "a/b", True),
        ("#", "/", True),
        ("sport/tennis/+", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/broker", False),
        ("+/monitor", "$SYS/monitor", False),
        ("$SYS/#", "$SYS/broker", True),
        ("$SYS/monitor/+", "$SYS/monitor/clients", True),
        ("a", "a/b", False),
        ("a/b", "a", False),
        ("a/+/c", "a/b/d", False),
        ("a/+/#", "a", False),
        ("a/+/#", "a/b", True),
    ],
)
def test_matches(topic_filter: str, name: str, expected: bool) -> None:
    assert matches(topic_filter, name) is expected


levels = st.lists(st.sampled_from(["a", "b", "", "$x"]), min_size=1, max_size=5)
filters = st.lists(st.sampled_from(["a", "b", "", "+", "$x"]), min_size=1, max_size=5)


@given(filters, st.booleans(), levels)
def test_matches_as_a_regular_expression_does(parts: list[str], open_end: bool, name_parts: list[str]) -> None:
    topic_filter = "/".join([*parts, "#"] if open_end else parts)
    name = "/".join(name_parts)
    if not topic_filter or not name:
        return
    assert valid_topic_filter(topic_filter)
    pattern = "/".join("[^/]*" if part == "+" else re.escape(part) for part in parts)
    expected = re.fullmatch(pattern + ("(/.*)?" if open_end else ""), name) is not None
    if name.startswith("$") and topic_filter[0] in "+#":
        expected = False
    assert matches(topic_filter, name) is expected


@given(st.text(max_size=30))
def test_a_valid_name_is_a_valid_filter_that_matches_itself(text: str) -> None:
    if valid_topic_name(text) and not text.startswith("$share"):
        assert valid_topic_filter(text)
        assert matches(text, text)
