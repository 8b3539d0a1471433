"""Users, roles, tokens and keys over HTTP."""

from collections.abc import AsyncIterator

import pytest
from api_world import PASSWORD, World, api_world, code

from guestwire.controller.store.database import Database
from guestwire.controller.users.enrolled_keys import InTrust
from guestwire.protocol.signing import Domain, SigningKey
from guestwire.protocol.user_keys import proof

KEY = SigningKey(bytes([7] * 32))


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with api_world(database) as made:
        yield made


async def test_a_users_life(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    made = await anna.post("/users", {"name": "bob", "password": PASSWORD, "label": "Böb", "must_change": False})
    assert (made.status_code, made.headers["location"], made.headers["etag"]) == (201, "/api/v1/users/bob", '"1"')
    shown = await anna.get("/users/bob")
    assert shown.json() == made.json()
    assert "password" not in shown.text
    changed = await anna.patch("/users/bob", {"label": "Bob"}, headers={"If-Match": shown.headers["etag"]})
    assert (changed.status_code, changed.json()["label"], changed.headers["etag"]) == (200, "Bob", '"2"')
    stale = await anna.patch("/users/bob", {"label": "x"}, headers={"If-Match": shown.headers["etag"]})
    assert (stale.status_code, code(stale), stale.json()["about"]) == (412, "REVISION-STALE", {"revision": 2})
    missing = await anna.delete("/users/bob")
    assert (missing.status_code, code(missing)) == (428, "PRECONDITION-REQUIRED")
    assert (await anna.delete("/users/bob", headers={"If-Match": '"2"'})).status_code == 204
    assert code(await anna.get("/users/bob")) == "NOT-FOUND"


async def test_users_in_pages(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    for n in range(7):
        await world.accounts.make(None, f"user{n}", PASSWORD)
    seen, cursor = [], ""
    for _ in range(10):
        page = (await anna.get(f"/users?limit=3{cursor}")).json()
        seen.extend(one["name"] for one in page["items"])
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == ["anna", *(f"user{n}" for n in range(7))]
    for query in ("limit=0", "limit=501", "limit=x", "cursor=x", "limit=99999999999999999999"):
        assert (await anna.get(f"/users?{query}")).status_code == 422


async def test_names_that_nobody_has(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    for name in ("Anna", "", "a" * 37, "a/b", "../x", "ä", "a b", "1a"):
        answer = await anna.post("/users", {"name": name, "password": PASSWORD})
        assert (answer.status_code, code(answer)) == (422, "INVALID-BODY"), name


async def test_roles(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    bob = await world.user("bob")
    role = {"role": "operator", "scope": "site:plant"}
    assert (await anna.post("/users/bob/bindings", role)).json() == {"items": [role]}
    assert (await bob.get("/users/bob/bindings")).json() == {"items": [role]}
    assert (await bob.get("/users/me")).json()["bindings"] == [role]
    taken = await anna.delete("/users/bob/bindings", params=role)
    assert taken.json() == {"items": []}
    assert code(await anna.delete("/users/bob/bindings", params=role)) == "NOT-FOUND"
    assert code(await anna.delete("/users/anna/bindings", params={"role": "admin", "scope": "*"})) == "LAST-ADMIN"
    for wrong in (
        {"role": "root", "scope": "*"},
        {"role": "admin", "scope": "group:x"},
        {"role": "operator", "scope": "site:ä"},
    ):
        assert (await anna.post("/users/bob/bindings", wrong)).status_code == 422
        assert (await anna.delete("/users/bob/bindings", params=wrong)).status_code == 422


async def test_tokens(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    limits = [{"role": "observer", "scope": "host:plant/h1"}]
    made = (await anna.post("/tokens", {"name": "report", "bindings": limits, "expires_at": 1_900_000_000_000})).json()
    reporter = world.caller({"Authorization": f"Bearer {made['token']}"})
    me = (await reporter.get("/users/me")).json()
    assert me["token"] == {"id": made["id"], "name": "report", "bindings": limits}
    assert me["way"] == "token"
    assert (await reporter.get("/users")).status_code == 403
    listed = (await anna.get("/tokens")).json()["items"]
    assert [one["name"] for one in listed] == ["report", "token-anna"]
    assert "token" not in listed[0]
    assert listed[0]["used_from"] == "192.0.2.1"
    assert (await anna.get("/users/anna/tokens")).json()["items"] == listed
    assert (await anna.delete(f"/users/anna/tokens/{made['id']}")).status_code == 204
    assert (await reporter.get("/users/me")).status_code == 401
    assert code(await anna.delete(f"/tokens/{made['id']}")) == "NOT-FOUND"
    for wrong in ({}, {"name": ""}, {"name": "x", "bindings": []}, {"name": "x", "expires_at": 1}, {"name": "a\nb"}):
        assert (await anna.post("/tokens", wrong)).status_code == 422, wrong


async def test_keys(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    world.trust.keys[KEY.public.raw] = (InTrust("plant", "operator:anna", "operator", 2),)
    challenge = (await anna.post("/keys/challenges")).json()["challenge"]
    signature = KEY.sign(Domain.USER_KEY, proof(bytes.fromhex(challenge), "anna"))
    body = {"public_key": KEY.public.raw.hex(), "challenge": challenge, "signature": signature.hex(), "label": "laptop"}
    for wrong in (
        {**body, "public_key": "zz"},
        {**body, "signature": "00" * 63},
        {**body, "challenge": challenge.upper() + "0"},
    ):
        assert code(await anna.post("/keys", wrong)) == "INVALID-BODY"
    made = await anna.post("/keys", body)
    assert made.status_code == 201, made.text
    assert made.json()["in_trust"] == [{"site": "plant", "principal": "operator:anna", "role": "operator", "risk": 2}]
    assert (await anna.get("/keys")).json()["items"] == [made.json()]
    assert (await anna.get("/users/anna/keys")).json()["items"] == [made.json()]
    again = await anna.post("/keys", body)
    assert (again.status_code, code(again)) == (422, "KEY-NOT-PROVEN")
    key_id = made.json()["id"]
    assert (await anna.delete(f"/users/anna/keys/{key_id}")).status_code == 204
    assert code(await anna.delete(f"/keys/{key_id}")) == "NOT-FOUND"
    assert (await anna.get("/keys")).json()["items"][0]["in_trust"] == []


async def test_texts_that_a_database_might_not_take(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    odd = "‮ end 😀 \u200b ' OR 1=1; -- \\ %s {} €"
    made = await anna.post("/users", {"name": "bob", "password": PASSWORD, "label": odd})
    assert made.json()["label"] == odd
    assert (await anna.post("/tokens", {"name": odd})).status_code == 201
    for wrong in ("a\x00b", "a\x1bb", "x" * 129):
        answer = await anna.post("/users", {"name": "eve", "password": PASSWORD, "label": wrong})
        assert answer.status_code in (400, 422)
