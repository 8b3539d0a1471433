"""What is too old goes: on SQLite window by window, so that nobody waits for long; on PostgreSQL by whole partitions.

Before anything goes, it is written down up to where: who rolls up what came late has to know (`rollup_rows`).
"""

from sqlalchemy import Column, Integer, String, Table, delete, func, select

from guestwire.controller.store import due_rows, partitions
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.levels import Level, above
from guestwire.controller.store.metadata import metadata
from guestwire.controller.store.samples import TABLES

table = Table(
    "telemetry_expired",
    metadata,
    Column("level", String(8), primary_key=True),
    Column("before_slot", Integer, nullable=False),
)


async def marks(tx: Tx) -> dict[str, int]:
    """By level, the slot before which something has been removed."""
    return {row.level: row.before_slot for row in await tx.execute(select(table))}


async def expire(tx: Tx, level: Level, before_ms: int) -> bool:
    """Remove one stretch of rows that are all older than that (Unix ms), in a `write` transaction; whether there was one. What
    was not yet rolled up stays."""
    if tx.dialect.name == "sqlite":
        return await _expire_slots(tx, level, before_ms)
    return await _expire_partition(tx, level, partitions.number(level, level.slot(before_ms)))


async def _expire_slots(tx: Tx, level: Level, before_ms: int) -> bool:
    rows, upper = TABLES[level.name], above(level)
    # whole windows of the level above: of one that is gone in part nobody could tell what has come since
    together = max(1, upper.width_ms // level.slot_ms) if upper is not None else 1
    end = level.slot(before_ms) // together * together
    wanted = select(func.min(rows.c.slot)).where(rows.c.slot < end)
    slot = (await tx.execute(wanted)).scalar_one()
    while slot is not None:
        first = slot // together * together
        if not await _is_due(tx, level, first, first + together):
            await _mark(tx, level, first + together)
            await tx.execute(delete(rows).where(rows.c.slot >= first, rows.c.slot < first + together))
            return True
        slot = (await tx.execute(wanted.where(rows.c.slot >= first + together))).scalar_one()
    return False


async def _expire_partition(tx: Tx, level: Level, before: int) -> bool:
    for n in sorted(await partitions.numbers(tx, level)):
        if n >= before:
            return False
        await partitions.lock(tx, level, n)
        if not await _is_due(tx, level, n * level.part_slots, (n + 1) * level.part_slots):
            await _mark(tx, level, (n + 1) * level.part_slots)
            await partitions.drop(tx, level, n)
            return True
    return False


async def _is_due(tx: Tx, level: Level, slot: int, end_slot: int) -> bool:
    """Whether rows of these slots are still to be rolled up."""
    upper = above(level)
    if upper is None:
        return False
    since, until = slot * level.slot_ms, end_slot * level.slot_ms
    return await due_rows.between(tx, upper, since // upper.width_ms, -(-until // upper.width_ms))


async def _mark(tx: Tx, level: Level, before_slot: int) -> None:
    known = (await marks(tx)).get(level.name, before_slot)
    await upsert(tx, table, {"level": level.name, "before_slot": max(known, before_slot)}, ["level"])
