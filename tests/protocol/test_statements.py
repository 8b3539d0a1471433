"""Signed statements."""

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import PART_LIMIT, decode, encode
from guestwire.protocol.operation_models import LogLines, Pong
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import read, state
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument

HOST, OTHER, STRANGER = (SigningKey(bytes([n] * 32)) for n in range(1, 4))
NOW = Now(1_800_000_000_000, 0.0)
TRUST = Trust(
    TrustDocument(
        site="plant",
        rev=1,
        issued_at=0,
        signers=tuple(
            Signer(
                principal=f"host:{name}", public_key=key.public.raw.hex(), scope=Scope(), not_after=NOW.wall_ms + 1000
            )
            for name, key in (("h1", HOST), ("h2", OTHER))
        ),
    )
)
BODY = Pong(payload=b"x", now=1, epoch=2)


def said(key: SigningKey = HOST, kind: str = "reported", speaker: str = "host:h1", site: str = "plant") -> bytes:
    return state(kind, site, speaker, BODY, key, NOW.wall_ms, n=5)


def test_a_statement_is_read() -> None:
    statement = read(said(), TRUST, "plant", "host:h1", "reported", NOW)
    assert (statement.kind, statement.principal, statement.issued_at, statement.n) == (
        "reported",
        "host:h1",
        NOW.wall_ms,
        5,
    )
    assert statement.verified
    assert statement.read(Pong) == BODY


def test_without_a_trust_document_nothing_is_verified() -> None:
    assert not read(said(STRANGER), None, "plant", "host:h1", "reported", NOW).verified


def unsigned(frame: bytes) -> bytes:
    envelope = decode(frame)
    return encode(envelope.header, envelope.body)


def test_an_unsigned_one_of_who_has_no_key_is_readable_and_not_verified() -> None:
    nobody = unsigned(said(STRANGER, speaker="host:h9"))
    assert not read(nobody, TRUST, "plant", "host:h9", "reported", NOW).verified


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (unsigned(said()), "BAD-SIGNATURE"),
        (said(OTHER), "BAD-SIGNATURE"),
        (said(STRANGER), "BAD-SIGNATURE"),
        (said(OTHER, speaker="host:h2"), "MISADDRESSED"),
        (said(kind="capabilities"), "MISADDRESSED"),
        (said(site="depot"), "MISADDRESSED"),
        (said()[:-1], "MALFORMED"),
        (encode(decode(said()).header, b"\x80", (HOST,)), "BODY-MISMATCH"),
        (encode(decode(said()).header._replace(crit=("x",)), decode(said()).body, (HOST,)), "UNKNOWN-CRITICAL"),
    ],
)
def test_what_is_not_believed(frame: bytes, code: str) -> None:
    with pytest.raises(GuestwireError) as raised:
        read(frame, TRUST, "plant", "host:h1", "reported", NOW)
    assert raised.value.code == code


def test_the_validity_of_keys_is_judged_only_with_a_clock() -> None:
    late = Now(NOW.wall_ms + 2000, 0.0)
    with pytest.raises(GuestwireError):
        read(said(), TRUST, "plant", "host:h1", "reported", late)
    assert read(said(), TRUST, "plant", "host:h1", "reported", None).verified


def test_a_body_of_another_shape_is_malformed() -> None:
    with pytest.raises(GuestwireError) as raised:
        read(said(), TRUST, "plant", "host:h1", "reported", NOW).read(LogLines)
    assert raised.value.code == "MALFORMED"


def test_a_statement_that_fits_no_frame_is_not_made() -> None:
    with pytest.raises(GuestwireError) as raised:
        state("reported", "plant", "host:h1", LogLines(lines=("x" * PART_LIMIT,)), HOST, 1)
    assert raised.value.code == "FRAME-TOO-LARGE"
