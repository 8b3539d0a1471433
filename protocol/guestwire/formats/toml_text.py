"""TOML texts and the plain tables in them: read with every bound, written for people to edit."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from guestwire.model.errors import GuestwireError

DEPTH = 32
"""Levels of nesting: several times what a document has, and few enough for every recursion."""
_LARGEST = 1 << 63
_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_POSITION = re.compile(r"^(.*) \(at line (\d+), column (\d+)\)$", re.DOTALL)
_AT_END = " (at end of document)"
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPED = re.compile(r'[\x00-\x1f\x7f"\\]')
_ESCAPED_IN_LINES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\\]")


class Mistake(NamedTuple):
    """What is wrong in a document, and where: `path` as TOML writes keys ("hosts.h1.guests.rtlinux.memory_mib")."""

    path: str
    message: str


def invalid(mistakes: Iterable[Mistake]) -> GuestwireError:
    """DOCUMENT-INVALID with every mistake in `detail.issues`, by place."""
    issues = sorted(set(mistakes))
    first = issues[0]
    text = f"{first.path}: {first.message}" if first.path else first.message
    more = f" (and {len(issues) - 1} more)" if len(issues) > 1 else ""
    return GuestwireError(
        "DOCUMENT-INVALID",
        text + more,
        field=first.path or None,
        detail={"issues": [issue._asdict() for issue in issues]},
    )


def read(text: str) -> dict[str, Any]:
    """The tables of a text. Raises DOCUMENT-INVALID: with line and column where it is no TOML, and for what TOML has no
    room for (whole numbers of more than 64 bits) and we have none for (nesting beyond `DEPTH`)."""
    try:
        table = tomllib.loads(text)
    except RecursionError as err:
        raise invalid([Mistake("", "it is nested too deeply")]) from err
    except ValueError as err:  # also for numbers of more digits than Python takes
        raise _syntax_error(err, text) from err
    mistakes = list(_unrepresentable(table))
    if mistakes:
        raise invalid(mistakes)
    return table


def _syntax_error(err: ValueError, document: str) -> GuestwireError:
    words = str(err)
    if words.endswith(_AT_END):
        lines = document.split("\n")
        words = f"{words.removesuffix(_AT_END)} (at line {len(lines)}, column {len(lines[-1]) + 1})"
    match = _POSITION.match(words)
    if match is None:
        return invalid([Mistake("", f"it is not TOML: {err}")])
    message, line, column = match[1], int(match[2]), int(match[3])
    text = f"it is not TOML: {message} at line {line}, column {column}"
    issue = {"path": "", "message": text, "line": line, "column": column}
    return GuestwireError("DOCUMENT-INVALID", text, detail={"issues": [issue]})


def _unrepresentable(table: dict[str, Any]) -> Iterator[Mistake]:
    """Without recursion: dotted keys nest as deep as they are long."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), table)]
    while waiting:
        place, value = waiting.pop()
        if len(place) > DEPTH:
            yield Mistake(path_text(place[:4]), "is nested too deeply")
        elif isinstance(value, dict):
            waiting += [((*place, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [((*place, index), item) for index, item in enumerate(value)]
        elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            yield Mistake(path_text(place), "is a number of more than 64 bits")


def path_text(place: Iterable[str | int]) -> str:
    """A place in a document: its keys, quoted where TOML wants them quoted, with dots."""
    return ".".join(key(str(part)) for part in place)


def key(text: str) -> str:
    """A key as TOML writes it."""
    return text if _BARE.fullmatch(text) else _quoted(text)


def value(item: Any) -> str:
    """A value on one line. A mapping becomes an inline table."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, str):
        return _text(item)
    if isinstance(item, Mapping):
        inside = ", ".join(f"{key(name)} = {value(part)}" for name, part in item.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(item, list | tuple):
        return f"[{', '.join(value(part) for part in item)}]"
    return str(item)


def write(table: Mapping[str, Any]) -> str:
    """The text of tables of str, int, bool, sequences and mappings: `read(write(t))` has the same content. Values come
    before tables, one blank line before each table."""
    blocks = ["".join(f"{line}\n" for line in lines) for lines in _blocks((), table)]
    return "\n".join(block for block in blocks if block)


def _blocks(place: tuple[str, ...], table: Mapping[str, Any], header: str = "") -> Iterator[list[str]]:
    tables = {name: item for name, item in table.items() if _is_table(item) or _is_tables(item)}
    lines = [f"{key(name)} = {_line(item)}" for name, item in table.items() if name not in tables]
    needless = header.startswith("[") and not header.startswith("[[") and not lines and tables
    yield [*([header] if header and not needless else []), *lines]
    for name, item in tables.items():
        path = (*place, name)
        if _is_table(item):
            yield from _blocks(path, item, f"[{path_text(path)}]")
        else:
            for entry in item:
                yield from _blocks(path, entry, f"[[{path_text(path)}]]")


def _is_table(item: Any) -> bool:
    return isinstance(item, Mapping)


def _is_tables(item: Any) -> bool:
    return isinstance(item, list | tuple) and bool(item) and all(isinstance(entry, Mapping) for entry in item)


def _line(item: Any) -> str:
    """A value after `key =`; a text of several lines as such."""
    if not isinstance(item, str) or "\n" not in item:
        return value(item)
    text = _ESCAPED_IN_LINES.sub(_escape, item)
    if '""' in text or text.endswith('"'):
        text = text.replace('"', '\\"')
    return f'"""\n{text}"""'


def _text(item: str) -> str:
    if ('"' in item or "\\" in item) and "'" not in item and not _UNPRINTABLE.search(item):
        return f"'{item}'"
    return _quoted(item)


def _quoted(item: str) -> str:
    return f'"{_ESCAPED.sub(_escape, item)}"'


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], f"\\u{ord(match[0]):04X}")
