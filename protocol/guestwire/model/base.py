"""The base of every value that crosses a border: frozen, strict, tolerant of fields a newer minor version added."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A frozen value. Strict: `"1"` is not an int. Unknown fields are ignored, so that a newer peer may send more.

    Sequences are tuples (the wire decoder makes tuples), enumerations are Literals: both validate strictly from
    msgpack, JSON and Python alike. Schemas are built on first use: a CLI that sends one request pays for one.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", defer_build=True)


class Document(BaseModel):
    """A frozen value that a person wrote: like `Model`, but an unknown key is an error that names it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", defer_build=True)
