"""What is known of the terminal, and colour: only for a person, never in a pipe, never with NO_COLOR (no-color.org)."""

import os
import sys
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


def printable(text: str) -> str:
    """Text from elsewhere made harmless for a terminal: control characters become visible escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
