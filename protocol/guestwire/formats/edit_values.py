"""What a user typed for a setting, as the plain value that the setting's type asks for."""

import re
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from guestwire.formats import toml_text
from guestwire.formats.strict import choices
from guestwire.model.errors import GuestwireError

BOOLEANS = {
    "true": True, "on": True, "yes": True, "1": True,
    "false": False, "off": False, "no": False, "0": False,
}  # fmt: skip
"""The words of KVM-RT 3, of any case."""

_NUMBER = re.compile(r"([+-]?)(0x[0-9a-f]{1,16}|0b[01]{1,64}|[0-9]{1,19})", re.ASCII | re.IGNORECASE)
_SIZE = re.compile(r"([0-9]{1,19})\s*([KMGT])(?:i?B)?", re.ASCII | re.IGNORECASE)
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse(text: str, annotation: Any, field: str) -> Any:
    """The value of a field of that type. Text stays as it is; true, on, yes, 1 and false, off, no, 0; whole numbers also as
    0x.. and 0b.., sizes with K, M, G, T (of bytes, also where the field counts MiB); lists of plain values with commas;
    everything with parts as TOML. What fits no type is returned as text, so that reading the document says what is wrong
    with it. Raises ValueError, with what to write."""
    for kind in choices(annotation):
        fits, value = _as(kind, text, field)
        if fits:
            return value
    return text


def entry(annotation: Any) -> Any:
    """The type of the entries, if the type is a list of any length; else None."""
    for kind in choices(annotation):
        arguments = get_args(kind)
        if get_origin(kind) is tuple and arguments[1:] == (...,):
            return arguments[0]
    return None


def table(annotation: Any) -> type[BaseModel] | None:
    """The model, if the type is one."""
    return next((kind for kind in choices(annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _as(kind: Any, text: str, field: str) -> tuple[bool, Any]:
    """Whether the text is of a kind, and its value."""
    if get_origin(kind) is Literal:
        found = [literal for literal in get_args(kind) if str(literal) == text.strip()]
        return bool(found), found[0] if found else None
    if kind is bool:
        value = BOOLEANS.get(text.strip().lower())
        return value is not None, value
    if kind is int:
        number = _number(text.strip(), field)
        return number is not None, number
    if kind is str:
        return True, text
    if get_origin(kind) is tuple and (inner := entry(kind)) is not None:
        return True, _list(text, inner, field)
    if get_origin(kind) is tuple:
        return True, inline(text) if text.lstrip().startswith("[") else text  # a topology: documents write "2,2,1"
    return True, inline(text)


def _list(text: str, inner: Any, field: str) -> Any:
    if table(inner) is not None or text.lstrip().startswith("["):
        return inline(text)
    return [parse(part.strip(), inner, field) for part in text.split(",")] if text.strip() else []


def inline(text: str) -> Any:
    """The value of a TOML text such as [1, 2] or {network = "lan"}. Raises ValueError."""
    try:
        made = toml_text.read(f"value = {text}")
    except GuestwireError as err:
        raise ValueError(f'{text[:60]!r} is not a value as TOML writes it, such as {{ key = "text" }}') from err
    if set(made) != {"value"}:
        raise ValueError(f"{text[:60]!r} is more than one value")
    return made["value"]


def _number(text: str, field: str) -> int | None:
    if match := _NUMBER.fullmatch(text):
        return int(match[1] + match[2], 0 if match[2][:2].lower() in ("0x", "0b") else 10)
    if (match := _SIZE.fullmatch(text)) is None:
        return None
    size = int(match[1]) * _UNITS[match[2].upper()]
    if field == "size" or field.endswith("_bytes"):
        return size
    if not field.endswith("_mib"):
        raise ValueError(f"{field} is no size: write a number without a unit")
    if size % _UNITS["M"]:
        raise ValueError(f"{text} is not a whole number of MiB")
    return size // _UNITS["M"]
