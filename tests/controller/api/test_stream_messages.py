"""What viewers say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.api.stream_messages import read, wanted
from guestwire.controller.api.stream_view import Wanted
from guestwire.controller.host_ref import HostRef
from guestwire.model.errors import GuestwireError


def test_a_subscription() -> None:
    message = read('{"subscribe": {"kinds": ["host", "job"], "hosts": ["plant/h1"], "q": "x"}}')
    assert message.subscribe is not None
    assert wanted(message.subscribe) == Wanted(frozenset({"host", "job"}), frozenset({HostRef("plant", "h1")}), "x")
    resumed = read('{"subscribe": {"kinds": ["host"]}, "resume": {"epoch": "%s", "revision": 3}}' % ("0" * 32))
    assert resumed.resume is not None
    assert resumed.resume.revision == 3


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "[]", "null", "1", '{"subscribe": {}}', '{"subscribe": {"kinds": []}}', '{"subscribe": {"kinds": "host"}}',
        '{"subscribe": {"kinds": ["host"], "more": 1}}', '{"shout": 1}', '{"resume": {"epoch": "x", "revision": 1}}',
        '{"resume": {"epoch": "%s", "revision": 1}}' % ("0" * 32), '{"subscribe": {"kinds": ["host"], "q": "%s"}}' % ("x" * 501),
        '{"subscribe": {"kinds": ["host"]}, "resume": {"epoch": "%s", "revision": -1}}' % ("0" * 32), "[" * 100_000, '{"token": 1}',
    ],
)  # fmt: skip
def test_no_message(text: str) -> None:
    with pytest.raises(GuestwireError) as caught:
        read(text)
    assert caught.value.code == "INVALID-BODY"


@pytest.mark.parametrize(
    "subscribe",
    ['{"kinds": ["secrets"]}', '{"kinds": ["host"], "hosts": ["h1"]}', '{"kinds": ["host"], "hosts": ["*"]}'],
)
def test_nothing_to_subscribe_to(subscribe: str) -> None:
    message = read(f'{{"subscribe": {subscribe}}}')
    assert message.subscribe is not None
    with pytest.raises(GuestwireError, match="INVALID-BODY"):
        wanted(message.subscribe)


@given(st.text(max_size=300))
def test_anything_is_judged(text: str) -> None:
    try:
        read(text)
    except GuestwireError as err:
        refused = err.code
    else:
        refused = "INVALID-BODY"
    assert refused == "INVALID-BODY"
