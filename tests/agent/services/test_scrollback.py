"""What is kept of a console: the last bytes, by their place in all that the guest wrote in one run."""

import pytest

from guestwire.agent.services.scrollback import Piece, Scrollback


def kept(*written: bytes, keep: int = 10) -> Scrollback:
    made = Scrollback(keep, run=7)
    for data in written:
        made.add(data)
    return made


READS = [
    # written, after, limit -> data, start, lost
    ((), None, 5, b"", 0, False),
    ((), 0, 5, b"", 0, False),
    ((b"abc",), None, 5, b"abc", 0, False),
    ((b"abc", b"def"), None, 4, b"cdef", 2, False),
    ((b"abc", b"def"), 0, 4, b"abcd", 0, False),
    ((b"abc", b"def"), 4, 4, b"ef", 4, False),
    ((b"abc",), 3, 4, b"", 3, False),
    ((b"0123456789", b"abcd"), None, 99, b"456789abcd", 4, False),
    ((b"0123456789", b"abcd"), 0, 99, b"456789abcd", 4, True),
    ((b"0123456789", b"abcd"), 4, 99, b"456789abcd", 4, False),
    ((b"0123456789abcdefghij",), 2, 3, b"abc", 10, True),
    # of another run, or made up
    ((b"abc",), 99, 2, b"ab", 0, True),
]


@pytest.mark.parametrize(("written", "after", "limit", "data", "start", "lost"), READS)
def test_what_is_read(
    written: tuple[bytes, ...], after: int | None, limit: int, data: bytes, start: int, lost: bool
) -> None:
    assert kept(*written).read(after, limit) == Piece(data, start, lost)


def test_a_gap_is_told_to_those_who_read_over_it() -> None:
    made = kept(b"abc")
    made.gap()
    assert made.read(3, 9) == Piece(b"", 3, False), "nothing came after it yet"
    made.add(b"def")
    assert made.read(3, 9) == Piece(b"def", 3, True)
    assert made.read(4, 9) == Piece(b"ef", 4, False)
    assert made.read(0, 3) == Piece(b"abc", 0, False)
    assert made.read(0, 4) == Piece(b"abcd", 0, True)
    assert made.read(None, 9) == Piece(b"abcdef", 0, True)
    assert made.read(None, 2) == Piece(b"ef", 4, False)


def test_a_gap_goes_with_what_is_around_it() -> None:
    made = kept(b"abc")
    made.gap()
    made.gap()
    made.add(b"0123456789")
    assert made.read(None, 99) == Piece(b"0123456789", 3, True)
    made.add(b"a")
    assert made.read(None, 99) == Piece(b"123456789a", 4, False)


def test_a_reader_gets_every_byte_once() -> None:
    made, seen, after = kept(keep=64), b"", 0
    written = bytes(range(256)) * 3
    for place in range(0, len(written), 7):
        made.add(written[place : place + 7])
        while (piece := made.read(after, 5)).data:
            assert not piece.lost
            seen += piece.data
            after = piece.start + len(piece.data)
    assert seen == written
