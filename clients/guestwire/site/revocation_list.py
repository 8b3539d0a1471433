"""The revocation list (CRL, RFC 5280 section 5) of an issuing CA: which of its certificates a broker lets in no more.

It names no early next update: a list that has run out makes a broker refuse everybody, so that a machine which is switched
off would stop the plant. It is fresh because it is published whenever something is revoked, not because it expires.
"""

import datetime
import re
from collections.abc import Iterable
from contextlib import suppress

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from guestwire.site.certificates import Issued, authority_of, load_chain, load_key

_VALID = datetime.timedelta(days=100 * 365)
_BACKDATED = datetime.timedelta(hours=1)
"""A broker whose clock is a little behind must not find the list not yet valid, and refuse everybody."""
_STEP = datetime.timedelta(seconds=1)
_LIST = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----\n?", re.DOTALL)


def revocation_list(issuing: Issued, serials: Iterable[int], now: datetime.datetime, previous: bytes = b"") -> bytes:
    """The list with these serial numbers, PEM. `now` is aware. `previous`: the file it takes the place of, if there is one.
    Of two lists OpenSSL believes the one of the later second, so that a new list is always of a later one.

    Raises KEY-FILE-INVALID, CERTIFICATE-INVALID.
    """
    key, (issuer, *_) = load_key(issuing.key), load_chain(issuing.certificate)
    made = (now - _BACKDATED).replace(microsecond=0)
    made = max([made, *(before.last_update_utc + _STEP for before in _read(previous))])
    listed = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(made)
        .next_update(made + _VALID)
        .add_extension(x509.CRLNumber(int(made.timestamp())), critical=False)
        .add_extension(authority_of(issuer), critical=False)
    )
    for serial in sorted(set(serials)):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(made).build()
        listed = listed.add_revoked_certificate(entry)
    return listed.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def lists_in(data: bytes) -> tuple[bytes, ...]:
    """The lists in a file, each by itself: one of every issuing CA."""
    return tuple(_LIST.findall(data))


def serials_in(data: bytes) -> frozenset[int]:
    """The serial numbers in all lists of a file; none where it holds no list."""
    return frozenset(entry.serial_number for listed in _read(data) for entry in listed)


def says(data: bytes, issuing: bytes, serials: Iterable[int]) -> bool:
    """Whether a list is this issuing CA's (PEM) and names exactly these serial numbers, so that no new one is needed."""
    (issuer, *_) = load_chain(issuing)
    key = issuer.public_key()
    return isinstance(key, ec.EllipticCurvePublicKey) and any(
        listed.issuer == issuer.subject
        and listed.is_signature_valid(key)
        and {entry.serial_number for entry in listed} == set(serials)
        for listed in _read(data)
    )


def _read(data: bytes) -> list[x509.CertificateRevocationList]:
    """A damaged list is as none: what is written next takes its place."""
    read = []
    for one in lists_in(data):
        with suppress(ValueError):
            read.append(x509.load_pem_x509_crl(one))
    return read
