"""One level made of the one below, inside the database: a window of some series at a time."""

from functools import cache
from typing import Final

from sqlalchemy import TextClause, text

from guestwire.controller.store.database import Tx
from guestwire.controller.store.levels import BLOCK, RAW, Level, below
from guestwire.controller.store.samples import TABLES

_OF_SAMPLES: Final = ("min(s.value)", "max(s.value)", "sum(s.value)", "count(*)", "value", "time")
_OF_ROWS: Final = ("min(s.low)", "max(s.high)", "sum(s.total)", "sum(s.n)", "last", "last_at")
_REPLACED: Final = (
    "low = excluded.low, high = excluded.high, total = excluded.total, n = excluded.n,"
    " last = excluded.last, last_at = excluded.last_at"
)
_MERGED: Final = (
    "low = CASE WHEN excluded.low < r.low THEN excluded.low ELSE r.low END,"
    " high = CASE WHEN excluded.high > r.high THEN excluded.high ELSE r.high END,"
    " total = r.total + excluded.total, n = r.n + excluded.n,"
    " last = CASE WHEN excluded.last_at > r.last_at THEN excluded.last ELSE r.last END,"
    " last_at = CASE WHEN excluded.last_at > r.last_at THEN excluded.last_at ELSE r.last_at END"
)
_SOURCE: Final = "s.time >= :since AND s.time < :until AND s.series >= :first AND s.series < :end"


async def roll_up(tx: Tx, level: Level, window: int, first_block: int, end_block: int, *, late: bool) -> None:
    """Make the rows of a window (its number) of the series in blocks `first_block` up to, and without, `end_block`.

    `late`: some of what the rows were made of is gone already. What has come since is added to them then, and is taken away, so
    that it is not added twice."""
    source = below(level)
    since = window * level.width_ms
    slots = source.slots(since, since + level.width_ms)
    values = {
        **{f"slot{n}": slot for n, slot in enumerate(slots)}, "since": since, "until": since + level.width_ms,
        "first": first_block * BLOCK, "end": end_block * BLOCK, "into": level.slot(since),
    }  # fmt: skip
    if late and tx.dialect.name == "postgresql":
        # nothing may come between what is added and what is taken away
        await tx.execute(text(f"LOCK TABLE {TABLES[source.name].name} IN SHARE ROW EXCLUSIVE MODE"))
    await tx.execute(_statement(level, late), values)
    if late:
        del values["into"]
        await tx.execute(_taking_away(level), values)


@cache
def _statement(level: Level, late: bool) -> TextClause:
    source = below(level)
    low, high, total, n, last, at = _OF_SAMPLES if source is RAW else _OF_ROWS
    rows, slots = TABLES[source.name].name, _slots(level)
    # slot by slot, as the rows lie: one after the other as they are in the index, with nothing to sort but what comes out
    parts = " UNION ALL ".join(
        f"SELECT s.series, {low} AS low, {high} AS high, {total} AS total, {n} AS n, max(s.{at}) AS last_at"  # noqa: S608 - names of ours
        f" FROM {rows} AS s WHERE s.slot = {slot} AND {_SOURCE} GROUP BY s.series"
        for slot in slots
    )
    newest = ", ".join(
        f"(SELECT l.{last} FROM {rows} AS l WHERE l.slot = {slot} AND l.series = p.series AND l.time >= :since"  # noqa: S608 - names of ours
        " AND l.time < :until ORDER BY l.time DESC LIMIT 1)"
        for slot in reversed(slots)
    )
    return text(
        f"INSERT INTO {TABLES[level.name].name} AS r (slot, series, time, low, high, total, n, last, last_at)"  # noqa: S608 - names of ours
        " SELECT CAST(:into AS integer), p.series, CAST(:since AS bigint), min(p.low), max(p.high), sum(p.total), sum(p.n),"
        f" {newest if len(slots) == 1 else f'coalesce({newest})'}, max(p.last_at) FROM ({parts}) AS p GROUP BY p.series"
        f" ON CONFLICT (slot, series, time) DO UPDATE SET {_MERGED if late else _REPLACED}"
    )


@cache
def _taking_away(level: Level) -> TextClause:
    rows = TABLES[below(level).name].name
    return text(f"DELETE FROM {rows} AS s WHERE s.slot IN ({', '.join(_slots(level))}) AND {_SOURCE}")  # noqa: S608 - names of ours


def _slots(level: Level) -> tuple[str, ...]:
    """The parameters for the slots of a window."""
    return tuple(f":slot{n}" for n in range(max(1, level.width_ms // below(level).slot_ms)))
