"""A migrated database is what the tables say; on both kinds, from nothing, up and down."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import PostgresServer
from sqlalchemy import text

from guestwire.controller.store import first_revision
from guestwire.controller.store.database import Database, open_database
from guestwire.controller.store.migrating import downgrade, upgrade
from guestwire.controller.store.schema import all_tables
from guestwire.model.errors import GuestwireError

POSTGRES = (
    "SELECT table_name, ordinal_position, column_name, data_type, character_maximum_length, is_nullable FROM information_schema.columns",
    "SELECT table_name, column_name, column_default, is_identity, identity_generation FROM information_schema.columns",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
    "SELECT partrelid::regclass::text, pg_get_partkeydef(partrelid) FROM pg_partitioned_table",
    "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace",
)
PUBLIC = " WHERE table_schema = 'public'"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_dsns(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two databases without a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'one.db'}", f"sqlite:///{tmp_path / 'two.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    names = [f"empty_{os.getpid()}_{n}" for n in range(2)]
    server.sql(*(f"CREATE DATABASE {name}" for name in names))
    yield server.dsn(names[0]), server.dsn(names[1])
    server.sql(*(f"DROP DATABASE {name} WITH (FORCE)" for name in names))


async def described(database: Database) -> list[tuple[object, ...]]:
    """Everything that the database knows of its tables, but for alembic's own."""
    asked = POSTGRES if database.dialect == "postgresql" else ("SELECT type, name, tbl_name, sql FROM sqlite_master",)
    found: list[tuple[object, ...]] = []
    async with database.read() as tx:
        for statement in asked:
            rows = await tx.execute(text(statement + (PUBLIC if "information_schema" in statement else "")))
            found += [tuple(" ".join(str(value).split()) for value in row) for row in rows]
    return sorted(row for row in found if not any("alembic_version" in str(value) for value in row))


async def test_a_migrated_database_is_what_the_tables_say(empty_dsns: tuple[str, str]) -> None:
    all_tables()
    async with open_database(empty_dsns[0]) as migrated, open_database(empty_dsns[1]) as made:
        await upgrade(migrated)
        await made.create_tables()
        there = await described(migrated)
        assert there == await described(made)
        await upgrade(migrated)
        assert there == await described(migrated)
        await downgrade(migrated, "base")
        assert await described(migrated) == []
        await upgrade(migrated)
        assert there == await described(migrated)


@pytest.mark.parametrize("dialect", first_revision.DIALECTS)
def test_the_first_revision_has_every_table(dialect: str) -> None:
    """`python -m guestwire.controller.store.first_revision` makes its files anew."""
    assert first_revision.made(dialect) == first_revision._file(dialect).read_text()


async def test_a_database_of_a_newer_program_is_left_alone(empty_dsns: tuple[str, str]) -> None:
    async with open_database(empty_dsns[0]) as database:
        await upgrade(database)
        async with database.write() as tx:
            await tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        before = await described(database)
        with pytest.raises(GuestwireError) as caught:
            await upgrade(database)
        assert (caught.value.code, caught.value.detail) == ("DATABASE-NEWER", {"revision": "9999"})
        assert await described(database) == before


async def test_a_revision_that_fails_changes_nothing(empty_dsns: tuple[str, str]) -> None:
    async with open_database(empty_dsns[0]) as database:
        async with database.write() as tx:
            await tx.execute(text("CREATE TABLE users (other INTEGER)"))
        before = await described(database)
        with pytest.raises(Exception, match="users"):
            await upgrade(database)
        assert await described(database) == before
