"""What is known of the terminal, and colour: only for a person, never in a pipe, never with NO_COLOR (no-color.org)."""

import os
import sys
import unicodedata
from typing import TextIO

STYLES = {
    "good": "32",
    "warn": "33",
    "bad": "31",
    "busy": "36",
    "faint": "2",
    "bold": "1",
}


def coloured(stream: TextIO) -> bool:
    """Whether to colour what goes to this stream."""
    if os.environ.get("NO_COLOR"):
        return False
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str | None, *, colour: bool) -> str:
    """The text in a style, where there is colour."""
    if not colour or style is None:
        return text
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m"


def person_watches() -> bool:
    """Whether somebody sees stderr."""
    return sys.stderr.isatty()


def person_answers() -> bool:
    """Whether somebody can answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def cells(text: str) -> int:
    """How many cells of a terminal a text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def printable(text: str) -> str:
    """Text from elsewhere made harmless for a terminal: control characters become visible escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
