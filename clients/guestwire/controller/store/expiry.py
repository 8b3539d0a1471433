"""What is too old goes: on SQLite slot by slot, so that nobody waits for long; on PostgreSQL by whole partitions.

Before anything goes, it is written down up to where: who rolls up what came late has to know (`rollup_rows`).
"""

from sqlalchemy import Column, Integer, String, Table, delete, func, select

from guestwire.controller.store import due_rows, partitions
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.levels import LEVELS, Level
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
        return await _expire_slot(tx, level, level.slot(before_ms))
    return await _expire_partition(tx, level, partitions.number(level, level.slot(before_ms)))


async def _expire_slot(tx: Tx, level: Level, before_slot: int) -> bool:
    rows = TABLES[level.name]
    wanted = select(func.min(rows.c.slot)).where(rows.c.slot < before_slot)
    slot = (await tx.execute(wanted)).scalar_one()
    while slot is not None and await _is_due(tx, level, slot, slot + 1):
        slot = (await tx.execute(wanted.where(rows.c.slot > slot))).scalar_one()
    if slot is None:
        return False
    await _mark(tx, level, slot + 1)
    await tx.execute(delete(rows).where(rows.c.slot == slot))
    return True


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
    if level is LEVELS[-1]:
        return False
    above = LEVELS[LEVELS.index(level) + 1]
    since, until = slot * level.slot_ms, end_slot * level.slot_ms
    return await due_rows.between(tx, above, since // above.width_ms, until // above.width_ms)


async def _mark(tx: Tx, level: Level, before_slot: int) -> None:
    known = (await marks(tx)).get(level.name, before_slot)
    await upsert(tx, table, {"level": level.name, "before_slot": max(known, before_slot)}, ["level"])
