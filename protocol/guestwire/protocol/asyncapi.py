"""The AsyncAPI 3.0 document of the protocol, from the topic table, the operations table and the models."""

from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import models_json_schema

from guestwire.model.base import Model
from guestwire.protocol.envelope import VERSION
from guestwire.protocol.error_body import ErrorBody
from guestwire.protocol.operation_models import Empty, Progress
from guestwire.protocol.operations import OPERATIONS, Operation
from guestwire.protocol.schemas import STATEMENTS, header_schema
from guestwire.protocol.topics import BY_NAME, TOPICS, TopicKind

CONTENT_TYPE = "application/msgpack"
SCHEMA_FORMAT = "application/schema+json;version=draft-07"
_BINDING_VERSION = "0.2.0"
_RESPONSES: dict[str, tuple[type[Model], str]] = {
    "accepted": (Empty, "The host has the request; nothing it accepted is lost by a crash."),
    "progress": (Progress, "How far it is; at most once a second."),
    "refused": (ErrorBody, "The request was not taken; nothing is recorded under its id."),
    "failed": (ErrorBody, "The final of a failure."),
}
_PARAMETERS = {
    "site": "a plant, or a shard of a fleet",
    "host": "the host's id",
    "client": "the client id that the broker authenticated",
    "operation": "a name of the operations table",
    "class": "guest, comm, config, audit or alarm",
    "tier": "fast, normal or slow",
    "sid": "the stream's id",
    "way": "up (from the host) or down (to it)",
    "controller": "the controller's id",
}


def asyncapi() -> dict[str, Any]:
    """The document, as plain values; its payloads are the bodies, its headers the envelope's header."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Guestwire",
            "version": ".".join(str(number) for number in VERSION),
            "description": "Requests, state and notices of Linux/KVM real-time hypervisor hosts over MQTT, seen from a "
            "host. A message is msgpack [header: bin, body: bin, signatures: [[key id, signature], ...], mandates: "
            "[bin, ...]]; the payloads here are the bodies, packed with msgpack as well; format binary means a bin.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {kind.name: _channel(kind) for kind in TOPICS},
        "operations": {operation.name: _request(operation) for operation in OPERATIONS}
        | {f"say-{name}": _statement(name) for name in STATEMENTS},
        "components": {"messages": dict(_messages()), "schemas": _schemas()},
    }


def _channel(kind: TopicKind) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": kind.pattern,
        "title": kind.name,
        "description": kind.meaning,
        "parameters": {name: {"description": _PARAMETERS[name]} for name in kind.fields},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _carried(kind)},
    }
    return channel


def _carried(kind: TopicKind) -> list[str]:
    if kind.name == "request":
        return [f"{operation.name}.request" for operation in OPERATIONS]
    if kind.name == "response":
        return [f"{operation.name}.reply" for operation in OPERATIONS] + list(_RESPONSES)
    return [name for name in STATEMENTS if _topic_of(name) == kind.name]


def _topic_of(statement: str) -> str:
    return "notice" if statement.startswith("notice-") else statement


def _request(operation: Operation) -> dict[str, Any]:
    answers = [f"{operation.name}.reply", *_RESPONSES]
    return {
        "action": "receive",
        "title": operation.name,
        "summary": operation.summary,
        "channel": {"$ref": "#/channels/request"},
        "messages": [{"$ref": f"#/channels/request/messages/{operation.name}.request"}],
        "reply": {
            "channel": {"$ref": "#/channels/response"},
            "messages": [{"$ref": f"#/channels/response/messages/{name}"} for name in answers],
        },
        "bindings": {"mqtt": {"qos": operation.qos, "retain": False, "bindingVersion": _BINDING_VERSION}},
        "x-effect": operation.effect,
        "x-risk": operation.risk,
        "x-lane": operation.lane,
        "x-timeout-s": operation.timeout_s,
        "x-served-by": operation.served_by,
    }


def _statement(name: str) -> dict[str, Any]:
    topic = _topic_of(name)
    kind = BY_NAME[topic]
    mqtt: dict[str, Any] = {"qos": kind.qos, "retain": kind.retained, "bindingVersion": _BINDING_VERSION}
    if kind.expiry_s is not None:
        mqtt["messageExpiryInterval"] = kind.expiry_s
    return {
        "action": "send",
        "title": name,
        "summary": kind.meaning,
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": [{"$ref": f"#/channels/{topic}/messages/{name}"}],
        "bindings": {"mqtt": mqtt},
    }


def _messages() -> Iterator[tuple[str, dict[str, Any]]]:
    for operation in OPERATIONS:
        yield f"{operation.name}.request", _message(operation.request, operation.summary)
        yield f"{operation.name}.reply", _message(operation.reply, f"The final of a successful {operation.name}.")
    for name, (model, summary) in _RESPONSES.items():
        yield name, _message(model, summary)
    for name, statement in STATEMENTS.items():
        yield name, _message(statement, BY_NAME[_topic_of(name)].meaning)


def _message(model: type[Model], summary: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "contentType": CONTENT_TYPE,
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"#/components/schemas/{model.__name__}"}},
        "x-header": {"$ref": "#/components/schemas/Header"},
    }


def _schemas() -> dict[str, Any]:
    models: set[type[Model]] = {model for operation in OPERATIONS for model in (operation.request, operation.reply)}
    models |= {model for model, _ in _RESPONSES.values()} | set(STATEMENTS.values())
    ordered = sorted(models, key=lambda model: model.__name__)
    _, whole = models_json_schema(
        [(model, "validation") for model in ordered], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Any] = {"Header": header_schema()} | whole["$defs"]
    return schemas
