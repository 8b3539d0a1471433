"""Samples and their roll-ups: the tables, and how samples get into them in bulk. Reading is in `sample_reads`.

A sample is a row (series, time, value). On SQLite a table is one tree ordered by slot; on PostgreSQL it is in partitions of whole
slots (`partitions`), without a unique key: a row costs half as much then, and that no batch is stored twice is seen to by
`received`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Double, Index, Integer, PrimaryKeyConstraint, Table

from guestwire.controller.store.binary_copy import Numbers, binary_copy
from guestwire.controller.store.database import Tx
from guestwire.controller.store.levels import LEVELS, RAW, Level
from guestwire.controller.store.metadata import metadata

PARTITIONED: Final[dict[str, Any]] = {"sqlite_with_rowid": False, "postgresql_partition_by": "RANGE (slot)"}
STEP: Final = 5000
"""Rows of one statement on SQLite, which takes 32,766 values at most. After each statement its thread waits for the interpreter's
lock: with a statement for each row a busy event loop would make it thousands of times slower."""

samples = Table(
    "telemetry_samples",
    metadata,
    Column("slot", Integer, nullable=False, autoincrement=False),
    Column("series", Integer, nullable=False, autoincrement=False),
    Column("time", BigInteger, nullable=False, autoincrement=False),
    Column("value", Double, nullable=False),
    PrimaryKeyConstraint("slot", "series", "time").ddl_if(dialect="sqlite"),
    Index("ix_telemetry_samples_slot_series", "slot", "series").ddl_if(dialect="postgresql"),
    **PARTITIONED,
)


def _rollups(level: Level) -> Table:
    """Of a level: `time` is when the window begins, `last` the value that was the last one in it, and `last_at` when."""
    return Table(
        f"telemetry_by_{level.name}",
        metadata,
        Column("slot", Integer, primary_key=True, autoincrement=False),
        Column("series", Integer, primary_key=True, autoincrement=False),
        Column("time", BigInteger, primary_key=True, autoincrement=False),
        Column("low", Double, nullable=False),
        Column("high", Double, nullable=False),
        Column("total", Double, nullable=False),
        Column("n", BigInteger, nullable=False),
        Column("last", Double, nullable=False),
        Column("last_at", BigInteger, nullable=False),
        **PARTITIONED,
    )


TABLES: Final[Mapping[str, Table]] = {level.name: samples if level is RAW else _rollups(level) for level in LEVELS}
"""By the names of their levels."""


@dataclass(slots=True)
class Rows:
    """Samples in columns: the lists are equally long."""

    series: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.series)

    def add(self, series: Sequence[int], times: Sequence[int], values: Sequence[float]) -> None:
        """Samples of some series, a value of each at each time: `values` are those of the first series at all times, then those
        of the second, and so on."""
        n = len(times)
        own = [0] * (len(series) * n)
        for at in range(n):
            own[at::n] = series
        self.series += own
        self.times += [*times] * len(series)
        self.values += values

    @property
    def slots(self) -> list[int]:
        """Those of the times."""
        slot_ms = RAW.slot_ms
        return [time // slot_ms for time in self.times]


async def add(tx: Tx, rows: Rows) -> None:
    """Insert samples. Where SQLite has a sample of that series and time already, it stays; PostgreSQL takes both."""
    if not rows:
        return
    if tx.dialect.name == "sqlite":
        for statement, parameters in _statements(rows):
            await tx.exec_driver_sql(statement, parameters)
        return
    copied = binary_copy(
        (
            Numbers("i", rows.slots),
            Numbers("i", rows.series),
            Numbers("q", rows.times),
            Numbers("d", rows.values),
        )
    )
    connection = (await _driver(tx)).driver_connection
    assert connection is not None
    await connection.copy_to_table(
        samples.name, columns=("slot", "series", "time", "value"), source=BytesIO(copied), format="binary"
    )


async def add_missing(tx: Tx, rows: Rows) -> None:
    """Insert those samples that are not there yet: for what may have come before by another number."""
    if not rows:
        return
    if tx.dialect.name == "sqlite":
        await add(tx, rows)
        return
    await tx.exec_driver_sql(
        "INSERT INTO telemetry_samples SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[], $4::float8[])"
        " AS n(slot, series, time, value) WHERE NOT EXISTS (SELECT 1 FROM telemetry_samples AS s"
        " WHERE s.slot = n.slot AND s.series = n.series AND s.time = n.time)",
        (rows.slots, rows.series, rows.times, rows.values),
    )


async def _driver(tx: Tx) -> Any:
    """The driver's own connection, in this transaction: the adapter begins it with its first statement."""
    await tx.exec_driver_sql("SELECT 1")
    return await tx.get_raw_connection()


def _statements(rows: Rows) -> Iterator[tuple[str, list[tuple[float, ...]]]]:
    """Statements, each with the parameters of as many times as it is run: the driver's thread does that in one go."""
    flat: list[float] = [0] * (3 * len(rows))
    flat[0::3], flat[1::3], flat[2::3] = rows.series, rows.times, rows.values
    at, end = 0, len(flat)
    for size in _SIZES:
        width = 3 * size
        until = end - (end - at) % width
        if until > at:
            yield _INSERTS[size], [tuple(flat[begin : begin + width]) for begin in range(at, until, width)]
            at = until


_SIZES: Final = (STEP, STEP // 10, STEP // 100, 1)
_INSERTS: Final = {
    size: "INSERT OR IGNORE INTO telemetry_samples (slot, series, time, value)"  # noqa: S608 - no value in it
    f" SELECT column2 / {RAW.slot_ms}, column1, column2, column3 FROM (VALUES {', '.join(['(?, ?, ?)'] * size)})"
    for size in _SIZES
}
