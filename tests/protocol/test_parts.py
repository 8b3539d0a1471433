"""Bodies in parts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import PART_LIMIT, Envelope, Header, body_hash, decode, encode_parts
from guestwire.protocol.parts import COMPLETE_WITHIN_S, MAX_OPEN, Assembly


def parts(body: bytes) -> list[Envelope]:
    header = Header(
        (1, 0), "request", ("plant", "h1"), "guest-define", bytes(16), "operator:anna", 1, 2, 1, body_hash(body)
    )
    return [decode(frame) for frame in encode_parts(header, body)]


@given(st.integers(PART_LIMIT + 1, 6 * PART_LIMIT), st.randoms(use_true_random=False))
def test_any_order_and_any_duplicates_make_the_whole(size: int, chance: random.Random) -> None:
    body = random.Random(size).randbytes(size)
    pieces = parts(body)
    sent = pieces + [chance.choice(pieces) for _ in range(3)]
    chance.shuffle(sent)
    assembly, wholes = Assembly(), []
    for piece in sent:
        whole = assembly.add("key", piece, 0.0)
        if whole is not None:
            wholes.append(whole)
    assert wholes
    assert set(wholes) == {body}


def test_one_part_is_the_body() -> None:
    assembly = Assembly()
    assert assembly.add("key", parts(b"small")[0], 0.0) == b"small"
    assert len(assembly) == 0


def test_another_body_under_the_same_key_starts_anew() -> None:
    one, other = parts(b"a" * 60_000), parts(b"b" * 60_000)
    assembly = Assembly()
    assert assembly.add("key", one[0], 0.0) is None
    assert assembly.add("key", other[1], 0.0) is None
    assert assembly.add("key", one[1], 0.0) is None
    assert assembly.add("key", one[0], 0.0) == b"a" * 60_000


def test_a_whole_that_does_not_fit_its_hash_is_an_error_and_forgotten() -> None:
    one = parts(b"a" * 60_000)
    assembly = Assembly()
    assembly.add("key", one[0], 0.0)
    with pytest.raises(GuestwireError) as raised:
        assembly.add("key", one[1]._replace(body=b"x" + one[1].body[1:]), 0.0)
    assert raised.value.code == "BODY-MISMATCH"
    assert len(assembly) == 0


def test_parts_that_are_late_are_told_once_and_start_anew() -> None:
    one = parts(b"a" * 120_000)
    assembly = Assembly()
    assembly.add("key", one[0], 0.0)
    assert assembly.add("key", one[1], COMPLETE_WITHIN_S - 0.1) is None
    with pytest.raises(GuestwireError) as raised:
        assembly.add("key", one[2], COMPLETE_WITHIN_S)
    assert raised.value.code == "PARTS-TIMEOUT"
    assert assembly.add("key", one[0], COMPLETE_WITHIN_S) is None
    assert assembly.add("key", one[1], COMPLETE_WITHIN_S) == b"a" * 120_000


def test_no_more_than_so_many_at_once_and_the_oldest_gives_way() -> None:
    one = parts(b"a" * 60_000)
    assembly = Assembly()
    for key in range(MAX_OPEN + 5):
        assembly.add(key, one[0], 0.0)
    assert len(assembly) == MAX_OPEN
    assert assembly.add(0, one[1], 0.0) is None
    assert assembly.add(MAX_OPEN + 4, one[1], 0.0) is not None
