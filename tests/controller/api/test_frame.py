"""What every request gets: an id, headers, an answer in time, whatever happens to it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from api_world import PREFIX, World, api_world, code
from fastapi import APIRouter, Depends
from starlette.responses import StreamingResponse

from guestwire.controller.api.limits import Limits
from guestwire.controller.store.database import Database
from guestwire.controller.users.person import Person
from guestwire.model.errors import CODES, GuestwireError


def odd(world: World) -> tuple[APIRouter, ...]:
    """Things that go wrong."""
    routes = APIRouter(prefix="/odd", tags=["odd"])

    @routes.get("/defect", operation_id="oddDefect")
    async def defect(person: Annotated[Person, Depends(world.doors.person)]) -> str:
        raise ZeroDivisionError(f"{person.name} has a secret")

    @routes.get("/wrong", operation_id="oddWrong")
    async def wrong() -> int:
        return "not an int"  # type: ignore[return-value]

    @routes.get("/error/{name}", operation_id="oddError")
    async def error(name: str) -> str:
        raise GuestwireError(name, after_ms=1500, detail={"why": "because"}, cause=("BUSY",))

    @routes.get("/slow", operation_id="oddSlow")
    async def slow() -> str:
        await asyncio.Event().wait()
        return "never"

    @routes.get("/half", operation_id="oddHalf")
    async def half() -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            yield "half"
            raise ZeroDivisionError

        return StreamingResponse(parts())

    @routes.get("/own", operation_id="oddOwn")
    async def own() -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            yield "x"

        return StreamingResponse(
            parts(), headers={"Cache-Control": "max-age=60", "Content-Security-Policy": "default-src 'self'"}
        )

    return (routes,)


@pytest.fixture
async def world(any_database: Database) -> AsyncIterator[World]:
    async with api_world(any_database, routers=odd) as made:
        yield made


def headers_are_safe(answer: httpx.Response) -> None:
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert len(answer.headers["x-request-id"]) == 36
    assert "server" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


async def test_every_answer_has_its_headers(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    ids = set()
    for path in ("/users/me", "/nothing", "/odd/defect", "/odd/error/BUSY", "/openapi.json"):
        answer = await anna.get(path)
        headers_are_safe(answer)
        ids.add(answer.headers["x-request-id"])
    headers_are_safe(await world.stranger.get("/users/me"))
    assert len(ids) == 5


async def test_a_defect_is_an_incident_and_says_nothing_else(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    anna = await world.user("anna", ("admin", "*"))
    for path in ("/odd/defect", "/odd/wrong"):
        answer = await anna.get(path)
        assert (answer.status_code, code(answer)) == (500, "DEFECT")
        assert answer.json()["about"] == {"incident": answer.headers["x-request-id"]}
        assert "secret" not in answer.text
        assert "Zero" not in answer.text
        level, event, fields = world.log.lines[-1]
        assert (level, event) == ("error", "request failed")
        assert fields["incident"] == answer.headers["x-request-id"]
        assert isinstance(fields["exc_info"], Exception)
    capsys.readouterr()


async def test_an_answer_in_time(any_database: Database) -> None:
    async with api_world(any_database, routers=odd, limits=Limits(request_s=0.5)) as world:
        anna = await world.user("anna", ("admin", "*"))
        answer = await anna.get("/odd/slow")
        assert (answer.status_code, code(answer)) == (503, "REQUEST-TIMEOUT")
        headers_are_safe(answer)
        assert world.log.lines[-1][1] == "request took too long"


async def test_half_an_answer_is_no_answer(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The connection is cut: nobody takes it for the whole."""
    anna = await world.user("anna", ("admin", "*"))
    transport = httpx.ASGITransport(world.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://controller.example") as client:
        with pytest.raises(ConnectionAbortedError):
            await client.get(f"{PREFIX}/odd/half", headers=anna.headers)
    assert world.log.lines[-1][1] == "request failed"
    capsys.readouterr()


async def test_an_answers_own_headers_stay(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    answer = await anna.get("/odd/own")
    assert answer.headers["cache-control"] == "max-age=60"
    assert answer.headers["content-security-policy"] == "default-src 'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_every_code_has_an_answer(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    for row in CODES:
        world.clock.move(1)
        answer = await anna.get(f"/odd/error/{row.code}")
        assert code(answer) == row.code
        said = answer.json()
        assert 400 <= answer.status_code < 600
        assert (answer.status_code == 500) is (row.code == "DEFECT")
        assert (answer.status_code == 401) is (row.code in ("UNAUTHENTICATED", "LOGIN-REFUSED"))
        assert said["title"] == row.remedy
        assert (said["kind"], said["retry"], said["retry_after"]) == (row.kind, row.retry, 2)
        assert answer.headers["retry-after"] == "2"
        assert (said["about"], said["cause"]) == ({"why": "because"}, ["BUSY"])


async def test_names_that_are_not_ours_are_refused(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    for host in ("evil.example", "controller.example.evil.example", ""):
        answer = await anna.get("/users/me", headers={"Host": host})
        assert (answer.status_code, code(answer)) == (421, "HOST-NAME-REFUSED")
    assert (await anna.get("/users/me", headers={"Host": "localhost:5000"})).status_code == 200
    probe = world.caller({"Host": "10.0.0.7"}, prefix="")
    assert (await probe.get("/healthz")).json() == {"ok": True}


@pytest.mark.parametrize(
    "path", ["/users/%00", "/users/a%0Db", "/users/a%0Ab", "/audit?target=%00", "/audit?person=a%00b"]
)
async def test_addresses_that_nothing_has(world: World, path: str) -> None:
    anna = await world.user("anna", ("admin", "*"))
    answer = await anna.get(path)
    assert (answer.status_code, code(answer)) == (400, "MALFORMED")


async def test_no_header_of_ours_can_be_made_by_others(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    answer = await anna.get("/users/me", headers={"X-Request-Id": "mine", "X-Forwarded-For": "8.8.8.8"})
    assert answer.headers["x-request-id"] != "mine"
    await anna.delete("/users/me", headers={"X-Forwarded-For": "8.8.8.8"})
    assert {row.address for row in await world.rows()} <= {"", "192.0.2.1"}


async def test_over_tls_browsers_stay_there(any_database: Database) -> None:
    async with api_world(any_database, secure=True) as world:
        answer = await world.stranger.get("/openapi.json")
        assert answer.headers["strict-transport-security"].startswith("max-age=")
    async with api_world(any_database) as world:
        assert "strict-transport-security" not in (await world.stranger.get("/openapi.json")).headers


async def test_what_is_not_there(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    for path in ("/nothing", "/users/", "/users/anna/", "/users/anna/nothing", "//users", "/Users"):
        answer = await anna.get(path)
        assert (answer.status_code, code(answer)) == (404, "NOT-FOUND"), path
    answer = await anna.put("/users")
    assert (answer.status_code, code(answer), answer.headers["allow"]) == (405, "METHOD-REFUSED", "GET, POST")
    for method in ("TRACE", "OPTIONS", "CONNECT", "BREW"):
        assert (await anna.ask(method, "/users")).status_code == 405


async def test_only_who_fetches_a_file_has_the_rate_of_files(any_database: Database) -> None:
    async with api_world(any_database, limits=Limits(address_rate=1, address_burst=2)) as world:
        statuses = {
            method: [
                (await world.caller({}, f"192.0.2.{n}", "").ask(method, "/web/x/main.js")).status_code for _ in range(4)
            ]
            for n, method in enumerate(("GET", "HEAD", "POST", "PUT"))
        }
    assert [method for method, found in statuses.items() if 429 in found] == ["POST", "PUT"]
