"""The two CAs: their forms, and what may become the issuing one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from guestwire.model.errors import GuestwireError
from guestwire.site.ca import check_issuing, issuing_request, make_issuing_ca, make_root_ca, new_issuing_key
from guestwire.site.leaves import issue_host

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROOT = make_root_ca("plant", NOW)
KEY = new_issuing_key()


def _extension(certificate: x509.Certificate, kind: type[x509.ExtensionType]) -> x509.Extension[x509.ExtensionType]:
    return certificate.extensions.get_extension_for_class(kind)


@pytest.mark.parametrize(("storey", "path_length"), [(ROOT, 1), (make_issuing_ca(ROOT, "plant", NOW), 0)])
def test_forms(storey: object, path_length: int) -> None:
    certificate = x509.load_pem_x509_certificate(storey.certificate)  # type: ignore[attr-defined]
    constraints, usage = _extension(certificate, x509.BasicConstraints), _extension(certificate, x509.KeyUsage)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(True, path_length)
    assert usage.critical
    assert isinstance(usage.value, x509.KeyUsage)
    assert (usage.value.key_cert_sign, usage.value.crl_sign, usage.value.digital_signature) == (True, True, False)
    root = x509.load_pem_x509_certificate(ROOT.certificate)
    assert certificate.issuer == root.subject
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)


def test_no_two_cas_have_one_name() -> None:
    subjects = {
        x509.load_pem_x509_certificate(one.certificate).subject.rfc4514_string()
        for root in (ROOT, make_root_ca("plant", NOW))
        for one in (root, make_issuing_ca(root, "plant", NOW))
    }
    assert len(subjects) == 4


def _sign(  # what an HSM or a company's CA would send back
    *, path_length: int | None = 0, ca: bool = True, crl_sign: bool = True, identifiers: bool = True, days: int = 30,
    restricted: bool = False, other_key: bool = False,
) -> bytes:  # fmt: skip
    request = x509.load_pem_x509_csr(issuing_request(new_issuing_key() if other_key else KEY, "plant"))
    assert request.is_signature_valid
    root, key = x509.load_pem_x509_certificate(ROOT.certificate), load_pem_private_key(ROOT.key, None)
    usage = x509.KeyUsage(False, False, False, False, False, ca, crl_sign, False, False)
    builder = (
        x509.CertificateBuilder().subject_name(request.subject).issuer_name(root.subject)
        .public_key(request.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca, path_length), critical=True)
        .add_extension(usage, critical=True)
    )  # fmt: skip
    if identifiers:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key())  # type: ignore[arg-type]
        own = x509.SubjectKeyIdentifier.from_public_key(request.public_key())
        builder = builder.add_extension(own, critical=False).add_extension(authority, critical=False)
    if restricted:
        builder = builder.add_extension(x509.ExtendedKeyUsage([x509.OID_SERVER_AUTH]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)  # type: ignore[arg-type]


def test_a_certificate_that_another_ca_signed_is_taken() -> None:
    certificate = _sign()
    check_issuing(certificate, KEY, make_root_ca("old", NOW).certificate + ROOT.certificate, NOW)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "another key": (lambda: _sign(other_key=True), "another key"),
    "no CA": (lambda: _sign(ca=False, path_length=None), "basic constraints"),
    "a CA for CAs": (lambda: _sign(path_length=1), "basic constraints"),
    "any path": (lambda: _sign(path_length=None), "basic constraints"),
    "no lists": (lambda: _sign(crl_sign=False), "key usage"),
    "no identifiers": (lambda: _sign(identifiers=False), "key identifier"),
    "one purpose": (lambda: _sign(restricted=True), "restricted"),
    "over": (lambda: _sign(days=0), "expired"),
    "the root": (lambda: ROOT.certificate, "another key"),
    "two": (lambda: _sign() + ROOT.certificate, "more than one"),
    "no certificate": (lambda: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate"),
    "nothing": (lambda: b"", "no certificate"),
}


@pytest.mark.parametrize("which", REFUSED)
def test_what_does_not_make_an_issuing_ca(which: str) -> None:
    make, why = REFUSED[which]
    with pytest.raises(GuestwireError, match=why) as refused:
        check_issuing(make(), KEY, ROOT.certificate, NOW)
    assert refused.value.code == "CERTIFICATE-INVALID"


def test_another_root_did_not_sign_it() -> None:
    with pytest.raises(GuestwireError, match="root CA did not sign"):
        check_issuing(_sign(), KEY, make_root_ca("plant", NOW).certificate, NOW)


def test_a_leaf_does_not_make_an_issuing_ca() -> None:
    issuing = make_issuing_ca(ROOT, "plant", NOW)
    leaf = issue_host(issuing, "h1", NOW)
    only_leaf = leaf.certificate.replace(issuing.certificate, b"")
    with pytest.raises(GuestwireError, match="basic constraints"):
        check_issuing(only_leaf, leaf.key, issuing.certificate, NOW)


def test_a_key_on_another_curve_is_refused_and_not_quoted() -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for key in (pem, KEY[:100]):
        with pytest.raises(GuestwireError) as refused:
            issuing_request(key, "plant")
        assert refused.value.code == "KEY-FILE-INVALID"
        assert key.splitlines()[1].decode() not in str(refused.value)
