"""Rollouts over HTTP, in the real application."""

import sys
from pathlib import Path

import pytest
from api_world import api_world, code

sys.path.insert(0, str(Path(__file__).parent.parent / "rollouts"))

from rollout_stage import Stage

from guestwire.controller.api import rollouts

SPEC = {
    "name": "quieter", "operation": "log-level", "body": {"level": "warning"}, "targets": {"selection": "site=plant"},
    "waves": {"canary": {"count": 1}},
}  # fmt: skip


class Everybody:
    """Starters as the accounts of the application have them."""

    def __init__(self, world):
        self.access = world.access
        self.known = {}

    async def person(self, person_id, token):
        return self.known.get(person_id)

    def may(self, person, action, host, *, risk=None):
        self.known[person.id] = person
        return self.access.may(person, action, host, risk=risk)


@pytest.fixture
async def site(any_database):
    async with api_world(
        any_database, routers=lambda world: (rollouts.router(stage.rollouts, stage.previewing, world.doors),)
    ) as world:
        stage = Stage(any_database)
        stage.people = Everybody(world)
        stage.feed = world.feed
        await stage.add_hosts(5)
        async with stage.up():
            stage.world = world
            yield stage


async def test_from_making_one_to_its_end(site):
    anna = await site.world.user("anna", ("operator", "*"))
    made = await anna.post("/rollouts", SPEC)
    assert (made.status_code, made.json()["state"], made.headers["etag"]) == (201, "draft", '"1"')
    path = f"/rollouts/{made.json()['id']}"
    assert (await anna.post(f"{path}/start")).json()["state"] == "running"
    [canary] = await site.until_open(1)
    site.ends(canary)
    await site.until_open(4)
    site.all_end()
    await site.until_state(made.json()["id"], "finished")
    shown = (await anna.get(path)).json()
    assert (shown["outcome"], shown["counts"], shown["person"]) == ("succeeded", {"succeeded": 5}, "anna")
    assert shown["spec"]["body"] == {"level": "warning"}
    assert [(wave["wave"], wave["hosts"]) for wave in shown["waves"]] == [(0, 1), (1, 4)]


async def test_started_at_once_paused_resumed_and_aborted(site):
    anna = await site.world.user("anna", ("operator", "*"))
    made = await anna.post("/rollouts?start=true", SPEC)
    path = f"/rollouts/{made.json()['id']}"
    assert made.json()["state"] == "running"
    paused = await anna.post(f"{path}/pause", {"reason": "lunch"})
    assert (paused.json()["state"], paused.json()["reason"]) == ("paused", "anna: lunch")
    assert (await anna.post(f"{path}/resume")).json()["state"] == "running"
    assert (await anna.post(f"{path}/abort")).status_code == 200
    await site.until_state(made.json()["id"], "aborted")
    assert code(await anna.post(f"{path}/resume")) == "WRONG-STATE"


async def test_hosts_in_pages_and_by_state(site):
    anna = await site.world.user("anna", ("operator", "*"))
    path = f"/rollouts/{(await anna.post('/rollouts?start=true', SPEC)).json()['id']}/targets"
    await site.until_open(1)
    first = (await anna.get(f"{path}?limit=2")).json()
    rest = (await anna.get(f"{path}?limit=9&cursor={first['next']}")).json()
    assert [one["host"] for one in first["items"] + rest["items"]] == [f"h000{n}" for n in range(5)]
    assert rest["next"] is None
    begun = (await anna.get(f"{path}?state=queued&state=sent&wave=0")).json()["items"]
    assert [(one["site"], one["host"], one["state"], one["attempt"]) for one in begun] == [
        ("plant", "h0000", "queued", 1)
    ]
    assert begun[0]["job_id"] == site.open_jobs()[0].id
    assert (await anna.get(f"{path}?state=nonsense")).status_code == 422
    assert code(await anna.get(f"{path}?cursor=WzFd")) == "CURSOR-INVALID"


