"""Drafts, plans and projects over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from api_world import Caller, World, api_world, code
from desk import H1, Desk
from httpx import Response

from guestwire.controller.api import drafts, plans, projects
from guestwire.controller.store.database import Database
from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES

DRAFT = "/drafts/plant/h1"
pytestmark = pytest.mark.parametrize("database_dsn", ["sqlite"], indirect=True)
"""What is below the API is tested with both databases."""


class Plant:
    """A controller with drafts, and the hosts behind it."""

    def __init__(self, world: World, anna: Caller) -> None:
        self.world = world
        self.anna = anna
        self.desk: Desk


@pytest.fixture
async def plant(database: Database) -> AsyncIterator[Plant]:
    made: dict[str, Desk] = {}

    def routers(world: World) -> Any:
        desk = made["desk"] = Desk(world.database, access=world.access)
        return (
            drafts.router(desk.drafts, desk.reading, desk.pulling, desk.remapping, world.doors),
            plans.router(desk.plans, desk.applying, world.doors),
            projects.router(desk.projects, desk.opening, world.doors),
        )

    async with api_world(database, routers=routers) as world:
        found = Plant(world, await world.user("anna", ("engineer", "*")))
        found.desk = made["desk"]
        found.desk.hosts.configs[H1].add(Desired(guests=(Guest(name="web"),)))
        yield found


def match(answer: Response | str) -> dict[str, dict[str, str]]:
    """The header for a change of what was read."""
    return {"headers": {"If-Match": answer if isinstance(answer, str) else answer.headers["etag"]}}


async def test_from_an_empty_draft_to_a_changed_host_and_back(plant):
    anna = plant.anna
    assert code(await anna.get(DRAFT)) == "DRAFT-MISSING"
    pulled = await anna.post(f"{DRAFT}/pull", {})
    assert (pulled.status_code, pulled.headers["etag"]) == (200, '"1"')
    edited = await anna.patch(DRAFT, [{"path": "guest.web.memory_mib", "value": 700}], **match(pulled))
    assert edited.status_code == 200
    assert edited.headers["etag"] == '"2"'
    assert edited.json()["changes"] == [{"path": "guests.web.memory_mib", "before": None, "after": 700}]
    assert edited.json()["findings"]["errors"] == 0
    shown = (await anna.get(DRAFT)).json()
    assert (shown["state"], shown["document"]["guests"][0]["memory_mib"]) == ("dirty", 700)
    assert (await anna.get("/drafts")).json()["items"][0]["host"] == "h1"
    plan = (await anna.post(f"{DRAFT}/plan", {})).json()
    assert (plan["draft_revision"], plan["obstacles"], plan["mandate"]) == (2, [], False)
    assert (await anna.get(f"{DRAFT}/plan")).json() == plan
    assert (await anna.get(f"{DRAFT}/plan", params={"plan_id": plan["plan"]["plan_id"]})).json() == plan
    remark = {"plan_id": plan["plan"]["plan_id"], "verb": "comment", "note": "fine"}
    assert (await anna.post(f"{DRAFT}/review", remark)).json()["review"]["remarks"][0]["note"] == "fine"
    applied = await anna.post(f"{DRAFT}/apply", {"plan_id": plan["plan"]["plan_id"]})
    assert applied.status_code == 202, applied.text
    await plant.desk.following.look()
    assert (await anna.get(DRAFT)).json()["state"] == "clean"
    back = (await anna.post(f"{DRAFT}/rollback", {"to": 1})).json()
    assert (back["origin"], back["to_revision"]) == ("rollback", 1)
    await anna.post(f"{DRAFT}/apply", {"plan_id": back["plan"]["plan_id"], "confirm_s": 60, "confirm": "manual"})
    await plant.desk.following.look()
    assert (await anna.post(f"{DRAFT}/confirm", {})).status_code == 202
    await plant.desk.following.look()  # the confirmation has ended
    await plant.desk.following.look()  # and so has what it confirmed
    assert code(await anna.post(f"{DRAFT}/cancel", {})) == "NOT-FOUND"
    revisions = (await anna.get("/hosts/plant/h1/revisions", params={"limit": 2})).json()
    assert [(one["number"], one["origin"], one["person"]) for one in revisions["items"]] == [
        (3, "rollback", "anna"), (2, "apply", "anna"),
    ]  # fmt: skip
    assert revisions["live"]
    third, second = [(await anna.get(f"/hosts/plant/h1/revisions/{number}")).json() for number in (3, 2)]
    assert (second["person"], second["changed_from"], second["changes"][:1]) == ("anna", 1, edited.json()["changes"])
    assert (third["changed_from"], third["changes"][0]["after"], third["more"]) == (2, None, 0)
    assert "memory_mib = 700" in second["text"]
    assert (await anna.get("/hosts/plant/h1/revisions/0")).json()["changed_from"] is None
    assert code(await anna.get("/hosts/plant/h1/revisions/9")) == "NOT-FOUND"
    older = (await anna.get("/hosts/plant/h1/revisions", params={"cursor": revisions["next"]})).json()
    assert older["items"]


async def test_a_stale_edit_is_told_what_others_did_and_may_be_merged(plant):
    anna, bob = plant.anna, await plant.world.user("bob", ("engineer", "site:plant"))
    await anna.post(f"{DRAFT}/pull", {})
    seen = await bob.get(DRAFT)
    await anna.patch(DRAFT, [{"path": "guest.web.vcpus", "value": 2}], **match(seen))
    edit = [{"path": "guest.web.memory_mib", "value": "1G"}]
    stale = await bob.patch(DRAFT, edit, **match(seen))
    assert (stale.status_code, code(stale)) == (412, "REVISION-STALE")
    about = stale.json()["about"]
    assert (about["revision"], about["mergeable"], about["changes"][0]["path"]) == (2, True, "guests.web.vcpus")
    merged = await bob.patch(DRAFT, edit, params={"merge": True}, **match(seen))
    assert (merged.status_code, merged.json()["merged"], merged.headers["etag"]) == (200, True, '"3"')
    assert code(await bob.patch(DRAFT, edit)) == "PRECONDITION-REQUIRED"
    history = (await anna.get(f"{DRAFT}/history", params={"limit": 2})).json()
    assert [(one["revision"], one["author"], one["kind"]) for one in history["items"]] == [
        (3, "bob", "merge"), (2, "anna", "edit"),
    ]  # fmt: skip
    rest = (await anna.get(f"{DRAFT}/history", params={"cursor": history["next"]})).json()
    assert [one["kind"] for one in rest["items"]] == ["pull"]
    assert "vcpus" not in (await anna.get(f"{DRAFT}/history/1")).json()["text"]


async def test_whole_documents_come_and_go_as_text_and_as_json(plant):
    anna = plant.anna
    begun = await anna.put(
        DRAFT, {"text": "schema = 1\n[hosts.h1.guests.web]  # the shop\n"}, headers={"If-None-Match": "*"}
    )
    assert (begun.status_code, begun.headers["etag"]) == (200, '"1"')
    again = await anna.put(DRAFT, {"document": {}}, headers={"If-None-Match": "*"})
    assert code(again) == "REVISION-STALE"
    shown = await anna.get(DRAFT)
    assert "# the shop" in shown.json()["text"]
    same = await anna.put(DRAFT, {"document": shown.json()["document"]}, **match(shown))
    assert (same.headers["etag"], same.json()["changes"]) == ('"1"', [])
    wrong = await anna.put(DRAFT, {"document": {"guests": [{"name": "web", "vcpu": 1}]}}, **match(shown))
    assert (wrong.status_code, code(wrong)) == (422, "DOCUMENT-INVALID")
    assert wrong.json()["about"]["issues"][0]["path"] == "guests.0.vcpu"
    for body in ({}, {"text": "x", "document": {}}, {"texts": "x"}):
        assert code(await anna.put(DRAFT, body, **match(shown))) == "INVALID-BODY"
    gone = await anna.delete(DRAFT, **match(shown))
    assert gone.status_code == 204
    restored = await anna.post(f"{DRAFT}/restore", {"revision": 1}, **match('"2"'))
    assert (restored.status_code, restored.headers["etag"]) == (200, '"3"')


async def test_a_draft_for_a_machine_that_has_changed(plant):
    anna, host = plant.anna, plant.desk.hosts.configs[H1]
    host.topology = MACHINES["bios-8-cpu"].topology
    assert code(await anna.post(f"{DRAFT}/hardware", {}, **match('"1"'))) == "DRAFT-MISSING"
    pulled = await anna.post(f"{DRAFT}/pull", {})
    edited = await anna.patch(DRAFT, [{"path": "guest.web.cpuset", "value": "7"}], **match(pulled))
    host.topology = MACHINES["bios-4-cpu"].topology
    assert code(await anna.post(f"{DRAFT}/hardware", {})) == "PRECONDITION-REQUIRED"
    tried = await anna.post(f"{DRAFT}/hardware", {"save": False}, **match(edited))
    assert (tried.status_code, "etag" in tried.headers) == (200, False)
    moved = {"path": "guests.web.cpuset", "before": "7", "after": "3"}
    assert moved in tried.json()["changes"]
    assert "CPU-REMAPPED" in [one["code"] for one in tried.json()["findings"]["issues"]]
    made = await anna.post(f"{DRAFT}/hardware", {}, **match(edited))
    assert (made.status_code, made.headers["etag"]) == (200, '"3"')
    assert (made.json()["host"], moved in made.json()["changes"]) == ("h1", True)
    assert code(await anna.post(f"{DRAFT}/hardware", {}, **match(edited))) == "REVISION-STALE"


async def test_rules_are_asked_without_keeping_anything_by_whoever_may_look(plant):
    anna = plant.anna
    await anna.post(f"{DRAFT}/pull", {})
    edits = [{"path": "guest.web.cpuset", "value": "64"}]
    checked = (await anna.post(f"{DRAFT}/check", {"edits": edits})).json()
    issue = next(one for one in checked["findings"]["issues"] if one["code"] == "CPUSET-UNKNOWN")
    assert (issue["severity"], issue["path"], bool(issue["message"]), bool(issue["hint"])) == (
        "E", "guests.web.cpuset", True, True,
    )  # fmt: skip
    assert checked["findings"]["not_checked"]
    half = (await anna.post(f"{DRAFT}/check", {"text": "schema = 1\n[hosts.h1"})).json()
    assert half["mistakes"][0]["code"] == "DOCUMENT-INVALID"
    assert code(await anna.post(f"{DRAFT}/check", {"edits": edits, "text": ""})) == "INVALID-BODY"
    assert (await anna.get(DRAFT)).headers["etag"] == '"1"'
    # observers look, and strangers do not
    eve = await plant.world.user("eve", ("observer", "host:plant/h1"))
    seen = await eve.get(DRAFT)
    assert seen.status_code == 200
    assert code(await eve.patch(DRAFT, [{"path": "guest.web.vcpus", "value": 2}], **match(seen))) == "DENIED"
    assert code(await eve.get("/drafts/plant/h2")) == "DENIED"
    assert code(await plant.world.stranger.get(DRAFT)) == "UNAUTHENTICATED"
    assert [row for row in await plant.world.rows() if row.outcome == "DENIED"]


async def test_files_of_other_tools_go_in_and_out_and_one_finds_ones_place_again(plant):
    anna = plant.anna
    pulled = await anna.post(f"{DRAFT}/pull", {})
    out = (await anna.get(f"{DRAFT}/export", params={"format": "libvirt"})).json()
    assert [one["name"] for one in out["files"]] == ["web.xml"]
    files = {"format": "libvirt", "texts": [out["files"][0]["text"].replace("<name>web<", "<name>shop<")]}
    taken = await anna.post(f"{DRAFT}/import", files, **match(pulled))
    assert taken.status_code == 200, taken.text
    assert (await anna.get(DRAFT)).json()["document"]["guests"][0]["name"] == "shop"
    # where one was
    assert code(await anna.get(f"{DRAFT}/session")) == "NOT-FOUND"
    before = len(await plant.world.rows())
    put = await anna.put(f"{DRAFT}/session", {"revision": 1, "view": {"tab": "guests"}})
    assert put.status_code == 200
    assert len(await plant.world.rows()) == before, "where somebody looks is nobody's business"
    assert (await anna.get(f"{DRAFT}/session")).json()["view"] == {"tab": "guests"}
    assert [one["host"] for one in (await anna.get("/drafts/sessions")).json()["items"]] == ["h1"]


async def test_projects_from_drafts_into_drafts_and_examples(plant):
    anna = plant.anna
    await anna.post(f"{DRAFT}/pull", {})
    wanted = {"site": "plant", "drafts": ["h1"], "title": "Line 7"}
    saved = await anna.put("/projects/line7", wanted, headers={"If-None-Match": "*"})
    assert (saved.status_code, saved.headers["etag"], saved.json()["title"]) == (200, '"1"', "Line 7")
    assert [one["name"] for one in (await anna.get("/projects")).json()["items"]] == ["line7"]
    copied = await anna.post("/projects/line7/copy", {"to": "line8"})
    assert copied.status_code == 201
    renamed = await anna.post("/projects/line8/rename", {"to": "line9"}, **match(copied))
    assert (renamed.status_code, renamed.json()["name"]) == (200, "line9")
    assert (await anna.delete("/projects/line9", **match(renamed))).status_code == 204
    out = (await anna.get("/projects/line7/export")).json()
    text = out["files"][0]["text"]
    imported = await anna.post("/projects/import", {"name": "other", "site": "plant", "text": text})
    assert (imported.status_code, imported.json()["hosts"]) == (201, ["h1"])
    xml = (await anna.get("/projects/other/export", params={"format": "libvirt", "host": "h1"})).json()
    assert [one["name"] for one in xml["files"]] == ["web.xml"]
    changed = await anna.put("/projects/other", {"site": "plant", "text": "schema = 1\n"}, **match(imported))
    assert changed.headers["etag"] == '"2"'
    revisions = (await anna.get("/projects/other/revisions")).json()["items"]
    assert [one["revision"] for one in revisions] == [2, 1]
    assert "hosts.h1" in {one["path"] for one in revisions[0]["changes"]}
    assert "web" in (await anna.get("/projects/other/revisions/1")).json()["text"]
    preview = (await anna.post("/projects/line7/open", {"preview": True})).json()
    assert (preview["done"], preview["drafts"][0]["draft_revision"]) == (False, 1)
    assert code(await anna.post("/projects/line7/open", {})) == "EXISTS"
    to = {"hosts": {"h1": "plant/h2"}}
    assert (await anna.post("/projects/line7/open", to)).json()["done"]
    assert (await anna.delete("/drafts/plant/h2", **match('"1"'))).status_code == 204
    # examples
    listed = (await plant.anna.get("/projects/examples")).json()["items"]
    assert "rt-linux" in {one["name"] for one in listed}
    text = (await plant.anna.get("/projects/examples/rt-linux", params={"host": "h2"})).json()["text"]
    assert "[hosts.h2" in text
    opened = await plant.anna.post("/projects/examples/rt-linux/open", {"host": "plant/h2"})
    assert opened.json()["done"]
    assert code(await plant.anna.get("/projects/examples/none")) == "NOT-FOUND"
