"""Nobody comes in without being known: tokens, sessions, and requests that somebody else's page made."""

from collections.abc import AsyncIterator

import pytest
from api_world import PASSWORD, Caller, World, api_world, code

from guestwire.controller.api.gate import CSRF_HEADER, OPEN
from guestwire.controller.api.limits import Limits
from guestwire.controller.store.database import Database
from guestwire.controller.users.names import csrf_of, new_secret, new_token


@pytest.fixture
async def world(any_database: Database) -> AsyncIterator[World]:
    async with api_world(any_database) as made:
        yield made


async def test_everything_but_little_takes_somebody_known(world: World) -> None:
    described = (await world.stranger.get("/openapi.json")).json()["paths"]
    asked = 0
    for path, item in described.items():
        for method in item:
            if (method.upper(), path) in OPEN:
                continue
            world.clock.move(5)
            filled = (
                path.replace("{name}", "anna").replace("{id}", "0" * 32).replace("{site}", "p").replace("{host}", "h")
            )
            answer = await world.stranger.ask(method.upper(), filled.removeprefix("/api/v1"), json={})
            assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED"), (method, path)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            asked += 1
    assert asked > 20


NO_TOKENS = (
    "", "Bearer", "Bearer ", "Bearer gwt_", "Bearer " + "x" * 4000, "Basic YW5uYTphbm5h", "gwt_" + "a" * 43,
    "Bearer gwt_" + "a" * 43, "Bearer null", "Bearer gwt_" + "a" * 42 + "\xe4", "Digest x",
)  # fmt: skip


async def test_no_token_that_counts(world: World) -> None:
    await world.user("anna", ("admin", "*"))
    for authorization in NO_TOKENS:
        caller = world.caller({"Authorization": authorization.encode("latin-1")})  # type: ignore[dict-item]
        answer = await caller.get("/users/me")
        assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED"), authorization


