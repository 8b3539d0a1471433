"""The two kinds of database and how their connections are made: an SQLite file, or PostgreSQL by its own address.

What a transaction promises is in `database`; no table and no statement about the product's data goes in here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from guestwire.model.errors import GuestwireError

Dialect = Literal["sqlite", "postgresql"]
CONNECTIONS: Final = 10
"""At once: on PostgreSQL of all, on SQLite of those that read; there is one more that writes."""
POOL_WAIT_S: Final = 10.0
CONNECT_S: Final = 10.0
BUSY_MS: Final = 5_000
"""How long a statement waits for a lock that another program has on the SQLite file."""
LOCK_MS: Final = 10_000
STATEMENT_MS: Final = 60_000
IDLE_MS: Final = 30_000
"""PostgreSQL ends a transaction that says nothing for so long: a controller that stands still holds nobody up."""

_SQLITE = ("sqlite+aiosqlite:///", "sqlite:///")
_POSTGRES = ("postgresql+asyncpg://", "postgresql://", "postgres://")
_PRAGMAS: Final[Mapping[str, str | int]] = {
    "busy_timeout": BUSY_MS,
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "cache_size": -32_768,  # KiB, of the one connection that writes
    "temp_store": "MEMORY",
    "wal_autocheckpoint": 4_000,  # pages
    "journal_size_limit": 64 << 20,
}
_READ_PRAGMAS: Final[Mapping[str, str | int]] = {
    **_PRAGMAS,
    "cache_size": -4_096,  # KiB, of each of many connections: the system keeps the file's pages anyway, once for all of them
    "query_only": "ON",
}


class Engines(NamedTuple):
    """`where`: the database without its password, for messages."""

    dialect: Dialect
    reader: AsyncEngine
    writer: AsyncEngine
    where: str


def engines(dsn: str, connections: int = CONNECTIONS, password: str | None = None) -> Engines:
    """The engines for a DSN: `sqlite:///PATH` (three slashes and a relative path, four and an absolute one) or
    `postgresql://...` with all that PostgreSQL's own clients know there, several hosts among it. `password`: instead of one in the
    DSN. Connects to nothing yet. Raises CONFIG-INVALID."""
    for prefix in _SQLITE:
        if dsn.startswith(prefix) and len(dsn) > len(prefix) and "?" not in dsn:
            return _sqlite(Path(dsn.removeprefix(prefix)), connections)
    for prefix in _POSTGRES:
        if dsn.startswith(prefix):
            return _postgresql("postgresql://" + dsn.removeprefix(prefix), connections, password)
    raise GuestwireError(
        "CONFIG-INVALID", "The database is written sqlite:///PATH or postgresql://USER@HOST/NAME.", field="database"
    )


def _sqlite(path: Path, connections: int) -> Engines:
    if str(path) == ":memory:":
        raise GuestwireError(
            "CONFIG-INVALID", "A database in memory forgets everything: give a file.", field="database"
        )
    url = URL.create("sqlite+aiosqlite", database=str(path))
    connect = {"isolation_level": None}  # BEGIN is ours: the module would begin too late, and never IMMEDIATE
    reader = create_async_engine(
        url, connect_args=connect, pool_size=connections, max_overflow=0, pool_timeout=POOL_WAIT_S, pool_use_lifo=True
    )  # the last one first: what it has in memory is of use again
    writer = create_async_engine(url, connect_args=connect, pool_size=1, max_overflow=0, pool_timeout=POOL_WAIT_S)
    _on_sqlite(reader, path, "BEGIN", _READ_PRAGMAS)
    _on_sqlite(writer, path, "BEGIN IMMEDIATE", _PRAGMAS)
    return Engines("sqlite", reader, writer, str(path))


def _on_sqlite(engine: AsyncEngine, path: Path, begin: str, pragmas: Mapping[str, str | int]) -> None:
    @event.listens_for(engine.sync_engine, "do_connect")
    def _before(*_: Any) -> None:
        if not path.exists():
            path.touch(mode=0o600)  # it holds what nobody else on this machine may read

    @event.listens_for(engine.sync_engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for name, value in pragmas.items():
            cursor.execute(f"PRAGMA {name} = {value}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    @event.listens_for(engine.sync_engine, "invalidate")
    def _invalidated(connection: Any, _record: Any, _error: Any) -> None:
        # of a task that was cancelled: a statement may be open still, and with it the file would stay locked. Its thread rolls
        # back after what it has at hand; nobody waits for it
        driver = connection.driver_connection
        driver._tx.put_nowait((None, driver._conn.rollback))  # noqa: SLF001 - aiosqlite has no other way to its thread from here


def _postgresql(dsn: str, connections: int, password: str | None) -> Engines:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=_connecting(dsn, password),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def _checkout(connection: Any, _record: Any, _proxy: Any) -> None:
        # what a restarted server left behind is known without asking it
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Engines("postgresql", reader, engine, _without_password(dsn))


def _connecting(dsn: str, password: str | None) -> Callable[..., Awaitable[Any]]:
    settings = {
        "application_name": "guestwire-controller",
        "lock_timeout": str(LOCK_MS),
        "statement_timeout": str(STATEMENT_MS),
        "idle_in_transaction_session_timeout": str(IDLE_MS),
    }

    async def connect() -> Any:
        async with asyncio.timeout(CONNECT_S):
            return await asyncpg.connect(
                dsn,
                password=password,
                timeout=CONNECT_S,
                command_timeout=STATEMENT_MS / 1000 + 5,
                server_settings=settings,
            )

    return connect


def _without_password(dsn: str) -> str:
    scheme, _, rest = dsn.partition("://")
    rest = rest.partition("?")[0]
    return f"{scheme}://{rest.rpartition('@')[2]}"
