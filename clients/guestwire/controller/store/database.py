"""The database, as transactions: `read` sees one moment, `write` is alone. The same promise on SQLite and PostgreSQL.

Nothing about a subject goes in here: its tables and statements are in the module of that name. How connections are made is in
`engines`, what errors mean in `driver_errors`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Final

from sqlalchemy import Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from guestwire.controller.store.driver_errors import not_reached, refuses_writes, translated, unavailable
from guestwire.controller.store.engines import CONNECTIONS, Dialect, Engines, engines
from guestwire.controller.store.metadata import metadata
from guestwire.model.errors import GuestwireError

Tx = AsyncConnection
"""A transaction, while its block lasts."""
TURN_S: Final = 30.0
"""How long a writer waits for its turn."""
FAILURES: Final = ("DATABASE-UNAVAILABLE", "DATABASE-FULL", "DATABASE-DAMAGED")

_TURN_KEY: Final = 0x67756573  # any number, the same in every controller of one database


class Database:
    """One database. A block that ends commits; one that raises changes nothing.

    Keep blocks short, and do nothing in them that waits for something else than the database: a writer has everybody else's
    turn. Raises DATABASE-UNAVAILABLE, DATABASE-FULL and DATABASE-DAMAGED, from a block and from what is around it; what else
    the driver says (a broken constraint) goes through as it is.
    """

    def __init__(self, made: Engines) -> None:
        self.dialect: Dialect = made.dialect
        self.where = made.where
        """Which database it is, for messages; no password."""
        self._reader = made.reader
        self._writer = made.writer
        self._turn = asyncio.Lock()
        self._writing: asyncio.Task[Any] | None = None
        self.failure: GuestwireError | None = None
        """Why the last transaction that was to change something did not commit; None: it did."""

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A transaction that sees one moment of the whole database and cannot change it. Waits for no writer. Never inside a
        `write`: it would wait for a connection while it has everybody's turn."""
        self._not_inside()
        with _translating():
            async with _begun(self._reader) as tx:
                yield tx

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """A transaction that changes. It is the only one, of all controllers of this database: what it has read stays true
        until it has committed. Never inside another one."""
        with self._noted(), _translating(), _writable():
            async with self._alone(), _begun(self._writer) as tx:
                if self.dialect == "postgresql":
                    await tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TURN_KEY})
                yield tx

    @asynccontextmanager
    async def append(self) -> AsyncIterator[Tx]:
        """A transaction for one writer's own tables, with nobody else's rows in question: on PostgreSQL it runs beside
        `write`, on SQLite it is one."""
        if self.dialect == "sqlite":
            async with self.write() as tx:
                yield tx
            return
        with self._noted(), _translating(), _writable():
            async with _begun(self._writer) as tx:
                yield tx

    async def create_tables(self) -> None:
        """Make the tables that are known so far and are not there. For tests: a database of the product is made by
        `migrating`."""
        async with self.write() as tx:
            await tx.run_sync(metadata.create_all)

    async def close(self) -> None:
        """End all connections."""
        await self._reader.dispose()
        await self._writer.dispose()

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except GuestwireError as err:
            if err.code in FAILURES:
                self.failure = err
            raise
        self.failure = None

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        self._not_inside()
        try:
            async with asyncio.timeout(TURN_S):
                await self._turn.acquire()
        except TimeoutError as err:
            raise unavailable("another transaction of this controller takes too long") from err
        self._writing = asyncio.current_task()
        try:
            yield
        finally:
            self._writing = None
            self._turn.release()

    def _not_inside(self) -> None:
        if self._writing is not None and self._writing is asyncio.current_task():
            raise RuntimeError("a transaction inside a write waits for what the write has")


@asynccontextmanager
async def open_database(
    dsn: str, *, connections: int = CONNECTIONS, password: str | None = None
) -> AsyncIterator[Database]:
    """The database of a DSN (`engines.engines` says which there are) while the block lasts. An SQLite file is made when it
    is not there; its tables are `migrating`'s. Raises CONFIG-INVALID, DATABASE-UNAVAILABLE, DATABASE-DAMAGED."""
    database = Database(engines(dsn, connections, password))
    try:
        async with database.read() as tx:
            await tx.execute(text("SELECT 1"))
        yield database
    finally:
        await database.close()


async def upsert(
    tx: Tx,
    table: Table,
    rows: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    key: Sequence[str],
    update: Sequence[str] | None = None,
) -> None:
    """Insert the rows; where `key` (the columns of a primary key or unique index) is there already, set `update` (None: every
    other column that the rows have) to what the rows say."""
    many = [rows] if isinstance(rows, Mapping) else list(rows)
    if not many:
        return
    statement = _insert(tx, table)
    columns = [name for name in many[0] if name not in key] if update is None else list(update)
    if columns:
        new = {name: statement.excluded[name] for name in columns}
        statement = statement.on_conflict_do_update(index_elements=list(key), set_=new)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(key))
    await tx.execute(statement, many)


async def insert_new(tx: Tx, table: Table, row: Mapping[str, Any], key: Sequence[str]) -> bool:
    """Insert the row unless its `key` is there already; whether it was inserted."""
    statement = _insert(tx, table).values(**row).on_conflict_do_nothing(index_elements=list(key))
    return bool((await tx.execute(statement)).rowcount)


def _insert(tx: Tx, table: Table) -> "sqlite.Insert | postgresql.Insert":
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)


@asynccontextmanager
async def _begun(engine: AsyncEngine) -> AsyncIterator[Tx]:
    async with AsyncExitStack() as stack:
        with _translating(not_reached):
            tx = await stack.enter_async_context(engine.begin())
        yield tx


@contextmanager
def _translating(how: Callable[[BaseException], GuestwireError | None] = translated) -> Iterator[None]:
    try:
        yield
    except Exception as err:
        found = how(err)
        if found is None:
            raise
        raise found from err


@contextmanager
def _writable() -> Iterator[None]:
    """In a block that may write, a refusal is the database's state; in one that may not, it is a defect of the block."""
    try:
        yield
    except DBAPIError as err:
        if refuses_writes(err):
            raise unavailable(err) from err
        raise
