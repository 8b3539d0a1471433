"""The OpenAPI document: what FastAPI makes of the routers, with what holds for every operation and FastAPI does not know."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from guestwire.controller.api.carried import UNSAFE
from guestwire.controller.api.gate import CSRF_HEADER, OPEN
from guestwire.controller.api.idempotency import HEADER as KEY_HEADER
from guestwire.controller.api.idempotency import REPLAYED
from guestwire.controller.api.problems import MEDIA_TYPE, FieldError, Problem

_METHODS: Final = ("get", "put", "post", "delete", "patch")
_SCHEMAS: Final = "#/components/schemas/"
_KEY: Final = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "description": "Carries the request out once, however often it is sent with this key; kept for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[\\x21-\\x7e]+$"},
}
_EXAMPLE: Final = {
    "type": "urn:guestwire:error:not-found",
    "title": "There is no such object: check the name.",
    "status": 404,
    "detail": "There is no user anna.",
    "instance": "urn:uuid:01932f0a-5c1e-7a3b-9d2e-3f6a1c5b7d90",
    "code": "NOT-FOUND",
    "kind": "NOT-FOUND",
    "retry": "no",
}


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an application."""
    made = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in (Problem, FieldError):
        schema = model.model_json_schema(ref_template=_SCHEMAS + "{model}")
        schema.pop("$defs", None)
        schemas[model.__name__] = schema
    made["components"]["responses"] = {
        "Problem": {
            "description": "It was refused, or failed: `code` says why (RFC 9457).",
            "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}Problem"}, "example": _EXAMPLE}},
        }
    }
    for path, method, operation in _operations(made):
        _complete(path, method, operation)
    return made


def _operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in made["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    responses["default"] = {"$ref": "#/components/responses/Problem"}
    if (method.upper(), path) in OPEN:
        operation["security"] = []
    _require_etag(operation.get("parameters", []))
    if method.upper() in UNSAFE and operation.get("security"):
        operation.setdefault("description", "")
        operation["description"] = f"{operation['description']}\n\nWith a session, send `{CSRF_HEADER}`.".strip()
    if method.upper() in UNSAFE and (method.upper(), path) not in OPEN:
        operation.setdefault("parameters", []).append(_KEY)
        for status, response in responses.items():
            if status.startswith("2"):
                response.setdefault("headers", {})[REPLAYED] = {
                    "description": "The answer to an earlier sending of the same request.",
                    "schema": {"type": "string", "enum": ["true"]},
                }


def _require_etag(parameters: list[dict[str, Any]]) -> None:
    """A change says what it was made from: If-Match, unless If-None-Match may take its place. FastAPI is told that it is optional, so
    that its absence has an answer of its own (428)."""
    by_name = {one["name"].lower(): one for one in parameters if one["in"] == "header"}
    etag = by_name.get("if-match")
    if etag is not None and "if-none-match" not in by_name:
        etag["required"] = True
        etag["schema"] = {"type": "string", "pattern": '^"[0-9]{1,15}"$'}
