"""Bodies: read whole, within bounds, as JSON and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import pytest
from api_world import PASSWORD, World, api_world, code
from fastapi import APIRouter, Depends

from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.carried import Carried, carry
from guestwire.controller.api.limits import Bodies, Limits
from guestwire.controller.store.database import Database
from guestwire.controller.users.person import Asked, Person
from guestwire.model.base import Document
from guestwire.model.errors import GuestwireError


class Text(Document):
    text: str


def echo(world: World) -> tuple[APIRouter, ...]:
    routes = APIRouter(tags=["echo"])

    @routes.post("/echo", operation_id="echo")
    async def echoed(body: Annotated[Text, FROM_JSON], person: Annotated[Person, Depends(world.doors.person)]) -> int:
        return len(body.text)

    @routes.post("/projects/echo", operation_id="echoProject")
    async def project(body: Annotated[Text, FROM_JSON], person: Annotated[Person, Depends(world.doors.person)]) -> int:
        return len(body.text)

    return (routes,)


@pytest.fixture
async def world(any_database: Database) -> AsyncIterator[World]:
    async with api_world(any_database, routers=echo) as made:
        yield made


async def test_how_large_a_body_may_be(world: World) -> None:
    anna = await world.user("anna")
    for path, most in (("/echo", 2 << 20), ("/projects/echo", 8 << 20)):
        room = most - len(b'{"text":""}')
        whole = b'{"text":"%s"}' % (b"x" * room)
        headers = {"Content-Type": "application/json"}
        assert (await anna.ask("POST", path, content=whole, headers=headers)).json() == room
        for content in (whole[:-2] + b'x"}', whole + b" "):
            answer = await anna.ask("POST", path, content=content, headers=headers)
            assert (answer.status_code, code(answer)) == (413, "BODY-TOO-LARGE")

        async def pieces(data: bytes = whole) -> AsyncIterator[bytes]:
            """Without a Content-Length."""
            yield data
            yield b" "

        answer = await anna.ask("POST", path, content=pieces(), headers=headers)
        assert (answer.status_code, code(answer)) == (413, "BODY-TOO-LARGE")


async def test_a_stranger_says_little(world: World) -> None:
    body = {"name": "anna", "password": "x" * 20_000}
    answer = await world.stranger.post("/sessions", body)
    assert (answer.status_code, code(answer)) == (413, "BODY-TOO-LARGE")


OTHER_KINDS: tuple[dict[str, str], ...] = (
    {}, {"Content-Type": ""}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "multipart/form-data; boundary=x"}, {"Content-Type": "application/xml"},
    {"Content-Type": "application/jsonx"}, {"Content-Type": "application/vnd.x+json"},
    {"Content-Type": "application/json", "Content-Encoding": "gzip"},
)  # fmt: skip
UNSOUND = (
    b"", b"{", b"[" * 50_000, b'{"text":"\\u0000"}', b'{"text":"\\ud800"}', b'{"text":"a","text":"b"}', b'{"text":1e999}',
    '{"text":"x"}'.encode("utf-16"), b'\xef\xbb\xbf{"text":"x"}',
)  # fmt: skip
UNFIT: tuple[Any, ...] = (None, [], "x", 1, {}, {"text": 1}, {"text": None}, {"text": "x", "more": 1}, {"text": ["x"]})
AS_JSON = {"Content-Type": "application/json"}


async def test_json_and_nothing_else(world: World) -> None:
    anna = await world.user("anna")
    for headers in OTHER_KINDS:
        answer = await anna.ask("POST", "/echo", content=b'{"text":"x"}', headers=headers)
        assert (answer.status_code, code(answer)) == (415, "MEDIA-TYPE"), headers


async def test_unsound_bodies(world: World) -> None:
    anna = await world.user("anna")
    for body in UNSOUND:
        answer = await anna.ask("POST", "/echo", content=body, headers=AS_JSON)
        expected = (400, "MALFORMED") if body else (422, "INVALID-BODY")
        assert (answer.status_code, code(answer)) == expected, body


async def test_what_does_not_fit_is_told_by_field(world: World) -> None:
    anna = await world.user("anna")
    for body in UNFIT:
        answer = await anna.ask("POST", "/echo", content=json.dumps(body).encode(), headers=AS_JSON)
        assert (answer.status_code, code(answer)) == (422, "INVALID-BODY"), body
        assert all(one.keys() == {"field", "message"} for one in answer.json()["errors"])


async def test_a_large_body_is_looked_through_all_the_same(world: World) -> None:
    anna = await world.user("anna")
    body = b'{"text":"%s\\u0000"}' % (b"x" * 400_000)
    answer = await anna.ask("POST", "/echo", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, code(answer)) == (400, "MALFORMED")


async def read_by(limits: Limits, receive: Callable[[], Awaitable[Any]], headers: list[tuple[bytes, bytes]]) -> bytes:
    """What the part of the frame makes of a body that comes as the test sends it."""
    found = b""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal found
        message = await receive()
        assert message["more_body"] is False
        found = message["body"]
        assert (await receive())["type"] == "http.disconnect"

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/api/v1/x", "headers": headers}
    carry(scope, Carried(Asked(), Person("1", "anna")))
    await Bodies(app, limits)(scope, receive, app)  # type: ignore[arg-type]
    return found


JSON = (b"content-type", b"application/json")


async def test_a_body_in_pieces() -> None:
    pieces = [
        {"type": "http.request", "body": b"[1", "more_body": True},
        {"type": "http.request", "body": b"]"},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return pieces.pop(0)

    assert await read_by(Limits(), receive, [(b"transfer-encoding", b"chunked"), JSON]) == b"[1]"


async def test_a_body_that_does_not_come() -> None:
    async def silent() -> Any:
        await asyncio.Event().wait()

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    for receive in (silent, gone):
        with pytest.raises(GuestwireError, match="did not come whole") as caught:
            await read_by(Limits(body_s=0.05), receive, [(b"content-length", b"10"), JSON])
        assert caught.value.code == "MALFORMED"


@pytest.mark.parametrize("length", [b"99999999999999999999999999", b"2097153"])
async def test_a_length_that_is_too_much_is_not_waited_for(length: bytes) -> None:
    async def receive() -> Any:
        raise AssertionError("it was read")

    with pytest.raises(GuestwireError, match="BODY-TOO-LARGE"):
        await read_by(Limits(), receive, [(b"content-length", length), JSON])


async def test_a_flood_is_not_kept() -> None:
    read = 0

    async def receive() -> Any:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    with pytest.raises(GuestwireError, match="BODY-TOO-LARGE"):
        await read_by(Limits(), receive, [(b"transfer-encoding", b"chunked"), JSON])
    assert read == 33


async def test_a_password_that_is_too_long_is_never_hashed(world: World) -> None:
    answer = await world.stranger.post("/sessions", {"name": "anna", "password": PASSWORD * 100})
    assert (answer.status_code, code(answer)) == (422, "INVALID-BODY")
    assert PASSWORD not in answer.text
