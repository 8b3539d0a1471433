"""The two CAs of a site: the root, offline, which peers know, and the issuing CA below it, which may be online.

Who steals the issuing CA's key can issue leaves until the root names another; he cannot make a CA (path length 0).
"""

import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

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

ROOT_DAYS = 20 * 365
ISSUING_DAYS = 5 * 365


def make_root_ca(site: str, now: datetime.datetime) -> Issued:
    """A self-signed CA; one level of CAs below it. `now` is aware."""
    key = new_key()
    name = _name("root", site, key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    certificate = (
        _ca(builder(name, key.public_key(), now, ROOT_DAYS), path_length=1)
        .issuer_name(name)
        .add_extension(authority, critical=False)
        .sign(key, hashes.SHA256())
    )
    return Issued(certificate_pem(certificate), key_pem(key))


def make_issuing_ca(root: Issued, site: str, now: datetime.datetime) -> Issued:
    """A CA below the root that issues leaves only. Raises KEY-FILE-INVALID, CERTIFICATE-INVALID."""
    key = new_key()
    return Issued(_signed_by(root, key.public_key(), site, now), key_pem(key))


def new_issuing_key() -> bytes:
    """The key of an issuing CA that another CA is to sign, PEM."""
    return key_pem(new_key())


def issuing_request(key: bytes, site: str) -> bytes:
    """What an HSM or another CA is asked to sign for the issuing CA: a PKCS #10 request, PEM. Raises KEY-FILE-INVALID."""
    private = load_key(key)
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_name("issuing", site, private.public_key()))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(ca=True), critical=True)
        .sign(private, hashes.SHA256())
    )
    return request.public_bytes(Encoding.PEM)


def check_issuing(certificate: bytes, key: bytes, root: bytes, now: datetime.datetime) -> None:
    """Whether a certificate that came back makes this key the issuing CA below one of the certificates in `root` (PEM).

    Raises CERTIFICATE-INVALID, which says what is wrong with it, and KEY-FILE-INVALID.
    """
    issuing, *more = load_chain(certificate)
    if more:
        raise _wrong("its file holds more than one")
    if issuing.public_key() != load_key(key).public_key():
        raise _wrong("it is of another key")
    parent = next((one for one in load_chain(root) if _is_signed_by(issuing, one)), None)
    if parent is None:
        raise _wrong("the root CA did not sign it")
    if not issuing.not_valid_before_utc <= now < issuing.not_valid_after_utc:
        raise _wrong("it is expired or not yet valid")
    try:
        extensions = {type(extension.value): extension for extension in issuing.extensions}
    except (ValueError, x509.DuplicateExtension):
        raise _wrong("its extensions are not well formed") from None
    constraints = extensions.get(x509.BasicConstraints)
    if constraints is None or not constraints.critical or constraints.value != x509.BasicConstraints(True, 0):
        raise _wrong("it has no critical basic constraints CA, path length 0")
    purposes = extensions.get(x509.KeyUsage)
    if purposes is None or not (purposes.value.key_cert_sign and purposes.value.crl_sign):
        raise _wrong("its key usage is not to sign certificates and revocation lists")
    if x509.SubjectKeyIdentifier not in extensions or x509.AuthorityKeyIdentifier not in extensions:
        raise _wrong("it has no subject or authority key identifier")
    if x509.NameConstraints in extensions or x509.ExtendedKeyUsage in extensions:
        raise _wrong("it is restricted to names or purposes, and its leaves might be refused")


def _name(which: str, site: str, key: ec.EllipticCurvePublicKey) -> x509.Name:
    """No two CAs have one name: what looks for an issuer by its name, as for a revocation list, finds one."""
    digest = x509.SubjectKeyIdentifier.from_public_key(key).digest.hex()
    return common_name(f"Guestwire {which} CA of {site} {digest[:8]}")


def _signed_by(root: Issued, key: ec.EllipticCurvePublicKey, site: str, now: datetime.datetime) -> bytes:
    root_key, (parent, *_) = load_key(root.key), load_chain(root.certificate)
    certificate = (
        _ca(builder(_name("issuing", site, key), key, now, ISSUING_DAYS), path_length=0)
        .issuer_name(parent.subject)
        .add_extension(authority_of(parent), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    return certificate_pem(certificate)


def _ca(certificate: x509.CertificateBuilder, *, path_length: int) -> x509.CertificateBuilder:
    return certificate.add_extension(x509.BasicConstraints(True, path_length), critical=True).add_extension(
        usage(ca=True), critical=True
    )


def _is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _wrong(why: str) -> GuestwireError:
    return GuestwireError("CERTIFICATE-INVALID", f"The issuing CA's certificate cannot be used: {why}.")
