"""Whether the controller lives and is ready: for whoever supervises it. Without details, for nobody is asked who they are."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from guestwire.controller.store import users
from guestwire.controller.store.database import Database
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError


class Health(Model):
    """`ok`: the process answers."""

    ok: bool = True


class Readiness(Model):
    """`ready`: it can do its work. `database`: whether it answers, and took what was last to be written: a full disk, a lock;
    `links`: how many ways to hosts there are by their state, as `connected`: their trouble is no reason to be taken out of
    service."""

    ready: bool
    database: bool
    links: dict[str, int]


def router(
    database: Database, links: Callable[[], dict[str, int]], storing: Callable[[], bool] = lambda: True
) -> APIRouter:
    """`links`: how many links are in which state. `storing`: whether what hosts say is stored."""
    routes = APIRouter(tags=["health"])

    async def answers() -> bool:
        try:
            async with database.read() as tx:
                await users.count(tx)
            return database.failure is None and storing()
        except GuestwireError:
            return False

    @routes.get("/healthz", operation_id="getHealth", summary="Whether the process answers")
    async def get_health() -> Health:
        return Health()

    @routes.get(
        "/readyz", operation_id="getReadiness", summary="Whether the controller can do its work",
        responses={503: {"model": Readiness, "description": "It cannot."}},
    )  # fmt: skip
    async def get_readiness(response: Response, there: Annotated[bool, Depends(answers)]) -> Readiness:
        if not there:
            response.status_code = 503
        return Readiness(ready=there, database=there, links=links())

    return routes
