"""Errors as the controller says them (RFC 9457), made errors of this side. Pure."""

import json
from typing import Any

from pydantic import ValidationError

from guestwire.model.base import Model
from guestwire.model.errors import BY_CODE, GuestwireError

MEDIA_TYPE = "application/problem+json"

_BY_STATUS = {
    401: "UNAUTHENTICATED", 403: "DENIED", 404: "NOT-FOUND", 412: "REVISION-STALE", 413: "BODY-TOO-LARGE",
    422: "INVALID-BODY", 428: "PRECONDITION-REQUIRED", 429: "THROTTLED", 503: "BUSY",
}  # fmt: skip
"""What a status means where nothing more is said: a proxy in between has answered."""


class Problem(Model):
    """What is read of a problem; it may hold more."""

    code: str
    kind: str = ""
    detail: str = ""
    field: str | None = None
    errors: tuple[dict[str, Any], ...] = ()
    retry_after: int | None = None
    about: dict[str, Any] = {}
    cause: tuple[str, ...] = ()


def error_of(status: int, media_type: str, content: bytes) -> GuestwireError:
    """The error in an answer that is one. A code that this side does not know keeps its words under the code of its kind."""
    said = _problem(content) if media_type.partition(";")[0].strip().lower() == MEDIA_TYPE else None
    if said is None:
        return _of_status(status)
    code, detail = said.code, dict(said.about)
    if code not in BY_CODE:
        detail["code"] = code
        code = next((row.code for row in BY_CODE.values() if row.kind.value == said.kind), _of_status(status).code)
    issues = [{"path": one.get("field", ""), "message": one.get("message", "")} for one in said.errors]
    if len(issues) > 1:
        detail.setdefault("issues", issues)
    after_ms = None if said.retry_after is None else said.retry_after * 1000
    return GuestwireError(
        code, said.detail or None, field=said.field, after_ms=after_ms, detail=detail, cause=said.cause
    )


def _problem(content: bytes) -> Problem | None:
    try:
        return Problem.model_validate(json.loads(content), strict=False)
    except (ValueError, ValidationError):
        return None


def _of_status(status: int) -> GuestwireError:
    code = _BY_STATUS.get(status)
    text = f"The answer has the status {status}, and no reason that can be read."
    if code is None or code not in BY_CODE:
        code = "CONTROLLER-ANSWER" if status < 500 else "CONTROLLER-UNREACHABLE"
    return GuestwireError(code, text, detail={"status": status})
