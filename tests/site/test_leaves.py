"""Leaves: what OpenSSL says of them when it is strict, and that a request brings a key and nothing else."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.model.errors import GuestwireError
from guestwire.site.ca import make_issuing_ca, make_root_ca
from guestwire.site.certificates import Issued, describe
from guestwire.site.leaves import (
    BY_HAND_DAYS,
    ONLINE_DAYS,
    issue_client,
    issue_from_request,
    issue_host,
    issue_server,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROOT = make_root_ca("plant", NOW)
CA = make_issuing_ca(ROOT, "plant", NOW)
DAY_MS = 86_400_000
HOST_KEY = ec.generate_private_key(ec.SECP256R1())


def _request(key: object = HOST_KEY, name: str = "h1", *extensions: x509.ExtensionType) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.PEM)  # type: ignore[arg-type]


def _verify(tmp_path: Path, chain: bytes, purpose: str, *more: str) -> str:
    """What `openssl verify -x509_strict` says, knowing the root alone."""
    (tmp_path / "root.crt").write_bytes(ROOT.certificate)
    (tmp_path / "leaf.crt").write_bytes(chain)
    at = str(int(NOW.timestamp()) + 60)
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-attime", at, "-purpose", purpose, *more, "-CAfile",
         str(tmp_path / "root.crt"), "-untrusted", str(tmp_path / "leaf.crt"), str(tmp_path / "leaf.crt")],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    return done.stdout.strip().rpartition(" ")[2] if done.returncode == 0 else done.stderr


LEAVES: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "server": (lambda: issue_server(CA, ["localhost", "10.0.0.1"], NOW).certificate, {"sslserver"}),
    "client": (lambda: issue_client(CA, "anna", NOW).certificate, {"sslclient"}),
    "host": (lambda: issue_host(CA, "h1", NOW).certificate, {"sslserver", "sslclient"}),
    "request": (lambda: issue_from_request(CA, _request(), "h1", NOW), {"sslserver", "sslclient"}),
}


@pytest.mark.parametrize("which", LEAVES)
def test_openssl_takes_them_for_their_purposes_and_no_other(tmp_path: Path, which: str) -> None:
    make, purposes = LEAVES[which]
    said = {purpose: _verify(tmp_path, make(), purpose) for purpose in ("sslserver", "sslclient")}
    assert {purpose for purpose, word in said.items() if word == "OK"} == purposes, said
    assert all("purpose" in said[purpose] for purpose in said.keys() - purposes), said


def test_a_hosts_name_is_its_id(tmp_path: Path) -> None:
    chain = issue_host(CA, "h1", NOW).certificate
    assert _verify(tmp_path, chain, "sslserver", "-verify_hostname", "h1") == "OK"
    assert "mismatch" in _verify(tmp_path, chain, "sslserver", "-verify_hostname", "h2")


def test_a_leaf_issues_nothing(tmp_path: Path) -> None:
    leaf = issue_host(CA, "h1", NOW)
    made = issue_client(leaf, "anna", NOW)
    said = _verify(tmp_path, made.certificate + CA.certificate, "sslclient")
    assert "invalid CA certificate" in said or "invalid purpose" in said or "unsuitable" in said, said


def test_how_long_they_last() -> None:
    start = int(NOW.timestamp() * 1000)
    by_hand, online = issue_host(CA, "h1", NOW).certificate, issue_from_request(CA, _request(), "h1", NOW)
    assert describe(by_hand)[0].not_after == start + BY_HAND_DAYS * DAY_MS
    assert describe(online)[0].not_after == start + ONLINE_DAYS * DAY_MS
    assert describe(issue_client(CA, "anna", NOW, 7).certificate)[0].not_after == start + 7 * DAY_MS


def test_none_outlives_its_ca() -> None:
    late = NOW + timedelta(days=5 * 365 - 10)
    leaf, ca = describe(issue_client(CA, "anna", late).certificate)
    assert leaf.not_after == ca.not_after
    with pytest.raises(GuestwireError, match="expired"):
        issue_client(CA, "anna", NOW + timedelta(days=5 * 365))


def test_a_ca_with_the_key_of_another_is_refused() -> None:
    with pytest.raises(GuestwireError, match="KEY-FILE-INVALID"):
        issue_client(Issued(CA.certificate, ROOT.key), "anna", NOW)


def test_of_a_request_only_the_key_is_taken() -> None:
    greedy = _request(
        HOST_KEY,
        "admin",
        x509.BasicConstraints(ca=True, path_length=None),
        x509.SubjectAlternativeName([x509.DNSName("broker.example")]),
        x509.ExtendedKeyUsage([x509.OID_CODE_SIGNING]),
        x509.KeyUsage(True, True, True, True, True, True, True, False, False),
    )
    leaf = x509.load_pem_x509_certificates(issue_from_request(CA, greedy, "h1", NOW))[0]
    plain = x509.load_pem_x509_certificates(issue_from_request(CA, _request(), "h1", NOW))[0]
    assert leaf.public_key() == HOST_KEY.public_key()
    assert leaf.subject == plain.subject
    assert list(leaf.extensions) == list(plain.extensions)
    assert describe(leaf.public_bytes(Encoding.PEM))[0].names == ("h1",)


def _forged() -> bytes:
    """A key that the sender does not have: another's, in a request that he signed."""
    theirs = x509.load_pem_x509_csr(_request()).public_bytes(Encoding.DER)
    point = HOST_KEY.public_key().public_numbers()
    other = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    forged = theirs.replace(point.x.to_bytes(32, "big"), other.x.to_bytes(32, "big")).replace(
        point.y.to_bytes(32, "big"), other.y.to_bytes(32, "big")
    )
    return x509.load_der_x509_csr(forged).public_bytes(Encoding.PEM)


REQUESTS: dict[str, Callable[[], bytes]] = {
    "another curve": lambda: _request(ec.generate_private_key(ec.SECP384R1())),
    "RSA": lambda: _request(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    "Ed25519": lambda: _request(ed25519.Ed25519PrivateKey.generate()),
    "another's key": _forged,
    "a certificate": lambda: CA.certificate,
    "cut off": lambda: _request()[:-60],
    "nothing": lambda: b"",
    "too large": lambda: _request() + b"\n" * 20_000,
}


@pytest.mark.parametrize("which", REQUESTS)
def test_which_requests_are_refused(which: str) -> None:
    with pytest.raises(GuestwireError) as refused:
        issue_from_request(CA, REQUESTS[which](), "h1", NOW)
    assert refused.value.code == "CERTIFICATE-INVALID"


@settings(max_examples=50)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_request_or_refused(data: bytes) -> None:
    wrapped = b"-----BEGIN CERTIFICATE REQUEST-----\n" + data + b"\n-----END CERTIFICATE REQUEST-----\n"
    for request in (data, wrapped):
        with pytest.raises(GuestwireError):
            issue_from_request(CA, request, "h1", NOW)
