"""The OpenAPI document. The application is held against it in test_whole_api.py."""

from typing import Any

from api_world import api_world

from guestwire.controller.api.gate import OPEN
from guestwire.controller.api.problems import Problem
from guestwire.controller.store.database import Database


def operations(document: dict[str, Any]) -> Any:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


async def test_what_holds_for_every_operation(any_database: Database) -> None:
    async with api_world(any_database) as world:
        answer = await world.stranger.get("/openapi.json")
        document = answer.json()
        assert document == world.app.openapi()
    ids = set()
    for path, method, operation in operations(document):
        ids.add(operation["operationId"])
        assert operation["tags"]
        assert operation["summary"], path
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
        assert "422" not in operation["responses"]
        assert bool(operation["security"]) is ((method.upper(), path) not in OPEN), path
        headers = {one["name"].lower(): one for one in operation.get("parameters", []) if one["in"] == "header"}
        assert ("idempotency-key" in headers) is (method != "get" and (method.upper(), path) not in OPEN)
        assert all(one["required"] for name, one in headers.items() if name == "if-match")
        assert ("X-Guestwire-Csrf" in operation.get("description", "")) is (
            method != "get" and bool(operation["security"])
        )
    assert len(ids) == len(list(operations(document)))
    assert set(document["components"]["securitySchemes"]) == {"token", "session"}
    schemas = document["components"]["schemas"]
    assert {"Problem", "FieldError"} <= schemas.keys()
    assert "HTTPValidationError" not in schemas
    assert set(schemas["Problem"]["properties"]) == set(Problem.model_fields)
    examples = [
        name
        for name, schema in schemas.items()
        if any("examples" in one for one in schema.get("properties", {}).values())
    ]
    assert {"LogIn", "UserMade", "TokenWanted"} <= set(examples)


async def test_there_is_no_page_that_loads_from_elsewhere(any_database: Database) -> None:
    async with api_world(any_database) as world:
        anna = await world.user("anna", ("admin", "*"))
        root = world.caller(anna.headers, prefix="")
        for path in ("/docs", "/redoc", "/openapi.json"):
            assert (await root.get(path)).status_code == 404