async def test_lists_in_pages_and_by_state(site):
    anna = await site.world.user("anna", ("operator", "*"))
    ids = []
    for _ in range(3):
        site.clock.ms += 1
        ids.append((await anna.post("/rollouts", SPEC)).json()["id"])
    await anna.post(f"/rollouts/{ids[0]}/abort")
    page = (await anna.get("/rollouts?limit=2")).json()
    assert [one["id"] for one in page["items"]] == ids[:0:-1]
    assert [one["id"] for one in (await anna.get(f"/rollouts?cursor={page['next']}")).json()["items"]] == ids[:1]
    assert [one["id"] for one in (await anna.get("/rollouts?state=aborted")).json()["items"]] == ids[:1]


async def test_changes_need_what_was_read(site):
    anna = await site.world.user("anna", ("operator", "*"))
    path = f"/rollouts/{(await anna.post('/rollouts', SPEC)).json()['id']}"
    assert code(await anna.patch(path, {"soak_s": 5})) == "PRECONDITION-REQUIRED"
    changed = await anna.patch(path, {"soak_s": 5}, headers={"If-Match": '"1"'})
    assert (changed.json()["spec"]["soak_s"], changed.headers["etag"]) == (5, '"2"')
    assert code(await anna.patch(path, {"soak_s": 6}, headers={"If-Match": '"1"'})) == "REVISION-STALE"
    assert (await anna.patch(path, {"operation": "x"}, headers={"If-Match": '"2"'})).status_code == 422


async def test_the_same_key_makes_it_once(site):
    anna = await site.world.user("anna", ("operator", "*"))
    headers = {"Idempotency-Key": "k1"}
    first = await anna.post("/rollouts?start=true", SPEC, headers=headers)
    again = await anna.post("/rollouts?start=true", SPEC, headers=headers)
    assert first.json()["id"] == again.json()["id"]
    assert len((await anna.get("/rollouts")).json()["items"]) == 1


async def test_a_preview(site):
    anna = await site.world.user("anna", ("operator", "*"))
    found = (await anna.post("/rollouts/preview", SPEC)).json()
    assert (found["hosts"], [wave["hosts"] for wave in found["waves"]]) == (5, [1, 4])


async def test_trying_again(site):
    anna = await site.world.user("anna", ("operator", "*"))
    made = (await anna.post("/rollouts?start=true", SPEC | {"waves": {}})).json()["id"]
    jobs = await site.until_open(5)
    for job in jobs[:2]:
        site.ends(job, "failed", "INTERNAL")
    for job in jobs[2:]:
        site.ends(job)
    await site.until_state(made, "finished")
    assert (await anna.post(f"/rollouts/{made}/retry", {"hosts": ["plant/h0001"]})).json()["state"] == "running"
    assert [job.host.host for job in await site.until_open(1)] == ["h0001"]
    assert (await anna.post(f"/rollouts/{made}/retry", {"hosts": []})).status_code == 422
    await anna.post(f"/rollouts/{made}/retry")
    assert [job.host.host for job in await site.until_open(2)] == ["h0000", "h0001"]


async def test_what_is_wrong_is_a_problem(site):
    anna = await site.world.user("anna", ("operator", "*"))
    for body in ({}, SPEC | {"operation": "nothing"}, SPEC | {"targets": {}}, SPEC | {"more": 1}):
        answer = await anna.post("/rollouts", body)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert code(await anna.post("/rollouts", SPEC | {"operation": "host-ping", "body": {}})) == "INVALID-BODY"
    assert code(await anna.get("/rollouts/00000000-0000-7000-8000-000000000000")) == "NOT-FOUND"
    assert (await anna.get("/rollouts/no-id")).status_code in (404, 422)


async def test_who_may_not(site):
    olga = await site.world.user("olga", ("observer", "*"))
    assert code(await olga.post("/rollouts", SPEC)) == "DENIED"
    assert code(await olga.post("/rollouts/preview", SPEC)) == "DENIED"
    assert code(await site.world.stranger.get("/rollouts")) == "UNAUTHENTICATED"
    assert [row.person for row in await site.world.rows() if row.outcome == "DENIED"] == ["olga", "olga"]
