"""Capabilities: what a host understands and how far it goes. Retained; ordered by (epoch, n) like presence.

The hashes are over the operations' schemas without their texts: two hosts with the same hash take the same bodies.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field

from guestwire.model.base import Model
from guestwire.protocol.envelope import BODY_LIMIT, FRAME_LIMIT, MINOR, PART_LIMIT
from guestwire.protocol.operations import Operation
from guestwire.protocol.topics import MAJOR

ClockQuality = Literal["synchronised", "unsynchronised", "unknown"]


class Versions(Model):
    """The majors of the protocol that a host speaks, and the newest minor of the last one."""

    majors: tuple[int, ...] = (MAJOR,)
    minor_max: int = MINOR


class WireLimits(Model):
    """Bytes of a frame, of the body in one frame, and of a whole body in parts; reads and commands under way at once,
    commands waiting. None: the host does not say."""

    frame: int = FRAME_LIMIT
    part: int = PART_LIMIT
    body: int = BODY_LIMIT
    reads: int | None = None
    running: int | None = None
    queued: int | None = None


class CapabilitiesBody(Model):
    """`operations`: the schema hash (16 bytes) of each operation by name; `hash` is over all of them and is what presence
    carries. `features`: names of what the host can do beyond its operations (probed, never assumed)."""

    epoch: int
    n: int
    operations: dict[str, Annotated[bytes, Field(min_length=16, max_length=16)]]
    hash: Annotated[bytes, Field(min_length=32, max_length=32)]
    versions: Versions = Versions()
    limits: WireLimits = WireLimits()
    features: tuple[str, ...] = ()
    clock: ClockQuality = "unknown"
    agent_version: str = ""


@cache
def schema_hash(operation: Operation) -> bytes:
    """16 bytes that change when the request, the reply, the effect or the risk of an operation does; texts do not count."""
    shape = [
        operation.name, operation.effect, operation.risk,
        _without_texts(operation.request.model_json_schema()), _without_texts(operation.reply.model_json_schema()),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(shape, sort_keys=True, separators=(",", ":")).encode()).digest()[:16]


def schema_hashes(operations: Mapping[str, Operation]) -> dict[str, bytes]:
    """The schema hash of each operation by name: what capabilities carry."""
    return {name: schema_hash(operation) for name, operation in sorted(operations.items())}


def capabilities_hash(operations: Mapping[str, Operation]) -> bytes:
    """32 bytes over the schema hashes: what presence carries, so that a receiver knows when to read capabilities anew."""
    return hash_over(schema_hashes(operations))


def hash_over(hashes: Mapping[str, bytes]) -> bytes:
    """The same, of hashes by name that are known."""
    whole = hashlib.sha256()
    for name, digest in sorted(hashes.items()):
        whole.update(name.encode() + b"\0" + digest)
    return whole.digest()


def _without_texts(schema: Any) -> Any:
    """A schema without titles and descriptions; what is named so among its properties stays."""
    if isinstance(schema, list):
        return [_without_texts(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            kept[key] = {name: _without_texts(item) for name, item in value.items()}
        elif key in ("default", "enum", "const"):
            kept[key] = value
        elif key not in ("title", "description"):
            kept[key] = _without_texts(value)
    return kept
