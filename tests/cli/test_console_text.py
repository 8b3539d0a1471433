"""A guest's console on a terminal: its text, and nothing that the terminal would obey."""

import pytest

from guestwire.cli.console_text import LONGEST, ConsoleText, last_lines

TEXTS = [
    (b"plain\r\n\ttext\n", "plain\n\ttext\n"),
    (b"\x1b[31mred\x1b[0m \x1b[1;2H\x1b[?25l\x1b[2Jend", "red end"),
    (b"\x1b]0;title\x07a\x1b]52;c;aGk=\x1b\\b\x1bP+q\x1b\\c", "abc"),
    (b"\x1b(B\x1b=\x1bc\x1b7a", "a"),
    (b"a\x00\x07\x08\x0b\x0c\x7f\xc2\x9bb", "ab"),
    ("\u0394\u03b5 \u202e".encode(), "\u0394\u03b5 \\u202e"),
    (b"\xff\xfe", "\ufffd\ufffd"),
    (b"", ""),
]


@pytest.mark.parametrize(("data", "text"), TEXTS)
def test_what_is_shown(data: bytes, text: str) -> None:
    assert ConsoleText().add(data) == text


@pytest.mark.parametrize(("data", "text"), TEXTS)
def test_pieces_may_end_anywhere(data: bytes, text: str) -> None:
    whole = ConsoleText()
    shown = "".join(whole.add(data[at : at + 1]) for at in range(len(data)))
    assert shown == text
    assert "\x1b" not in shown


def test_a_sequence_that_does_not_end_holds_nothing_up_for_ever() -> None:
    text = ConsoleText()
    assert text.add(b"\x1b]0;" + b"x" * 100) == ""
    assert text.add(b"x" * LONGEST).endswith("x" * 100)
    assert text.add(b"more\n") == "more\n"


@pytest.mark.parametrize(
    ("data", "count", "lines"),
    [
        (b"a\nb\nc\n", 2, b"b\nc\n"),
        (b"a\nb\nc", 2, b"b\nc"),
        (b"a\nb\n", 9, b"a\nb\n"),
        (b"a\nb\n", 0, b""),
        (b"", 3, b""),
        (b"\n\n\n", 1, b"\n"),
    ],
)
def test_the_last_lines(data: bytes, count: int, lines: bytes) -> None:
    assert last_lines(data, count) == lines
