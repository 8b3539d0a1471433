"""Transactions: one moment for who reads, one at a time for who writes, and what is said when the database is not well."""

import asyncio
import signal
import sqlite3
from pathlib import Path

import pytest
from postgres_server import PostgresServer, postgres_server
from sqlalchemy import BigInteger, Column, MetaData, String, Table, func, select, text
from sqlalchemy.exc import IntegrityError

from guestwire.controller.store.database import Database, insert_new, open_database, upsert
from guestwire.model.errors import GuestwireError

metadata = MetaData()
things = Table(
    "things", metadata, Column("name", String, primary_key=True), Column("n", BigInteger), Column("word", String)
)


@pytest.fixture
async def db(database: Database) -> Database:
    async with database.write() as tx:
        await tx.run_sync(metadata.create_all)
    return database


async def rows(database: Database) -> list[tuple[str, int, str | None]]:
    async with database.read() as tx:
        return [tuple(row) for row in await tx.execute(select(things).order_by(things.c.name))]


async def test_a_block_that_ends_commits_and_one_that_raises_does_not(db: Database) -> None:
    async with db.write() as tx:
        await upsert(tx, things, {"name": "a", "n": 1 << 52, "word": None}, ["name"])
    with pytest.raises(ZeroDivisionError):
        async with db.write() as tx:
            await upsert(tx, things, {"name": "b", "n": 2, "word": None}, ["name"])
            raise ZeroDivisionError
    assert await rows(db) == [("a", 1 << 52, None)]


async def test_upsert_sets_what_it_is_told_to(db: Database) -> None:
    async with db.write() as tx:
        await upsert(tx, things, [{"name": "a", "n": 1, "word": "x"}, {"name": "b", "n": 2, "word": "y"}], ["name"])
        await upsert(tx, things, {"name": "a", "n": 5, "word": "z"}, ["name"])
        await upsert(tx, things, {"name": "b", "n": 6, "word": "z"}, ["name"], ["n"])
        await upsert(tx, things, {"name": "b", "n": 7, "word": "w"}, ["name"], [])
        await upsert(tx, things, [], ["name"])
    assert await rows(db) == [("a", 5, "z"), ("b", 6, "y")]


async def test_insert_new_tells_whether_it_was(db: Database) -> None:
    async with db.write() as tx:
        assert await insert_new(tx, things, {"name": "a", "n": 1}, ["name"])
        assert not await insert_new(tx, things, {"name": "a", "n": 2}, ["name"])
    assert await rows(db) == [("a", 1, None)]


async def test_a_reader_sees_one_moment_and_cannot_write(db: Database) -> None:
    async with db.read() as reading:
        assert (await reading.execute(select(func.count()).select_from(things))).scalar() == 0
        async with db.write() as tx:
            await insert_new(tx, things, {"name": "a"}, ["name"])
        assert (await reading.execute(select(func.count()).select_from(things))).scalar() == 0
    with pytest.raises(Exception, match=r"(?i)read.?only"):
        async with db.read() as tx:
            await insert_new(tx, things, {"name": "b"}, ["name"])
    assert len(await rows(db)) == 1


async def test_what_a_writer_has_read_stays_true(db: Database) -> None:
    """Two that add one to what they read: none is lost, not with two controllers on one database either."""
    async with db.write() as tx:
        await insert_new(tx, things, {"name": "a", "n": 0}, ["name"])

    async def add_one(database: Database) -> None:
        for _ in range(10):
            async with database.write() as tx:
                n = (await tx.execute(select(things.c.n))).scalar_one()
                await asyncio.sleep(0)
                await tx.execute(things.update().values(n=n + 1))

    async with open_database(f"sqlite:///{db.where}" if db.dialect == "sqlite" else await dsn_of(db)) as other:
        await asyncio.gather(add_one(db), add_one(other), add_one(db))
    assert await rows(db) == [("a", 30, None)]


async def dsn_of(database: Database) -> str:
    async with database.read() as tx:
        folder = (await tx.execute(text("SHOW unix_socket_directories"))).scalar_one()
        name = (await tx.execute(text("SELECT current_database()"))).scalar_one()
    return f"postgresql://guestwire@/{name}?host={folder}"


async def test_a_transaction_in_a_write_is_a_defect_and_says_so(db: Database) -> None:
    for another in (db.write, db.read):
        with pytest.raises(RuntimeError, match="inside a write"):
            async with db.write(), another():
                pass
    async with db.write() as tx:  # and the turn is free again
        await insert_new(tx, things, {"name": "a"}, ["name"])


async def test_an_append_waits_for_no_writer_on_postgresql(db: Database) -> None:
    if db.dialect == "sqlite":
        async with db.append() as tx:
            await insert_new(tx, things, {"name": "a"}, ["name"])
    else:
        async with db.write() as held:
            await insert_new(held, things, {"name": "b"}, ["name"])
            async with db.append() as tx:
                await insert_new(tx, things, {"name": "a"}, ["name"])
    assert "a" in [row[0] for row in await rows(db)]


