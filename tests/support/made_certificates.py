"""Certificates as a site makes them, and as it would not: another purpose, other dates, another CA. P-256, PEM files."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Files:
    """A certificate and its key on disk."""

    certificate: Path
    key: Path
    serial: int


class Authority:
    """A CA whose certificates are in a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA {name}")])
        self.certificate = folder / f"{name}.crt"
        now = datetime.now(UTC)
        builder = _builder(self._name, self._name, self._key.public_key(), now - HOUR, now + 24 * HOUR)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        made = builder.add_extension(_usage(), critical=True).sign(self._key, hashes.SHA256())
        self.certificate.write_bytes(made.public_bytes(Encoding.PEM))

    def issue(
        self,
        names: str | tuple[str, ...],
        purposes: tuple[x509.ObjectIdentifier, ...] = (CLIENT,),
        *,
        begins: timedelta = -HOUR,
        ends: timedelta = HOUR,
        file: str | None = None,
    ) -> Files:
        """A certificate with those common names; the first is its DNS name too. `begins` and `ends`: from now."""
        names = (names,) if isinstance(names, str) else names
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
        now = datetime.now(UTC)
        builder = _builder(subject, self._name, key.public_key(), now + begins, now + ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(names[0])]), critical=False)
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        made = builder.sign(self._key, hashes.SHA256())
        file = file or (names[0] if names else "nameless")
        files = Files(self._folder / f"{file}.crt", self._folder / f"{file}.key", made.serial_number)
        files.certificate.write_bytes(made.public_bytes(Encoding.PEM))
        files.key.touch(mode=0o600)
        files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files

    def revoke(self, *revoked: Files, ends: timedelta = HOUR) -> Path:
        """A revocation list with these in it."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        builder = builder.last_update(now - 2 * HOUR).next_update(now + ends)
        for one in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(one.serial).revocation_date(now - HOUR).build()
            builder = builder.add_revoked_certificate(entry)
        path = self._folder / "revoked.crl"
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return path


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
