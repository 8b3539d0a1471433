"""Models as message bodies: msgpack both ways. Here a request spends a good part of its time, so pydantic's
serializer and validator are called themselves, without the methods around them."""

from typing import TypeVar

from pydantic import ValidationError

from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.model.patterns import in_words
from guestwire.protocol.packing import pack, unpack

M = TypeVar("M", bound=Model)


def to_bytes(value: Model) -> bytes:
    """The body that says `value`; fields that are None are left out."""
    return pack(value.__pydantic_serializer__.to_python(value, exclude_none=True))


def from_bytes(model: type[M], body: bytes) -> M:
    """The value in a body. Raises PackingError (not well formed) or pydantic's ValidationError (not this model)."""
    value: M = model.__pydantic_validator__.validate_python(unpack(body))
    return value


def invalid_body(err: ValidationError) -> GuestwireError:
    """INVALID-BODY with every wrong field named; `field` is the first."""
    issues = [
        {"path": ".".join(str(part) for part in item["loc"]), "message": in_words(item)}
        for item in err.errors(include_url=False, include_input=False)
    ]
    first = issues[0]
    more = f" (and {len(issues) - 1} more)" if len(issues) > 1 else ""
    text = f"{first['path'] or 'request'}: {first['message']}{more}"
    return GuestwireError("INVALID-BODY", text, field=first["path"], detail={"issues": issues[:50]})
