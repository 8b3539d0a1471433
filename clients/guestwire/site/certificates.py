"""X.509 certificates as a site makes them (RFC 5280, P-256, SHA-256), and what one says. Who issues which: `ca`, `leaves`.

Three storeys: a root CA that is offline, an issuing CA below it, the leaves. The file of a leaf is a chain, leaf first, so
that peers need to know the root alone. They vouch for connections only; what a request may do is decided by Ed25519 keys in
the trust document. The forms are strict, for OpenSSL's X509_STRICT, which Python sets by default from 3.13 on.
"""

import datetime
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from guestwire.model.errors import GuestwireError

Purpose = Literal["server", "client", "ca"]
_BACKDATED = datetime.timedelta(hours=1)
"""A peer whose clock is a little behind must not find a new certificate not yet valid."""
_PURPOSES: dict[x509.ObjectIdentifier, Purpose] = {
    ExtendedKeyUsageOID.SERVER_AUTH: "server",
    ExtendedKeyUsageOID.CLIENT_AUTH: "client",
}
_MAX_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate, for a leaf with that of its issuing CA behind it, and its key: both PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"Issued({len(self.certificate)} bytes)"


@dataclass(frozen=True, slots=True)
class Described:
    """What a certificate says. Times in Unix ms; `serial` in hexadecimal; `names`: the DNS names and addresses it is for."""

    cn: str
    issuer: str
    serial: str
    not_before: int
    not_after: int
    purposes: tuple[Purpose, ...]
    names: tuple[str, ...]


def describe(pem: bytes) -> tuple[Described, ...]:
    """What each certificate in a file says, in its order: of a leaf's file, the leaf first. No key is needed and no
    signature checked. Raises CERTIFICATE-INVALID."""
    return tuple(_described(certificate) for certificate in load_chain(pem))


def load_chain(pem: bytes) -> list[x509.Certificate]:
    """The certificates in a file, one at least. Raises CERTIFICATE-INVALID."""
    if len(pem) > _MAX_BYTES:
        raise GuestwireError("CERTIFICATE-INVALID", "The file is too large for a certificate.")
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as err:
        raise GuestwireError("CERTIFICATE-INVALID", "The file holds no certificate that can be read (PEM).") from err


def load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """A private key on P-256. Raises KEY-FILE-INVALID, which never quotes it."""
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise GuestwireError("KEY-FILE-INVALID", "The key of a CA or certificate cannot be read (PEM).") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise GuestwireError("KEY-FILE-INVALID", "The key of a CA or certificate is not on the curve P-256.")
    return key


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime.datetime, days: float
) -> x509.CertificateBuilder:
    """What every certificate has: still without issuer. `now` is aware."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def authority_of(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The extension that says by which key a certificate or list is signed. Raises CERTIFICATE-INVALID."""
    try:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except (x509.ExtensionNotFound, ValueError):
        raise GuestwireError("CERTIFICATE-INVALID", "The certificate of the CA has no key identifier.") from None
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def usage(*, ca: bool) -> x509.KeyUsage:
    """A CA signs certificates and revocation lists, a leaf the handshake, and neither anything else."""
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


def _described(certificate: x509.Certificate) -> Described:
    try:
        return Described(
            cn=_cn(certificate.subject),
            issuer=_cn(certificate.issuer),
            serial=f"{certificate.serial_number:x}",
            not_before=int(certificate.not_valid_before_utc.timestamp() * 1000),
            not_after=int(certificate.not_valid_after_utc.timestamp() * 1000),
            purposes=_purposes(certificate),
            names=_names(certificate),
        )
    except (ValueError, x509.DuplicateExtension) as err:
        raise GuestwireError("CERTIFICATE-INVALID", "The certificate is not well formed.") from err


def _cn(name: x509.Name) -> str:
    return ", ".join(str(attribute.value) for attribute in name.get_attributes_for_oid(NameOID.COMMON_NAME))


def _purposes(certificate: x509.Certificate) -> tuple[Purpose, ...]:
    found: list[Purpose] = []
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.BasicConstraints) and extension.value.ca:
            found.append("ca")
        elif isinstance(extension.value, x509.ExtendedKeyUsage):
            found += [_PURPOSES[identifier] for identifier in extension.value if identifier in _PURPOSES]
    return tuple(found)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            kinds = (x509.DNSName, x509.IPAddress)
            return tuple(str(name.value) for name in extension.value if isinstance(name, kinds))
    return ()
