"""Errors on the wire: the body of a response whose status is not `ok`, and back into an exception."""

from typing import Any

from pydantic import ValidationError

from guestwire.model.base import Model
from guestwire.model.errors import BY_CODE, GuestwireError
from guestwire.protocol.packing import PackingError, pack, unpack


class ErrorBody(Model):
    """`code` decides; `kind`, `where` and `retry` say it again for readers that do not know the code yet."""

    code: str
    kind: str
    where: str
    retry: str
    message: str
    after_ms: int | None = None
    field: str | None = None
    detail: dict[str, Any] = {}
    cause: tuple[str, ...] = ()


def to_body(error: GuestwireError) -> bytes:
    """The packed ErrorBody of an error; texts are cut so that it always fits a frame."""
    row = error.row
    body = ErrorBody(
        code=error.code,
        kind=row.kind.value,
        where=row.where.value,
        retry=row.retry.value,
        message=error.message[:2000],
        after_ms=error.after_ms,
        field=None if error.field is None else error.field[:200],
        detail=dict(error.detail),
        cause=tuple(code[:100] for code in error.cause[:8]),
    )
    try:
        packed = pack(body.model_dump(exclude_none=True))
        unpack(packed)  # a detail may be nested deeper than a reader takes
    except PackingError:
        packed = b""
    if not packed or len(packed) > 16_384:
        packed = pack(body.model_copy(update={"detail": {}, "cause": ()}).model_dump(exclude_none=True))
    return packed


def from_body(data: bytes) -> GuestwireError:
    """The error in a body. A code this side does not know yet keeps its words under the code of its kind."""
    try:
        body = ErrorBody.model_validate(unpack(data))
    except (PackingError, ValidationError) as err:
        return GuestwireError("MALFORMED", f"The host answered with an error that cannot be read: {err}")
    code, detail = body.code, dict(body.detail)
    if code not in BY_CODE:
        detail["code"] = code
        code = next((row.code for row in BY_CODE.values() if row.kind.value == body.kind), "INTERNAL")
    return GuestwireError(code, body.message, field=body.field, after_ms=body.after_ms, detail=detail, cause=body.cause)
