"""A database that takes writes again is found out, though nobody writes."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from postgres_server import postgres_server
from small_disk import fill, mounted

from guestwire.controller.store.database import Database, open_database
from guestwire.controller.store.recovering import Recovering
from guestwire.model.errors import GuestwireError

DEADLINE_S = 20.0
SOON_S = 0.01


async def refused(database: Database, code: str, statement: str = "CREATE TABLE more (x INTEGER)") -> None:
    with pytest.raises(GuestwireError) as raised:
        async with database.write() as tx:
            await tx.exec_driver_sql(statement)
    assert (raised.value.code, database.failure) == (code, raised.value)


async def until_well(database: Database) -> None:
    async with Recovering(database, SOON_S), asyncio.timeout(DEADLINE_S):
        while database.failure is not None:
            await asyncio.sleep(SOON_S)


async def test_a_lock_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "controller.db"
    async with open_database(f"sqlite:///{path}") as database:
        async with database.write() as tx:
            await tx.exec_driver_sql("PRAGMA busy_timeout = 20")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await refused(database, "DATABASE-UNAVAILABLE")
        await until_well(database)


async def test_a_disk_that_has_room_again(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 1024) as disk:
        async with open_database(f"sqlite:///{disk / 'controller.db'}") as database:
            async with database.write() as tx:
                await tx.exec_driver_sql("CREATE TABLE things (x BLOB)")
            filler = fill(disk)
            await refused(database, "DATABASE-FULL", "INSERT INTO things VALUES (zeroblob(400000))")
            await Recovering(database).look()
            assert database.failure is not None, "what it tries is written"
            filler.unlink()
            await until_well(database)


async def test_a_server_that_is_back() -> None:
    with postgres_server() as server:
        async with open_database(server.dsn()) as database:
            server.stop()
            await refused(database, "DATABASE-UNAVAILABLE")
            server.start()
            await until_well(database)


async def test_a_block_that_fails_for_its_own_reasons_says_nothing_of_the_database(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path / 'controller.db'}") as database:
        with pytest.raises(GuestwireError):
            async with database.write():
                raise GuestwireError("NOT-FOUND")
        assert database.failure is None
