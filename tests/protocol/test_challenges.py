"""Proof that a request is new: the nonce is for one request, of one host's life, for a minute."""

import pytest

from guestwire.protocol import ids
from guestwire.protocol.challenges import CHALLENGE_S, Challenges
from guestwire.protocol.envelope import Header
from guestwire.protocol.steps import Now

NOW = Now(1_800_000_000_000, 100.0)
ASKED = Header(
    (1, 0), "request", ("plant", "h1"), "guest-start", ids.request_id(NOW.wall_ms), "operator:anna", NOW.wall_ms,
    NOW.wall_ms + 60_000, 60_000, bytes(32), "cli-1",
)  # fmt: skip
MADE = Challenges()


def answered(nonce: bytes | None, **changed: object) -> Header:
    return ASKED._replace(nonce=nonce, **changed)


def test_the_nonce_of_a_request_is_met_by_it_again_and_again_within_its_time() -> None:
    nonce = MADE.make(ASKED, NOW)
    for later in (0.0, CHALLENGE_S - 0.1):
        assert MADE.met(answered(nonce), Now(0, NOW.mono + later))
    assert not MADE.met(answered(nonce), Now(NOW.wall_ms, NOW.mono + CHALLENGE_S))


@pytest.mark.parametrize(
    "asked",
    [
        answered(None),
        answered(b""),
        answered(bytes(24)),
        answered(MADE.make(ASKED, NOW)[:-1]),
        answered(MADE.make(ASKED, NOW), request_id=bytes(16)),
        answered(MADE.make(ASKED, NOW), body_hash=b"b" * 32),
        answered(Challenges().make(ASKED, NOW)),
        answered((1 << 62).to_bytes(8, "big") + MADE.make(ASKED, NOW)[8:]),
    ],
    ids=["none", "empty", "zeros", "cut", "another request", "another body", "another life", "a longer time"],
)
def test_nothing_else_meets_it(asked: Header) -> None:
    assert not MADE.met(asked, NOW)
