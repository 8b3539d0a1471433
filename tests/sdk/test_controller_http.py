"""Requests to a controller: the real API over a real database, and servers that do not behave."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from api_world import World, api_world
from made_certificates import SERVER, Authority

from guestwire.controller.serving import serving
from guestwire.controller.store.database import open_database
from guestwire.controller.store.schema import all_tables
from guestwire.model.errors import GuestwireError
from guestwire.sdk.controller_http import ControllerHttp, controller_http

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes]]


class Scripted:
    """An HTTP server that answers what a test says, and remembers what it was asked."""

    def __init__(self, *answers: tuple[int, dict[str, str], bytes] | None) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    async def __call__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = (await receive()).get("body", b"")
        self.asked.append({"method": scope["method"], "path": scope["path"], "headers": headers, "body": body})
        answer = self.answers.pop(0) if self.answers else (200, {}, b"{}")
        if answer is None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            raise ConnectionAbortedError("cut in the middle of the answer")
        status, more, content = answer
        pairs = [(name.encode(), value.encode()) for name, value in more.items()]
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*pairs, (b"content-length", b"%d" % len(content))],
            }
        )
        await send({"type": "http.response.body", "body": content})


@asynccontextmanager
async def asking(server: Any) -> AsyncIterator[ControllerHttp]:
    async with serving(server, ("127.0.0.1", 0)) as url, controller_http(url, token="gwt_x") as http:
        yield http


def problem(code: str, status: int, retry_after: int | None = None) -> tuple[int, dict[str, str], bytes]:
    more = "" if retry_after is None else f', "retry_after": {retry_after}'
    body = f'{{"type": "x", "title": "t", "status": {status}, "code": "{code}", "kind": "X", "detail": "no"{more}}}'
    return status, {"content-type": "application/problem+json"}, body.encode()


async def test_a_request_says_who_asks_and_a_change_has_a_key() -> None:
    server = Scripted()
    async with asking(server) as http:
        await http.ask(
            "POST", "/jobs", body={"ä": 1}, params={"wait_s": 2, "none": None, "state": ("a", "b"), "yes": True}
        )
        await http.ask("POST", "/preview", body={}, reads=True)
        await http.ask("PUT", "/groups/x", body={}, etag='"7"')
    first, second, third = server.asked
    assert (first["path"], first["headers"]["authorization"]) == ("/api/v1/jobs", "Bearer gwt_x")
    assert first["body"].decode() == '{"ä": 1}'
    assert len(first["headers"]["idempotency-key"]) == 32
    assert "idempotency-key" not in second["headers"]
    assert third["headers"]["if-match"] == '"7"'
    assert len(third["headers"]["idempotency-key"]) == 32


@pytest.mark.parametrize(
    "refused", [problem("THROTTLED", 429, 0), problem("IN-PROGRESS", 409), None], ids=["throttled", "at work", "cut"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_what_passes_is_sent_again_with_the_same_key(refused: Any, method: Any) -> None:
    server = Scripted(refused, (200, {}, b'{"done": true}'))
    async with asking(server) as http:
        assert (await http.ask(method, "/groups/x", body={})).document == {"done": True}
    keys = {one["headers"]["idempotency-key"] for one in server.asked}
    assert (len(server.asked), len(keys)) == (2, 1)


async def test_a_refusal_is_said_at_once() -> None:
    server = Scripted(problem("DENIED", 403))
    async with asking(server) as http:
        with pytest.raises(GuestwireError, match="DENIED: no"):
            await http.ask("GET", "/hosts")
    assert len(server.asked) == 1


async def test_the_deadline_is_of_the_whole() -> None:
    hold = asyncio.Event()

    async def silent(_scope: Any, _receive: Any, _send: Any) -> None:
        await hold.wait()

    async with asking(silent) as http:
        with pytest.raises(GuestwireError, match="did not answer within"):
            await http.ask("GET", "/hosts", timeout_s=0.1)
        hold.set()


async def test_who_is_no_controller_is_told_apart() -> None:
    async with asking(
        Scripted((200, {}, b"<html>"), (302, {"location": "https://elsewhere"}, b""), (200, {}, b"[]"))
    ) as http:
        with pytest.raises(GuestwireError, match="CONTROLLER-ANSWER"):
            _ = (await http.ask("GET", "/hosts")).document
        with pytest.raises(GuestwireError, match="points elsewhere"):
            await http.ask("GET", "/hosts")
        with pytest.raises(GuestwireError, match="is no list"):
            _ = [one async for one in http.pages("/hosts")]


async def test_nobody_there() -> None:
    async with controller_http("http://127.0.0.1:1") as http:
        with pytest.raises(GuestwireError, match="CONTROLLER-UNREACHABLE"):
            await http.ask("PUT", "/groups/x", body={}, timeout_s=10)


async def test_a_certificate_of_somebody_else_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = authority.issue("localhost", (SERVER,))
    async with serving(Scripted(), ("127.0.0.1", 0), tls=(str(files.certificate), str(files.key))) as at:
        url = at.replace("127.0.0.1", "localhost")
        async with controller_http(url) as http:
            with pytest.raises(GuestwireError, match="CERTIFICATE-UNTRUSTED"):
                await http.ask("GET", "/hosts")
        async with controller_http(url, ca=str(authority.certificate)) as http:
            assert (await http.ask("GET", "/hosts")).status == 200
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        async with controller_http("https://127.0.0.1:1", ca="/nowhere/ca.pem"):
            pass


@asynccontextmanager
async def real(tmp_path: Path) -> AsyncIterator[tuple[World, str]]:
    """The real API."""
    all_tables()
    async with open_database(f"sqlite:///{tmp_path}/c.db") as database:
        await database.create_tables()
        async with api_world(database) as world, serving(world.app, ("127.0.0.1", 0)) as url:
            yield world, url


async def test_pages_are_followed_to_the_end(tmp_path: Path) -> None:
    async with real(tmp_path) as (world, url):
        anna = await world.user("anna", ("admin", "*"))
        for n in range(7):
            await world.accounts.make(None, f"u{n}", "a long enough passphrase", must_change=False)
        token = anna.headers["Authorization"].partition(" ")[2]
        async with controller_http(url, token=token) as http:
            names = [one["name"] async for one in http.pages("/users", most=5)]
            every = [one["name"] async for one in http.pages("/users", {"limit": 3})]
            with pytest.raises(GuestwireError, match="NOT-FOUND: There is no user nobody"):
                await http.ask("GET", "/users/nobody")
            lines = b"".join([piece async for piece in http.pieces("/audit/export")]).splitlines()
    assert names == ["anna", "u0", "u1", "u2", "u3"]
    assert every == ["anna", *(f"u{n}" for n in range(7))]
    assert len(lines) >= 8