async def test_a_broken_constraint_stays_one(db: Database) -> None:
    with pytest.raises(IntegrityError):
        async with db.write() as tx:
            await tx.execute(things.insert(), [{"name": "a"}, {"name": "a"}])


async def test_a_locked_file_is_unavailable_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "controller.db"
    async with open_database(f"sqlite:///{path}") as database:
        async with database.write() as tx:
            await tx.run_sync(metadata.create_all)
            await tx.execute(text("PRAGMA busy_timeout = 50"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(GuestwireError) as caught:
            async with database.write():
                pass
        assert (caught.value.code, caught.value.after_ms) == ("DATABASE-UNAVAILABLE", 2000)
        assert await rows(database) == []
        other.close()
        async with database.write() as tx:
            await insert_new(tx, things, {"name": "a"}, ["name"])
        assert len(await rows(database)) == 1


async def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "controller.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(GuestwireError) as caught:
        async with open_database(f"sqlite:///{path}"):
            pass
    assert caught.value.code == "DATABASE-DAMAGED"


async def test_many_readers_keep_little_of_the_file_in_memory(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path / 'db'}", connections=10) as database:
        async with database.write() as tx:
            writer = (await tx.execute(text("PRAGMA cache_size"))).scalar_one()
        async with database.read() as tx, database.read() as other:
            readers = {(await one.execute(text("PRAGMA cache_size"))).scalar_one() for one in (tx, other)}
    assert (writer, readers) == (-32_768, {-4_096})  # KiB: ten readers take no more than 40 MiB


async def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "controller.db"
    async with open_database(f"sqlite:///{path}") as database, database.write() as tx:
        await tx.run_sync(metadata.create_all)
        assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


async def test_a_server_that_is_restarted_is_found_again() -> None:
    with postgres_server() as server:
        async with open_database(server.dsn()) as database:
            async with database.write() as tx:
                await tx.run_sync(metadata.create_all)
            await stopped_in_the_middle(server, database)
            with pytest.raises(GuestwireError) as caught:
                async with database.read() as tx:
                    pass
            assert caught.value.code == "DATABASE-UNAVAILABLE"
            server.start()
            assert await rows(database) == []
            async with database.write() as tx:
                await insert_new(tx, things, {"name": "a"}, ["name"])
            assert len(await rows(database)) == 1


async def test_a_password_that_is_not_in_the_dsn() -> None:
    with postgres_server() as server:
        server.sql("ALTER ROLE guestwire PASSWORD 'secret'")
        (server.folder / "data" / "pg_hba.conf").write_text("local all all scram-sha-256\n")
        server.stop(signal.SIGINT)
        server.start()
        with pytest.raises(GuestwireError) as caught:
            async with open_database(server.dsn(), password="wrong"):
                pass
        assert caught.value.code == "DATABASE-UNAVAILABLE"
        async with open_database(server.dsn(), password="secret", connections=2) as database, database.read() as tx:
            assert (await tx.execute(text("SELECT 1"))).scalar() == 1


async def stopped_in_the_middle(server: PostgresServer, database: Database) -> None:
    with pytest.raises(GuestwireError) as caught:
        async with database.write() as tx:
            await insert_new(tx, things, {"name": "lost"}, ["name"])
            server.stop()
            await insert_new(tx, things, {"name": "lost too"}, ["name"])
    assert caught.value.code == "DATABASE-UNAVAILABLE"


@pytest.mark.parametrize(
    "dsn",
    ["", "controller.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://x/y", "sqlite:///a.db?mode=ro"],
)
async def test_a_dsn_that_is_none(dsn: str) -> None:
    with pytest.raises(GuestwireError) as caught:
        async with open_database(dsn):
            pass
    assert (caught.value.code, caught.value.field) == ("CONFIG-INVALID", "database")


async def test_nobody_there(tmp_path: Path) -> None:
    for dsn in (f"postgresql://x@/y?host={tmp_path}", f"sqlite:///{tmp_path}/none/a.db"):
        with pytest.raises(GuestwireError) as caught:
            async with open_database(dsn):
                pass
        assert caught.value.code == "DATABASE-UNAVAILABLE"


async def test_messages_name_no_password(postgres: PostgresServer) -> None:
    async with open_database(postgres.dsn().replace("guestwire@", "guestwire:secret@")) as database:
        assert "secret" not in database.where


async def test_a_writer_that_is_cancelled_leaves_nothing_locked(db: Database) -> None:
    async def write(count: int) -> None:
        async with db.write() as tx:
            for start in range(0, count, 500):
                rows = [{"name": f"n{number}", "n": number, "word": None} for number in range(start, start + 500)]
                await upsert(tx, things, rows, ["name"])
                (await tx.execute(select(things.c.n))).all()

    async with asyncio.timeout(30):
        for turn in range(60):
            writing = asyncio.create_task(write(4000))
            for _ in range(turn * 25):
                await asyncio.sleep(0)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        await write(500)
