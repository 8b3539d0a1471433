"""What a certificate is for, out of its bytes."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_certificates import CLIENT, SERVER, Authority

from guestwire.link.peer_certificate import is_for_clients


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def der(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


@pytest.mark.parametrize(
    ("purposes", "expected"),
    [
        ((CLIENT,), True),
        ((SERVER, CLIENT), True),
        ((SERVER,), False),
        ((), False),
        ((Usage.ANY_EXTENDED_KEY_USAGE,), False),
    ],
)
def test_purposes(ca: Authority, purposes: tuple[x509.ObjectIdentifier, ...], expected: bool) -> None:
    assert is_for_clients(der(ca.issue("one", purposes).certificate)) is expected


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 600), at=st.integers(0, 600), value=st.integers(0, 255))
def test_damage_is_no_error(ca: Authority, cut: int, at: int, value: int) -> None:
    whole = bytearray(der(ca.certificate))
    whole[at % len(whole)] = value
    assert is_for_clients(bytes(whole[:cut])) in (True, False)
