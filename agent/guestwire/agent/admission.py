"""What a site's service gave a host, checked before anything of it counts: who signed it, and that it is for this host's keys.

Not the certificate's way into the host but the trust document's signature decides whom the host believes: the service is
online, the root is not.
"""

from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pydantic import ValidationError

from guestwire.agent.identity import check_member
from guestwire.model.errors import GuestwireError
from guestwire.protocol.enrolment import Admission
from guestwire.protocol.signing import SigningKey, VerifyingKey
from guestwire.protocol.trust import Trust
from guestwire.protocol.trust_file import unseal

MAX_CHAIN = 4


class Applicant(NamedTuple):
    """Who asked, and the keys that the answer has to be for."""

    site: str
    host: str
    key: SigningKey
    tls_key: ec.EllipticCurvePrivateKey


class Checked(NamedTuple):
    """An admission that is good. `tls`: the key and its chain in one file, `authorities`: certificates of the CAs. PEM."""

    trust: Trust
    root: VerifyingKey
    tls: bytes
    authorities: bytes
    brokers: tuple[str, ...]


def certificate_request(applicant: Applicant) -> str:
    """A PKCS #10 request for the applicant's TLS key, PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, applicant.host)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(applicant.tls_key, hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode()


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Known(NamedTuple):
    """What a host that enrolled before believes already: its pinned root, the revision it has, its CAs (PEM)."""

    root: VerifyingKey
    revision: tuple[int, int]
    authorities: str


def checked(answer: bytes, applicant: Applicant, known: Known | None, now: datetime | None) -> Checked:
    """The admission in an answer. `known` None: the first time, when the service was named by the code; later the service alone
    changes neither root nor CA. `now` None: the clock is not to be trusted. Raises TRUST-INVALID, CERTIFICATE-INVALID,
    ENROLMENT-PEER-FALSE."""
    try:
        said = Admission.model_validate_json(answer)
        pin = known.root if known is not None else VerifyingKey(bytes.fromhex(said.root))
    except (ValidationError, ValueError):
        raise GuestwireError("ENROLMENT-PEER-FALSE", "The service's answer is not well formed.") from None
    trust = unseal(said.trust.encode(), pin, at_least=known.revision if known is not None else (0, 0))
    check_member(trust, applicant.key, applicant.site, applicant.host)
    unsigned = known.authorities if known is not None else said.authorities
    authorities = ("".join(trust.document.authorities) or unsigned).encode()
    _check_certificate(said.certificate.encode(), authorities, applicant, now)
    tls = key_pem(applicant.tls_key) + said.certificate.encode()
    return Checked(trust, pin, tls, authorities, said.brokers)


def _check_certificate(pem: bytes, authorities: bytes, applicant: Applicant, now: datetime | None) -> None:
    leaf, *between = _load(pem, "The service's answer holds no certificate that can be read.")
    known = _load(authorities, "The service's answer names no CA that can be read.")
    if len(between) >= MAX_CHAIN:
        raise _wrong("its chain is too long")
    if leaf.public_key() != applicant.tls_key.public_key():
        raise _wrong("it is for another key")
    names = [attribute.value for attribute in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [applicant.host]:
        raise _wrong(f"it is not for {applicant.host}")
    if not _is_for_clients(leaf):
        raise _wrong("it is not for TLS clients")
    last = leaf
    for issuer in between:
        if not _issued(last, issuer):
            raise _wrong("its chain does not hold")
        last = issuer
    if not any(_issued(last, root) for root in known):
        raise _wrong("no CA of the site vouches for it")
    if now is not None and not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
        raise _wrong("it is expired or not yet valid, or the clock of this host is wrong")


def _load(pem: bytes, wrong: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise GuestwireError("CERTIFICATE-INVALID", wrong) from None


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether a CA did."""
    try:
        certificate.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False


def _is_for_clients(leaf: x509.Certificate) -> bool:
    try:
        purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in purposes


def _wrong(why: str) -> GuestwireError:
    return GuestwireError("CERTIFICATE-INVALID", f"The certificate that the service gave is not good: {why}.")
