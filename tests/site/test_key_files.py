"""Key files: text to key and back, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.model.errors import GuestwireError
from guestwire.protocol import key_files
from guestwire.protocol.signing import SigningKey

KEY = SigningKey(bytes(range(32)))


def test_round_trip() -> None:
    assert key_files.parse_private(key_files.format_private(KEY, "operator:admin")).raw == KEY.raw
    assert key_files.parse_public(key_files.format_public(KEY.public)).raw == KEY.public.raw


def test_a_remark_cannot_smuggle_a_line() -> None:
    text = key_files.format_private(KEY, "x\ned25519 " + "00" * 32)
    assert key_files.parse_private(text).raw == KEY.raw


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o100600])
def test_private_modes(mode: int) -> None:
    assert key_files.is_private(mode)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o601, 0o660])
def test_open_modes(mode: int) -> None:
    assert not key_files.is_private(mode)


def test_a_public_file_is_no_private_one_and_the_reverse() -> None:
    with pytest.raises(GuestwireError, match="KEY-FILE-INVALID"):
        key_files.parse_private(key_files.format_public(KEY.public))
    with pytest.raises(GuestwireError, match="KEY-FILE-INVALID"):
        key_files.parse_public(key_files.format_private(KEY))


@given(st.text(max_size=300))
def test_any_text_is_a_key_or_refused(text: str) -> None:
    with pytest.raises(GuestwireError) as refused:
        key_files.parse_private("guestwire-key 1 private\n" + text)
    assert refused.value.code == "KEY-FILE-INVALID"


def test_an_error_never_quotes_the_key() -> None:
    seed = KEY.raw.hex()
    with pytest.raises(GuestwireError) as refused:
        key_files.parse_private(f"guestwire-key 1 private\ned25519 {seed}0")
    assert seed not in str(refused.value)
