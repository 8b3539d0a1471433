"""The OpenAPI document, and the application held against it."""

import asyncio
from typing import Any

import pytest
import schemathesis
from api_world import World, api_world
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS

from guestwire.controller.api.gate import OPEN
from guestwire.controller.api.limits import Limits
from guestwire.controller.api.problems import Problem
from guestwire.controller.serving import serving
from guestwire.controller.store.database import Database

NO_LIMITS = Limits(address_rate=1e6, address_burst=1e6, person_rate=1e6, person_burst=1e6)
CHECKED = ("positive_data_acceptance",)
"""Not asked: what fits the schema may still be refused, as a password that is weak or a cursor of another list."""


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
        assert ("idempotency-key" in headers) is (method == "post" and (method.upper(), path) not in OPEN)
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


def hold(world: World, url: str, headers: dict[str, str]) -> list[str]:
    """Ask everything that the document has, with what fits it and what does not; what was not as it says."""
    schema = schemathesis.openapi.from_dict(world.app.openapi())
    schema.config.update(base_url=url)
    excluded = [CHECKS.get_one(name) for name in CHECKED]
    wrong: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=5,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate(headers=headers, excluded_checks=excluded)

        try:
            ask()
        except (AssertionError, BaseExceptionGroup) as err:
            wrong.append(f"{operation.label}: {err}")
    return wrong


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_the_application_does_what_it_says(database: Database) -> None:
    async with api_world(database, limits=NO_LIMITS) as world:
        anna = await world.user("anna", ("admin", "*"))
        async with serving(world.app, ("127.0.0.1", 0)) as url:
            wrong = await asyncio.to_thread(hold, world, url, anna.headers)
        assert wrong == []
        assert [line for line in world.log.lines if line[0] == "error"] == []
