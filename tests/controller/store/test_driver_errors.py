"""What went wrong in a database, in our codes."""

import sqlite3

import asyncpg
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from guestwire.controller.store.driver_errors import not_reached, refuses_writes, translated
from guestwire.model.errors import GuestwireError


def of_sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("said by SQLite")
    error.sqlite_errorcode = code
    return error


def of_postgres(state: str) -> asyncpg.PostgresError:
    return asyncpg.PostgresError.new({"C": state, "M": "said by PostgreSQL"})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (of_sqlite(sqlite3.SQLITE_BUSY), "DATABASE-UNAVAILABLE"),
        (of_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), "DATABASE-UNAVAILABLE"),
        (of_sqlite(sqlite3.SQLITE_IOERR_READ), "DATABASE-UNAVAILABLE"),
        (of_sqlite(sqlite3.SQLITE_CANTOPEN), "DATABASE-UNAVAILABLE"),
        (of_sqlite(sqlite3.SQLITE_FULL), "DATABASE-FULL"),
        (of_sqlite(sqlite3.SQLITE_CORRUPT), "DATABASE-DAMAGED"),
        (of_sqlite(sqlite3.SQLITE_NOTADB), "DATABASE-DAMAGED"),
        (of_sqlite(sqlite3.SQLITE_ERROR), None),
        (of_sqlite(sqlite3.SQLITE_CONSTRAINT_UNIQUE), None),
        (of_postgres("08006"), "DATABASE-UNAVAILABLE"),
        (of_postgres("53300"), "DATABASE-UNAVAILABLE"),
        (of_postgres("53100"), "DATABASE-FULL"),
        (of_postgres("57P01"), "DATABASE-UNAVAILABLE"),
        (of_postgres("40P01"), "DATABASE-UNAVAILABLE"),
        (of_postgres("55P03"), "DATABASE-UNAVAILABLE"),
        (of_postgres("25P03"), "DATABASE-UNAVAILABLE"),
        (of_postgres("28P01"), "DATABASE-UNAVAILABLE"),
        (of_postgres("23505"), None),
        (of_postgres("42P01"), None),
        (asyncpg.InterfaceError("connection is closed"), "DATABASE-UNAVAILABLE"),
        (asyncpg.InterfaceError("another operation is in progress"), None),
        (PoolTimeoutError("no connection in time"), "DATABASE-UNAVAILABLE"),
        (ConnectionResetError(), "DATABASE-UNAVAILABLE"),
        (TimeoutError(), "DATABASE-UNAVAILABLE"),
        (FileNotFoundError(), None),
        (KeyError(), None),
        (GuestwireError("DENIED"), None),
        (OperationalError("SELECT", {}, of_sqlite(sqlite3.SQLITE_LOCKED)), "DATABASE-UNAVAILABLE"),
        (IntegrityError("INSERT", {}, of_sqlite(sqlite3.SQLITE_CONSTRAINT)), None),
        (OperationalError("SELECT", {}, Exception(), connection_invalidated=True), "DATABASE-UNAVAILABLE"),
    ],
)
def test_the_code_says_what_can_be_done(error: Exception, code: str | None) -> None:
    found = translated(error)
    assert (found.code if found is not None else None) == code
    if found is not None:
        assert "SELECT" not in str(found.detail)
        assert found.after_ms == (None if code == "DATABASE-DAMAGED" else 2000)


def test_while_a_connection_is_made_every_error_of_the_system_is_about_it() -> None:
    found = not_reached(FileNotFoundError())
    assert found is not None
    assert found.code == "DATABASE-UNAVAILABLE"
    assert not_reached(KeyError()) is None


@pytest.mark.parametrize(
    ("error", "refuses"),
    [
        (of_sqlite(sqlite3.SQLITE_READONLY_DIRECTORY), True),
        (OperationalError("INSERT", {}, of_postgres("25006")), True),
        (of_sqlite(sqlite3.SQLITE_FULL), False),
        (KeyError(), False),
    ],
)
def test_a_database_that_takes_no_writes(error: Exception, refuses: bool) -> None:
    assert refuses_writes(error) is refuses
