"""UUIDv7 and slugs."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.protocol import ids


@given(st.integers(0, (1 << 48) - 1))
def test_a_request_id_is_a_uuid7_of_its_moment(wall_ms: int) -> None:
    identifier = ids.request_id(wall_ms)
    assert ids.is_request_id(identifier)
    assert ids.issued_ms(identifier) == wall_ms
    known = uuid.UUID(bytes=identifier)
    assert (known.version, known.variant) == (7, uuid.RFC_4122)
    assert ids.text(identifier) == str(known)
    assert ids.from_text(ids.text(identifier)) == identifier
    assert ids.from_text(known.hex.upper()) == identifier


def test_ids_of_one_moment_differ() -> None:
    assert len({ids.request_id(1) for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "identifier",
    [b"", bytes(16), uuid.uuid4().bytes, ids.request_id(1)[:15], ids.request_id(1) + b"x"],
    ids=["none", "zeros", "version 4", "short", "long"],
)
def test_other_bytes_are_no_request_id(identifier: bytes) -> None:
    assert not ids.is_request_id(identifier)


@pytest.mark.parametrize(
    "form", ["", "00", "ab " * 10 + "ab", "g" * 32, "-" * 32, "0" * 33, "0" * 31 + "-", "0-" * 16 + "0" * 16]
)
def test_other_texts_are_no_request_id(form: str) -> None:
    assert ids.from_text(form) is None


@pytest.mark.parametrize("level", ["a", "0", "-", "host-1", "a" * 36])
def test_slugs(level: str) -> None:
    assert ids.is_slug(level)


@pytest.mark.parametrize("level", ["", "a" * 37, "A", "a.b", "a_b", "a/b", "+", "#", "%u", "ä", "a\n", "٣"])
def test_not_slugs(level: str) -> None:
    assert not ids.is_slug(level)
