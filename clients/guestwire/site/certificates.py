"""X.509 certificates of a site for TLS to its broker: a CA, one server certificate, one per client. P-256, SHA-256.

A certificate's common name is the id: brokers hand it to their access lists as the user name (PROTOCOL, access lists).
These vouch for connections only; what a request may do is decided by Ed25519 keys in the trust document.
"""

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from guestwire.model.errors import GuestwireError

CA_DAYS = 20 * 365
LEAF_DAYS = 5 * 365
_BACKDATED = datetime.timedelta(hours=1)
"""A client whose clock is a little behind must not find a new certificate not yet valid."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes


def make_ca(site: str, now: datetime.datetime) -> Issued:
    """A self-signed CA for a site; `now` is aware."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Guestwire CA of {site}")])
    builder = _builder(name, name, key.public_key(), now, CA_DAYS).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    builder = builder.add_extension(_usage(ca=True), critical=True)
    return _issued(builder.sign(key, hashes.SHA256()), key)


def issue_server(ca: Issued, names: Sequence[str], now: datetime.datetime) -> Issued:
    """A broker's certificate for DNS names and IP addresses; the first name is its common name."""
    alternatives: list[x509.GeneralName] = [_general_name(name) for name in names]
    return _issue(ca, names[0], now, ExtendedKeyUsageOID.SERVER_AUTH, alternatives)


def issue_client(ca: Issued, identifier: str, now: datetime.datetime) -> Issued:
    """The certificate of a host, operator or controller: the common name is its id."""
    return _issue(ca, identifier, now, ExtendedKeyUsageOID.CLIENT_AUTH, [])


def _issue(
    ca: Issued,
    common_name: str,
    now: datetime.datetime,
    usage: x509.ObjectIdentifier,
    alternatives: Sequence[x509.GeneralName],
) -> Issued:
    try:
        ca_key = load_pem_private_key(ca.key, None)
        authority = x509.load_pem_x509_certificate(ca.certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm) as err:
        raise GuestwireError("KEY-FILE-INVALID", "The site's CA key or certificate cannot be read.") from err
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise GuestwireError("KEY-FILE-INVALID", "The site's CA key is not an elliptic curve key.")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        _builder(name, authority.subject, key.public_key(), now, LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return _issued(builder.sign(ca_key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _issued(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Issued:
    return Issued(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
