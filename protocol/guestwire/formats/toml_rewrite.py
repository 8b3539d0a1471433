"""A TOML text made to mean other tables, with the comments and the order that its author gave it."""

import re
from collections.abc import Mapping
from typing import Any

from guestwire.formats import toml_text
from guestwire.formats.toml_layout import lay_out
from guestwire.model.errors import GuestwireError

_HEADER = re.compile(r"\s*\[\[?(?P<keys>[^#\]]+)\]\]?\s*(#.*)?$")
_KEY = re.compile(r""""([^"\\]*)"|'([^']*)'|([A-Za-z0-9_-]+)""")


def rewrite(text: str, target: Mapping[str, Any]) -> str:
    """The text changed until `toml_text.read` gives `target`: what is equal keeps its line and its comments. Raises
    DOCUMENT-INVALID where the text is no TOML. Tables of a layout that cannot be changed in place (one table in pieces all
    over the file) are written anew."""
    old, wanted = toml_text.read(text), _lists(target)
    if _same(old, wanted):
        return text
    # below dotted keys (hosts.h1.guests.a.vcpus = 2) no table may have a header: the second try writes new ones inline
    return (
        _in_place(text, old, wanted, inline=False)
        or _in_place(text, old, wanted, inline=True)
        or toml_text.write(wanted)
    )


def _lists(value: Any) -> Any:
    """Plain values as a TOML reader gives them."""
    if isinstance(value, Mapping):
        return {name: _lists(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_lists(item) for item in value]
    return value


def _same(one: Any, other: Any) -> bool:
    """Equality that tells true from 1."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(item, other[name]) for name, item in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(_same(item, other[index]) for index, item in enumerate(one))
    return bool(one == other)


def _in_place(text: str, old: dict[str, Any], target: dict[str, Any], *, inline: bool) -> str | None:
    """The changed text, or None where tomlkit could not do it."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        _follow(document, old, target, inline)
        made = tomlkit.dumps(document)
        if not _same(toml_text.read(made), target):
            return None
        tidy = lay_out(made, text)
        return tidy if _same(toml_text.read(tidy), target) else made
    except (TOMLKitError, ValueError, LookupError, AttributeError, TypeError, AssertionError, GuestwireError):
        return None  # tomlkit has layouts that it reads and cannot change


def _follow(node: Any, old: dict[str, Any], new: dict[str, Any], inline: bool) -> None:
    """Change a table of tomlkit's from `old` to `new`."""
    for name in old:
        if name not in new:
            del node[name]
    for name, value in new.items():
        before = old.get(name)
        if name not in old:
            node[name] = _item(value, inline or _is_inline(node))
        elif _same(before, value):
            continue
        elif isinstance(before, dict) and isinstance(value, dict) and value:
            _follow(node[name], before, value, inline)
        elif isinstance(before, list) and isinstance(value, list) and _all_tables(before) and _all_tables(value):
            _follow_list(node[name], before, value, inline)
        else:
            node[name] = _item(value, inline or _is_inline(node))


def _all_tables(entries: list[Any]) -> bool:
    """Lists of tables are changed entry by entry; one of plain values is replaced."""
    return bool(entries) and all(isinstance(entry, dict) for entry in entries)


def _follow_list(node: Any, old: list[Any], new: list[Any], inline: bool) -> None:
    from tomlkit.items import AoT

    gone = len(old) - len(new)
    kept = list(old)
    for index in reversed(range(len(old))):
        if gone > 0 and old[index] not in new:
            del node[index], kept[index]
            gone -= 1
    while len(kept) > len(new):
        del node[len(kept) - 1], kept[-1]
    for index, value in enumerate(new):
        if index >= len(kept):
            node.append(_entry(value, inline) if isinstance(node, AoT) else _item(value, inline=True))
        elif not _same(kept[index], value):
            _follow(node[index], kept[index], value, inline)


def _is_inline(node: Any) -> bool:
    from tomlkit.items import Array, InlineTable

    return isinstance(node, InlineTable | Array)


def _item(value: Any, inline: bool) -> Any:
    """A value of tomlkit's: tables with headers, unless `inline`."""
    import tomlkit

    if isinstance(value, dict):
        table: Any = tomlkit.inline_table() if inline else tomlkit.table(_has_only_tables(value))
        for name, item in value.items():
            table[name] = _item(item, inline)
        return table
    if isinstance(value, list):
        if _all_tables(value) and not inline:
            tables = tomlkit.aot()
            for entry in value:
                tables.append(_entry(entry, inline))
            return tables
        array = tomlkit.array()
        for entry in value:
            array.append(_item(entry, inline=True))
        return array
    if isinstance(value, str) and "\n" in value and not inline:
        return tomlkit.parse(toml_text.write({"value": value}))["value"]
    return tomlkit.item(value)


def _entry(value: dict[str, Any], inline: bool) -> Any:
    """A table of a list of tables, which always has its header."""
    import tomlkit

    table = tomlkit.table()
    for name, item in value.items():
        table[name] = _item(item, inline)
    return table


def _has_only_tables(value: dict[str, Any]) -> bool:
    return bool(value) and all(isinstance(item, dict) for item in value.values())


def rename_headers(text: str, prefix: tuple[str, ...], old: str, new: str) -> str:
    """The text with `new` for the key `old` below `prefix` in every table header. It is a first step before `rewrite`: where
    a line only looks like a header, or the table has none, the text comes back as it was."""
    expected = toml_text.read(text)
    holder = expected
    for key in prefix:
        holder = holder[key]
    entries = {new if name == old else name: entry for name, entry in holder.items()}
    holder.clear()
    holder.update(entries)
    lines = [_renamed(line, (*prefix, old), new) for line in text.splitlines(keepends=True)]
    try:
        return made if _same(toml_text.read(made := "".join(lines)), expected) else text
    except GuestwireError:
        return text


def _renamed(line: str, place: tuple[str, ...], new: str) -> str:
    match = _HEADER.match(line)
    if match is None:
        return line
    keys = list(_KEY.finditer(match["keys"]))
    named = [key[1] or key[2] or key[3] or "" for key in keys[: len(place)]]
    if len(named) < len(place) or tuple(named) != place:
        return line
    last = keys[len(place) - 1]
    start = match.start("keys")
    return f"{line[: start + last.start()]}{toml_text.key(new)}{line[start + last.end() :]}"
