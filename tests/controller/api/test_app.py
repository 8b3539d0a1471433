"""Composing the application: what does not start, and what routers are held to."""

from typing import Annotated

import pytest
from api_world import AwayDatabase, MovedClock, SaidLog, api_world, code
from fastapi import APIRouter, Depends

from guestwire.controller.api.app import Parts, application
from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.store.database import Database
from guestwire.controller.users.person import Person
from guestwire.model.base import Document

DOORS = Doors()


class Body(Document):
    names: tuple[str, ...] = ()
    data: bytes = b""


def unmarked() -> APIRouter:
    routes = APIRouter()

    @routes.post("/x", operation_id="x")
    async def x(body: Body) -> None: ...

    return routes


def without_id() -> APIRouter:
    routes = APIRouter()

    @routes.get("/x")
    async def x() -> None: ...

    return routes


def with_id(name: str, path: str) -> APIRouter:
    routes = APIRouter(prefix=path)

    @routes.get("", operation_id=name)
    async def x() -> str:
        return name

    @routes.post("", operation_id=name + "Post")
    async def y(body: Annotated[Body, FROM_JSON], person: Annotated[Person, Depends(DOORS.person)]) -> int:
        return len(body.names) + len(body.data)

    return routes


@pytest.mark.parametrize(
    ("routers", "why"),
    [
        ((unmarked(),), "FROM_JSON"),
        ((without_id(),), "operation id"),
        ((with_id("a", "/a"), with_id("a", "/b")), "operation id"),
    ],
)
def test_what_does_not_start(routers: tuple[APIRouter, ...], why: str) -> None:
    parts = Parts(None, AwayDatabase(), SaidLog(), MovedClock(), routers)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=why):
        application(parts)


async def test_routers_below_the_prefix_and_outside(any_database: Database) -> None:
    async with api_world(
        any_database,
        routers=lambda _: (with_id("inner", "/inner"),),
        outside=lambda _: (with_id("metrics", "/metrics"),),
    ) as world:
        anna = await world.user("anna")
        assert (await anna.get("/inner")).json() == "inner"
        root = world.caller(anna.headers, prefix="")
        assert (await root.get("/metrics")).json() == "metrics"
        assert (await root.get("/inner")).status_code == 404
        assert code(await world.caller({}, prefix="").get("/metrics")) == "UNAUTHENTICATED"


async def test_bodies_are_judged_as_json(any_database: Database) -> None:
    """A list is a tuple, a text is bytes; a number is no text."""
    async with api_world(any_database, routers=lambda _: (with_id("inner", "/inner"),)) as world:
        anna = await world.user("anna")
        assert (await anna.post("/inner", {"names": ["a", "b"], "data": "xyz"})).json() == 5
        answer = await anna.post("/inner", {"names": ["a", 1], "more": 1})
        assert code(answer) == "INVALID-BODY"
        assert [one["field"] for one in answer.json()["errors"]] == ["names.1", "more"]
        assert code(await anna.post("/inner")) == "INVALID-BODY"
