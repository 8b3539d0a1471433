"""What breaks a program that uses the API, and what does not: one row each."""

import copy
from typing import Any

import pytest
from openapi_changes import breaking

GROUP = {
    "type": "object",
    "required": ["name", "kind", "count"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 36, "pattern": "^[a-z]+$"},
        "kind": {"enum": ["a", "b"]},
        "count": {"type": "integer", "minimum": 0, "maximum": 9},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "inner": {"anyOf": [{"$ref": "#/components/schemas/Inner"}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
        "trigger": {
            "discriminator": {"propertyName": "on"},
            "oneOf": [
                {"type": "object", "required": ["on"], "properties": {"on": {"const": "x"}, "x": {"type": "integer"}}},
                {"type": "object", "required": ["on"], "properties": {"on": {"const": "y"}, "y": {"type": "string"}}},
            ],
        },
    },
}
INNER = {
    "type": "object",
    "properties": {"more": {"anyOf": [{"$ref": "#/components/schemas/Inner"}, {"type": "null"}]}},
}
REF = {"$ref": "#/components/schemas/Group"}
JSON = {"application/json": {"schema": REF}}


def document() -> dict[str, Any]:
    """Group is what is sent, and what comes back."""
    return {
        "paths": {
            "/api/v1/groups/{name}": {
                "put": {
                    "operationId": "putGroup",
                    "security": [{"token": []}, {"session": []}],
                    "parameters": [
                        {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}},
                        {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 500}},
                        {"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}},
                    ],
                    "requestBody": {"content": copy.deepcopy(JSON)},
                    "responses": {
                        "200": {"content": copy.deepcopy(JSON), "headers": {"ETag": {}}},
                        "default": {"$ref": "#/components/responses/Problem"},
                    },
                }
            },
            "/healthz": {"get": {"operationId": "health", "security": [], "responses": {"200": {}}}},
        },
        "components": {
            "schemas": {"Group": copy.deepcopy(GROUP), "Answer": copy.deepcopy(GROUP), "Inner": copy.deepcopy(INNER)},
            "responses": {"Problem": {"content": {"application/problem+json": {"schema": {"type": "object"}}}}},
        },
    }


def at(made: dict[str, Any], place: str) -> tuple[Any, Any]:
    """What holds a place, and its key there."""
    put = made["paths"]["/api/v1/groups/{name}"]["put"]
    roots = {"put": put, "sent": made["components"]["schemas"]["Group"], "all": made}
    root, *parts = place.split("/")
    node: Any = roots[root]
    for part in parts[:-1]:
        node = node[int(part) if isinstance(node, list) else part]
    key: Any = int(parts[-1]) if isinstance(node, list) else parts[-1]
    return node, key


GONE = object()


def changed(place: str, value: Any, *, answers: bool) -> list[str]:
    """What breaks when that place becomes that value. `answers`: what is sent stays as it is, and what comes back changes; else
    the other way round."""
    old, new = document(), document()
    for made in (old, new):
        put = made["paths"]["/api/v1/groups/{name}"]["put"]
        other = put["requestBody"] if answers else put["responses"]["200"]
        other["content"]["application/json"]["schema"] = {"$ref": "#/components/schemas/Answer"}
    node, key = at(new, place)
    if value is GONE:
        del node[key]
    else:
        node[key] = value
    return [line.removeprefix("PUT /api/v1/groups/{name}: ") for line in breaking(old, new)]


P = "sent/properties"
STRING, NULL, INTEGER = {"type": "string"}, {"type": "null"}, {"type": "integer"}

