"""Names, origins and cookies: what other sites' pages cannot give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.api.origins import Names, check_csrf, cookies
from guestwire.controller.users.names import csrf_of, new_secret
from guestwire.model.errors import GuestwireError

PLAIN, SECURE = Names(["Controller.Example."], secure=False), Names(["controller.example", "2001:DB8::1"], secure=True)


@pytest.mark.parametrize(
    "host",
    ["controller.example", "controller.example:5000", "CONTROLLER.example", "controller.example.", "localhost:1", "127.0.0.1",
     "[::1]:5000", "[::1]", "[0:0::1]:80"],
)  # fmt: skip
def test_names_of_ours(host: str) -> None:
    PLAIN.check_host(host)


def test_an_address_of_ours() -> None:
    SECURE.check_host("[2001:db8:0::1]:443")


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example", "controller.example.evil.example", "evil.example:5000", "controller.example:0", "controller.example:99999",
     "controller.example:x", "user@controller.example", "controller.example/..", "controller.example?x", "controller.example#", "::1",
     "[::1", "127.0.0.2", "controller.example,evil.example", "\x00", "controller.example evil"],
)  # fmt: skip
def test_names_of_others(host: str | None) -> None:
    with pytest.raises(GuestwireError, match="HOST-NAME-REFUSED"):
        PLAIN.check_host(host)


@pytest.mark.parametrize(
    ("names", "origin", "host", "site", "good"),
    [
        (PLAIN, None, "controller.example", None, True),
        (PLAIN, "http://controller.example", "controller.example", "same-origin", True),
        (PLAIN, "http://controller.example:5000", "controller.example:5000", None, True),
        (PLAIN, "http://Controller.Example", "controller.example", None, True),
        (SECURE, "https://controller.example", "controller.example", "none", True),
        (PLAIN, "null", "controller.example", None, False),
        (PLAIN, "", "controller.example", None, False),
        (PLAIN, "http://evil.example", "controller.example", None, False),
        (PLAIN, "http://controller.example.evil.example", "controller.example", None, False),
        (PLAIN, "http://controller.example:5001", "controller.example:5000", None, False),
        (PLAIN, "https://controller.example", "controller.example", None, False),
        (SECURE, "http://controller.example", "controller.example", None, False),
        (PLAIN, None, "controller.example", "cross-site", False),
        (PLAIN, None, "controller.example", "same-site", False),
        (PLAIN, "http://controller.example", "controller.example", "cross-site", False),
        (PLAIN, "http://controller.example/", "controller.example", None, False),
        (PLAIN, "http://", None, None, True),
    ],
)
def test_origins(names: Names, origin: str | None, host: str | None, site: str | None, good: bool) -> None:
    if good:
        names.check_origin(origin, host, site)
    else:
        with pytest.raises(GuestwireError, match="CSRF-REFUSED"):
            names.check_origin(origin, host, site)


def test_the_text_that_belongs_to_a_session() -> None:
    secret, other = new_secret(), new_secret()
    check_csrf(csrf_of(secret), secret)
    for wrong in (None, "", "x", csrf_of(other), csrf_of(secret)[:-1], csrf_of(secret).upper(), "ä" * 64, "€" * 64):
        with pytest.raises(GuestwireError, match="CSRF-REFUSED"):
            check_csrf(wrong, secret)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, {}),
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1; b=2;c=3", {"a": "1", "b": "2", "c": "3"}),
        ("a=1; a=2; b=3", {"b": "3"}),
        ("a=1; a=1", {}),
        ("junk; a=1; =x", {"a": "1", "": "x"}),
        ("a=b=c", {"a": "b=c"}),
    ],
)
def test_cookies(header: str | None, found: dict[str, str]) -> None:
    assert cookies(header) == found


@given(st.text(max_size=200))
def test_any_header_is_read(text: str) -> None:
    cookies(text)
    with pytest.raises(GuestwireError):
        Names([], secure=True).check_host(text + "evil")
