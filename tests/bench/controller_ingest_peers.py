"""The same samples into a plain table, by a program that has nothing else to do: no signatures, no roll-ups, no index that a query
could use, nobody who reads. What remains is what the database and its driver take.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
from controller_ingest_batches import COLUMNS, POINTS, SECOND_MS, value

ROWS = 60_000
"""Of one transaction: about what the controller puts into one."""
TRANSACTIONS = 25
BASE_MS = 1_800_000_000_000
TABLE = "CREATE TABLE samples (series INTEGER NOT NULL, time BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL)"


def insert_into_sqlite(path: Path, hosts: int) -> float:
    """Samples per second by `executemany`, as durable as the controller's."""
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(TABLE)
        some = list(_transactions(hosts))
        began = time.perf_counter()
        for rows in some:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO samples VALUES (?, ?, ?)", rows)
            connection.execute("COMMIT")
        took = time.perf_counter() - began
    connection.close()
    return sum(map(len, some)) / took


def copy_to_postgresql(dsn: str, hosts: int) -> float:
    """Samples per second by asyncpg's COPY of records."""
    return asyncio.run(_copied(dsn, hosts))


async def _copied(dsn: str, hosts: int) -> float:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(TABLE)
        some = list(_transactions(hosts))
        began = time.perf_counter()
        for rows in some:
            async with connection.transaction():
                await connection.copy_records_to_table("samples", records=rows)
        return sum(map(len, some)) / (time.perf_counter() - began)
    finally:
        await connection.close()


def _transactions(hosts: int) -> Iterator[list[tuple[int, int, float]]]:
    """Batch after batch of hosts, as they come."""
    batches = (
        (turn % hosts, turn // hosts) for turn in range(TRANSACTIONS * ROWS // (COLUMNS * POINTS))
    )  # fmt: skip
    rows: list[tuple[int, int, float]] = []
    for host, n in batches:
        rows += [
            (host * 64 + column, BASE_MS + point * SECOND_MS, value(host, column, point))
            for column in range(COLUMNS)
            for point in range(n * POINTS, (n + 1) * POINTS)
        ]
        if len(rows) >= ROWS:
            yield rows
            rows = []
