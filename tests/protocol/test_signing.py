"""Ed25519 under domains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.protocol.signing import KEY_ID_BYTES, SIGNATURE_BYTES, Domain, SigningKey, VerifyingKey, key_id

KEY, OTHER = SigningKey(bytes([1] * 32)), SigningKey(bytes([2] * 32))


@given(st.binary(max_size=300), st.integers(0, 63), st.integers(0, 7))
def test_a_signature_holds_for_its_bytes_key_and_domain_alone(data: bytes, byte: int, bit: int) -> None:
    signature = KEY.sign(Domain.ENVELOPE, data)
    assert len(signature) == SIGNATURE_BYTES
    assert KEY.public.verifies(Domain.ENVELOPE, data, signature)
    assert not KEY.public.verifies(Domain.TRUST, data, signature)
    assert not OTHER.public.verifies(Domain.ENVELOPE, data, signature)
    assert not KEY.public.verifies(Domain.ENVELOPE, data + b"\0", signature)
    flipped = bytearray(signature)
    flipped[byte] ^= 1 << bit
    assert not KEY.public.verifies(Domain.ENVELOPE, data, bytes(flipped))


def test_keys() -> None:
    assert KEY.id == KEY.public.id == key_id(KEY.public.raw)
    assert len(KEY.id) == KEY_ID_BYTES
    assert VerifyingKey(KEY.public.raw).id == KEY.id
    assert SigningKey.generate().raw != SigningKey.generate().raw
    assert SigningKey(KEY.raw).public.raw == KEY.public.raw


def test_a_signature_of_another_length_is_no_signature() -> None:
    assert not KEY.public.verifies(Domain.ENVELOPE, b"x", b"")


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32"):
        VerifyingKey(b"short")


def test_no_domain_begins_with_another() -> None:
    values = [domain.value for domain in Domain]
    assert not any(a != b and a.startswith(b) for a in values for b in values)
