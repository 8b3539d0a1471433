"""The text of an enrolment code, both ways; what is signed is bound to its kind and its parts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.model.errors import GuestwireError
from guestwire.protocol.authority_url import authority_address
from guestwire.protocol.enrolment import (
    EnrolmentCode,
    EnrolRequest,
    enrol_to_be_signed,
    parse_address,
    parse_code,
    renew_to_be_signed,
)

CODE = EnrolmentCode("plant", "press-7", "site.example:8443", bytes(range(16)), bytes(range(100, 116)))
_slugs = st.from_regex(r"[a-z0-9-]{1,36}", fullmatch=True)
_keys = st.binary(min_size=16, max_size=16)
codes = st.builds(
    EnrolmentCode,
    _slugs,
    _slugs,
    st.sampled_from(["h:1", "10.0.0.1:65535", "[fe80::1]:8443", "a.b-c.example:443"]),
    _keys,
    _keys,
)


@given(codes)
@settings(max_examples=100)
def test_a_code_is_read_as_it_was_written(code: EnrolmentCode) -> None:
    assert parse_code(code.text) == code


@pytest.mark.parametrize(
    "typed",
    [
        CODE.text.upper(),
        CODE.text.replace("-", ""),
        CODE.text.replace("-", " "),
        f"  {CODE.text}\n",
        CODE.text[:4] + CODE.text[4:].replace("1", "l").replace("0", "O"),
    ],
)
def test_how_it_is_typed_does_not_matter(typed: str) -> None:
    assert parse_code(typed) == CODE


@given(st.integers(5, len(CODE.text) - 2), st.sampled_from("0123456789abcdefghjkmnpqrstvwxyz"))
@settings(max_examples=100)
def test_one_wrong_letter_is_noticed(at: int, letter: str) -> None:
    if CODE.text[at] in (letter, "-"):
        return
    with pytest.raises(GuestwireError, match="ENROLMENT-CODE-INVALID"):
        parse_code(CODE.text[:at] + letter + CODE.text[at + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gwe1",
        "gwe1-",
        "gwe2-aaaaa",
        CODE.text[:-6],
        CODE.text + "-aaaaa",
        "gwe1-u!",
        "gwe1-" + "a" * 5000,
        "\u00e9",
    ],
)
def test_what_is_no_code(text: str) -> None:
    with pytest.raises(GuestwireError, match="ENROLMENT-CODE-INVALID"):
        parse_code(text)


def test_an_error_does_not_quote_the_code_and_a_repr_has_no_secret() -> None:
    with pytest.raises(GuestwireError) as refused:
        parse_code(CODE.text[:-1] + "x")
    assert CODE.text[5:20] not in str(refused.value)
    assert repr(CODE.secret) not in repr(CODE)
    asked = EnrolRequest(site="p", host="h", secret="ab" * 16, public_key="0" * 64, request="", signature="0" * 128)
    assert "abab" not in repr(asked)


@pytest.mark.parametrize(
    ("text", "address"),
    [("h1:80", ("h1", 80)), ("[::1]:8443", ("::1", 8443)), ("site.example:443", ("site.example", 443))],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address
    assert authority_address(f"https://{text}") == address


@pytest.mark.parametrize(
    "text", ["", "h1", "h1:0", "h1:65536", "::1:80", "[::1]", "h 1:80", "h1:80/x", "-h:80", "u@h:80"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        parse_address(text)
    with pytest.raises(ValueError):
        authority_address(f"https://{text}")
    with pytest.raises(ValueError):
        authority_address(f"http://{text}")


def test_what_is_signed_is_told_apart() -> None:
    signed = {
        enrol_to_be_signed("p", "h", "0" * 64, "csr"),
        enrol_to_be_signed("p", "h2", "0" * 64, "csr"),
        enrol_to_be_signed("p2", "h", "0" * 64, "csr"),
        enrol_to_be_signed("p", "h", "1" * 64, "csr"),
        enrol_to_be_signed("p", "h", "0" * 64, "csr2"),
        renew_to_be_signed("p", "h", "csr"),
        renew_to_be_signed("p", "h", "csr2"),
    }
    assert len(signed) == 7
