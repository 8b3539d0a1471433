"""What went wrong in a database, in our codes: what passes by itself, what needs space, what needs a person.

Only what comes from outside is translated. A broken constraint or a wrong statement is a defect of ours, or the answer that
the function that sent the statement waits for: it stays what it is.
"""

import sqlite3

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from guestwire.model.errors import GuestwireError

RETRY_AFTER_MS = 2_000

_SQLITE_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
_SQLITE_PASSING |= {sqlite3.SQLITE_PERM, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM}
_SQLITE_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# Classes and codes of PostgreSQL, Appendix A: connection lost, resources, turned away, stopping, waited too long for a lock,
# lost a race, a transaction that was ended for its idleness, who may not enter.
_POSTGRES_PASSING = ("08", "53", "57", "40", "55P03", "25P03", "28", "3D000")
_POSTGRES_FULL = "53100"


def translated(error: BaseException) -> GuestwireError | None:
    """The error of ours that says what to do about it: DATABASE-UNAVAILABLE, DATABASE-FULL, DATABASE-DAMAGED. None: it is
    not the database's state that is wrong."""
    if isinstance(error, GuestwireError):
        return None
    if isinstance(error, DBAPIError):
        found = translated(error.orig) if error.orig is not None else None
        return found or (unavailable(error) if error.connection_invalidated else None)
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    if isinstance(error, asyncpg.PostgresError):
        return _of_postgres(error, error.sqlstate or "")
    if isinstance(error, asyncpg.InterfaceError):
        return unavailable(error) if "connect" in str(error) else None
    # SQLAlchemy's own wrapping of what asyncpg raised
    if getattr(error, "sqlstate", None):
        return _of_postgres(error, str(getattr(error, "sqlstate", "")))
    if error.__cause__ is not None and isinstance(error.__cause__, asyncpg.PostgresError | asyncpg.InterfaceError):
        return translated(error.__cause__)
    if isinstance(error, ConnectionError | TimeoutError | PoolTimeoutError):
        return unavailable(error)
    return None


def not_reached(error: BaseException) -> GuestwireError | None:
    """As `translated`, of what happened while a connection was made: there, every error of the system is about that."""
    return unavailable(error) if isinstance(error, OSError) else translated(error)


def refuses_writes(error: BaseException) -> bool:
    """Whether the database takes no writes: a file that may only be read, a standby server."""
    found = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(found, sqlite3.Error):
        return getattr(found, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY
    return getattr(found, "sqlstate", None) == "25006"


def unavailable(error: object) -> GuestwireError:
    """The database cannot be asked now."""
    return GuestwireError("DATABASE-UNAVAILABLE", after_ms=RETRY_AFTER_MS, detail=_words(error))


def _of_sqlite(error: sqlite3.Error) -> GuestwireError | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # what aiosqlite and the module raise by themselves: a connection that is closed, for one
        return unavailable(error) if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error) else None
    primary = code & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        return _full(error)
    if primary in _SQLITE_DAMAGED:
        return GuestwireError("DATABASE-DAMAGED", detail=_words(error))
    return unavailable(error) if primary in _SQLITE_PASSING else None


def _of_postgres(error: object, state: str) -> GuestwireError | None:
    if state == _POSTGRES_FULL:
        return _full(error)
    return unavailable(error) if state.startswith(_POSTGRES_PASSING) else None


def _full(error: object) -> GuestwireError:
    return GuestwireError("DATABASE-FULL", after_ms=RETRY_AFTER_MS, detail=_words(error))


def _words(error: object) -> dict[str, str]:
    """What the driver said; never the statement, whose values are nobody's business."""
    said = error.orig if isinstance(error, DBAPIError) else error
    return {"database": str(said)[:500]}
