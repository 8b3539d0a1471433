"""An audit log, checked: whatever is done to it is found, and said where."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from guestwire.model.errors import GuestwireError
from guestwire.protocol.audit import HEAD_KIND, AuditHead, first_hash, row_hash
from guestwire.protocol.audit_chain import Chain, Origin, check, first_line, last_line, row_line, said_head, signed_head
from guestwire.protocol.packing import pack, unpack
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import state
from guestwire.protocol.trust import NOTHING, Signer, Trust, TrustDocument

LOG = bytes(range(16))
HOST, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(range(1, 33)))
TRUST = Trust(
    TrustDocument(
        site="plant", rev=1, issued_at=0,
        signers=tuple(
            Signer(principal=f"host:{name}", public_key=key.public.raw.hex(), scope=NOTHING)
            for name, key in (("h1", HOST), ("h2", OTHER))
        ),
    )
)  # fmt: skip

Rows = list[tuple[bytes, bytes]]


def chained(fields: Sequence[dict[str, Any]], first: int = 1, previous: bytes = first_hash(LOG)) -> Rows:
    """Rows with these fields, each after the one before."""
    rows: Rows = []
    for number, said in enumerate(fields, first):
        row = pack({"seq": number, "at": 1000 + number, **said})
        previous = row_hash(previous, row)
        rows.append((row, previous))
    return rows


def head(rows: Rows, *, first: int = 1, key: SigningKey = HOST, host: str = "h1", log: bytes = LOG) -> bytes:
    said = AuditHead(log=log, seq=first + len(rows) - 1, hash=rows[-1][1] if rows else first_hash(log))
    return state(HEAD_KIND, "plant", f"host:{host}", said, key, 5)


def exported(rows: Rows, frame: bytes, first: int = 1, previous: bytes = first_hash(LOG)) -> list[str]:
    origin = Origin("plant", "h1", LOG, first, previous)
    return [first_line(origin), *(row_line(*row) for row in rows), last_line(frame)]


SAID = [
    {"what": "accepted", "principal": "operator:anna", "keys": ("00ff",), "target": "wéb"},
    {"what": "ended", "state": "SUCCEEDED"},
    {"what": "refused", "code": "BAD-SIGNATURE", "client": "mallory"},
    {"what": "reads", "count": 7, "from": 1, "to": 2},
    {"what": "accepted", "principal": "operator:ben"},
]
ROWS = chained(SAID)
LINES = exported(ROWS, head(ROWS))


def refused(lines: Sequence[str]) -> tuple[str, int]:
    """What a check says of a file that is not whole: the text, and the row."""
    with pytest.raises(GuestwireError) as caught:
        check(lines, TRUST)
    assert caught.value.code == "AUDIT-BROKEN"
    return caught.value.message, caught.value.detail["seq"]


def _upper_hash(line: str) -> str:
    before, mark, digest = line.partition('"hash":')
    return before + mark + digest.upper()


def test_a_whole_log_is_whole() -> None:
    found = check(LINES, TRUST)
    assert (found.rows, found.origin.host, found.head) == (5, "h1", AuditHead(log=LOG, seq=5, hash=ROWS[-1][1]))


def test_an_empty_log_is_whole() -> None:
    assert check(exported([], head([])), TRUST).rows == 0


@pytest.mark.parametrize(
    ("change", "row", "words"),
    [
        (lambda lines: lines.pop(3), 3, "Row 4 is where row 3 should be"),
        (lambda lines: lines.insert(3, lines[3]), 4, "Row 3 is where row 4 should be"),
        (lambda lines: lines.insert(2, lines[4].replace('"seq":4', '"seq":2')), 2, "Row 2 does not have its hash"),
        (lambda lines: lines.__setitem__(slice(2, 4), [lines[3], lines[2]]), 2, "Row 3 is where row 2 should be"),
        (lambda lines: lines.pop(5), 5, "the end is cut off"),
        (lambda lines: lines.pop(), 6, "without the host's signature"),
        (lambda lines: lines.append(lines[1]), 5, "comes after the end"),
        (lambda lines: lines.pop(0), 0, "whose audit log"),
        (lambda lines: lines.clear(), 0, "whose audit log"),
        (lambda lines: lines.__setitem__(3, lines[3].replace("mallory", "Mallory")), 3, "Row 3 does not have its hash"),
        (lambda lines: lines.__setitem__(3, lines[3].replace(":", ": ", 1)), 3, "Line 4 is not as a log is written"),
        (lambda lines: lines.__setitem__(3, _upper_hash(lines[3])), 3, "not as a log is written"),
        (lambda lines: lines.__setitem__(-1, lines[-1].replace("f", "F", 1)), 5, "not as a log is written"),
        (lambda lines: lines.__setitem__(3, '{"row":[],"hash":""}'), 3, "neither a row nor"),
        (lambda lines: lines.__setitem__(0, lines[0].replace("h1", "h2")), 0, "not signed by host h2"),
        (lambda lines: lines.__setitem__(0, lines[0].replace("plant", "plank")), 0, "of site plank"),
        (lambda lines: lines.__setitem__(0, lines[0].replace("0001", "0002", 1)), 0, "another log"),
        (lambda lines: lines.__setitem__(-1, last_line(head(ROWS, key=OTHER))), 0, "not signed by host h1"),
        (lambda lines: lines.__setitem__(-1, last_line(head(ROWS, key=OTHER, host="h2"))), 0, "not signed by host h1"),
        (lambda lines: lines.__setitem__(-1, last_line(head(ROWS[:4]))), 5, "did not sign row 5"),
    ],
)  # fmt: skip
def test_what_was_done_to_a_log_is_found(change: Callable[[list[str]], object], row: int, words: str) -> None:
    lines = list(LINES)
    change(lines)
    text, where = refused(lines)
    assert words in text
    assert where == row


def test_a_log_that_was_written_anew_is_not_what_the_host_signed() -> None:
    """Whoever can make all the hashes again cannot sign for the host."""
    forged = chained([*SAID[:2], {"what": "accepted", "principal": "operator:anna"}, *SAID[3:]])
    text, where = refused(exported(forged, head(ROWS)))
    assert ("written anew" in text, where) == (True, 5)


def test_a_beginning_is_only_missing_where_the_log_itself_says_so() -> None:
    previous = ROWS[1][1]
    gap = {"what": "gap", "from": 1, "to": 2, "count": 2, "hash": previous.hex()}
    told = chained([*SAID[2:], gap], 3, previous)
    assert check(exported(told, head(told, first=3), 3, previous), TRUST).rows == 4
    untold = chained(SAID[2:], 3, previous)
    text, where = refused(exported(untold, head(untold, first=3), 3, previous))
    assert ("no row says" in text, where) == (True, 3)
    text, _ = refused(exported(told[1:], head(told, first=3), 4, told[0][1]))
    assert "no row says" in text


@given(st.integers(0, len("\n".join(LINES)) - 1), st.characters(codec="utf-8"))
@settings(max_examples=100, deadline=None)
def test_no_character_of_a_file_can_be_another(place: int, character: str) -> None:
    text = "\n".join(LINES)
    assume(text[place] != character)
    refused((text[:place] + character + text[place + 1 :]).split("\n"))


@given(st.integers(0, 4), st.data())
@settings(max_examples=100, deadline=None)
def test_no_byte_of_a_row_can_be_another(number: int, data: st.DataObject) -> None:
    row, digest = ROWS[number]
    place = data.draw(st.integers(0, len(row) - 1))
    other = row[:place] + bytes((row[place] ^ data.draw(st.integers(1, 255)),)) + row[place + 1 :]
    chain = Chain(Origin("plant", "h1", LOG, number + 1, ROWS[number - 1][1] if number else first_hash(LOG)))
    with pytest.raises(GuestwireError) as caught:
        chain.follow(other, digest)
    assert (caught.value.code, caught.value.detail["seq"]) == ("AUDIT-BROKEN", number + 1)


@given(st.text(max_size=300) | st.builds(json.dumps, st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["row", "hash", "head", "seq"]), inner))))  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_noise_is_refused_and_harms_nothing(line: str) -> None:
    refused([line])
    refused([LINES[0], line])
    refused([*LINES[:3], line, *LINES[3:]])


def test_a_row_that_no_host_writes_cannot_be_exported() -> None:
    with pytest.raises(GuestwireError, match="AUDIT-BROKEN"):
        row_line(pack({"seq": 1, "at": b"bytes"}), bytes(32))


def _unsigned(frame: bytes) -> bytes:
    header, body, _, mandates = unpack(frame)
    return pack((header, body, (), mandates))


def test_the_end_is_believed_with_the_hosts_signature_alone() -> None:
    assert signed_head(head(ROWS), TRUST, "plant", "h1").seq == 5
    for frame, site, host in (
        (head(ROWS), "plank", "h1"),
        (head(ROWS), "plant", "h2"),
        (_unsigned(head(ROWS)), "plant", "h1"),
    ):
        with pytest.raises(GuestwireError, match="AUDIT-BROKEN"):
            signed_head(frame, TRUST, site, host)
    assert said_head(_unsigned(head(ROWS)), "plant", "h1").seq == 5
