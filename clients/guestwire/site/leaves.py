"""Leaves: the certificates of hosts, clients and brokers, issued by the issuing CA. Each is a chain: the leaf, then the CA.

A common name is the id: brokers hand it to their access lists as the user name (PROTOCOL, access lists).
"""

import datetime
import ipaddress
from collections.abc import Sequence
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from guestwire.model.errors import GuestwireError
from guestwire.site.certificates import (
    Issued,
    authority_of,
    builder,
    certificate_pem,
    common_name,
    key_pem,
    load_chain,
    load_key,
    new_key,
    usage,
)

ONLINE_DAYS = 90
"""Of what a server issues, which its holder renews by itself."""
BY_HAND_DAYS = 730
"""Of what a person issues and carries to where it belongs."""
_MAX_REQUEST_BYTES = 16_384
Kind = Literal["server", "client", "host"]
_PURPOSES = {
    "server": (ExtendedKeyUsageOID.SERVER_AUTH,),
    "client": (ExtendedKeyUsageOID.CLIENT_AUTH,),
    "host": (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH),
}
"""A host is a client of the broker, and the server of its own TCP listener."""


def issue_server(ca: Issued, names: Sequence[str], now: datetime.datetime, days: float = BY_HAND_DAYS) -> Issued:
    """A broker's certificate for DNS names and IP addresses; the first name is its common name. `ca`: the issuing one."""
    key = new_key()
    return Issued(_chain(ca, "server", names[0], names, key.public_key(), now, days), key_pem(key))


def renew_server(ca: Issued, key: bytes, names: Sequence[str], now: datetime.datetime, days: float) -> bytes:
    """A server's next chain (PEM), for the key (PEM) that it has already."""
    return _chain(ca, "server", names[0], names, load_key(key).public_key(), now, days)


def issue_client(ca: Issued, identifier: str, now: datetime.datetime, days: float = BY_HAND_DAYS) -> Issued:
    """The certificate of an operator or controller: the common name is its id."""
    key = new_key()
    return Issued(_chain(ca, "client", identifier, (), key.public_key(), now, days), key_pem(key))


def issue_host(ca: Issued, identifier: str, now: datetime.datetime, days: float = BY_HAND_DAYS) -> Issued:
    """The certificate of a host: the common name, and the DNS name that its peers ask for, is its id."""
    key = new_key()
    return Issued(_chain(ca, "host", identifier, (identifier,), key.public_key(), now, days), key_pem(key))


def issue_from_request(
    ca: Issued, request: bytes, identifier: str, now: datetime.datetime, days: float = ONLINE_DAYS
) -> bytes:
    """A host's chain (PEM) for the key in a PKCS #10 request (PEM) that it made. Only the key is taken from the request, once
    its signature shows that the sender has the private half; subject, names and purposes are what we say.

    Raises CERTIFICATE-INVALID, and KEY-FILE-INVALID when the CA's own key cannot be read.
    """
    return _chain(ca, "host", identifier, (identifier,), _requested_key(request), now, days)


def _requested_key(request: bytes) -> ec.EllipticCurvePublicKey:
    if len(request) > _MAX_REQUEST_BYTES:
        raise GuestwireError("CERTIFICATE-INVALID", "The request for a certificate is too large.")
    try:
        read = x509.load_pem_x509_csr(request)
        key, valid = read.public_key(), read.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as err:
        raise GuestwireError("CERTIFICATE-INVALID", "The request for a certificate cannot be read (PEM).") from err
    if not valid:
        raise GuestwireError("CERTIFICATE-INVALID", "The request for a certificate is not signed by its own key.")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise GuestwireError("CERTIFICATE-INVALID", "The request for a certificate has no key on the curve P-256.")
    return key


def _chain(
    ca: Issued, kind: Kind, name: str, names: Sequence[str], key: ec.EllipticCurvePublicKey, now: datetime.datetime,
    days: float,
) -> bytes:  # fmt: skip
    ca_key, (issuer, *_) = load_key(ca.key), load_chain(ca.certificate)
    if ca_key.public_key() != issuer.public_key():
        raise GuestwireError("KEY-FILE-INVALID", "The key of the issuing CA is not that of its certificate.")
    left = (issuer.not_valid_after_utc - now) / datetime.timedelta(days=1)
    if left <= 0:
        raise GuestwireError("CERTIFICATE-INVALID", "The issuing CA is expired: let the root CA sign a new one.")
    leaf = (
        builder(common_name(name), key, now, min(days, left))  # none outlives its CA
        .issuer_name(issuer.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_PURPOSES[kind]), critical=False)
        .add_extension(authority_of(issuer), critical=False)
    )
    if names:
        alternatives = x509.SubjectAlternativeName([_general_name(one) for one in names])
        leaf = leaf.add_extension(alternatives, critical=False)
    return certificate_pem(leaf.sign(ca_key, hashes.SHA256())) + certificate_pem(issuer)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
