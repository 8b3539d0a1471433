"""What has to be rolled up (again): windows of a level in which samples came, by blocks of series.

Who commits samples says so in the same transaction; who has rolled a window up takes back exactly what it had read. So a crash
at any moment leaves nothing out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Integer, String, Table, bindparam, delete, select, text

from guestwire.controller.store.database import Tx
from guestwire.controller.store.levels import Level
from guestwire.controller.store.metadata import metadata

table = Table(
    "telemetry_due",
    metadata,
    Column("level", String(8), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("block", Integer, primary_key=True, autoincrement=False),
    Column("touched", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Due:
    """`window`: its number (time // the level's width). `touched`: counts how often something came since it was rolled up."""

    window: int
    block: int
    touched: int


async def touch(tx: Tx, level: Level, pairs: Iterable[tuple[int, int]]) -> None:
    """Something came in these (window, block) of a level."""
    rows = [{"level": level.name, "number": window, "block": block} for window, block in sorted(pairs)]
    if rows:
        await tx.execute(_TOUCH, rows)


_TOUCH = text(
    "INSERT INTO telemetry_due (level, number, block, touched) VALUES (:level, :number, :block, 1)"
    " ON CONFLICT (level, number, block) DO UPDATE SET touched = telemetry_due.touched + 1"
)


async def first(tx: Tx, level: Level, before_window: int, limit: int) -> tuple[Due, ...]:
    """What is due of windows that ended, at most `limit`; the newest windows first, so that what comes late does not hold up what
    is looked at, and in a window by blocks."""
    wanted = (
        select(table.c.number, table.c.block, table.c.touched)
        .where(table.c.level == level.name, table.c.number < before_window)
        .order_by(table.c.number.desc(), table.c.block)
        .limit(limit)
    )
    return tuple(Due(*row) for row in await tx.execute(wanted))


async def done(tx: Tx, level: Level, rows: Sequence[Due]) -> None:
    """These were rolled up; one that was touched since stays due."""
    statement = delete(table).where(
        table.c.level == level.name,
        table.c.number == bindparam("of_number"),
        table.c.block == bindparam("of_block"),
        table.c.touched == bindparam("of_touched"),
    )
    await tx.execute(
        statement, [{"of_number": row.window, "of_block": row.block, "of_touched": row.touched} for row in rows]
    )


async def between(tx: Tx, level: Level, first_window: int, end_window: int) -> bool:
    """Whether anything is due of windows from `first_window` up to, and without, `end_window`."""
    wanted = select(table.c.block).where(
        table.c.level == level.name, table.c.number >= first_window, table.c.number < end_window
    )
    return (await tx.execute(wanted.limit(1))).first() is not None
