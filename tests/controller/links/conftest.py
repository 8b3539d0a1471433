"""A site with hosts of a kind, a broker, and a controller's database: for the tests of links."""

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from fake_host import FakeHost
from fleet_controller import StartHost
from fleet_words import SITE

from guestwire.controller.store.database import Database, open_database
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A site with hosts h1 to h3, and the controller main."""
    plan = SitePlan(SITE, hosts=("h1", "h2", "h3"), operators=("admin",))
    return create(tmp_path / "site", plan, time.time_ns() // 1_000_000)


@pytest.fixture
async def one_database(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A database of this test's own; the links are the same over either kind."""
    path = tmp_path / "controller.db"
    shutil.copy(sqlite_template, path)
    async with open_database(f"sqlite:///{path}") as opened:
        yield opened


@pytest.fixture
async def start_host(layout: Layout) -> AsyncIterator[StartHost]:
    """`await start_host("h1", port)` starts a host at a broker; all of them end with the test."""
    async with AsyncExitStack() as stack:

        async def start(name: str, port: int) -> FakeHost:
            host = FakeHost(layout, name)
            await host.serve(stack, port, None)
            return host

        yield start
