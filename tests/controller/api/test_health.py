"""Liveness and readiness."""

import httpx
from api_world import AwayDatabase, api_world
from fastapi import FastAPI

from guestwire.controller.api import health
from guestwire.controller.store.database import Database
from guestwire.model.errors import GuestwireError


async def test_probes_are_open_and_say_little(any_database: Database) -> None:
    async with api_world(any_database) as world:
        probe = world.caller({}, prefix="")
        assert (await probe.get("/healthz")).json() == {"ok": True}
        ready = await probe.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "database": True, "links": {}})
        assert (await probe.post("/healthz")).status_code == 401
        assert await world.rows(action="getHealth") == ()


async def test_while_nothing_is_stored_it_is_not_ready(any_database: Database) -> None:
    stored = True
    app = FastAPI()
    app.include_router(health.router(any_database, dict, lambda: stored))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        assert (await client.get("/readyz")).status_code == 200
        any_database.failure = GuestwireError("DATABASE-FULL")
        assert (await client.get("/readyz")).status_code == 503
        any_database.failure = None
        stored = False
        assert (await client.get("/readyz")).json() == {"ready": False, "database": False, "links": {}}


async def test_without_a_database_it_is_alive_and_not_ready() -> None:
    app = FastAPI()
    app.include_router(health.router(AwayDatabase(), lambda: {"connected": 2, "trying": 1}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json() == {"ready": False, "database": False, "links": {"connected": 2, "trying": 1}}
