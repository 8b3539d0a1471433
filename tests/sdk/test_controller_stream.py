"""The stream of a controller: what its messages mean, and following it through cuts; over real WebSockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import Request, Response, ServerConnection, serve

from guestwire.model.errors import GuestwireError
from guestwire.sdk.controller_stream import Changed, Endpoint, Heard, Position, follow

EPOCH = "0" * 32
READY = {"type": "ready", "epoch": EPOCH, "revision": 3}
HOST = {"kind": "host", "key": "plant/h1", "document": {"state": "online"}}
SEEN = Changed("host", "plant/h1", {"state": "online"})


def snapshot(*items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "snapshot", "epoch": EPOCH, "revision": 3, "kind": "host", "items": list(items)}


def delta(revision: int, *changes: dict[str, Any]) -> dict[str, Any]:
    return {"type": "delta", "revision": revision, "changes": list(changes)}


def test_what_messages_mean() -> None:
    position = Position(("host",), ("plant/h1",), "rack=3")
    assert json.loads(position.subscribe()) == {"subscribe": {"kinds": ["host"], "hosts": ["plant/h1"], "q": "rack=3"}}

    def heard(message: dict[str, Any]) -> Heard | None:
        return position.heard(json.dumps(message))

    assert heard(snapshot(HOST)) == Heard((SEEN,), anew=True), "the first piece begins anew"
    assert heard(snapshot()) == Heard(()), "the next ones go on"
    assert heard(READY) == Heard(ready=True)
    assert heard({"type": "resync", "reason": "behind"}) is None
    assert heard(snapshot()) == Heard((), anew=True), "after a resync everything begins anew"
    assert heard(delta(7, HOST)) == Heard((SEEN,))
    assert heard({"type": "heartbeat", "revision": 9, "at": 1}) is None
    assert heard({"type": "newer", "of": "another version"}) is None
    assert json.loads(position.subscribe())["resume"] == {"epoch": EPOCH, "revision": 7}
    assert heard(READY | {"revision": 8}) == Heard(ready=True), "resumed: nothing was missed"


def test_of_kinds_that_are_never_sent_whole_something_may_have_been_missed() -> None:
    position = Position(("notice",))
    assert position.heard(json.dumps(READY)) == Heard(ready=True)
    assert position.heard(json.dumps(READY)) == Heard(anew=True, ready=True)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"type": "delta"}', '{"type": "snapshot", "items": [{}]}'])
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(GuestwireError, match="CONTROLLER-ANSWER"):
        Position(("host",)).heard(text)


def test_a_refusal_is_raised() -> None:
    said = {"type": "problem", "code": "INVALID-BODY", "detail": "no such field", "field": "subscribe.q"}
    with pytest.raises(GuestwireError) as caught:
        Position(("host",), q="x").heard(json.dumps(said))
    assert (caught.value.code, caught.value.field) == ("INVALID-BODY", "subscribe.q")


Serve = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def stream(answer: Serve, refuse: HTTPStatus | None = None) -> AsyncIterator[Endpoint]:
    def refused(connection: ServerConnection, request: Request) -> Response | None:
        assert request.headers["Authorization"] == "Bearer gwt_x"
        return None if refuse is None else connection.respond(refuse, "no")

    async with serve(answer, "127.0.0.1", 0, process_request=refused, close_timeout=1) as server:
        port = server.sockets[0].getsockname()[1]
        yield Endpoint(f"ws://127.0.0.1:{port}/api/v1/stream", {"Authorization": "Bearer gwt_x"})


async def test_a_cut_is_told_of_and_the_stream_goes_on_from_where_it_was() -> None:
    asked: list[dict[str, Any]] = []

    async def answer(connection: ServerConnection) -> None:
        asked.append(json.loads(await connection.recv()))
        if len(asked) == 1:
            for message in (snapshot(HOST), READY, delta(5, HOST)):
                await connection.send(json.dumps(message))
            await connection.close(1013, "too slow")
            return
        await connection.send(json.dumps(READY | {"revision": 6}))
        await connection.wait_closed()

    found: list[Heard] = []
    async with asyncio.timeout(20), stream(answer) as endpoint, aclosing(follow(endpoint, ("host",))) as heard:
        async for one in heard:
            found.append(one)
            if sum(one.ready for one in found) == 2:
                break
    cut = [one.cut for one in found if one.cut is not None]
    assert [error.code for error in cut] == ["CONTROLLER-UNREACHABLE"]
    assert "too slow" in cut[0].message
    assert [one.anew for one in found] == [True, False, False, False, False]
    assert asked[1]["resume"] == {"epoch": EPOCH, "revision": 5}


async def test_a_controller_that_says_nothing_is_left() -> None:
    async def answer(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(json.dumps(READY))
        await connection.wait_closed()

    async with (
        asyncio.timeout(5),
        stream(answer) as endpoint,
        aclosing(follow(endpoint, ("host",), silent_s=0.05)) as heard,
    ):
        assert (await anext(heard)).ready
        cut = (await anext(heard)).cut
    assert cut is not None
    assert "said nothing" in cut.message


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED"),
        (HTTPStatus.FORBIDDEN, "DENIED"),
        (HTTPStatus.NOT_FOUND, "CONTROLLER-ANSWER"),
    ],
)
async def test_where_there_is_none_to_be_had_that_is_said_at_once(status: HTTPStatus, code: str) -> None:
    async with asyncio.timeout(20), stream(_silent, status) as endpoint, aclosing(follow(endpoint, ("host",))) as heard:
        with pytest.raises(GuestwireError) as caught:
            await anext(heard)
    assert caught.value.code == code


async def test_a_token_that_counts_no_more_ends_it() -> None:
    async def answer(connection: ServerConnection) -> None:
        await connection.close(4401, "UNAUTHENTICATED")

    async with asyncio.timeout(20), stream(answer) as endpoint, aclosing(follow(endpoint, ("host",))) as heard:
        with pytest.raises(GuestwireError, match="UNAUTHENTICATED"):
            await anext(heard)


async def _silent(_connection: ServerConnection) -> None:
    """Never asked."""
