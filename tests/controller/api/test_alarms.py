"""Alarms, their rules, webhooks and notices over HTTP: who sees and does what, revisions, pages, and what is shown once."""

from collections.abc import AsyncIterator

import pytest
from alarm_desk import H1, H2, AlarmDesk, alarm_desk
from api_world import Caller, World, api_world, code

from guestwire.controller.alarms.comparing import Raise, Subject
from guestwire.controller.alarms.shipped_rules import SHIPPED
from guestwire.controller.api import alarm_rules, alarms, notices, webhooks
from guestwire.controller.notices.reading import Notices
from guestwire.controller.store import notices as notice_rows
from guestwire.controller.store.database import Database
from guestwire.controller.store.notices import NoticeRow
from guestwire.controller.webhooks.webhooks import Webhooks

RULE = SHIPPED["host-offline"]
MADE = {"trigger": {"on": "presence", "states": ["offline"]}, "severity": "info", "summary": "{host}"}


class Desk:
    def __init__(self, world: World, alarms: AlarmDesk) -> None:
        self.world = world
        self.alarms = alarms

    async def raise_one(self, host: object = H1, part: str = "") -> None:
        async with self.alarms.database.write() as tx:
            await self.alarms.alarms.begin(tx, "host-offline", RULE, Raise(Subject(host, part), "away", 1.5, 7))  # type: ignore[arg-type]


@pytest.fixture
async def desk(any_database: Database) -> AsyncIterator[Desk]:
    async with alarm_desk(any_database) as made:

        def routers(world: World) -> tuple[object, ...]:
            return (
                alarms.router(made.alarms, world.doors), alarm_rules.router(made.rules, world.doors),
                webhooks.router(Webhooks(any_database, world.access, world.feed, world.clock), world.doors),
                notices.router(Notices(any_database, world.access, world.clock), world.doors),
            )  # fmt: skip

        async with api_world(any_database, routers=routers) as world:  # type: ignore[arg-type]
            yield Desk(world, made)


async def _admin(desk: Desk) -> Caller:
    return await desk.world.user("ada", ("admin", "*"))


