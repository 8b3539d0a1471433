"""Errors over HTTP: one form for all of them (RFC 9457, application/problem+json).

An error's kind gives the status; some codes have one of their own. What the error's `detail` holds is the member `about`, for
`detail` is RFC 9457's word for the text.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from guestwire.controller.api.carried import Carried, carried
from guestwire.model.base import Model
from guestwire.model.error_codes.row import Kind
from guestwire.model.errors import GuestwireError

MEDIA_TYPE: Final = "application/problem+json"
MOST_ERRORS: Final = 100

_BY_KIND: Final = {
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.AUTH: HTTPStatus.FORBIDDEN,
    Kind.DENIED: HTTPStatus.FORBIDDEN,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.PRECONDITION: HTTPStatus.CONFLICT,
    Kind.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    Kind.TIMEOUT: HTTPStatus.GATEWAY_TIMEOUT,
    Kind.CANCELED: HTTPStatus.CONFLICT,
    Kind.UNSUPPORTED: HTTPStatus.CONFLICT,
    Kind.RESOURCE: HTTPStatus.SERVICE_UNAVAILABLE,
    Kind.INTERNAL: HTTPStatus.BAD_GATEWAY,
    Kind.INDETERMINATE: HTTPStatus.BAD_GATEWAY,
}
_BY_CODE: Final = {
    "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED,
    "LOGIN-REFUSED": HTTPStatus.UNAUTHORIZED,
    "UNSIGNED-RESPONSE": HTTPStatus.BAD_GATEWAY,
    "AUDIT-BROKEN": HTTPStatus.BAD_GATEWAY,
    "MALFORMED": HTTPStatus.BAD_REQUEST,
    "HOST-NAME-REFUSED": HTTPStatus.MISDIRECTED_REQUEST,
    "METHOD-REFUSED": HTTPStatus.METHOD_NOT_ALLOWED,
    "MEDIA-TYPE": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "BODY-TOO-LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "PRECONDITION-REQUIRED": HTTPStatus.PRECONDITION_REQUIRED,
    "REVISION-STALE": HTTPStatus.PRECONDITION_FAILED,
    "IDEMPOTENCY-MISMATCH": HTTPStatus.UNPROCESSABLE_ENTITY,
    "THROTTLED": HTTPStatus.TOO_MANY_REQUESTS,
    "REQUEST-TIMEOUT": HTTPStatus.SERVICE_UNAVAILABLE,
    "DEFECT": HTTPStatus.INTERNAL_SERVER_ERROR,
}


class FieldError(Model):
    """What is wrong with one field. `field`: its path, as `items.3.name`; `message` is for people."""

    field: str
    message: str


class Problem(Model):
    """An error (RFC 9457). `code` is stable, and what programs go by; `title` says what to do about it, `detail` what it was this time.
    `retry`: whether to send it again: `no`, `same-request`, `new-request` or `after` so many seconds. `field`: what is wrong in the
    request; `errors`: each thing that is. `about`: more to go by, as the code has it. `instance`: this request."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    kind: str
    retry: str
    field: str | None = None
    errors: tuple[FieldError, ...] | None = None
    retry_after: int | None = None
    about: dict[str, Any] | None = None
    cause: tuple[str, ...] | None = None


def status_of(error: GuestwireError) -> HTTPStatus:
    """The HTTP status of an error."""
    return _BY_CODE.get(error.code) or _BY_KIND[error.kind]


def problem(error: GuestwireError, request_id: str, errors: Sequence[FieldError] = ()) -> Problem:
    """An error as HTTP has it."""
    return Problem(
        type=f"urn:guestwire:error:{error.code.lower()}",
        title=error.remedy,
        status=status_of(error),
        detail=error.message,
        instance=f"urn:uuid:{request_id}",
        code=error.code,
        kind=error.kind,
        retry=error.retry,
        field=error.field,
        errors=tuple(errors) or None,
        retry_after=None if error.after_ms is None else -(-error.after_ms // 1000),
        about=dict(error.detail) or None,
        cause=error.cause or None,
    )


def answer(error: GuestwireError, known: Carried, errors: Sequence[FieldError] = ()) -> Response:
    """The answer to a request that ended with an error. It is noted that it did, and with which."""
    known.code = error.code
    said = problem(error, known.asked.request_id, errors)
    headers = {} if said.retry_after is None else {"Retry-After": str(said.retry_after)}
    if said.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="guestwire"'
    body = json.dumps(said.model_dump(exclude_none=True), ensure_ascii=True, default=str).encode()
    return Response(body, said.status, headers, MEDIA_TYPE)


# -- what FastAPI and Starlette raise, in our words


async def on_guestwire_error(request: Request, error: Exception) -> Response:
    """The handler of our own errors."""
    assert isinstance(error, GuestwireError)
    return answer(error, carried(request.scope))


async def on_validation_error(request: Request, error: Exception) -> Response:
    """The handler of requests that do not fit their models."""
    assert isinstance(error, RequestValidationError)
    found = [_field_error(one) for one in error.errors()[:MOST_ERRORS]]
    first = found[0] if found else FieldError(field="", message="The request does not fit.")
    text = f"{first.field}: {first.message}" if first.field else first.message
    said = GuestwireError("INVALID-BODY", text, field=first.field or None)
    return answer(said, carried(request.scope), found)


async def on_http_exception(request: Request, error: Exception, methods: Mapping[str, frozenset[str]]) -> Response:
    """The handler of what the router itself refuses: 404, 405 and the like. `methods`: what can be done to the path of a route, of which
    there may be several with one path."""
    assert isinstance(error, HTTPException)
    match error.status_code:
        case 404:
            said = GuestwireError("NOT-FOUND", "There is no such address: the API's description lists those there are.")
        case 405:
            said = GuestwireError("METHOD-REFUSED")
        case 413:
            said = GuestwireError("BODY-TOO-LARGE")
        case 401 | 403:
            said = GuestwireError("UNAUTHENTICATED")
        case _:
            said = GuestwireError("MALFORMED", "The request cannot be read.")
    response = answer(said, carried(request.scope))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        path = getattr(request.scope.get("route"), "path", "")
        allowed = methods.get(path) or frozenset((error.headers or {}).get("Allow", "").split(", "))
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _field_error(found: Any) -> FieldError:
    """`loc` begins with where the field is: in the body, the query, the path, a header."""
    where, *path = found["loc"] or ("body",)
    field = ".".join(str(part) for part in path) or str(where)
    return FieldError(field=field[:200], message=str(found["msg"])[:500])
