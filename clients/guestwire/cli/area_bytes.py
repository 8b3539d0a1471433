"""Bytes of a memory area as text: as `hexdump -C` writes them, and what changed of them."""

from collections.abc import Iterator
from typing import NamedTuple

LINE = 16
CHANGE_LINE = 8
"""Bytes of a change on one line: before and after fit 80 columns."""


class Run(NamedTuple):
    """Bytes next to each other that are others now."""

    offset: int
    before: bytes
    after: bytes


class HexDump:
    """Lines as `hexdump -C` has them: lines like the one before become one `*`. Pieces follow each other; all but the last
    are whole lines."""

    def __init__(self, offset: int) -> None:
        self._at = offset
        self._last = b""
        self._starred = False

    def lines(self, piece: bytes) -> Iterator[str]:
        """The lines of the next piece."""
        for start in range(0, len(piece), LINE):
            line = piece[start : start + LINE]
            if line == self._last:
                if not self._starred:
                    yield "*"
                self._starred = True
            else:
                self._starred = False
                yield f"{self._at:08x}  {_hex(line[:8]):<23}  {_hex(line[8:]):<23}  |{_text(line)}|"
            self._last = line
            self._at += len(line)

    def end(self) -> str:
        """The last line: where the bytes end."""
        return f"{self._at:08x}"


def runs(offset: int, before: bytes, after: bytes) -> Iterator[Run]:
    """What changed. Where one of them is longer, what is over counts as changed."""
    length = max(len(before), len(after))
    at = 0
    while at < length:
        if before[at : at + 1] == after[at : at + 1]:
            at += 1
            continue
        end = at + 1
        while end < length and before[end : end + 1] != after[end : end + 1]:
            end += 1
        yield Run(offset + at, before[at:end], after[at:end])
        at = end


def run_lines(run: Run) -> Iterator[str]:
    """`00000010  00 00 -> 01 02`, in lines of a few bytes."""
    for start in range(0, max(len(run.before), len(run.after)), CHANGE_LINE):
        before, after = (_hex(part[start : start + CHANGE_LINE]) for part in (run.before, run.after))
        yield f"{run.offset + start:08x}  {before} -> {after}"


def _hex(piece: bytes) -> str:
    return piece.hex(" ")


def _text(line: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in line)
