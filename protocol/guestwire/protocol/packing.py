"""msgpack, strictly: the one module that imports it.

What the library lets through and the protocol forbids: duplicate map keys, nesting deeper than `MAX_DEPTH`, keys that are
not text, trailing bytes, extension types (the library's own timestamp too). Arrays become tuples, so decoded values are
frozen.
"""

from typing import Any

import msgpack

MAX_DEPTH = 16
"""Containers within containers, the outermost included (PROTOCOL, checks: decode)."""


_packer = msgpack.Packer()
"""One for all, which spares a quarter of the time. It calls nothing of ours while it packs, and starts afresh after an
error, so threads cannot meet in it."""


class PackingError(ValueError):
    """The bytes are not one well-formed value within the limits; or the value cannot be packed."""


def _pairs(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise PackingError("a map has the same key twice")
    for key in value:
        if type(key) is not str:
            raise PackingError("a map key is not text")
    return value


def _no_extension(code: int, _data: bytes) -> Any:
    raise PackingError(f"extension type {code}")


def _check(value: Any, left: int) -> None:
    """Refuse what is nested too deeply, and timestamps: the library makes those itself, past the extension hook."""
    if left < 0:
        raise PackingError("nested too deeply")
    for item in value.values() if type(value) is dict else value:
        kind = type(item)
        if kind is dict or kind is tuple:
            _check(item, left - 1)
        elif kind is msgpack.Timestamp:
            raise PackingError("extension type -1")


def pack(value: Any) -> bytes:
    """The msgpack bytes of plain values (None, bool, int, float, str, bytes, tuple, list, dict with text keys)."""
    try:
        packed: bytes = _packer.pack(value)
    except (TypeError, ValueError, OverflowError) as err:
        raise PackingError(str(err)) from err
    return packed


def unpack(data: bytes) -> Any:
    """The one value in `data`. Raises PackingError on anything malformed, duplicate, too deep or left over."""
    try:
        value = msgpack.unpackb(data, use_list=False, object_pairs_hook=_pairs, ext_hook=_no_extension)
    except PackingError:
        raise
    except (ValueError, RecursionError, TypeError, msgpack.exceptions.UnpackException) as err:
        raise PackingError(str(err) or type(err).__name__) from err
    _check(value if type(value) is dict or type(value) is tuple else (value,), MAX_DEPTH - 1)
    return value


def unpack_flat(data: bytes) -> Any:
    """Like `unpack` for an array that may hold no map (headers, frames): no key check is needed, so it is faster. The
    caller checks the types of what is in it; depth and timestamps are not looked at here."""
    try:
        return msgpack.unpackb(data, use_list=False, object_pairs_hook=_no_map, ext_hook=_no_extension)
    except PackingError:
        raise
    except (ValueError, RecursionError, TypeError, msgpack.exceptions.UnpackException) as err:
        raise PackingError(str(err) or type(err).__name__) from err


def _no_map(_pairs: list[tuple[Any, Any]]) -> Any:
    raise PackingError("a map where none may be")
