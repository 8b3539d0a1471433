"""The audit log over HTTP."""

import json
from collections.abc import AsyncIterator

import pytest
from api_world import PASSWORD, START_MS, World, api_world, code

from guestwire.controller.store.database import Database


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with api_world(database) as made:
        yield made


async def test_it_is_for_admins(world: World) -> None:
    await world.user("anna", ("admin", "*"))
    chief = await world.user("chief", ("admin", "site:plant"), ("engineer", "*"))
    for path in ("/audit", "/audit/export", "/audit/check"):
        answer = await chief.get(path)
        assert (answer.status_code, code(answer)) == (403, "DENIED")


async def test_rows_and_what_is_asked_of_them(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    for n in range(5):
        world.clock.move(60)
        await anna.post("/users", {"name": f"user{n}", "password": PASSWORD})
    rows = (await anna.get("/audit?action=user-make&person=anna")).json()["items"]
    assert [row["target"] for row in rows] == [f"user{n}" for n in (4, 3, 2, 1, 0)]
    assert rows[0]["detail"] == {"roles": []}
    assert (rows[0]["outcome"], rows[0]["address"], len(rows[0]["hash"])) == ("ok", "192.0.2.1", 64)
    (one,) = (await anna.get("/audit?target=user3")).json()["items"]
    assert (await anna.get(f"/audit?since={one['at']}&until={one['at'] + 1}")).json()["items"] == [one]
    assert (await anna.get(f"/audit?until={START_MS}")).json()["items"] == []
    assert (await anna.get("/audit?person=nobody")).json() == {"items": [], "next": None}
    for wrong in ("since=-1", "since=x", "until=99999999999999999999999", "person=" + "x" * 300):
        assert (await anna.get(f"/audit?{wrong}")).status_code == 422


async def test_in_pages(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    for n in range(5):
        await anna.post("/users", {"name": f"user{n}", "password": PASSWORD})
    whole = [row["seq"] for row in (await anna.get("/audit?limit=500")).json()["items"]]
    seen, cursor = [], ""
    while True:
        page = (await anna.get(f"/audit?limit=3{cursor}")).json()
        seen.extend(row["seq"] for row in page["items"])
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == whole == list(range(len(whole), 0, -1))


async def test_an_export(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    await anna.post("/users", {"name": "bob", "password": PASSWORD})
    answer = await anna.get("/audit/export")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert "attachment" in answer.headers["content-disposition"]
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[::-1] == (await anna.get("/audit?limit=500")).json()["items"]
    some = (await anna.get("/audit/export?action=user-make")).text.splitlines()
    assert [json.loads(line)["target"] for line in some] == ["anna", "bob"]


async def test_a_check(world: World) -> None:
    anna = await world.user("anna", ("admin", "*"))
    found = (await anna.get("/audit/check")).json()
    assert (found["broken"], found["rows"]) == (None, len(await world.rows()))
