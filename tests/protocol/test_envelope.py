"""Envelopes: form, limits, parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import (
    BODY_LIMIT,
    FRAME_LIMIT,
    MAX_PARTS,
    PART_LIMIT,
    EnvelopeError,
    Header,
    body_hash,
    decode,
    encode,
    encode_parts,
)
from guestwire.protocol.packing import pack, unpack
from guestwire.protocol.signing import Domain, SigningKey

KEY = SigningKey(bytes([1] * 32))
BODY = b"\x80"
HEADER = Header(
    (1, 0), "request", ("plant", "h1"), "host-ping", bytes(16), "operator:anna", 1, 2, 1, body_hash(BODY), "cli-1"
)

TIMES = st.integers(0, (1 << 53) - 1)
HEADERS = st.builds(
    Header,
    version=st.tuples(st.just(1), st.integers(0, 200)),
    kind=st.text(),
    audience=st.tuples(st.text(), st.text()),
    operation=st.text(),
    request_id=st.binary(min_size=16, max_size=16),
    issuer=st.text(),
    issued_at=TIMES,
    expires=TIMES,
    ttl_ms=TIMES,
    body_hash=st.binary(min_size=32, max_size=32),
    reply_to=st.none() | st.text(),
    status=st.none() | st.text(),
    phase=st.none() | st.text(),
    n=st.integers(0, (1 << 63) - 1),
    part=st.just((1, 1)) | st.just((2, MAX_PARTS)),
    nonce=st.none() | st.binary(),
    mandate_hash=st.none() | st.binary(),
    crit=st.lists(st.text()).map(tuple),
)


@given(HEADERS, st.binary(max_size=200), st.lists(st.binary(max_size=20), max_size=3))
def test_what_was_encoded_is_decoded(header: Header, body: bytes, mandates: list[bytes]) -> None:
    envelope = decode(encode(header, body, (KEY,), mandates))
    assert envelope.header == header
    assert envelope.body == body
    assert envelope.mandates == tuple(mandates)
    [(key_id, signature)] = envelope.signatures
    assert key_id == KEY.id
    assert KEY.public.verifies(Domain.ENVELOPE, envelope.header_bytes, signature)


def raw(header: object = HEADER, body: object = BODY, signatures: object = (), mandates: object = ()) -> bytes:
    return pack((pack(header), body, signatures, mandates))


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xc0",
        b"\x80",
        b"\x90",
        b"\x91\x90",
        pack((pack(HEADER), BODY, ())),
        pack((pack(HEADER), BODY, (), (), ())),
        raw(HEADER[:-1]),
        raw((*HEADER, None)),
        raw({"version": (1, 0)}),
        raw(7),
        raw(b"\x02header"),
        raw("zero"),
        raw(()),
        raw(((),)),
        raw((("1", 0), *HEADER[1:])),
        raw(((1,), *HEADER[1:])),
        raw(((1, 0, 0), *HEADER[1:])),
        raw(((1.0, 0), *HEADER[1:])),
        raw(((True, 0), *HEADER[1:])),
        raw(HEADER._replace(request_id=bytes(15))),
        raw(HEADER._replace(body_hash=bytes(31))),
        raw(HEADER._replace(part=(0, 1))),
        raw(HEADER._replace(part=(2, 1))),
        raw(HEADER._replace(part=(1, MAX_PARTS + 1))),
        raw(HEADER._replace(ttl_ms=-1)),
        raw(HEADER._replace(issued_at=-1)),
        raw(HEADER._replace(expires=1 << 53)),
        raw(HEADER._replace(n=-1)),
        raw(HEADER._replace(n=1 << 63)),
        raw(HEADER._replace(crit=None)),
        raw(HEADER._replace(kind=None)),
        raw(HEADER._replace(reply_to=b"cli-1")),
        raw(body="text"),
        raw(signatures=((bytes(8), bytes(63)),)),
        raw(signatures=((bytes(7), bytes(64)),)),
        raw(signatures=((bytes(8), bytes(64)),) * 5),
        raw(signatures=((bytes(8),),)),
        raw(mandates=("text",)),
        b"\x94\xd6\xff\x00\x00\x00\x05" + raw()[1:],
    ],
)
def test_what_is_no_envelope(frame: bytes) -> None:
    with pytest.raises(EnvelopeError) as raised:
        decode(frame)
    assert raised.value.code == "MALFORMED"
    assert raised.value.request_id is None


def test_an_element_more_is_for_newer_minors() -> None:
    longer = ((1, 7), *HEADER[1:], "since minor 7")
    assert decode(raw(longer)).header == HEADER._replace(version=(1, 7))
    assert decode(raw(longer)).header_bytes == pack(longer)


def test_another_major_is_told_with_its_id_whatever_else_it_holds() -> None:
    for header in [
        HEADER._replace(version=(2, 3)),
        ((2, 3), "kind", None, 7, bytes(16), "more"),
        ((0, 3, 1), "", "", "", bytes(16)),
    ]:
        with pytest.raises(EnvelopeError) as raised:
            decode(raw(header))
        assert raised.value.code == "UNSUPPORTED-VERSION"
        assert raised.value.request_id == bytes(16)
        assert raised.value.detail["majors"] == [1]
    with pytest.raises(EnvelopeError) as raised:
        decode(raw(((2, 0),)))
    assert raised.value.request_id is None


def test_the_size_comes_first() -> None:
    with pytest.raises(EnvelopeError) as raised:
        decode(b"\xc1" * (FRAME_LIMIT + 1))
    assert raised.value.code == "FRAME-TOO-LARGE"
    with pytest.raises(EnvelopeError) as raised:
        decode(raw(body=bytes(PART_LIMIT + 1)))
    assert raised.value.code == "FRAME-TOO-LARGE"


def test_nothing_larger_than_the_limits_is_made() -> None:
    for make in (
        lambda: encode(HEADER, bytes(PART_LIMIT + 1)),
        lambda: encode(HEADER, bytes(PART_LIMIT), (), [bytes(20_000)]),
        lambda: encode_parts(HEADER, bytes(BODY_LIMIT + 1)),
    ):
        with pytest.raises(GuestwireError) as raised:
            make()
        assert raised.value.code == "FRAME-TOO-LARGE"


@pytest.mark.parametrize("size", [0, 1, PART_LIMIT, PART_LIMIT + 1, 3 * PART_LIMIT, BODY_LIMIT])
def test_a_body_is_cut_into_signed_parts(size: int) -> None:
    body = bytes(size)
    envelopes = [decode(frame) for frame in encode_parts(HEADER._replace(body_hash=body_hash(body)), body, (KEY,))]
    assert b"".join(e.body for e in envelopes) == body
    assert [e.header.part for e in envelopes] == [(i + 1, len(envelopes)) for i in range(len(envelopes))]
    assert len({e.header.body_hash for e in envelopes}) == 1
    assert all(KEY.public.verifies(Domain.ENVELOPE, e.header_bytes, e.signatures[0][1]) for e in envelopes)


def test_the_header_is_signed_as_it_came() -> None:
    """A header packed in another way is another header to a signature: nobody may re-encode."""
    header = pack(HEADER)
    assert header[0] == 0xDC, "an array of 16 bits length"
    padded = b"\xdd" + len(HEADER).to_bytes(4, "big") + header[3:]
    assert unpack(padded) == unpack(header)
    envelope = decode(pack((padded, BODY, (), ())))
    assert envelope.header_bytes == padded