OPERATIONS = [
    ("put/operationId", "changeGroup", ["operationId: putGroup is called changeGroup now"]),
    ("put/parameters/1", GONE, ["query parameter limit: is gone"]),
    ("put/parameters/2", GONE, ["header parameter If-Match: is gone"]),
    ("put/parameters/2/name", "if-match", []),
    ("put/parameters/1/required", True, ["query parameter limit: is required now"]),
    ("put/parameters/2/required", False, []),
    ("put/parameters/1/schema/maximum", 100, ["query parameter limit: maximum was 500, and is 100"]),
    ("put/parameters/1/schema/maximum", 1000, []),
    ("put/parameters/1/schema/type", "string", ["query parameter limit: its type was integer, and is string"]),
    ("put/requestBody", GONE, ["body: is gone"]),
    ("put/requestBody/required", True, ["body: is required now"]),
    ("put/requestBody/content", {}, ["body: application/json is gone"]),
    ("put/responses/200", GONE, ["answer 200: is gone"]),
    ("put/responses/202", {}, []),
    ("put/responses/200/content", {}, ["answer 200: application/json is gone"]),
    ("put/responses/200/headers", {}, ["answer 200: the header ETag is gone"]),
    ("put/security", [{"token": []}], ["security: session counts no more"]),
    ("put/security", [], []),
    ("put/summary", "another", []),
]


@pytest.mark.parametrize(("place", "value", "wanted"), OPERATIONS)
def test_operations(place: str, value: Any, wanted: list[str]) -> None:
    assert changed(place, value, answers=False) == wanted


SENT = [
    (f"{P}/note", GONE, ["body.note: is gone"]),
    (f"{P}/new", STRING, []),
    ("sent/required", ["name", "kind", "count", "note"], ["body.note: is required now"]),
    ("sent/required", ["name"], []),
    (f"{P}/kind/enum", ["a"], ["body.kind: 'b' is accepted no more"]),
    (f"{P}/kind/enum", ["a", "b", "c"], []),
    (f"{P}/kind", STRING, []),
    (f"{P}/name/enum", ["a"], ["body.name: only 'a' are accepted now"]),
    (f"{P}/count/type", "number", []),
    (f"{P}/count/type", "string", ["body.count: its type was integer, and is string"]),
    (f"{P}/count/minimum", 1, ["body.count: minimum was 0, and is 1"]),
    (f"{P}/count/minimum", GONE, []),
    (f"{P}/count/exclusiveMaximum", 9, ["body.count: exclusiveMaximum was not there, and is 9"]),
    (f"{P}/name/maxLength", 10, ["body.name: maxLength was 36, and is 10"]),
    (f"{P}/name/pattern", "^b$", ["body.name: its pattern was ^[a-z]+$, and is ^b$"]),
    (f"{P}/name/pattern", GONE, []),
    (f"{P}/name/format", "uuid", ["body.name: its format was None, and is uuid"]),
    (f"{P}/name/description", "another", []),
    (f"{P}/note", STRING, ["body.note: null is accepted no more"]),
    (f"{P}/note/anyOf", [STRING, NULL, INTEGER], []),
    (f"{P}/inner", NULL, ["body.inner: object is accepted no more"]),
    (f"{P}/tags/items", INTEGER, ["body.tags[]: its type was string, and is integer"]),
    (f"{P}/tags/maxItems", 4, ["body.tags: maxItems was 5, and is 4"]),
    (f"{P}/labels/additionalProperties", INTEGER, ["body.labels.*: its type was string, and is integer"]),
    (f"{P}/labels/additionalProperties", False, ["body.labels.*: other properties are accepted no more"]),
    (f"{P}/pair/prefixItems", [STRING], ["body.pair[]: it had 2 places of their own, and has 1"]),
    (f"{P}/pair/prefixItems/0", INTEGER, ["body.pair[0]: its type was string, and is integer"]),
    (f"{P}/trigger/oneOf/0", GONE, ["body.trigger: on=['x'] is gone"]),
    (f"{P}/trigger/oneOf/0/properties/x/type", "string", ["body.trigger.x: its type was integer, and is string"]),
]


@pytest.mark.parametrize(("place", "value", "wanted"), SENT)
def test_what_is_sent(place: str, value: Any, wanted: list[str]) -> None:
    assert changed(place, value, answers=False) == wanted


