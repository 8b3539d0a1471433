"""Telemetry of a controller, with a clock that stands still and hosts that are told what is kept."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from telemetry_batches import StillClock
from telemetry_desk import Desk

from guestwire.controller.store.database import Database, open_database


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def desk(database: Database, clock: StillClock) -> AsyncIterator[Desk]:
    """Telemetry over a database of either kind, working."""
    async with Desk(database, clock) as opened:
        yield opened


@pytest.fixture
def desk_again(database_dsn: str, clock: StillClock) -> Callable[[], AbstractAsyncContextManager[Desk]]:
    """Telemetry over the same database, as often as one likes: as if the controller had been started again."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Desk]:
        async with open_database(database_dsn) as database, Desk(database, clock) as desk:
            yield desk

    return opened
