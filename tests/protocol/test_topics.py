"""The topic tree, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.link.topic_filters import matches, valid_topic_filter, valid_topic_name
from guestwire.protocol import topics
from guestwire.protocol.operations import OPERATIONS
from guestwire.protocol.topics import TOPICS, TopicError, TopicKind

SLUG = st.from_regex(r"[a-z0-9-]{1,36}", fullmatch=True)
KIND = st.sampled_from(TOPICS)


@given(KIND, st.data())
def test_a_topic_is_parsed_back_and_matches_its_filter(kind: TopicKind, data: st.DataObject) -> None:
    values = [data.draw(SLUG) for _ in kind.fields]
    text = topics.make(kind.name, *values)
    assert valid_topic_name(text)
    assert text.count("/") <= 7
    topic = topics.parse(text)
    assert topic is not None
    assert topic.kind == kind.name
    assert [topic[field] for field in kind.fields] == values
    known = {field: value for field, value in zip(kind.fields, values, strict=True) if data.draw(st.booleans())}
    topic_filter = topics.topic_filter(kind.name, **known)
    assert valid_topic_filter(topic_filter)
    assert matches(topic_filter, text)


@given(st.text())
def test_any_text_is_a_topic_or_none(text: str) -> None:
    topic = topics.parse(text)
    assert topic is None or topics.make(topic.kind, *(value for _, value in topic.values)) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "gw", "gw/1", "gw/1/plant", "gw/2/plant/host/h1/presence", "gw/1/plant/host/h1/presence/", "gw/1/plant/host//presence",
        "gw/1/plant/host/H1/presence", "gw/1/plant/host/+/presence", "gw/1/plant/host/h1/request/cli-1", "gw/1/plant/host/h1/unknown",
        "gw/1/plant/host/h1/request/cli-1/guest-start/more", "xx/1/plant/host/h1/presence", f"gw/1/plant/host/{'a' * 37}/presence",
    ],
)  # fmt: skip
def test_what_is_no_topic_of_ours(text: str) -> None:
    assert topics.parse(text) is None


def test_no_two_rows_have_the_same_shape() -> None:
    shapes = [tuple("" if level.startswith("{") else level for level in kind.levels) for kind in TOPICS]
    for one in range(len(shapes)):
        for other in range(one):
            same_length = len(shapes[one]) == len(shapes[other])
            assert not same_length or any(a != b for a, b in zip(shapes[one], shapes[other], strict=True) if a and b)


def test_levels_are_checked_when_a_topic_is_made() -> None:
    with pytest.raises(TopicError):
        topics.make("presence", "plant", "H1")
    with pytest.raises(TopicError):
        topics.make("presence", "plant")
    with pytest.raises(TopicError):
        topics.topic_filter("presence", site="+")
    with pytest.raises(KeyError):
        topics.parse("gw/1/plant/host/h1/presence")["client"]  # type: ignore[index]


def test_every_operation_is_a_topic_level() -> None:
    for operation in OPERATIONS:
        topics.make("request", "plant", "h1", "cli-1", operation.name)


def test_long_foreign_topics_are_not_kept() -> None:
    """Anybody may publish them; they must not fill the agent's memory."""
    kept = topics._parse.cache_info().currsize
    for number in range(50):
        assert topics.parse(f"gw/1/plant/host/h1/request/me/{number:065000d}") is None
    assert topics._parse.cache_info().currsize == kept
