"""The fleet over HTTP: hosts, groups and connections."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from api_world import Caller, World, api_world, code
from fastapi import APIRouter
from fleet_people import FakeCalls
from fleet_words import SITE, FakeClock, Speaker

from guestwire.controller.api import connections as connections_api
from guestwire.controller.api import groups as groups_api
from guestwire.controller.api import hosts as hosts_api
from guestwire.controller.config import Connection
from guestwire.controller.fleet.core import FleetCore, attended, fleet_core
from guestwire.controller.fleet.groups import Groups
from guestwire.controller.fleet.hosts import Hosts
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.connections import Connections
from guestwire.controller.links.links import Links
from guestwire.controller.links.ports import Reach
from guestwire.controller.links.running import LinkParts
from guestwire.controller.links.tallies import Tallies
from guestwire.controller.links.trust_documents import TrustDocuments
from guestwire.controller.store.database import Database
from guestwire.model.errors import GuestwireError
from guestwire.protocol.reported import ReportedBody

H1 = HostRef(SITE, "h1")
CONFIGURED = Connection(
    name="line", site="line", brokers=("mqtt://127.0.0.1:9",), trust="/none", root="/none", key="/none"
)


class Fleet:
    """A fleet behind the API."""

    def __init__(self, core: FleetCore, clock: FakeClock, feed: object) -> None:
        self.core = core
        self.clock = clock

    async def come(self, *names: str) -> None:
        self.core.registry.link_up(Reach(SITE))
        for name in names:
            self.core.registry.hear_presence(Speaker(HostRef(SITE, name), self.clock).heartbeat())
        await self.core.keeping.flush()


@pytest.fixture
async def stage(any_database: Database) -> AsyncIterator[tuple[World, Fleet]]:
    clock = FakeClock()

    def trouble(error: GuestwireError) -> None:
        raise AssertionError(error)

    def defect(what: str, error: BaseException) -> None:
        raise AssertionError(what) from error

    async with AsyncExitStack() as stack:
        database = any_database
        made: list[APIRouter] = []
        world = await stack.enter_async_context(api_world(database, routers=lambda _: tuple(made)))
        core = await stack.enter_async_context(fleet_core(database, world.feed, clock, trouble))
        inventory = await stack.enter_async_context(attended(core, FakeCalls(), database, clock, defect, spread_s=0.0))

        async def epochs(site: str, controller: str, at_least: int) -> int:
            raise AssertionError(site)

        trust = await stack.enter_async_context(TrustDocuments(database, clock, trouble))
        parts = LinkParts(
            {}, core.registry, core.registry.approved, epochs, Tallies(), clock, trust, "0.1", "boot", defect, lambda _: None
        )  # fmt: skip
        links = await stack.enter_async_context(Links(parts, (CONFIGURED,)))
        hosts = Hosts(
            database, core.registry, core.hearing, core.keeping, core.membership, inventory, world.access, clock, lambda _: 0
        )  # fmt: skip
        groups = Groups(database, core.membership, world.access, world.feed, clock)
        made += [
            hosts_api.router(hosts, world.doors),
            groups_api.router(groups, hosts, world.doors),
            connections_api.router(Connections(database, links, world.access, world.feed, clock), world.doors),
        ]
        fleet = Fleet(core, clock, world.feed)
        await fleet.come("h1", "h2", "h3")
        yield world, fleet


@pytest.fixture
def world(stage: tuple[World, Fleet]) -> World:
    return stage[0]


@pytest.fixture
def fleet(stage: tuple[World, Fleet]) -> Fleet:
    return stage[1]


@pytest.fixture
async def anna(world: World) -> Caller:
    return await world.user("anna", ("admin", "*"))


async def test_hosts_in_pages_and_in_order(anna: Caller) -> None:
    seen, cursor = [], ""
    for _ in range(5):
        page = (await anna.get(f"/hosts?q=state=online&sort=-label&limit=2{cursor}")).json()
        seen += [one["host"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == ["h3", "h2", "h1"]
    assert [one["host"] for one in (await anna.get("/hosts?q=host=h2")).json()["items"]] == ["h2"]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("q=colour=red", "SELECTION-INVALID"),
        ("q=(", "SELECTION-INVALID"),
        ("q=group=none", "NOT-FOUND"),
        ("sort=colour", "INVALID-BODY"),
        ("sort=heard&cursor=WyJhIiwiYiIsImMiXQ", "CURSOR-INVALID"),
        ("sort=label&cursor=WyJhIiwiYiJd", "CURSOR-INVALID"),
        ("limit=0", "INVALID-BODY"),
    ],
)
async def test_lists_that_cannot_be_made(anna: Caller, query: str, wanted: str) -> None:
    assert code(await anna.get(f"/hosts?{query}")) == wanted


async def test_a_host_is_named_and_let_in(anna: Caller) -> None:
    shown = await anna.get("/hosts/plant/h1")
    assert (shown.status_code, shown.json()["approval"], shown.json()["state"]) == (200, "pending", "online")
    etag = shown.headers["etag"]
    changed = await anna.patch(
        "/hosts/plant/h1", {"label": "Press", "labels": {"line": "3"}}, headers={"If-Match": etag}
    )
    assert (changed.status_code, changed.json()["labels"]) == (200, {"line": "3"})
    assert code(await anna.patch("/hosts/plant/h1", {"label": "x"}, headers={"If-Match": etag})) == "REVISION-STALE"
    assert code(await anna.patch("/hosts/plant/h1", {"label": "x"})) == "PRECONDITION-REQUIRED"
    assert code(await anna.patch("/hosts/plant/h1", {"colour": "x"}, headers={"If-Match": etag})) == "INVALID-BODY"
    approved = await anna.post("/hosts/plant/h1/approve")
    assert (approved.status_code, approved.json()["approval"], approved.headers["etag"]) == (200, "approved", '"3"')
    rejected = await anna.post("/hosts/plant/h1/reject")
    assert rejected.json()["approval"] == "rejected"
    assert code(await anna.get("/hosts/plant/h9")) == "NOT-FOUND"
    assert (await anna.get("/hosts/plant/H9")).status_code == 422


async def test_many_hosts_are_let_in_at_once(anna: Caller, fleet: Fleet) -> None:
    await fleet.come(*(f"n{n}" for n in range(205)))
    await anna.post("/hosts/plant/n1/reject")
    first = (await anna.post("/hosts/approve", {"selection": "host=n*"})).json()
    assert (len(first["hosts"]), first["left"], {one["approval"] for one in first["hosts"]}) == (200, 4, {"approved"})
    then = (await anna.post("/hosts/approve", {"selection": "host=n*"})).json()
    assert (len(then["hosts"]), then["left"]) == (4, 0)
    assert (await anna.post("/hosts/approve", {"selection": "host=n*"})).json() == {"hosts": [], "left": 0}
    shown = (await anna.get("/hosts/plant/n2")).json()
    assert (shown["approval"], shown["approved_by"], shown["revision"]) == ("approved", "anna", 2)
    assert fleet.core.registry.approved(H1._replace(host="n2"))
    assert (await anna.get("/hosts/plant/n1")).json()["approval"] == "rejected", "that was decided"
    assert (await anna.get("/hosts/plant/h1")).json()["approval"] == "pending"
    rows = (await anna.get("/audit?limit=500&action=host-approve")).json()["items"]
    assert len(rows) == 205
    assert {row["target"] for row in rows} == {f"plant/n{n}" for n in range(205)}
    assert (await anna.get("/audit/check")).json()["broken"] is None
    assert code(await anna.post("/hosts/approve", {"selection": "colour=red"})) == "SELECTION-INVALID"
    assert code(await anna.post("/hosts/approve", {})) == "INVALID-BODY"


async def test_what_a_host_has(anna: Caller, fleet: Fleet) -> None:
    await anna.post("/hosts/plant/h1/approve")
    read = await anna.post("/hosts/plant/h1/refresh")
    assert (read.status_code, read.json()["document"]["host"]["facts"]["cpus"]) == (200, 8)
    assert (await anna.get("/hosts/plant/h1/inventory")).json() == read.json()
    assert code(await anna.get("/hosts/plant/h1/reported")) == "NOT-FOUND"
    assert code(await anna.get("/hosts/plant/h1/capabilities")) == "NOT-FOUND"
    body = ReportedBody(epoch=1, n=1, hypervisor_connected=True, guests=1, guests_running=1, drift=2)
    fleet.core.hearing.reported(Speaker(H1, fleet.clock).said("reported", body, 1))
    await fleet.core.keeping.flush()
    said = (await anna.get("/hosts/plant/h1/reported")).json()
    assert (said["document"]["drift"], said["heard_at"]) == (2, fleet.clock().wall_ms)
    assert (await anna.get("/hosts/plant/h1")).json()["guest_list"][0]["name"] == "rt1"


async def test_a_host_that_is_gone_is_forgotten(anna: Caller, fleet: Fleet) -> None:
    assert code(await anna.delete("/hosts/plant/h1")) == "HOST-IS-THERE"
    fleet.core.registry.look(fleet.clock.go(100))
    assert (await anna.delete("/hosts/plant/h1")).status_code == 204
    assert code(await anna.get("/hosts/plant/h1")) == "NOT-FOUND"


async def test_groups_over_http(anna: Caller) -> None:
    made = await anna.post("/groups", {"name": "line-3", "selection": "label.line=3"})
    assert (made.status_code, made.headers["location"], made.headers["etag"]) == (201, "/api/v1/groups/line-3", '"1"')
    assert (await anna.get("/groups/line-3")).json() == made.json()
    assert code(await anna.post("/groups", {"name": "line-3", "selection": "a"})) == "EXISTS"
    put = await anna.put("/groups/line-3", {"selection": "host=h1 or host=h2"}, headers={"If-Match": '"1"'})
    assert (put.json()["hosts"], put.headers["etag"]) == (2, '"2"')
    assert code(await anna.put("/groups/line-3", {"selection": "a"})) == "PRECONDITION-REQUIRED"
    page = (await anna.get("/groups/line-3/hosts?limit=1")).json()
    rest = (await anna.get(f"/groups/line-3/hosts?limit=1&cursor={page['next']}")).json()
    assert [one["host"] for one in (*page["items"], *rest["items"])] == ["h1", "h2"]
    assert [one["name"] for one in (await anna.get("/groups")).json()["items"]] == ["line-3"]
    assert (await anna.delete("/groups/line-3", headers={"If-Match": '"2"'})).status_code == 204
    assert code(await anna.get("/groups/line-3")) == "NOT-FOUND"
    assert code(await anna.get("/groups/line-3/hosts")) == "NOT-FOUND"


async def test_who_may_not(world: World) -> None:
    bob = await world.user("bob", ("operator", "site:east"))
    assert (await bob.get("/hosts")).json()["items"] == []
    for answer in (
        await bob.get("/hosts/plant/h1"),
        await bob.post("/hosts/plant/h1/approve"),
        await bob.post("/hosts/approve", {"selection": ""}),
        await bob.post("/groups", {"name": "g", "selection": "a"}),
        await bob.post("/connections", {"name": "c", "site": "s", "brokers": ["mqtt://127.0.0.1:9"]}),
        await bob.delete("/connections/line"),
    ):
        assert (answer.status_code, code(answer)) == (403, "DENIED")
    assert (await world.stranger.get("/hosts")).status_code == 401


async def test_connections_over_http(anna: Caller, tmp_path: Path) -> None:
    [line] = (await anna.get("/connections")).json()["items"]
    assert (line["name"], line["configured"], line["where"]) == ("line", True, ["mqtt://127.0.0.1:9"])
    assert code(await anna.delete("/connections/line")) == "CONNECTION-CONFIGURED"
    wanted = {
        "name": "bench", "site": "plant", "via": "tcp", "address": "127.0.0.1:6000", "host": "h1",
        "ca": "/none", "certificate": "/none", "certificate_key": "/none",
    }  # fmt: skip
    made = await anna.post("/connections", wanted)
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/connections/bench")
    assert code(await anna.post("/connections", wanted)) == "EXISTS"
    assert code(await anna.post("/connections", wanted | {"name": "other"})) == "EXISTS", "two to one host"
    assert code(await anna.post("/connections", wanted | {"name": "x", "address": ""})) == "INVALID-BODY"
    assert code(await anna.post("/connections", wanted | {"name": "x", "host": "h2", "ca": "none"})) == "INVALID-BODY"
    fifo = str(tmp_path)
    assert code(await anna.post("/connections", wanted | {"name": "x", "host": "h2", "ca": fifo})) == "INVALID-BODY"
    through = {"name": "x", "site": "east", "via": "controller", "controller": "https://controller.example"}
    assert code(await anna.post("/connections", through)) in ("CONFIG-INVALID", "INVALID-BODY")
    long = "/" + "x" * 300
    assert code(await anna.post("/connections", wanted | {"name": "x", "host": "h2", "ca": long})) == "INVALID-BODY"
    assert (await anna.get("/connections/bench")).json()["host"] == "h1"
    assert (await anna.delete("/connections/bench")).status_code == 204
    assert code(await anna.get("/connections/bench")) == "NOT-FOUND"