COMES = [
    (f"{P}/note", GONE, ["answer 200.note: is gone"]),
    (f"{P}/new", STRING, []),
    ("sent/required", ["name", "kind"], ["answer 200.count: may be missing now"]),
    ("sent/required", ["name", "kind", "count", "note"], []),
    (f"{P}/kind/enum", ["a", "b", "c"], []),
    (f"{P}/kind/enum", ["a"], []),
    (f"{P}/kind/enum", ["c"], ["answer 200.kind: it was one of ['a', 'b'], and is one of ['c']"]),
    (f"{P}/count/type", "number", ["answer 200.count: its type was integer, and is integer or number"]),
    (f"{P}/count/maximum", 99, []),
    (f"{P}/name/pattern", "^b$", []),
    (f"{P}/note", STRING, []),
    (f"{P}/note/anyOf", [STRING, NULL, INTEGER], ["answer 200.note: integer is new in it"]),
    (f"{P}/name", {"anyOf": [STRING, NULL]}, ["answer 200.name: null is new in it"]),
    (f"{P}/tags/items", {}, ["answer 200.tags[]: its type was string, and is anything"]),
    (f"{P}/labels/additionalProperties", INTEGER, ["answer 200.labels.*: its type was string, and is integer"]),
    (f"{P}/pair/prefixItems", [STRING], ["answer 200.pair[]: it had 2 places of their own, and has 1"]),
    (f"{P}/trigger/oneOf/0", GONE, []),
    (f"{P}/trigger/oneOf/0/properties/x", GONE, ["answer 200.trigger.x: is gone"]),
]


@pytest.mark.parametrize(("place", "value", "wanted"), COMES)
def test_what_comes_back(place: str, value: Any, wanted: list[str]) -> None:
    assert changed(place, value, answers=True) == wanted


def test_a_new_variant_of_a_tagged_union_is_tolerated_in_answers() -> None:
    more = {"type": "object", "properties": {"on": {"const": "z"}}}
    variants = [*GROUP["properties"]["trigger"]["oneOf"], more]  # type: ignore[index]
    assert changed(f"{P}/trigger/oneOf", variants, answers=True) == []


def test_a_schema_within_itself() -> None:
    new = document()
    new["components"]["schemas"]["Inner"]["properties"]["more"] = {"type": "string"}
    assert breaking(document(), new) == [
        "PUT /api/v1/groups/{name}: body.inner.more: object is accepted no more",
        "PUT /api/v1/groups/{name}: body.inner.more: null is accepted no more",
        "PUT /api/v1/groups/{name}: answer 200.inner.more: string is new in it",
    ]


def test_a_document_does_not_break_itself() -> None:
    assert breaking(document(), document()) == []


def test_an_operation_that_is_gone() -> None:
    new = document()
    del new["paths"]["/healthz"]
    assert breaking(document(), new) == ["GET /healthz: the operation is gone"]


def test_names_in_paths_are_nobodys_matter_and_places_are() -> None:
    new = document()
    item = new["paths"].pop("/api/v1/groups/{name}")
    item["put"]["parameters"][0]["name"] = "group"
    new["paths"]["/api/v1/groups/{group}"] = item
    assert breaking(document(), new) == []


def test_who_asks_must_be_known_now() -> None:
    new = document()
    new["paths"]["/healthz"]["get"]["security"] = [{"token": []}]
    assert breaking(document(), new) == ["GET /healthz: security: who asks must be known now"]


def test_a_new_parameter() -> None:
    for required in (True, False):
        new = document()
        put = new["paths"]["/api/v1/groups/{name}"]["put"]
        put["parameters"].append({"name": "force", "in": "query", "required": required, "schema": {}})
        wanted = ["PUT /api/v1/groups/{name}: query parameter force: is new, and required"] if required else []
        assert breaking(document(), new) == wanted


def test_a_version_may_go_as_a_whole_once_there_is_a_higher_one() -> None:
    new = document()
    new["paths"]["/api/v2/groups"] = {"get": {"operationId": "putGroup", "responses": {}}}
    assert breaking(document(), new) == []
    del new["paths"]["/api/v1/groups/{name}"]
    assert breaking(document(), new) == []
    del new["paths"]["/api/v2/groups"]
    assert breaking(document(), new) == ["PUT /api/v1/groups/{name}: the operation is gone"]
    new["paths"]["/api/v2/groups"] = new["paths"]["/api/v1/other"] = {}
    assert breaking(document(), new) == ["PUT /api/v1/groups/{name}: the operation is gone"]
