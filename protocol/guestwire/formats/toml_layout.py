"""How a changed TOML text looks: the comment above a table stays above it, and a blank line stands before a new one.

tomlkit keeps comments but counts those above a header to the table before it, so what it inserts comes between. Lines of a
text in quotes may look like headers: whoever calls this checks that the result still means the same.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_BLANKS = re.compile(r"\n{3,}")


class _Header(NamedTuple):
    """A table's header: its text, the how-manieth of that text, its line, and the comment lines directly above."""

    text: str
    occurrence: int
    line: int
    comment: tuple[str, ...]


def lay_out(made: str, original: str) -> str:
    """`made`, a changed `original`, with the comments above headers and the blank lines where they belong."""
    lines = made.split("\n")
    before = list(_headers(original.split("\n")))
    for header in before:
        if header.comment:
            lines = _with_comment(lines, header, before)
    known = set(zip(original.split("\n"), original.split("\n")[1:], strict=False))
    spaced: list[str] = []
    for number, line in enumerate(lines):
        previous = lines[number - 1] if number else ""
        new = line.startswith("[") and (previous, line) not in known
        if new and previous.strip() and not previous.lstrip().startswith("#"):
            spaced.append("")
        spaced.append(line)
    text = "\n".join(spaced).rstrip("\n") + "\n"
    return text if "\n\n\n" in original else _BLANKS.sub("\n\n", text)


def _headers(lines: Sequence[str]) -> Iterator[_Header]:
    seen: dict[str, int] = {}
    for number, line in enumerate(lines):
        if not line.lstrip().startswith("["):
            continue
        text = line.strip()
        seen[text] = seen.get(text, 0) + 1
        first = number
        while first and lines[first - 1].lstrip().startswith("#"):
            first -= 1
        yield _Header(text, seen[text], number, tuple(lines[first:number]))


def _with_comment(lines: list[str], header: _Header, before: Sequence[_Header]) -> list[str]:
    """The lines with the header's comment above it, or without the comment where the table is gone."""
    there = list(_headers(lines))
    same_before = sum(other.text == header.text for other in before)
    same_now = sum(other.text == header.text for other in there)
    if 0 < same_now < same_before:
        return lines  # one of several tables of a list went: which one cannot be told from its header
    now = next((other for other in there if other[:2] == header[:2]), None)
    if now is not None and now.comment[-len(header.comment) :] == header.comment:
        return lines
    found = _find(lines, header.comment)
    if len(found) > 1:
        return lines
    start = found[0] if found else len(lines)  # none: it went with the table before
    left = lines[:start] + lines[start + len(header.comment) :]
    if now is None:
        return left
    place = now.line if now.line < start else now.line - len(header.comment)
    above = [""] if place and left[place - 1].strip() else []
    return [*left[:place], *above, *header.comment, *left[place:]]


def _find(lines: Sequence[str], block: Sequence[str]) -> list[int]:
    """Where the lines of a block stand."""
    return [start for start in range(len(lines)) if tuple(lines[start : start + len(block)]) == tuple(block)]
