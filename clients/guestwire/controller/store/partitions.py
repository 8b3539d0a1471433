"""Partitions of the sample tables on PostgreSQL, which has them; on SQLite there is nothing to do.

A partition has whole slots. It is made before rows come for it, attached without holding readers up, and dropped as a whole.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import text

from guestwire.controller.store.database import Tx
from guestwire.controller.store.levels import Level
from guestwire.controller.store.samples import TABLES

_NAMES: Final = text(
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = CAST(CAST(:parent AS text) AS regclass)"
)


def number(level: Level, slot: int) -> int:
    """The partition that a slot is in."""
    return slot // level.part_slots


async def numbers(tx: Tx, level: Level) -> set[int]:
    """The partitions there are."""
    if tx.dialect.name == "sqlite":
        return set()
    prefix = _prefix(level)
    names = (await tx.execute(_NAMES, {"parent": TABLES[level.name].name})).scalars()
    return {int(name.removeprefix(prefix)) for name in names}


async def make(tx: Tx, level: Level, wanted: Iterable[int]) -> None:
    """Make those that are not there, in a `write` transaction."""
    missing = set(wanted) - await numbers(tx, level)
    if tx.dialect.name == "sqlite":
        return
    parent = TABLES[level.name].name
    for n in sorted(missing):
        name = f"{_prefix(level)}{n}"
        first, last = n * level.part_slots, (n + 1) * level.part_slots
        await tx.execute(text(f"CREATE TABLE {name} (LIKE {parent} INCLUDING ALL)"))
        await tx.execute(text(f"ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({last})"))


async def lock(tx: Tx, level: Level, n: int) -> None:
    """Nobody writes into that partition any more while the transaction lasts, and everybody who did has committed."""
    await tx.execute(text(f"LOCK TABLE {_prefix(level)}{n} IN ACCESS EXCLUSIVE MODE"))


async def drop(tx: Tx, level: Level, n: int) -> None:
    """A partition with all its rows."""
    await tx.execute(text(f"DROP TABLE {_prefix(level)}{n}"))


def _prefix(level: Level) -> str:
    return f"{TABLES[level.name].name}_p"
