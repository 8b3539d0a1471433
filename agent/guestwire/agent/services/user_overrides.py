"""The overrides that a user keeps in a guest's folder, `overrides.toml`: applied after those of the document at every
apply, never written by us (SM 4.8, usr.config).

    [[override]]
    op = "replace"
    sel = "cpu/@mode"
    xml = "host-model"
"""

import tomllib
from pathlib import Path

from pydantic import Field, ValidationError

from guestwire.model.base import Document
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Override

NAME = "overrides.toml"
BYTES_AT_MOST = 256 * 1024
OVERRIDES_AT_MOST = 64


class _Entry(Override, extra="forbid"):
    """An override, in which a key that means nothing is a mistake."""


class _File(Document):
    override: tuple[_Entry, ...] = Field(default=(), max_length=OVERRIDES_AT_MOST)


def read_overrides(path: Path) -> tuple[Override, ...]:
    """What the file says; none when there is no file. Raises DOCUMENT-INVALID with every mistake and its place."""
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_AT_MOST + 1)
    except FileNotFoundError:
        return ()
    except OSError as err:
        raise _invalid(path, [("", f"It cannot be read: {err.strerror}.")]) from err
    if len(data) > BYTES_AT_MOST:
        raise _invalid(path, [("", f"It is larger than {BYTES_AT_MOST >> 10} KiB.")])
    try:
        found = _File.model_validate(_tuples(tomllib.loads(data.decode())))
    except UnicodeDecodeError as err:
        raise _invalid(path, [("", "It is not UTF-8.")]) from err
    except tomllib.TOMLDecodeError as err:
        raise _invalid(path, [("", str(err))]) from err
    except ValidationError as err:
        mistakes = [(_place(one["loc"]), one["msg"]) for one in err.errors(include_url=False, include_input=False)]
        raise _invalid(path, mistakes) from err
    return tuple(
        Override(op=entry.op, sel=entry.sel, xml=entry.xml, optional=entry.optional) for entry in found.override
    )


def _tuples(value: object) -> object:
    """TOML's arrays as tuples, as our strict models want them."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


def _place(location: tuple[int | str, ...]) -> str:
    """("override", 0, "op") -> override[0].op"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")


def _invalid(path: Path, mistakes: list[tuple[str, str]]) -> GuestwireError:
    issues = [{"path": f"{path}: {place}" if place else str(path), "message": text} for place, text in mistakes]
    first = issues[0]
    return GuestwireError("DOCUMENT-INVALID", f"{first['path']}: {first['message']}", detail={"issues": issues})
