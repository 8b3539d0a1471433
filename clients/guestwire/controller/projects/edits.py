"""Edits of a draft as they come over the wire, carried out on its text. The paths and values are those of `guestwire project
set` (`formats.project_edits`). Pure.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from guestwire.formats import project_edits, toml_text
from guestwire.formats.edit_paths import NOUNS, parse_edit
from guestwire.model.base import Document
from guestwire.model.errors import GuestwireError

MOST_EDITS = 500
Op: TypeAlias = Literal["set", "append", "take", "default", "add", "remove", "rename"]
OPERATORS: Mapping[Op, str] = {"set": "=", "append": "+=", "take": "-=", "default": "-"}
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=255)]


def _encodable(value: JsonValue) -> JsonValue:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as err:
        raise ValueError("has half of a character") from err
    return value


class DraftEdit(Document):
    """One edit.

    set, append, take    `value` of `path`: "guest.rtlinux.memory_mib"; append and take are for lists
    default              `path` back to its default; of a list's entry or a guest: remove it
    add, remove, rename  the guest, area, ... at `path` ("guest.rtlinux"); add: `value` has its fields; rename: the new name
    A value that is a text is read as the command line reads it ("256M", "2,2,1"); any other is taken as it is."""

    op: Op = "set"
    path: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    value: Annotated[JsonValue, AfterValidator(_encodable)] = None


Edits: TypeAlias = Annotated[tuple[DraftEdit, ...], Field(min_length=1, max_length=MOST_EDITS)]


def carried_out(text: str, host: str, edits: Sequence[DraftEdit]) -> str:
    """The text after all edits, one after the other; all of them or none. Raises DOCUMENT-INVALID with every mistake and its
    place ("guests.web.vcpus"), NOT-FOUND, EXISTS."""
    waiting: dict[str, DraftEdit] = {}
    try:
        for edit in edits:
            if edit.op in OPERATORS and (typed := _typed(edit)) not in waiting:
                waiting[typed] = edit
                continue
            # values together, since what they make in between need not be right; everything else one by one
            text = _flushed(text, host, waiting)
            waiting = {}
            if edit.op in OPERATORS:
                waiting[_typed(edit)] = edit
            else:
                text = _ENTRIES[edit.op](text, host, edit)
        return _flushed(text, host, waiting)
    except GuestwireError as err:
        if err.code != "DOCUMENT-INVALID":
            raise
        raise _placed(err, host, waiting) from err


def summary(edits: Sequence[DraftEdit]) -> str:
    """A line of the history."""
    first = edits[0]
    more = f" and {len(edits) - 1} more" if len(edits) > 1 else ""
    return printable(f"{first.op} {first.path}")[:200] + more


def printable(text: str) -> str:
    """Text for people and for databases: what cannot be seen is a question mark."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _flushed(text: str, host: str, typed: Mapping[str, DraftEdit]) -> str:
    return project_edits.edit(text, host, tuple(typed)) if typed else text


def _placed(err: GuestwireError, host: str, typed: Mapping[str, DraftEdit]) -> GuestwireError:
    """The mistakes with the places that edits have, not with those of a whole project."""
    prefix = toml_text.path_text(("hosts", host)) + "."
    mistakes = []
    for issue in err.detail["issues"]:
        path = issue["path"]
        edit = typed.get(path)
        mistakes.append(toml_text.Mistake(path.removeprefix(prefix) if edit is None else edit.path, issue["message"]))
    return toml_text.invalid(mistakes)


def _typed(edit: DraftEdit) -> str:
    """An edit as the command line has it. Raises DOCUMENT-INVALID."""
    path = ".".join(_quoted(part, edit) for part in _parts(edit))
    if edit.op == "default" or (edit.op == "set" and edit.value is None):
        return f"{path}-"
    if edit.value is None:
        raise _wrong(edit, "needs a value")
    return f"{path}{OPERATORS[edit.op]}{_text(edit.value, edit)}"


def _parts(edit: DraftEdit) -> tuple[str, ...]:
    try:
        read = parse_edit(f"{edit.path}=")
    except ValueError as err:
        raise _wrong(edit, str(err)) from err
    if (read.operator, read.value) != ("=", ""):
        raise _wrong(edit, "is a path and nothing more: guest.rtlinux.memory_mib")
    if read.path[0] == "base_revision":
        raise _wrong(edit, "is noted by the controller: pull, and the draft is edited from what the host has now")
    return read.path


def _quoted(part: str, edit: DraftEdit) -> str:
    """A key in quotes, which no operator can be taken for."""
    if '"' in part and "'" in part:
        raise _wrong(edit, "has a key that cannot be written")
    return f"'{part}'" if '"' in part else f'"{part}"'


def _text(value: JsonValue, edit: DraftEdit) -> str:
    return value if isinstance(value, str) else toml_text.value(_said(value, edit))


def _said(value: JsonValue, edit: DraftEdit) -> JsonValue:
    """The value without what says nothing: TOML has no null."""
    if isinstance(value, dict):
        return {name: _said(item, edit) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        if None in value:
            raise _wrong(edit, "has a null in a list")
        return [_said(item, edit) for item in value]
    return value


def _entry(edit: DraftEdit) -> tuple[str, str]:
    """The noun and the name of an entry. Raises DOCUMENT-INVALID."""
    parts = _parts(edit)
    if len(parts) != 2:
        raise _wrong(edit, f"names one thing: {', '.join(f'{noun}.NAME' for noun in NOUNS)}")
    return parts[0], parts[1]


def _add(text: str, host: str, edit: DraftEdit) -> str:
    noun, name = _entry(edit)
    if not isinstance(edit.value, dict | None):
        raise _wrong(edit, "needs a table of its fields, or nothing")
    fields = [
        (_quoted(key, edit), _text(value, edit)) for key, value in (edit.value or {}).items() if value is not None
    ]
    return project_edits.add(text, host, noun, name, fields)


def _remove(text: str, host: str, edit: DraftEdit) -> str:
    return project_edits.remove(text, host, *_entry(edit))


def _rename(text: str, host: str, edit: DraftEdit) -> str:
    if not isinstance(edit.value, str) or not edit.value:
        raise _wrong(edit, "needs the new name as its value")
    return project_edits.rename(text, host, *_entry(edit), edit.value)


_ENTRIES: Mapping[Op, Callable[[str, str, DraftEdit], str]] = {"add": _add, "remove": _remove, "rename": _rename}


def _wrong(edit: DraftEdit, text: str) -> GuestwireError:
    return toml_text.invalid([toml_text.Mistake(edit.path, text)])