async def test_two_tokens_are_none(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    mine = anna.headers["Authorization"]
    answer = await anna.client.get(
        "/api/v1/users/me", headers=[("Authorization", mine), ("Authorization", f"Bearer {new_token()}")]
    )
    assert answer.status_code == 401


async def test_a_wrong_token_is_not_made_good_by_a_session(world: World) -> None:
    await world.user("anna", ("admin", "*"))
    browser = await world.logged_in("anna")
    answer = await browser.get("/users/me", headers={"Authorization": f"Bearer {new_token()}"})
    assert answer.status_code == 401


async def test_a_session_changes_nothing_without_its_other_text(world: World) -> None:
    browser = await world.user("anna", ("admin", "*"), token=False)
    good = browser.headers.pop(CSRF_HEADER)
    assert (await browser.get("/users/me")).status_code == 200
    change = {"name": "bob", "password": PASSWORD}
    for headers in (
        {},
        {CSRF_HEADER: ""},
        {CSRF_HEADER: "x"},
        {CSRF_HEADER: csrf_of(new_secret())},
        {CSRF_HEADER: good[:-1]},
    ):
        for answer in (
            await browser.post("/users", change, headers=headers),
            await browser.patch("/users/anna", {}, headers=headers),
            await browser.put("/users/me/password", {}, headers=headers),
            await browser.delete("/users/anna", headers=headers),
        ):
            assert (answer.status_code, code(answer)) == (403, "CSRF-REFUSED")
    assert (await browser.post("/users", change, headers={CSRF_HEADER: good})).status_code == 201


async def test_the_text_of_another_session_is_of_no_use(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"), token=False)
    eve = await world.user("eve", token=False)
    answer = await anna.post("/users", {"name": "x"}, headers={CSRF_HEADER: eve.headers[CSRF_HEADER]})
    assert code(answer) == "CSRF-REFUSED"


FOREIGN: tuple[dict[str, str], ...] = (
    {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "https://controller.example"},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://controller.example", "Sec-Fetch-Site": "cross-site"},
)  # fmt: skip


async def test_other_origins_change_nothing(world: World) -> None:
    browser = await world.user("anna", ("admin", "*"), token=False)
    for headers in FOREIGN:
        answer = await browser.post("/users", {"name": "bob", "password": PASSWORD}, headers=headers)
        assert (answer.status_code, code(answer)) == (403, "CSRF-REFUSED"), headers


async def test_our_own_pages_may(world: World) -> None:
    browser = await world.user("anna", ("admin", "*"), token=False)
    headers = {"Origin": "http://controller.example", "Sec-Fetch-Site": "same-origin"}
    assert (await browser.post("/users", {"name": "bob", "password": PASSWORD}, headers=headers)).status_code == 201


async def test_a_token_needs_nothing_else(world: World) -> None:
    """No browser sends one by itself."""
    anna = await world.user("anna", ("admin", "*"))
    answer = await anna.post("/users", {"name": "bob", "password": PASSWORD}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 201


async def test_no_other_page_logs_anybody_in(world: World) -> None:
    await world.user("eve")
    body = {"name": "eve", "password": PASSWORD}
    answer = await world.stranger.post("/sessions", body, headers={"Origin": "http://evil.example"})
    assert code(answer) == "CSRF-REFUSED"
    answer = await world.stranger.ask("POST", "/sessions", data=body)
    assert (answer.status_code, code(answer)) == (415, "MEDIA-TYPE")
    answer = await world.stranger.ask(
        "POST", "/sessions", content=str(body).encode(), headers={"Content-Type": "text/plain"}
    )
    assert (answer.status_code, code(answer)) == (415, "MEDIA-TYPE")


async def test_a_cookie_put_in_by_somebody_else_counts_for_nobody(world: World) -> None:
    browser = await world.user("anna", ("admin", "*"), token=False)
    secret = browser.client.cookies["guestwire_session"]
    for header in (
        f"guestwire_session={secret}; guestwire_session=x",
        f"guestwire_session=x; guestwire_session={secret}",
    ):
        assert (await world.caller({"Cookie": header}).get("/users/me")).status_code == 401
    assert (await world.caller({"Cookie": f"guestwire_session={secret}"}).get("/users/me")).status_code == 200


async def test_who_must_choose_a_password_does_nothing_else(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    assert (
        await anna.post("/users", {"name": "bob", "password": PASSWORD, "bindings": [{"role": "admin", "scope": "*"}]})
    ).status_code == 201
    bob = await world.logged_in("bob")
    for answer in (await bob.get("/users"), await bob.post("/tokens", {"name": "t"}), await bob.get("/audit")):
        assert (answer.status_code, code(answer)) == (403, "PASSWORD-EXPIRED")
    me = (await bob.get("/users/me")).json()
    assert me["must_change"] is True
    new = "another long passphrase"
    assert (await bob.put("/users/me/password", {"old": PASSWORD, "new": new})).status_code == 204
    assert (await bob.get("/users")).status_code == 200


async def test_each_person_and_each_token_has_a_rate(any_database: Database) -> None:
    async with api_world(any_database, limits=Limits(person_rate=1, person_burst=5)) as world:
        anna, bob = await world.user("anna"), await world.user("bob")
        second = world.caller(
            {"Authorization": f"Bearer {(await anna.post('/tokens', {'name': 't2'})).json()['token']}"}
        )

        async def until_refused(caller: Caller) -> int:
            for n in range(20):
                answer = await caller.get("/users/me")
                if answer.status_code == 429:
                    assert code(answer) == "THROTTLED"
                    assert int(answer.headers["retry-after"]) >= 1
                    return n
            return 20

        assert await until_refused(anna) == 4
        assert await until_refused(second) == 5
        assert await until_refused(bob) == 5
        world.clock.move(2)
        assert (await anna.get("/users/me")).status_code == 200


async def test_each_address_has_a_rate(any_database: Database) -> None:
    async with api_world(any_database, limits=Limits(address_rate=1, address_burst=5)) as world:
        answers = [(await world.stranger.get("/users/me")).status_code for _ in range(7)]
        assert answers == [401] * 5 + [429] * 2
        assert (await world.caller({}, "192.0.2.99").get("/users/me")).status_code == 401
