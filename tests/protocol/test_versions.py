"""Which version a message is written in."""

import pytest

from guestwire.protocol.envelope import VERSION
from guestwire.protocol.versions import answer_version, request_version


@pytest.mark.parametrize(
    ("asked", "answer"),
    [(None, VERSION), ((2, 5), VERSION), ((0, 9), VERSION), ((1, 0), (1, 0)), ((1, 99), VERSION)],
)
def test_answers(asked: tuple[int, int] | None, answer: tuple[int, int]) -> None:
    assert answer_version(asked) == answer


@pytest.mark.parametrize(("minor", "version"), [(None, VERSION), (0, (1, 0)), (99, VERSION)])
def test_requests(minor: int | None, version: tuple[int, int]) -> None:
    assert request_version(minor) == version
