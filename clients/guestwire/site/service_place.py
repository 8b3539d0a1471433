"""Where a site's service is reached, and what it proves itself by: a key that stays, and a certificate for it that does not."""

import datetime
from collections.abc import Sequence

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError

from guestwire.model.base import Document
from guestwire.model.errors import GuestwireError
from guestwire.protocol.enrolment import fingerprint
from guestwire.site.authority import issuing_ca
from guestwire.site.certificates import describe, key_pem, load_key, new_key
from guestwire.site.files import PRIVATE, PUBLIC, replace, write_new
from guestwire.site.layout import Layout
from guestwire.site.leaves import ONLINE_DAYS, renew_server
from guestwire.site.register import register


class ServicePlace(Document):
    """`names`: DNS names and addresses in its certificate; `address`: HOST:PORT, as hosts are told it."""

    names: tuple[str, ...]
    address: str


def service_fingerprint(layout: Layout) -> bytes:
    """Of the service's key, which is made where there is none. Raises KEY-FILE-INVALID."""
    try:
        write_new(layout.service_key, key_pem(new_key()), PRIVATE)
    except GuestwireError as err:
        if err.code != "EXISTS":
            raise
    public = load_key(layout.service_key.read_bytes()).public_key()
    return fingerprint(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def read_place(layout: Layout) -> ServicePlace | None:
    """Where the service was last; None: it never ran. Raises TRUST-INVALID when the note is damaged."""
    try:
        return ServicePlace.model_validate_json(layout.service_place.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as err:
        raise GuestwireError("TRUST-INVALID", f"{layout.service_place} is damaged: remove it.") from err


def settle(layout: Layout, place: ServicePlace) -> None:
    """Note where the service is."""
    replace(layout.service_place, place.model_dump_json().encode() + b"\n", PUBLIC)


def certificate_due(layout: Layout, names: Sequence[str], now: datetime.datetime) -> bool:
    """Whether the service needs a new certificate: it has none, it has other names, or a third of its life is left."""
    try:
        leaf, *_ = describe(layout.service_certificate.read_bytes())
    except (FileNotFoundError, GuestwireError):
        return True
    left_ms = leaf.not_after - now.timestamp() * 1000
    return set(leaf.names) != set(names) or left_ms < (leaf.not_after - leaf.not_before) / 3


def certify(layout: Layout, names: Sequence[str], now: datetime.datetime) -> None:
    """Issue the service's certificate, for the key that it has. Raises KEY-FILE-INVALID, CERTIFICATE-INVALID."""
    service_fingerprint(layout)
    chain = renew_server(issuing_ca(layout), layout.service_key.read_bytes(), names, now, ONLINE_DAYS)
    register(layout.issued, chain)
    replace(layout.service_certificate, chain, PUBLIC)
