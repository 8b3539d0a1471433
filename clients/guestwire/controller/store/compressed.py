"""Documents as the database has them: texts and models, compressed, since they are long and say the same again and again."""

import zlib
from typing import TypeVar

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)
_LEVEL = 6


def pack_text(text: str) -> bytes:
    """A text as bytes."""
    return zlib.compress(text.encode(), _LEVEL)


def unpack_text(data: bytes) -> str:
    """The text that `pack_text` packed."""
    return zlib.decompress(data).decode()


def pack_model(model: BaseModel) -> bytes:
    """A model as bytes; what is at its default is left out, since a newer version may have other fields."""
    return pack_text(model.model_dump_json(exclude_defaults=True))


def unpack_model(kind: type[M], data: bytes) -> M:
    """The model that `pack_model` packed."""
    return kind.model_validate_json(zlib.decompress(data))
