"""Enrolment codes as the site keeps them: by the hash of their secret, used once, with an end.

A code is used up by a key, not by a request: the same key may ask again until the code ends, because an answer can be lost
on its way. Of a host's unused codes the newest alone counts.
"""

import secrets
from collections.abc import Sequence

from pydantic import ValidationError

from guestwire.model.base import Document
from guestwire.model.errors import GuestwireError
from guestwire.protocol.enrolment import SECRET_BYTES, EnrolmentCode, secret_hash
from guestwire.protocol.trust import Hex32, Slug
from guestwire.site.files import PRIVATE, replace
from guestwire.site.layout import Layout

MAX_CODES = 10_000
_KEPT_MS = 7 * 86_400_000
"""How long a code that ended is remembered: who comes late hears that it is expired, not that it is unknown."""


class KeptCode(Document):
    """A code that was made. Times in Unix ms. `replace`: it may give a host that is known another key. `used_by`: the public
    key that used it."""

    hash: Hex32
    host: Slug
    made_at: int
    not_after: int
    replace: bool = False
    brokers: tuple[str, ...] = ()
    used_by: Hex32 | None = None


class Codes(Document):
    """All of them."""

    codes: tuple[KeptCode, ...] = ()


def new_code(
    site: str, host: str, address: str, fingerprint: bytes, *, now_ms: int, valid_ms: int, brokers: Sequence[str],
    replace: bool,
) -> tuple[EnrolmentCode, KeptCode]:  # fmt: skip
    """A fresh code, and what the site keeps of it."""
    code = EnrolmentCode(site, host, address, fingerprint, secrets.token_bytes(SECRET_BYTES))
    kept = KeptCode(
        hash=secret_hash(code.secret), host=host, made_at=now_ms, not_after=now_ms + valid_ms, replace=replace,
        brokers=tuple(brokers),
    )  # fmt: skip
    return code, kept


def with_code(codes: Codes, kept: KeptCode, now_ms: int) -> Codes:
    """With one more; it takes the place of the host's unused ones. Raises CONFIG-INVALID when there are too many."""
    rest = tuple(
        one
        for one in codes.codes
        if one.not_after + _KEPT_MS > now_ms and (one.host != kept.host or one.used_by is not None)
    )
    if len(rest) >= MAX_CODES:
        raise GuestwireError(
            "CONFIG-INVALID", f"{MAX_CODES} enrolment codes are on their way: wait until some are over."
        )
    return Codes(codes=(*rest, kept))


def used(codes: Codes, secret: bytes, host: str, public_key: str, now_ms: int) -> tuple[Codes, KeptCode]:
    """The code of a secret, used by a key.

    Raises ENROLMENT-CODE-UNKNOWN, also for another host's, ENROLMENT-CODE-EXPIRED, and ENROLMENT-CODE-USED when another key
    has used it.
    """
    hashed = secret_hash(secret)
    found = next((one for one in codes.codes if one.hash == hashed and one.host == host), None)
    if found is None:
        raise GuestwireError("ENROLMENT-CODE-UNKNOWN")
    if now_ms >= found.not_after:
        raise GuestwireError("ENROLMENT-CODE-EXPIRED")
    if found.used_by == public_key:
        return codes, found
    if found.used_by is not None:
        raise GuestwireError("ENROLMENT-CODE-USED")
    now_used = found.model_copy(update={"used_by": public_key})
    return Codes(codes=tuple(now_used if one is found else one for one in codes.codes)), now_used


def read_codes(layout: Layout) -> Codes:
    """The codes of a site. Raises TRUST-INVALID when their file is damaged."""
    try:
        return Codes.model_validate_json(layout.codes.read_bytes())
    except FileNotFoundError:
        return Codes()
    except ValidationError as err:
        raise GuestwireError(
            "TRUST-INVALID", f"{layout.codes} is damaged: restore it, or remove it with all codes."
        ) from err


def write_codes(layout: Layout, codes: Codes) -> None:
    """Durably. The caller holds the site's lock."""
    replace(layout.codes, codes.model_dump_json(indent=1).encode() + b"\n", PRIVATE)
