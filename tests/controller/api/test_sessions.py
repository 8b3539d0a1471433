"""Logging in over HTTP: cookies, and the first administrator."""

from collections.abc import AsyncIterator

import pytest
from api_world import PASSWORD, World, api_world, code

from guestwire.controller.store.database import Database


@pytest.fixture
async def world(any_database: Database) -> AsyncIterator[World]:
    async with api_world(any_database) as made:
        yield made


def attributes(cookie: str) -> set[str]:
    return {
        part.strip().partition("=")[0].lower() if "=" in part else part.strip().lower()
        for part in cookie.split(";")[1:]
    }


async def test_cookies_over_tls(any_database: Database) -> None:
    async with api_world(any_database, secure=True) as world:
        await world.user("anna", ("admin", "*"))
        world.clock.move(2)
        answer = await world.stranger.post("/sessions", {"name": "anna", "password": PASSWORD})
        session, csrf = answer.headers.get_list("set-cookie")
        assert session.startswith("__Host-guestwire_session=")
        assert csrf.startswith("__Host-guestwire_csrf=")
        assert {"secure", "httponly", "samesite", "path"} <= attributes(session)
        assert "domain" not in attributes(session)
        assert "samesite=strict" in session.lower()
        assert "path=/;" in session.lower() + ";"
        assert "httponly" not in attributes(csrf)
        assert answer.json()["csrf"] in csrf
        # a cookie without the prefix, as another host of the domain could set it, is nobody's
        secret = session.split("=", 1)[1].split(";")[0]
        assert (await world.caller({"Cookie": f"guestwire_session={secret}"}).get("/users/me")).status_code == 401
        assert (
            await world.caller({"Cookie": f"__Host-guestwire_session={secret}"}).get("/users/me")
        ).status_code == 200


async def test_cookies_on_this_machine(world: World) -> None:
    await world.user("anna")
    world.clock.move(2)
    answer = await world.stranger.post("/sessions", {"name": "anna", "password": PASSWORD})
    session, _ = answer.headers.get_list("set-cookie")
    assert session.startswith("guestwire_session=")
    assert "secure" not in attributes(session)
    assert "httponly" in attributes(session)
    assert answer.json() | {"id": "", "csrf": ""} == {
        "id": "", "csrf": "", "name": "anna", "created_at": world.clock().wall_ms, "used_at": world.clock().wall_ms,
        "expires_at": world.clock().wall_ms + 12 * 3_600_000, "address": "192.0.2.1", "agent": "python-httpx/0.28.1",
        "current": True, "must_change": False,
    }  # fmt: skip
    assert session.split("=")[1].split(";")[0] not in answer.text


async def test_a_session_is_anew_each_time(world: World) -> None:
    """Whatever cookie a browser has when somebody logs in is not their session afterwards."""
    await world.user("anna")
    fixed = world.caller({"Cookie": "guestwire_session=" + "a" * 43})
    world.clock.move(2)
    answer = await fixed.post("/sessions", {"name": "anna", "password": PASSWORD})
    assert answer.status_code == 201
    assert "a" * 43 not in answer.headers["set-cookie"]
    assert (await world.caller({"Cookie": "guestwire_session=" + "a" * 43}).get("/users/me")).status_code == 401


async def test_logging_out(world: World) -> None:
    anna = await world.user("anna", token=False)
    secret = anna.client.cookies["guestwire_session"]
    answer = await anna.delete("/sessions/current")
    assert answer.status_code == 204
    assert not anna.client.cookies
    assert (await world.caller({"Cookie": f"guestwire_session={secret}"}).get("/users/me")).status_code == 401
    assert (await (await world.with_token("anna")).delete("/sessions/current")).status_code == 204


async def test_sessions_of_ones_own(world: World) -> None:
    anna = await world.user("anna", token=False)
    other = await world.logged_in("anna", address="192.0.2.50")
    items = (await anna.get("/sessions")).json()["items"]
    assert [(one["address"], one["current"], one["csrf"] is None) for one in items] == [
        ("192.0.2.50", False, True),
        ("192.0.2.1", True, False),
    ]
    assert (await anna.delete(f"/sessions/{items[0]['id']}")).status_code == 204
    assert (await other.get("/users/me")).status_code == 401
    assert code(await anna.delete(f"/sessions/{items[0]['id']}")) == "NOT-FOUND"
    assert code(await anna.delete("/sessions/nonsense")) == "INVALID-BODY"


async def test_wrong_and_too_often(world: World) -> None:
    await world.user("anna")
    body = {"name": "anna", "password": "wrong"}
    answer = await world.stranger.post("/sessions", body)
    assert (answer.status_code, code(answer)) == (401, "LOGIN-REFUSED")
    assert "set-cookie" not in answer.headers
    codes = [code(await world.stranger.post("/sessions", body)) for _ in range(15)]
    assert codes[-1] == "THROTTLED"
    nobody = await world.caller({}, "192.0.2.60").post("/sessions", {"name": "nobody", "password": "wrong"})
    assert nobody.json()["detail"] == answer.json()["detail"]


async def test_the_first_administrator(world: World) -> None:
    token = await world.first.token()
    body = {"token": token, "name": "anna", "password": PASSWORD}
    for wrong in ({**body, "token": "x"}, {**body, "password": "short"}, {**body, "name": "No Name"}):
        assert (await world.stranger.post("/bootstrap", wrong)).status_code in (401, 422)
    made = await world.stranger.post("/bootstrap", body)
    assert (made.status_code, made.json()["name"]) == (201, "anna")
    again = await world.stranger.post("/bootstrap", {**body, "name": "eve"})
    assert (again.status_code, code(again)) == (401, "LOGIN-REFUSED")
    anna = await world.logged_in("anna")
    assert (await anna.get("/users/me")).json()["bindings"] == [{"role": "admin", "scope": "*"}]
