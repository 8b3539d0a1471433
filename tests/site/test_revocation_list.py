"""Revocation lists: what OpenSSL makes of them."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from guestwire.site.ca import make_issuing_ca, make_root_ca
from guestwire.site.certificates import describe
from guestwire.site.leaves import issue_client
from guestwire.site.revocation_list import lists_in, revocation_list, says, serials_in

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROOT = make_root_ca("plant", NOW)
CA, OLD = make_issuing_ca(ROOT, "plant", NOW), make_issuing_ca(ROOT, "plant", NOW)
LEAF = issue_client(CA, "anna", NOW).certificate
SERIAL = int(describe(LEAF)[0].serial, 16)


def _verify(tmp_path: Path, lists: bytes, at: datetime = NOW) -> str:
    for name, data in (("root", ROOT.certificate), ("leaf", LEAF), ("lists", lists)):
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-crl_check", "-attime", str(int(at.timestamp())), "-CAfile", "root",
         "-CRLfile", "lists", "-untrusted", "leaf", "leaf"],
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    return "OK" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        pytest.param(revocation_list(CA, [], NOW), "OK", id="empty"),
        pytest.param(revocation_list(CA, [1, 2], NOW), "OK", id="others"),
        pytest.param(revocation_list(CA, [SERIAL], NOW), "certificate revoked", id="revoked"),
        pytest.param(revocation_list(OLD, [], NOW), "unable to get certificate CRL", id="of another CA"),
        pytest.param(revocation_list(OLD, [], NOW) + revocation_list(CA, [], NOW), "OK", id="of both"),
        pytest.param(revocation_list(CA, [], NOW + timedelta(minutes=59)), "OK", id="a clock behind"),
    ],
)
def test_what_openssl_says(tmp_path: Path, lists: bytes, said: str) -> None:
    assert said in _verify(tmp_path, lists)


def test_it_does_not_run_out(tmp_path: Path) -> None:
    assert _verify(tmp_path, revocation_list(CA, [], NOW), NOW + timedelta(days=700)) == "OK"


def test_of_two_the_later_made_counts_even_of_one_second(tmp_path: Path) -> None:
    first = revocation_list(CA, [], NOW)
    second = revocation_list(CA, [SERIAL], NOW, previous=first)
    third = revocation_list(CA, [], NOW, previous=revocation_list(OLD, [], NOW - timedelta(days=9)) + second)
    assert "revoked" in _verify(tmp_path, first + second)
    assert "revoked" in _verify(tmp_path, second + first)
    assert _verify(tmp_path, first + third + second) == "OK"


def test_whether_a_new_one_is_needed() -> None:
    listed = revocation_list(CA, [SERIAL, 7], NOW)
    assert says(listed, CA.certificate, [7, SERIAL])
    assert not says(listed, CA.certificate, [7])
    assert not says(listed, OLD.certificate, [7, SERIAL])
    assert not says(b"", CA.certificate, [])
    damaged = listed.replace(b"M", b"N", 1)
    assert not says(damaged, CA.certificate, [7, SERIAL])


def test_the_lists_of_a_file() -> None:
    one, other = revocation_list(CA, [1], NOW), revocation_list(OLD, [2], NOW)
    assert lists_in(b"# remark\n" + one + other) == (one, other)
    assert serials_in(one + other) == {1, 2}
    assert serials_in(b"nothing") == frozenset()
