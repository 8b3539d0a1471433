"""The generated reference: not stale, valid, and true."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from guestwire.model.errors import CODES
from guestwire.model.rules.table import RULES
from guestwire.protocol.asyncapi import asyncapi
from guestwire.protocol.capabilities import CapabilitiesBody, capabilities_hash, schema_hashes
from guestwire.protocol.documents import (
    COMMAND,
    RAISED_BY_PLANS,
    REFERENCE,
    documents,
    errors,
    operations,
    rules,
    topics,
)
from guestwire.protocol.envelope import EnvelopeError, Header, body_hash, decode
from guestwire.protocol.operations import BY_NAME, OPERATIONS
from guestwire.protocol.packing import unpack
from guestwire.protocol.schemas import schemas
from guestwire.protocol.signing import Domain, VerifyingKey
from guestwire.protocol.topics import TOPICS, parse
from guestwire.protocol.trust_file import unseal
from guestwire.protocol.vectors import plain, vectors

ROOT = Path(__file__).parents[2]
DOCUMENTS = cache(documents)
SCHEMAS = cache(schemas)


def test_no_document_is_stale() -> None:
    made = DOCUMENTS()
    there = {path for path in made if (ROOT / path).exists()}
    stale = [path for path in made if path not in there or (ROOT / path).read_text(encoding="utf-8") != made[path]]
    assert stale == [], f"run `{COMMAND}`"


def test_no_document_is_left_over() -> None:
    files = {file.relative_to(ROOT).as_posix() for file in (ROOT / REFERENCE / "schemas").iterdir()}
    assert files <= set(DOCUMENTS()), f"run `{COMMAND}`"


def test_the_asyncapi_document_is_valid() -> None:
    schema = json.loads((Path(__file__).parent / "data" / "asyncapi-3.0.0.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(asyncapi())


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [found for item in value.values() for found in references(item)]


def resolve(document: Any, reference: str) -> Any:
    value = document
    for step in reference.removeprefix("#/").split("/"):
        value = value[step.replace("~1", "/")]
    return value


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi()
    for reference in set(references(document)):
        assert resolve(document, reference) is not None, reference


def test_the_asyncapi_document_has_every_topic_and_operation() -> None:
    document = asyncapi()
    assert {channel["address"] for channel in document["channels"].values()} == {kind.pattern for kind in TOPICS}
    for channel in document["channels"].values():
        assert all(f"{{{name}}}" in channel["address"] for name in channel["parameters"])
    for operation in OPERATIONS:
        entry = document["operations"][operation.name]
        assert entry["bindings"]["mqtt"]["qos"] == operation.qos
        assert (entry["x-effect"], entry["x-risk"]) == (operation.effect, operation.risk)
        message = resolve(document, resolve(document, entry["messages"][0]["$ref"])["$ref"])
        assert message["payload"]["schema"]["$ref"].endswith(operation.request.__name__)


def test_schemas_are_schemas() -> None:
    for name, schema in SCHEMAS().items():
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as err:
            pytest.fail(f"{name}: {err}")


def test_a_header_fits_its_schema() -> None:
    for frame in vectors()["frames"]:
        header = list(frame["header"].values())
        jsonschema.validate(header, SCHEMAS()["header"])
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(header[:-1], SCHEMAS()["header"])


def test_bodies_fit_their_schemas() -> None:
    by_phase = {"accepted": None, "progress": "progress", "refused": "error"}
    for frame in vectors()["frames"]:
        header, body = frame["header"], frame["body"]
        if body is None:
            continue
        name = {"request": f"{header['operation']}.request", "response": f"{header['operation']}.reply"}.get(
            header["kind"], header["kind"]
        )
        if header["kind"] == "response" and header["status"] != "ok":
            name = "error"
        name = by_phase.get(header["phase"] or "", name) or ""
        if name:
            jsonschema.validate(body, SCHEMAS()[name])
    body = CapabilitiesBody(epoch=1, n=1, operations=schema_hashes(BY_NAME), hash=capabilities_hash(BY_NAME))
    jsonschema.validate(as_text(body.model_dump(exclude_none=True)), SCHEMAS()["capabilities"])


def as_text(value: Any) -> Any:
    """Bytes as text of the same length: JSON Schema has no bytes."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {key: as_text(item) for key, item in value.items()}
    return [as_text(item) for item in value] if isinstance(value, tuple) else value


def test_tables_have_every_row() -> None:
    for row in CODES:
        assert f"| `{row.code}` | {row.kind.value} |" in errors()
    for operation in OPERATIONS:
        assert f"| `{operation.name}` | {operation.effect} | R{operation.risk} |" in operations()
        for kind in ("request", "reply"):
            assert f"{REFERENCE}/schemas/{operation.name}.{kind}.json" in DOCUMENTS()
    for topic in TOPICS:
        assert f"| `{topic.pattern}` |" in topics()
    for rule in RULES:
        severities = f"{rule.kvm_rt or '-'} | {rule.system_manager or '-'}"
        assert f"| `{rule.code}` | {severities} | {rule.text} | {rule.hint} |" in rules()
    for code in RAISED_BY_PLANS:
        assert f"- `{code}`: " in rules()


# -- golden vectors, read as a second implementation would

VECTORS: dict[str, Any] = json.loads((ROOT / REFERENCE / "vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("frame", VECTORS["frames"], ids=lambda frame: frame["name"])
def test_a_vector_is_decoded_to_what_it_says(frame: dict[str, Any]) -> None:
    envelope = decode(bytes.fromhex(frame["frame"]))
    assert envelope.header_bytes.hex() == frame["header_bytes"]
    assert list(unpack(envelope.header_bytes)) == list(envelope.header)
    assert plain(dict(zip(Header._fields, envelope.header, strict=True))) == frame["header"]
    assert envelope.body.hex() == frame["body_bytes"]
    if frame["body"] is not None:
        assert body_hash(envelope.body) == envelope.header.body_hash
        assert plain(unpack(envelope.body)) == frame["body"]
    keys = {key["id"]: VerifyingKey(bytes.fromhex(key["public"])) for key in VECTORS["keys"].values()}
    for key_id, signature in envelope.signatures:
        assert keys[key_id.hex()].verifies(Domain.ENVELOPE, envelope.header_bytes, signature)
    topic = parse(frame["topic"])
    assert topic is not None
    assert envelope.header.audience == ("plant", topic["host"])


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["name"])
def test_a_wrong_vector_is_refused_with_its_code(case: dict[str, Any]) -> None:
    with pytest.raises(EnvelopeError) as raised:
        decode(bytes.fromhex(case["frame"]))
    assert raised.value.code == case["code"]


def test_the_trust_document_of_the_vectors_is_unsealed() -> None:
    document = unseal(VECTORS["trust"]["file"].encode(), VerifyingKey(bytes.fromhex(VECTORS["trust"]["root"])))
    assert document.site == "plant"
    assert bytes.fromhex(VECTORS["domain"]) == Domain.ENVELOPE.value
