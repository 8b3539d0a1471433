"""Every change and every refusal leaves a row."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from api_world import PASSWORD, AwayDatabase, MovedClock, SaidLog, World, api_world
from fastapi import APIRouter, Depends

from guestwire.controller.api.carried import carried
from guestwire.controller.api.noting import BURST, Noting
from guestwire.controller.store.database import Database
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError


def forgetful(world: World) -> tuple[APIRouter, ...]:
    """A service that does not note what it does."""
    routes = APIRouter(tags=["forgetful"])

    @routes.post("/forgotten", operation_id="forget")
    async def forget(person: Annotated[Person, Depends(world.doors.person)]) -> str:
        return person.name

    @routes.post("/looked", operation_id="look", dependencies=[Depends(world.doors.reads)])
    async def look(person: Annotated[Person, Depends(world.doors.person)], of: str = "") -> str:
        if of:
            raise GuestwireError(of)
        return person.name

    return (routes,)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with api_world(database, routers=forgetful) as made:
        yield made


async def test_a_refused_change(world: World) -> None:
    eve = await world.user("eve", ("operator", "*"))
    answers = {
        "makeUser": await eve.post("/users", {"name": "mallory", "password": PASSWORD}),
        "changeUser": await eve.patch("/users/eve", {"disabled": False}, headers={"If-Match": '"1"'}),
        "removeUser": await eve.delete("/users/nobody"),
        "giveRole": await eve.post("/users/eve/bindings", {"role": "admin", "scope": "nowhere"}),
        "listUsers": await eve.get("/users"),
    }
    rows = {row.action: row for row in await world.rows() if row.outcome != "ok"}
    assert {name: row.outcome for name, row in rows.items()} == {
        "makeUser": "DENIED", "changeUser": "DENIED", "removeUser": "PRECONDITION-REQUIRED", "giveRole": "INVALID-BODY",
        "listUsers": "DENIED",
    }  # fmt: skip
    for name, answer in answers.items():
        row = rows[name]
        assert row.request_id == answer.headers["x-request-id"]
        assert (row.person, row.address, row.target) == ("eve", "192.0.2.1", answer.request.url.path)
        assert row.token_id
        assert json.loads(row.detail)["method"] == answer.request.method
    assert not any(PASSWORD in repr(row) for row in await world.rows())


async def test_reading_leaves_no_row_unless_it_is_refused(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    before = len(await world.rows())
    for path in ("/users/me", "/users", "/audit", "/users/nobody", "/nothing"):
        await anna.get(path)
    assert len(await world.rows()) == before
    await world.stranger.get("/users")
    (row,) = (await world.rows())[before:]
    assert (row.outcome, row.person, row.person_id, row.action) == ("UNAUTHENTICATED", "", "", "get")


async def test_a_change_that_nobody_noted_is_noted(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    answer = await anna.post("/forgotten")
    (row,) = await world.rows(action="forget")
    assert (row.outcome, row.request_id) == ("ok", answer.headers["x-request-id"])
    await anna.post("/users", {"name": "bob", "password": PASSWORD})
    assert await world.rows(action="makeUser") == ()
    assert len(await world.rows(action="user-make", target="bob")) == 1


async def test_a_post_that_reads_is_a_read(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    before = len(await world.rows())
    for path in ("/looked", "/looked?of=NOT-FOUND", "/looked?of=DENIED"):
        await anna.post(path)
    assert [(row.action, row.outcome) for row in (await world.rows())[before:]] == [("look", "DENIED")]


async def test_a_login_leaves_one_row(world: World) -> None:
    await world.user("anna")
    before = len(await world.rows())
    await world.stranger.post("/sessions", {"name": "anna", "password": "wrong"})
    await world.logged_in("anna")
    rows = (await world.rows())[before:]
    assert [(row.action, row.outcome) for row in rows] == [("session-begin", "LOGIN-REFUSED"), ("session-begin", "ok")]


async def test_a_flood_of_refusals_leaves_few_rows_and_their_number(world: World) -> None:
    for _ in range(60):
        await world.stranger.get("/users")
    assert len(await world.rows()) == BURST
    world.clock.move(10)
    await world.stranger.get("/users")
    assert json.loads((await world.rows())[-1].detail)["more"] == 60 - BURST
    await world.caller({}, "192.0.2.77").get("/users")
    assert (await world.rows())[-1].address == "192.0.2.77"


async def test_long_names_of_things_that_are_not_there(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    await anna.delete("/users/" + "ä" * 3000)
    row = (await world.rows())[-1]
    assert len(row.target) == 256
    assert row.target.endswith("…")


async def test_what_the_database_does_not_take_is_in_the_log() -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        carried(scope).code = "DENIED"
        await send({"type": "http.response.start", "status": 403, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "DELETE", "path": "/api/v1/x", "headers": []}
    log = SaidLog()
    await Noting(app, AwayDatabase(), log, MovedClock())(scope, send, send)  # type: ignore[arg-type]
    assert [message["status"] for message in sent] == [403]
    ((level, event, fields),) = log.lines
    assert (level, event, fields["reason"], fields["outcome"]) == (
        "error", "not in the audit log", "DATABASE-UNAVAILABLE", "DENIED",
    )  # fmt: skip
