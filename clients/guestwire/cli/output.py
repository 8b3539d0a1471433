"""Results on stdout: as a table, wide, JSON, YAML or bare names. A command says what its columns are, never how they look."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from guestwire.cli.settings import Settings
from guestwire.cli.terminal import coloured, paint, printable

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
        indent = 2 if sys.stdout.isatty() else None
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
    widths = [max(len(column.title), *(len(row[i]) for row in rows)) for i, column in enumerate(columns)]
    if sys.stdout.isatty() and not whole:
        room = shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * (len(widths) - 1)
        if room >= SHORTEST:
            for row in rows:
                row[-1] = row[-1] if len(row[-1]) <= room else row[-1][: room - 1] + "…"
            widths[-1] = min(widths[-1], room)
    colour = coloured(sys.stdout)
    titles = [paint(cell, "faint", colour=colour) for cell in _aligned([c.title for c in columns], columns, widths)]
    lines = ["  ".join(titles).rstrip()]
    for thing, row in zip(things, rows, strict=True):
        cells = zip(columns, _aligned(row, columns, widths), strict=True)
        painted = [paint(cell, c.style(thing) if c.style else None, colour=colour) for c, cell in cells]
        lines.append("  ".join(painted).rstrip())
    return lines


def _aligned(cells: Sequence[str], columns: Sequence[Column[T]], widths: Sequence[int]) -> list[str]:
    triples = zip(cells, columns, widths, strict=True)
    return [cell.rjust(width) if column.right else cell.ljust(width) for cell, column, width in triples]


def _lines(lines: Sequence[str]) -> None:
    if lines:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
