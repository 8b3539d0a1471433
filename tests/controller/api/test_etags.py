"""Revisions over HTTP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from guestwire.controller.api.etags import etag, if_match, show
from guestwire.model.errors import GuestwireError


@given(st.integers(0, 10**15 - 1))
async def test_an_etag_is_the_revision_again(revision: int) -> None:
    assert await if_match(etag(revision)) == revision


@pytest.mark.parametrize(
    ("header", "code"),
    [(None, "PRECONDITION-REQUIRED"), ("", "REVISION-STALE"), ("*", "REVISION-STALE"), ('W/"1"', "REVISION-STALE"),
     ("1", "REVISION-STALE"), ('"1", "2"', "REVISION-STALE"), ('"x"', "REVISION-STALE"), ('"' + "9" * 40 + '"', "REVISION-STALE"),
     ('"-1"', "REVISION-STALE"), ('"٣"', "REVISION-STALE")],
)  # fmt: skip
async def test_no_etag_of_ours(header: str | None, code: str) -> None:
    with pytest.raises(GuestwireError) as caught:
        await if_match(header)
    assert caught.value.code == code


def test_an_answer_says_its_revision() -> None:
    response = Response()
    show(response, 17)
    assert response.headers["etag"] == '"17"'
