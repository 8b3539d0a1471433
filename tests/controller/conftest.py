"""Databases for the tests of the controller: a real SQLite file and a real PostgreSQL, each test with one of its own."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from postgres_server import EmptiedDatabase, PostgresServer, postgres_server

from guestwire.controller.store.database import Database, open_database
from guestwire.controller.store.schema import all_tables

DIALECTS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests of this process. Never stop it in a test: `postgres_server()` makes one of its own."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and no row. Its pages are small, for most have nothing in them, and each test's copy is searched for
    secrets in the end."""
    path = tmp_path_factory.mktemp("database") / "template.db"
    with closing(sqlite3.connect(path)) as empty:
        empty.executescript("PRAGMA page_size = 1024; VACUUM;")
    asyncio.run(_make(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def emptied(postgres: PostgresServer) -> EmptiedDatabase:
    """A database of that server with all tables, which is emptied after each test."""
    return EmptiedDatabase(postgres, lambda dsn: asyncio.run(_make(dsn)))


@pytest.fixture(params=DIALECTS)
def database_dsn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of this test's own, with all tables, to be opened as often as one likes: the test runs once with each kind."""
    if request.param == "sqlite":
        path = tmp_path / "controller.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    emptied: EmptiedDatabase = request.getfixturevalue("emptied")
    yield emptied.dsn()
    emptied.empty()


@pytest.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    """A database of this test's own, with all tables: the test runs once with each kind."""
    async with open_database(database_dsn) as opened:
        yield opened


async def _make(dsn: str) -> None:
    all_tables()
    async with open_database(dsn) as database:
        await database.create_tables()
