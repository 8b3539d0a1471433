"""Enrolment codes: used by one key, until they end; kept as a hash."""

import stat
from pathlib import Path

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.site import codes as codes_module
from guestwire.site.codes import Codes, new_code, read_codes, used, with_code, write_codes
from guestwire.site.layout import Layout

NOW, HOUR = 1_760_000_000_000, 3_600_000
NONE = Codes()
KEY, OTHER = "a" * 64, "b" * 64


def _one(host: str = "h1", *, now_ms: int = NOW, into: Codes = NONE) -> tuple[Codes, bytes]:
    code, kept = new_code("plant", host, "h:1", bytes(16), now_ms=now_ms, valid_ms=HOUR, brokers=(), replace=False)
    return with_code(into, kept, now_ms), code.secret


def test_a_code_is_used_by_one_key_as_often_as_it_asks() -> None:
    made, secret = _one()
    after, code = used(made, secret, "h1", KEY, NOW + 1)
    assert code.used_by == KEY
    again, _ = used(after, secret, "h1", KEY, NOW + HOUR - 1)
    assert again == after
    with pytest.raises(GuestwireError, match="ENROLMENT-CODE-USED"):
        used(after, secret, "h1", OTHER, NOW + 1)


@pytest.mark.parametrize("later", [HOUR, 2 * HOUR])
def test_a_code_ends_used_or_not(later: int) -> None:
    made, secret = _one()
    after, _ = used(made, secret, "h1", KEY, NOW)
    for codes in (made, after):
        with pytest.raises(GuestwireError, match="ENROLMENT-CODE-EXPIRED"):
            used(codes, secret, "h1", KEY, NOW + later)


def test_another_secret_or_host_is_unknown() -> None:
    made, secret = _one()
    for asked, host in ((bytes(16), "h1"), (secret, "h2"), (secret[:15], "h1")):
        with pytest.raises(GuestwireError, match="ENROLMENT-CODE-UNKNOWN"):
            used(made, asked, host, KEY, NOW)


def test_a_new_code_takes_the_place_of_the_hosts_unused_one() -> None:
    first, old = _one()
    other, of_other = _one("h2", into=first)
    second, new = _one(into=other)
    with pytest.raises(GuestwireError, match="ENROLMENT-CODE-UNKNOWN"):
        used(second, old, "h1", KEY, NOW)
    assert used(second, new, "h1", KEY, NOW)[1].host == "h1"
    assert used(second, of_other, "h2", KEY, NOW)[1].host == "h2"


def test_what_is_over_is_forgotten_after_a_while() -> None:
    made, _ = _one()
    assert len(_one("h2", now_ms=NOW + HOUR + 8 * 86_400_000, into=made)[0].codes) == 1


def test_there_is_a_bound() -> None:
    made, _ = _one()
    full = Codes(codes=made.codes * codes_module.MAX_CODES)
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        _one("h2", into=full)


def test_the_file_holds_no_secret_and_is_closed(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.codes.parent.mkdir()
    assert read_codes(layout) == Codes()
    made, secret = _one()
    write_codes(layout, made)
    assert read_codes(layout) == made
    data = layout.codes.read_bytes()
    assert secret not in data
    assert secret.hex().encode() not in data
    assert stat.S_IMODE(layout.codes.stat().st_mode) == 0o600
    layout.codes.write_bytes(data[:-20])
    with pytest.raises(GuestwireError, match="TRUST-INVALID"):
        read_codes(layout)