async def test_alarms_in_pages_acknowledged_and_cleared(desk: Desk) -> None:
    for part in "abc":
        await desk.raise_one(part=part)
        desk.alarms.clock.move(1)
    ada = await _admin(desk)
    first = (await ada.get("/alarms", params={"limit": 2})).json()
    rest = (await ada.get("/alarms", params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["part"] for one in (*first["items"], *rest["items"])] == ["c", "b", "a"]
    assert rest["next"] is None
    one = first["items"][0]
    assert (one["site"], one["host"], one["severity"], one["value"]) == ("plant", "h1", "critical", 1.5)
    answer = await ada.post("/alarms/acknowledge", {"alarms": [one["id"]], "note": "seen"})
    assert [(done["state"], done["acknowledged_by"], done["note"]) for done in answer.json()["items"]] == [
        ("acknowledged", "ada", "seen")
    ]
    assert (await ada.post("/alarms/clear", {"alarms": [one["id"]]})).json()["items"][0]["cleared_by"] == "ada"
    assert (await ada.get(f"/alarms/{one['id']}")).json()["state"] == "cleared"
    assert len((await ada.get("/alarms", params={"state": "active", "host": "plant/h1"})).json()["items"]) == 2
    assert code(await ada.post("/alarms/acknowledge", {"alarms": [one["id"]]})) == "ALARM-CLEARED"
    for params in ({"host": "h1"}, {"state": "odd"}, {"since": -1}):
        assert (await ada.get("/alarms", params=params)).status_code in (400, 422)


async def test_who_may_see_and_acknowledge(desk: Desk) -> None:
    await desk.raise_one(H1)
    await desk.raise_one(H2)
    ada, bo = await _admin(desk), await desk.world.user("bo", ("observer", "host:plant/h2"))
    mine, others = (
        (await bo.get("/alarms")).json()["items"],
        (await ada.get("/alarms", params={"host": "plant/h1"})).json()["items"],
    )
    assert [one["host"] for one in mine] == ["h2"]
    assert (await bo.get(f"/alarms/{others[0]['id']}")).status_code == 404
    assert code(await bo.post("/alarms/acknowledge", {"alarms": [mine[0]["id"]]})) == "DENIED"


async def test_rules_by_revision(desk: Desk) -> None:
    ada, bo = await _admin(desk), await desk.world.user("bo", ("operator", "*"))
    names = [one["name"] for one in (await ada.get("/alarm-rules")).json()["items"]]
    assert names == sorted(SHIPPED)
    made = await ada.post("/alarm-rules", {"name": "mine", **MADE})
    assert (made.status_code, made.headers["etag"], made.headers["location"]) == (
        201,
        '"1"',
        "/api/v1/alarm-rules/mine",
    )
    assert code(await ada.post("/alarm-rules", {"name": "mine", **MADE})) == "EXISTS"
    assert code(await bo.post("/alarm-rules", {"name": "his", **MADE})) == "DENIED"
    assert code(await ada.put("/alarm-rules/mine", MADE)) == "PRECONDITION-REQUIRED"
    assert code(await ada.put("/alarm-rules/mine", MADE, headers={"If-Match": '"9"'})) == "REVISION-STALE"
    changed = await ada.put("/alarm-rules/mine", {**MADE, "severity": "critical"}, headers={"If-Match": '"1"'})
    assert (changed.headers["etag"], changed.json()["rule"]["severity"]) == ('"2"', "critical")
    assert (await bo.get("/alarm-rules/mine")).json()["changed_by"] == "ada"
    for wrong in ({"on": "metric", "series": "{", "compare": ">", "value": 1}, {"on": "weather"}):
        assert (await ada.post("/alarm-rules", {"name": "x", **MADE, "trigger": wrong})).status_code in (400, 422)
    assert (await ada.delete("/alarm-rules/mine", headers={"If-Match": '"2"'})).status_code == 204
    assert (await ada.get("/alarm-rules/mine")).status_code == 404


async def test_a_webhook_tells_its_secret_once(desk: Desk) -> None:
    ada, bo = await _admin(desk), await desk.world.user("bo", ("engineer", "*"))
    words = {"name": "pager", "url": "https://pager.example/x"}
    made = await ada.post("/webhooks", words)
    assert (made.status_code, len(made.json()["secret"])) == (201, 64)
    address = f"/webhooks/{made.json()['id']}"
    assert "secret" not in (await ada.get(address)).json()
    assert code(await bo.get(address)) == "DENIED"
    assert (await ada.post(f"{address}/trial")).status_code == 202
    assert [one["event"] for one in (await ada.get(address)).json()["waiting"]] == ["trial"]
    changed = await ada.put(address, {**words, "least_severity": "critical"}, headers={"If-Match": '"1"'})
    assert (changed.json()["least_severity"], changed.json()["revision"]) == ("critical", 2)
    assert [one["name"] for one in (await ada.get("/webhooks")).json()["items"]] == ["pager"]
    assert (await ada.delete(address, headers={"If-Match": '"2"'})).status_code == 204
    assert (await ada.get(address)).status_code == 404


async def test_notices_listed_exported_and_cleared(desk: Desk) -> None:
    rows = [
        NoticeRow(host, "guest", "notice", bytes(16), seq, 1000 + seq, 2000, "state", {"name": "plc"})
        for host in (H1, H2)
        for seq in (1, 2)
    ]
    async with desk.alarms.database.write() as tx:
        await notice_rows.add(tx, rows)
    ada, bo = await _admin(desk), await desk.world.user("bo", ("observer", "host:plant/h2"))
    first = (await ada.get("/notices", params={"limit": 3, "class": "guest"})).json()
    assert [(one["host"], one["at"]) for one in first["items"]] == [("h2", 1002), ("h2", 1001), ("h1", 1002)]
    assert len((await ada.get("/notices", params={"cursor": first["next"]})).json()["items"]) == 1
    lines = (await bo.get("/notices/export")).text.splitlines()
    assert len(lines) == 2
    assert '"plc"' in lines[0]
    assert code(await bo.delete("/hosts/plant/h2/notices")) == "DENIED"
    assert (await ada.delete("/hosts/plant/h1/notices")).json() == {"cleared": 2}
    assert len((await ada.get("/notices")).json()["items"]) == 2
