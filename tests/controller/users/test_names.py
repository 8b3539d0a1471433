"""Names and secrets."""

import pytest

from guestwire.controller.users import names


def test_secrets_look_like_what_they_are() -> None:
    token, secret = names.new_token(), names.new_secret()
    assert names.is_token(token)
    assert names.is_secret(secret)
    assert not names.is_token(secret)
    assert not names.is_secret(token)
    assert len({names.new_secret() for _ in range(100)}) == 100
    assert len(names.digest(token)) == 32
    assert names.csrf_of(secret) != names.csrf_of(names.new_secret())
    assert secret not in names.csrf_of(secret)


@pytest.mark.parametrize(
    ("text", "good"),
    [("anna", True), ("a", True), ("anna.b-c_d2", True), ("", False), ("Anna", False), ("2anna", False), ("anna b", False),
     ("a" * 37, False), ("anna\n", False), ("ännä", False), ("../x", False)],
)  # fmt: skip
def test_names(text: str, good: bool) -> None:
    assert names.is_name(text) is good


@pytest.mark.parametrize(
    "text", ["", "gwt_", "gwt_" + "a" * 42, "gwt_" + "a" * 44, "GWT_" + "a" * 43, "gwt_" + "ä" * 43]
)
def test_no_token(text: str) -> None:
    assert not names.is_token(text)
