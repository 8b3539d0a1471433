"""Which numbers of which log are in this database: what is acknowledged, and what is not stored twice.

A number is here if and only if what it numbers was committed, in the same transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, bindparam, delete, select

from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.metadata import metadata
from guestwire.protocol.telemetry import SpoolClass

table = Table(
    "telemetry_received",
    metadata,
    Column("host", Integer, primary_key=True, autoincrement=False),
    Column("log", LargeBinary(16), primary_key=True),
    Column("spool_class", String(8), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_telemetry_received_at", "at"),
)


@dataclass(frozen=True, slots=True)
class LogKey:
    """One class of one log of a host (its number in `telemetry_hosts`)."""

    host: int
    log: bytes
    spool_class: SpoolClass


@dataclass(frozen=True, slots=True)
class RangeRow:
    """Numbers `first` to `last`, changed last at `at` (Unix ms)."""

    key: LogKey
    first: int
    last: int
    at: int


async def every(tx: Tx) -> tuple[RangeRow, ...]:
    wanted = select(table).order_by(table.c.host, table.c.log, table.c.spool_class, table.c.first)
    return tuple(
        RangeRow(LogKey(row.host, row.log, row.spool_class), row.first, row.last, row.at)
        for row in await tx.execute(wanted)
    )


async def put(tx: Tx, rows: Iterable[RangeRow]) -> None:
    """Ranges that are new or reach further."""
    await upsert(
        tx,
        table,
        [
            {
                "host": row.key.host, "log": row.key.log, "spool_class": row.key.spool_class,
                "first": row.first, "last": row.last, "at": row.at,
            }
            for row in rows
        ],
        ["host", "log", "spool_class", "first"],
        ["last", "at"],
    )  # fmt: skip


async def remove(tx: Tx, ranges: Sequence[tuple[LogKey, int]]) -> None:
    """Ranges, by their first number, that have become part of another."""
    if not ranges:
        return
    statement = delete(table).where(
        table.c.host == bindparam("of_host"),
        table.c.log == bindparam("of_log"),
        table.c.spool_class == bindparam("of_class"),
        table.c.first == bindparam("of_first"),
    )
    await tx.execute(
        statement,
        [
            {"of_host": key.host, "of_log": key.log, "of_class": key.spool_class, "of_first": first}
            for key, first in ranges
        ],
    )


async def forget(tx: Tx, key: LogKey) -> None:
    """A log that is gone."""
    await tx.execute(
        delete(table).where(table.c.host == key.host, table.c.log == key.log, table.c.spool_class == key.spool_class)
    )
