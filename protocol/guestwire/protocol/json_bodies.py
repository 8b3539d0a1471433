"""Bodies of operations as JSON has them, both ways: bytes are lowercase hexadecimal, tuples are lists, everything else is as
the models have it. The one place that knows how; it holds for every row of the operations table.

What people write is judged strictly: an unknown key is an error that names it. What a newer peer says is not: its new fields are
left out.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.bodies import M, invalid_body

MOST_NESTED = 32
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")


def to_json(value: Model) -> dict[str, Any]:
    """The value as JSON has it."""
    shown: dict[str, Any] = _shown(value.model_dump())
    return shown


def plain(value: Any) -> Any:
    """Plain values (of an error's detail, of what was unpacked) as JSON has them."""
    return _shown(value)


def from_json(model: type[M], document: Any, *, tolerant: bool = False) -> M:
    """The value that a JSON document says. `tolerant`: unknown keys are left out. Raises INVALID-BODY, which names the place."""
    if not isinstance(document, dict):
        raise GuestwireError("INVALID-BODY", "The request is a JSON object.")
    unknown = _left_out if tolerant else _refused
    try:
        value: M = model.__pydantic_validator__.validate_python(_read(model, document, (), unknown, MOST_NESTED))
    except ValidationError as err:
        raise invalid_body(err) from err
    return value


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): _shown(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(one) for one in value]
    return value


Unknown = Callable[[tuple[str, ...]], None]
"""Hears of a key that no field has, by its path."""


def _refused(path: tuple[str, ...]) -> None:
    where = ".".join(path)[:200]
    raise GuestwireError("INVALID-BODY", f"{where}: there is no such field.", field=where)


def _left_out(_path: tuple[str, ...]) -> None:
    """A newer peer's."""


def _read(annotation: Any, value: Any, path: tuple[str, ...], unknown: Unknown, deeper: int) -> Any:
    """The value with texts made bytes where the model wants bytes, and lists made tuples, as the wire has them."""
    if deeper == 0:
        raise GuestwireError("INVALID-BODY", f"{'.'.join(path)}: nested too deeply.", field=".".join(path))
    origin = get_origin(annotation)
    if origin is Annotated:
        return _read(get_args(annotation)[0], value, path, unknown, deeper)
    if origin in (Union, UnionType):
        return _of_union(annotation, value, path, unknown, deeper)
    if annotation is bytes:
        return _bytes(value, path)
    if isinstance(value, list):
        kinds = _kinds(annotation, len(value)) if origin is tuple else [Any] * len(value)
        return tuple(
            _read(kind, one, (*path, str(index)), unknown, deeper - 1)
            for index, (kind, one) in enumerate(zip(kinds, value, strict=True))
        )
    if isinstance(value, dict):
        return _of_mapping(annotation, value, path, unknown, deeper)
    return value


def _of_union(annotation: Any, value: Any, path: tuple[str, ...], unknown: Unknown, deeper: int) -> Any:
    """Of our unions at most one kind takes a document, a list or bytes: that one decides."""
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    fitting = [kind for kind in kinds if _takes(kind, value)]
    return _read(fitting[0], value, path, unknown, deeper) if fitting else value


def _takes(kind: Any, value: Any) -> bool:
    origin = get_origin(kind)
    if origin is Annotated:
        return _takes(get_args(kind)[0], value)
    if isinstance(value, list):
        return origin is tuple
    if isinstance(value, dict):
        return origin is dict or _is_model(kind)
    return kind is bytes and isinstance(value, str)


def _of_mapping(
    annotation: Any, value: Mapping[str, Any], path: tuple[str, ...], unknown: Unknown, deeper: int
) -> dict[str, Any]:
    if not _is_model(annotation):
        kinds = get_args(annotation)
        kind = kinds[1] if len(kinds) == 2 else Any
        return {key: _read(kind, one, (*path, key), unknown, deeper - 1) for key, one in value.items()}
    fields = _fields(annotation)
    for key in value:
        if key not in fields:
            unknown((*path, key))
    return {
        key: _read(fields[key], one, (*path, key), unknown, deeper - 1) for key, one in value.items() if key in fields
    }


def _bytes(value: Any, path: tuple[str, ...]) -> Any:
    if not isinstance(value, str):
        return value
    if not _HEX.fullmatch(value):
        where = ".".join(path)
        raise GuestwireError("INVALID-BODY", f"{where}: bytes are written in hexadecimal.", field=where)
    return bytes.fromhex(value)


def _kinds(annotation: Any, length: int) -> list[Any]:
    arguments = get_args(annotation)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return [arguments[0]] * length
    return [*arguments, *[Any] * length][:length]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


@cache
def _fields(model: type[BaseModel]) -> Mapping[str, Any]:
    return {name: field.annotation for name, field in model.model_fields.items()}
