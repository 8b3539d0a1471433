"""Results on stdout: as a table, wide, JSON, JSON lines, YAML or bare names. A command says what its columns are, never how they look."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from guestwire.cli.settings import Settings
from guestwire.cli.terminal import cells, coloured, paint, printable

T = TypeVar("T")
SHORTEST = 8
"""Characters of the last column below which cutting it would say nothing."""


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A column of a table. `wide`: only with -o wide. `style`: a name of terminal.STYLES for a row's cell."""

    title: str
    text: Callable[[T], str]
    wide: bool = False
    style: Callable[[T], str | None] | None = None
    right: bool = False


@dataclass(frozen=True, slots=True)
class View(Generic[T]):
    """How things of one kind are written. `document`: plain values for JSON and YAML; `name`: what other commands take."""

    columns: Sequence[Column[T]]
    name: Callable[[T], str]
    document: Callable[[T], Any]
    none: str = "nothing"
    titled: bool = True
    """Whether a table has a line of titles."""
    whole: bool = False
    """Whether the last column is written whole where it is wider than the terminal."""


def write_all(settings: Settings, view: View[T], things: Sequence[T]) -> None:
    """Write a list of things."""
    if settings.output == "name":
        _lines([view.name(thing) for thing in things])
    elif settings.output == "jsonl":
        _lines([json.dumps(view.document(thing), ensure_ascii=False) for thing in things])
    elif settings.for_programs:
        write_document(settings, [view.document(thing) for thing in things])
    elif things:
        columns = [column for column in view.columns if settings.output == "wide" or not column.wide]
        _lines(_table(columns, things, whole=view.whole)[0 if view.titled else 1 :])
    elif not settings.quiet:
        print(view.none, file=sys.stderr)


def write_one(settings: Settings, thing: T, view: View[T], facts: Sequence[tuple[str, str]]) -> None:
    """Write one thing: for people as its facts, a line each."""
    if settings.output == "name":
        _lines([view.name(thing)])
    elif settings.for_programs:
        write_document(settings, view.document(thing))
    else:
        width = max(len(label) for label, _ in facts) + 2
        colour = coloured(sys.stdout)
        _lines([paint(f"{label + ':':<{width}}", "faint", colour=colour) + printable(text) for label, text in facts])


def write_document(settings: Settings, value: Any) -> None:
    """Write plain values as JSON or YAML."""
    if settings.output == "yaml":
        import yaml

        sys.stdout.write(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))
    else:
        indent = 2 if sys.stdout.isatty() and settings.output != "jsonl" else None
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent) + "\n")


def plain(value: Any) -> Any:
    """A model, or anything in one, as plain values: bytes in hexadecimal, a request id in its usual form."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(exclude_none=True)
    if isinstance(value, Mapping):
        return {key: _request_id(item) if key == "request_id" else plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value


def _request_id(value: Any) -> Any:
    from guestwire.protocol import ids

    return ids.text(value) if isinstance(value, bytes) else value


def _table(columns: Sequence[Column[T]], things: Sequence[T], *, whole: bool) -> list[str]:
    rows = [[printable(column.text(thing)) for column in columns] for thing in things]
    widths = [max(cells(column.title), *(cells(row[i]) for row in rows)) for i, column in enumerate(columns)]
    if sys.stdout.isatty() and not whole:
        widths = narrowed(widths, shutil.get_terminal_size().columns)
        rows = [[cut(cell, width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    colour = coloured(sys.stdout)
    titles = [paint(cell, "faint", colour=colour) for cell in _aligned([c.title for c in columns], columns, widths)]
    lines = ["  ".join(titles).rstrip()]
    for thing, row in zip(things, rows, strict=True):
        aligned = zip(columns, _aligned(row, columns, widths), strict=True)
        painted = [paint(cell, c.style(thing) if c.style else None, colour=colour) for c, cell in aligned]
        lines.append("  ".join(painted).rstrip())
    return lines


def narrowed(widths: Sequence[int], terminal: int) -> list[int]:
    """Widths of columns that fit the terminal: the last column gives way first, then the widest ones; the first, which names things,
    never does. Where there is too little room for all that they stay as they are."""
    found = list(widths)
    over = sum(found) + 2 * (len(found) - 1) - terminal
    if over <= 0 or len(found) < 2:
        return found
    given = min(over, max(0, found[-1] - SHORTEST))
    found[-1] -= given
    over -= given
    while over > 0:
        widest = max(range(1, len(found)), key=lambda i: found[i])
        if found[widest] <= SHORTEST:
            return [*widths[:-1], found[-1]]
        found[widest] -= 1
        over -= 1
    return found


def cut(text: str, width: int) -> str:
    """The text in at most so many cells; where some of it is left out, that is seen."""
    if cells(text) <= width:
        return text
    while cells(text) >= width:
        text = text[:-1]
    return text + "…"


def _aligned(row: Sequence[str], columns: Sequence[Column[T]], widths: Sequence[int]) -> list[str]:
    triples = zip(row, columns, widths, strict=True)
    return [
        padding(cell, width) + cell if column.right else cell + padding(cell, width) for cell, column, width in triples
    ]


def padding(text: str, width: int) -> str:
    """What is missing to that width."""
    return " " * (width - cells(text))


def _lines(lines: Sequence[str]) -> None:
    if lines:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
