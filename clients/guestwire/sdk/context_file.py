"""Changes to the client's configuration file as edits of its text, so that a user's remarks and order survive.

Each edit is checked by reading the result back: a file written in a way these edits do not understand (a context as
an inline table, say) is left alone with CONFIG-INVALID.
"""

import json
import re
from pathlib import Path

from guestwire.model.errors import GuestwireError
from guestwire.sdk import locked_file
from guestwire.sdk.contexts import Context, parse

_HEADER = re.compile(r"^\s*\[")
_CURRENT = re.compile(r"^\s*current\s*=")


def put(path: Path, name: str, context: Context, *, make_current: bool = False) -> None:
    """Add a context. Raises EXISTS when the name is taken, CONFIG-INVALID."""

    def edit(text: str) -> str:
        if name in parse(text, path).contexts:
            raise GuestwireError("EXISTS", f"{path} has a context {name!r} already; nothing was overwritten.")
        gap = "\n" if text.strip() else ""
        text = f"{text.rstrip()}\n{gap}{block(name, context)}" if text.strip() else block(name, context)
        text = _with_current(text, name) if make_current else text
        try:
            understood = name in parse(text, path).contexts
        except GuestwireError as err:
            raise _not_understood(path) from err
        if not understood:
            raise _not_understood(path)
        return text

    locked_file.change(path, edit)


def remove(path: Path, name: str) -> None:
    """Take a context out, and `current` with it where it names this one. One that is not there is no error."""

    def edit(text: str) -> str:
        before = parse(text, path)
        if name not in before.contexts:
            return text
        text = _without(text, name)
        if before.current == name:
            text = _with_current(text, None)
        if set(parse(text, path).contexts) != set(before.contexts) - {name}:
            raise _not_understood(path)
        return text

    locked_file.change(path, edit)


def use(path: Path, name: str | None) -> None:
    """Make a context the current one; None: none is. Raises CONTEXT-UNKNOWN, CONFIG-INVALID."""

    def edit(text: str) -> str:
        if name is not None:
            parse(text, path).get(name)
        text = _with_current(text, name)
        if parse(text, path).current != name:
            raise _not_understood(path)
        return text

    locked_file.change(path, edit)


def block(name: str, context: Context) -> str:
    """The lines of a context in the file."""
    lines = [f"[contexts.{name}]"]
    for field, value in context.model_dump(mode="json", exclude_defaults=True, exclude_none=True).items():
        lines.append(f"{field} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: str | list[str]) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped and JSON leaves
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _without(text: str, name: str) -> str:
    header = re.compile(rf"^\s*\[\s*contexts\s*\.\s*(\"{re.escape(name)}\"|'{re.escape(name)}'|{re.escape(name)})\s*\]")
    kept: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        if _HEADER.match(line):
            inside = header.match(line) is not None
        if not inside:
            kept.append(line)
    return "".join(kept).rstrip() + "\n" if "".join(kept).strip() else ""


def _with_current(text: str, name: str | None) -> str:
    """`current` is a key of the file's top level, so it stands before the first table."""
    lines = text.splitlines(keepends=True)
    top = next((number for number, line in enumerate(lines) if _HEADER.match(line)), len(lines))
    head = [line for line in lines[:top] if not _CURRENT.match(line)]
    if name is not None:
        head.append(f"current = {_toml(name)}\n")
        if lines[top:]:
            head.append("\n")
    return "".join(head + lines[top:]).lstrip("\n")


def _not_understood(path: Path) -> GuestwireError:
    return GuestwireError(
        "CONFIG-INVALID", f"{path} is written in a way that cannot be edited here: change it by hand."
    )
