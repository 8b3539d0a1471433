"""When certificates are valid, read out of them; the library for all of X.509 is the judge."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from tls_files import certificate

from guestwire.agent.certificate_dates import certificates, dates
from guestwire.model.errors import GuestwireError

TIMES = st.integers(-599_616_000, 7_258_118_400).map(lambda at: datetime.fromtimestamp(at, UTC))


@settings(max_examples=30, deadline=None)
@given(several=st.tuples(TIMES, TIMES).filter(lambda two: two[0] != two[1]).map(sorted), long_name=st.booleans())
def test_the_dates_are_those_of_the_certificate(several: list[datetime], long_name: bool) -> None:
    begins, ends = several
    made = certificate("n" * (64 if long_name else 1), begins=begins, ends=ends)
    found = dates(made.certificate.public_bytes(Encoding.DER))
    assert [round(at.timestamp() * 1000) for at in several] == list(found)


@settings(max_examples=50)
@given(st.data())
def test_what_is_no_certificate_is_refused_with_its_code(data: st.DataObject) -> None:
    der = DER if data.draw(st.booleans()) else data.draw(st.binary(max_size=40))
    cut = der[: data.draw(st.integers(0, max(0, len(der) - 1)))]
    with pytest.raises(GuestwireError) as caught:
        dates(cut)
    assert caught.value.code == "KEY-FILE-INVALID"


DER = certificate("broker").certificate.public_bytes(Encoding.DER)


def test_the_certificates_of_a_file_in_its_order(tmp_path: Path) -> None:
    root = certificate("root", ca=True)
    issuing = certificate("issuing", root, ca=True)
    leaf = certificate("h1", issuing)
    file = tmp_path / "h1.crt"
    file.write_bytes(b"remarks\n" + leaf.chain_pem)
    assert certificates(file) == [one.certificate.public_bytes(Encoding.DER) for one in (leaf, issuing)]


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n", None]
)
def test_a_file_without_certificates_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "h1.crt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(GuestwireError) as caught:
        certificates(file)
    assert caught.value.code == "KEY-FILE-INVALID"
    assert str(file) in caught.value.message
