"""The envelope: msgpack [header: bin, body: bin, signatures: [[key id, signature], ...], mandates: [bin, ...]].

The header is an array, checked in one go, and its exact bytes are what is signed. Every meaning is in here; MQTT
properties only mirror it. Positions 0 to 4 (version to request id) keep their place across majors.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError

from guestwire.model.errors import GuestwireError
from guestwire.protocol.packing import PackingError, pack, unpack_flat
from guestwire.protocol.signing import KEY_ID_BYTES, SIGNATURE_BYTES, Domain, SigningKey
from guestwire.protocol.topics import MAJOR

MINOR = 0
VERSION = (MAJOR, MINOR)
FRAME_LIMIT = 64 * 1024
"""Bytes of one envelope, the outer array included."""
PART_LIMIT = 48 * 1024
"""Bytes of body that one envelope carries; a larger one goes in parts."""
BODY_LIMIT = 1 << 20
"""Bytes of a whole body."""
MAX_PARTS = -(-BODY_LIMIT // PART_LIMIT)
MAX_SIGNATURES = 4
ABOUT_BYTES = 16

NO_ID = bytes(16)
"""The request id of messages that belong to no request (presence, reported, notices)."""


class Header(NamedTuple):
    """What an envelope says of itself. Times in Unix milliseconds, `ttl_ms` in milliseconds.

    `about`, in a signed response: what it answers, so that nobody can pass it off as the answer to something else. A
    refusal of a message that was not believed names that frame (`about_frame`), everything else the request of its issuer
    (`about_request`).
    """

    version: tuple[int, int]
    kind: str
    audience: tuple[str, str]
    operation: str
    request_id: bytes
    issuer: str
    issued_at: int
    expires: int
    ttl_ms: int
    body_hash: bytes
    reply_to: str | None = None
    status: str | None = None
    phase: str | None = None
    n: int = 0
    part: tuple[int, int] = (1, 1)
    nonce: bytes | None = None
    mandate_hash: bytes | None = None
    crit: tuple[str, ...] = ()
    about: bytes | None = None


class Envelope(NamedTuple):
    """A decoded envelope. `header_bytes` are what the signatures are over."""

    header: Header
    header_bytes: bytes
    body: bytes
    signatures: tuple[tuple[bytes, bytes], ...]
    mandates: tuple[bytes, ...]


class EnvelopeError(GuestwireError):
    """Bytes that are no envelope of ours. `request_id` is what could be read of it, else None; `version` likewise."""

    request_id: bytes | None = None
    version: tuple[int, ...] | None = None
    signed: bool = False
    """Whether it carried signatures, of whatever worth."""


_WHOLE = (1, 1)
_FIELDS = len(Header._fields)
_TIME_BITS = 53
"""Times fit what JSON and SQLite hold exactly."""
_STRICT = ConfigDict(strict=True)
_HEADER: TypeAdapter[tuple[Any, ...]] = TypeAdapter(
    tuple[
        tuple[int, int], str, tuple[str, str], str, bytes, str, int, int, int, bytes,
        str | None, str | None, str | None, int, tuple[int, int], bytes | None, bytes | None, tuple[str, ...],
        bytes | None,
    ],
    config=_STRICT,
)  # fmt: skip
_OUTER: TypeAdapter[tuple[bytes, bytes, tuple[tuple[bytes, bytes], ...], tuple[bytes, ...]]] = TypeAdapter(
    tuple[bytes, bytes, tuple[tuple[bytes, bytes], ...], tuple[bytes, ...]], config=_STRICT
)
_validate_header = _HEADER.validator.validate_python
_validate_outer = _OUTER.validator.validate_python


def body_hash(body: bytes) -> bytes:
    """SHA-256 of a whole body, its parts joined."""
    return hashlib.sha256(body).digest()


def about_frame(frame: bytes) -> bytes:
    """The name of one frame, as its refusal carries it."""
    return hashlib.sha256(b"frame\x00" + frame).digest()[:ABOUT_BYTES]


def about_request(issuer: str, digest: bytes) -> bytes:
    """The name of what somebody asked: the issuer and the hash of the body, the same for every copy and re-drive."""
    return hashlib.sha256(b"request\x00" + issuer.encode() + b"\x00" + digest).digest()[:ABOUT_BYTES]


def encode(header: Header, body: bytes, keys: Sequence[SigningKey] = (), mandates: Sequence[bytes] = ()) -> bytes:
    """One frame. Raises FRAME-TOO-LARGE when it or its body would pass the limit (split the body into parts first)."""
    if len(body) > PART_LIMIT:
        raise GuestwireError("FRAME-TOO-LARGE", detail={"bytes": len(body), "limit": PART_LIMIT})
    header_bytes = pack(header)
    signatures = [(key.id, key.sign(Domain.ENVELOPE, header_bytes)) for key in keys] if keys else ()
    frame = pack((header_bytes, body, signatures, tuple(mandates)))
    if len(frame) > FRAME_LIMIT:
        raise GuestwireError("FRAME-TOO-LARGE", detail={"bytes": len(frame), "limit": FRAME_LIMIT})
    return frame


def encode_parts(
    header: Header, body: bytes, keys: Sequence[SigningKey] = (), mandates: Sequence[bytes] = ()
) -> list[bytes]:
    """The frames of a body of up to 1 MiB: one, or as many signed parts as it takes. `header.body_hash` is of the whole."""
    if len(body) <= PART_LIMIT:
        return [encode(header, body, keys, mandates)]
    if len(body) > BODY_LIMIT:
        text = f"It takes {len(body)} bytes, and a request or an answer has at most {BODY_LIMIT}: make it smaller."
        raise GuestwireError("FRAME-TOO-LARGE", text, detail={"bytes": len(body), "limit": BODY_LIMIT})
    of = -(-len(body) // PART_LIMIT)
    return [
        encode(header._replace(part=(i + 1, of)), body[i * PART_LIMIT : (i + 1) * PART_LIMIT], keys, mandates)
        for i in range(of)
    ]


def decode(frame: bytes) -> Envelope:
    """The envelope in a frame, its form checked in PROTOCOL's order: size, version, envelope. No signature is checked.

    Raises EnvelopeError with FRAME-TOO-LARGE, UNSUPPORTED-VERSION or MALFORMED.
    """
    if len(frame) > FRAME_LIMIT:
        raise EnvelopeError("FRAME-TOO-LARGE", detail={"bytes": len(frame), "limit": FRAME_LIMIT})
    try:
        outer = unpack_flat(frame)
        raw = unpack_flat(outer[0])
        if raw[0][0] != MAJOR:
            raise _unsupported(raw, signed=bool(outer[2]))
        if len(raw) > _FIELDS and raw[0][1] > MINOR:  # optional fields of a newer minor
            raw = raw[:_FIELDS]
        header_bytes, body, signatures, mandates = _validate_outer(outer)
        header = Header._make(_validate_header(raw))
    except (PackingError, ValidationError, TypeError, IndexError) as err:
        raise EnvelopeError("MALFORMED", f"The message is not a Guestwire envelope: {_first_line(err)}") from err
    if len(body) > PART_LIMIT:
        raise EnvelopeError("FRAME-TOO-LARGE", detail={"bytes": len(body), "limit": PART_LIMIT})
    _check_limits(header, signatures)
    return Envelope(header, header_bytes, body, signatures, mandates)


def _check_limits(header: Header, signatures: tuple[tuple[bytes, bytes], ...]) -> None:
    wrong = (
        len(header.request_id) != 16
        or len(header.body_hash) != 32
        or (header.part != _WHOLE and not 1 <= header.part[0] <= header.part[1] <= MAX_PARTS)
        or (header.issued_at | header.expires | header.ttl_ms) >> _TIME_BITS  # negative, or too large
        or header.n >> 63
        or (signatures and not _signatures_fit(signatures))
    )
    if wrong:
        raise EnvelopeError("MALFORMED", "A field of the envelope has an impossible value.")


def _signatures_fit(signatures: tuple[tuple[bytes, bytes], ...]) -> bool:
    return len(signatures) <= MAX_SIGNATURES and all(
        len(key) == KEY_ID_BYTES and len(signature) == SIGNATURE_BYTES for key, signature in signatures
    )


def _unsupported(raw: Any, *, signed: bool) -> EnvelopeError:
    got = list(raw[0][:2])
    if any(type(number) is not int for number in got):
        return EnvelopeError("MALFORMED", "The version of the message is not two numbers.")
    error = EnvelopeError("UNSUPPORTED-VERSION", detail={"got": got, "majors": [MAJOR], "minor_max": MINOR})
    if len(raw) > 4 and isinstance(raw[4], bytes) and len(raw[4]) == 16:
        error.request_id = raw[4]
    error.signed = signed
    return error


def _first_line(err: Exception) -> str:
    return str(err).partition("\n")[0][:200]
