"""JSON Schemas (2020-12) of what the wire carries, from the models: operations, statements, errors and the header.

On the wire a body is msgpack, and a string with the format `binary` is a bin.
"""

from collections.abc import Mapping
from typing import Any

from guestwire.model.base import Model
from guestwire.protocol.capabilities import CapabilitiesBody
from guestwire.protocol.envelope import Header
from guestwire.protocol.error_body import ErrorBody
from guestwire.protocol.notices import MODELS as NOTICES
from guestwire.protocol.operation_models import Progress
from guestwire.protocol.operations import OPERATIONS
from guestwire.protocol.presence import PresenceBody
from guestwire.protocol.reported import ReportedBody

DIALECT = "https://json-schema.org/draft/2020-12/schema"
STATEMENTS: Mapping[str, type[Model]] = {
    "presence": PresenceBody,
    "capabilities": CapabilitiesBody,
    "reported": ReportedBody,
    **{f"notice-{name}": model for name, model in NOTICES.items()},
}
"""The body of every statement, by its name: the topic's kind, a notice's class behind it."""

_INTEGER = {"type": "integer", "minimum": 0}
_BYTES = {"type": "string", "format": "binary"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_PAIR = {"type": "array", "prefixItems": [_INTEGER, _INTEGER], "minItems": 2, "maxItems": 2}
_FIELDS: Mapping[str, tuple[dict[str, Any], str]] = {
    "version": (_PAIR, "major, minor"),
    "kind": ({"type": "string"}, "request, response, presence, capabilities, reported or notice"),
    "audience": (
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        "site and host; in a statement the speaker's own name",
    ),
    "operation": ({"type": "string"}, "a name of the operations table; empty in a statement"),
    "request_id": (_BYTES, "16 bytes: a UUIDv7; zeros in a statement"),
    "issuer": ({"type": "string"}, "the principal that asks, or the host that answers: host:ID"),
    "issued_at": (_INTEGER, "Unix ms"),
    "expires": (_INTEGER, "Unix ms: until when a request may be accepted"),
    "ttl_ms": (_INTEGER, "within what time of its acceptance a request must start"),
    "body_hash": (_BYTES, "SHA-256 of the whole body, its parts joined"),
    "reply_to": (_TEXT_OR_NULL, "the client whose response topic is meant"),
    "status": (_TEXT_OR_NULL, "of a response: ok, or a code of the error table"),
    "phase": ({"enum": ["accepted", "progress", "final", "refused", None]}, "of a response"),
    "n": (_INTEGER, "counts progress messages; of a statement: its place within the epoch, or its number"),
    "part": (_PAIR, "which of how many parts"),
    "nonce": ({"type": ["string", "null"], "format": "binary"}, "a challenge of a host without a clock, or its echo"),
    "mandate_hash": ({"type": ["string", "null"], "format": "binary"}, "SHA-256 of the mandates"),
    "crit": ({"type": "array", "items": {"type": "string"}}, "extensions that must be understood"),
    "about": (
        {"type": ["string", "null"], "format": "binary"},
        (
            "of a signed response, 16 bytes: SHA-256 of 'request', NUL, issuer, NUL and body hash of what it answers, or, "
            "for a message that was not believed, of 'frame', NUL and the frame"
        ),
    ),
}


def header_schema() -> dict[str, Any]:
    """The header: an array with the fields in this order."""
    assert tuple(_FIELDS) == Header._fields
    return {
        "title": "Header",
        "type": "array",
        "prefixItems": [{"title": name, "description": text} | schema for name, (schema, text) in _FIELDS.items()],
        "minItems": len(_FIELDS),
    }


def schema_of(model: type[Model]) -> dict[str, Any]:
    """A model's schema, whole."""
    return {"$schema": DIALECT} | model.model_json_schema()


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by the name of its file, without the suffix."""
    found = {
        "header": {"$schema": DIALECT} | header_schema(),
        "error": schema_of(ErrorBody),
        "progress": schema_of(Progress),
    }
    for operation in OPERATIONS:
        found[f"{operation.name}.request"] = schema_of(operation.request)
        found[f"{operation.name}.reply"] = schema_of(operation.reply)
    for name, model in STATEMENTS.items():
        found[name] = schema_of(model)
    return found
