"""Enrolment: the code that a person carries to a new host, and what the host and the site's service say to each other.

A code is text for people: `gwe1-` and groups of five of the 32 letters and digits that nobody mixes up (Crockford's). In it
are site, host, the service's address, the fingerprint of the key that the service proves itself by, a secret, and a check
sum. Nobody else's authority is needed to believe the service: who has the code was told by the site whom to believe.

Requests go over TLS to that service, as JSON. A host signs them with its own key, each kind under a word of its own.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field, StringConstraints

from guestwire.model.base import Document, Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.authority_url import address
from guestwire.protocol.ids import is_slug
from guestwire.protocol.trust import Hex32, Slug

SECRET_BYTES = 16
FINGERPRINT_BYTES = 16
"""Of a SHA-256: whom a second key is to be found for is given, so that 128 bits are enough."""
MAX_REQUEST_BYTES = 64 * 1024
MAX_CODE_CHARACTERS = 1024
_PREFIX = "gwe1"
_CHECK_BYTES = 4
_GROUP = 5
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_RFC4648 = "abcdefghijklmnopqrstuvwxyz234567"
_WRITTEN = str.maketrans(_RFC4648, _LETTERS)
_READ = str.maketrans(_LETTERS + "ilo", _RFC4648 + "bba")  # i and l are read as 1, o as 0

SecretHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$"), Field(repr=False)]
SignatureHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
CertificateRequest = Annotated[str, StringConstraints(max_length=16_384)]


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """What a code says. `address`: HOST:PORT. `fingerprint`: see `fingerprint`."""

    site: str
    host: str
    address: str
    fingerprint: bytes
    secret: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The code, as a person reads it."""
        places = "\0".join((self.site, self.host, self.address)).encode()
        payload = self.secret + self.fingerprint + places
        letters = _letters(payload + _check(payload)).translate(_WRITTEN)
        return "-".join((_PREFIX, *(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))))


def parse_code(text: str) -> EnrolmentCode:
    """The code in what a person typed: case, blanks and hyphens do not matter. Raises ENROLMENT-CODE-INVALID, which never
    quotes it."""
    letters = re.sub(r"[\s-]", "", text[: MAX_CODE_CHARACTERS + 1]).lower()
    if len(text) > MAX_CODE_CHARACTERS or not letters.startswith(_PREFIX):
        raise _invalid("This is no enrolment code: one begins with gwe1.")
    letters = letters.removeprefix(_PREFIX).translate(_READ)
    try:
        data = base64.b32decode(letters.upper() + "=" * (-len(letters) % 8))
    except ValueError:
        raise _invalid("The enrolment code is mistyped: letters are missing, or some cannot be in it.") from None
    payload, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    if _check(payload) != check or _letters(data) != letters:  # the last letter has bits to spare
        raise _invalid("The enrolment code is mistyped, or not whole: its check sum does not fit.")
    places = payload[SECRET_BYTES + FINGERPRINT_BYTES :].decode("utf-8", "replace").split("\0")
    if len(places) != 3 or not is_slug(places[0]) or not is_slug(places[1]):
        raise _invalid("The enrolment code names no site and host: this version cannot use it.")
    parse_address(places[2])
    secret, of_service = payload[:SECRET_BYTES], payload[SECRET_BYTES : SECRET_BYTES + FINGERPRINT_BYTES]
    return EnrolmentCode(places[0], places[1], places[2], of_service, secret)


def parse_address(text: str) -> tuple[str, int]:
    """Name or address and port of HOST:PORT; an IPv6 address is in brackets. Raises CONFIG-INVALID."""
    try:
        return address(text)
    except ValueError as err:
        raise GuestwireError("CONFIG-INVALID", f"{err}.", field="address") from err


def fingerprint(public_key: bytes) -> bytes:
    """Of a service's public key (SubjectPublicKeyInfo, DER): the key, not its certificate, so that a renewed certificate
    leaves the codes that are on their way as they are."""
    return hashlib.sha256(public_key).digest()[:FINGERPRINT_BYTES]


def secret_hash(secret: bytes) -> str:
    """What the site keeps of a secret. It is 128 random bits: nobody guesses them, so that a plain hash is enough, and no
    password hash with its costs is needed."""
    return hashlib.sha256(b"guestwire enrolment secret 1\0" + secret).hexdigest()


class EnrolRequest(Document):
    """A host asks to be let in. `public_key`: its Ed25519 key; `request`: for a certificate (PKCS #10, PEM); `signature`: by
    that key, over `enrol_to_be_signed`."""

    site: Slug
    host: Slug
    secret: SecretHex
    public_key: Hex32
    request: CertificateRequest
    signature: SignatureHex


class RenewRequest(Document):
    """A host asks for its next certificate. `signature`: over `renew_to_be_signed`."""

    site: Slug
    host: Slug
    public_key: Hex32
    request: CertificateRequest
    signature: SignatureHex


class Admission(Model):
    """What a host is given. `root`: the key that signs the trust document, `trust`: its file; `certificate`: the host's, with
    that of the issuing CA behind it; `authorities`: certificates of the CAs that peers are checked against. PEM.
    `brokers`: URLs."""

    site: str
    host: str
    root: str
    trust: str
    certificate: str
    authorities: str
    brokers: tuple[str, ...] = ()


class Refusal(Model):
    """Why a request was refused: a code of the error table."""

    code: str
    message: str
    after_ms: int | None = None


def enrol_to_be_signed(site: str, host: str, hashed_secret: str, request: str) -> bytes:
    """What a host signs to enrol, under Domain.ENROLMENT: that it has the key, the code and the request for the certificate."""
    return "\0".join(("enrol", site, host, hashed_secret, request)).encode()


def renew_to_be_signed(site: str, host: str, request: str) -> bytes:
    """What a host signs to renew its certificate, under Domain.ENROLMENT."""
    return "\0".join(("renew", site, host, request)).encode()


def _letters(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _check(payload: bytes) -> bytes:
    return hashlib.sha256(b"guestwire enrolment code 1\0" + payload).digest()[:_CHECK_BYTES]


def _invalid(text: str) -> GuestwireError:
    return GuestwireError("ENROLMENT-CODE-INVALID", text)
