"""The series of every host, and when their counters began anew.

A series has a number, so that its samples are small; numbers go to hosts by blocks (`levels.BLOCK`), so that what comes together
lies together. The name and the labels are in the text.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    select,
    update,
)

from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.metadata import metadata
from guestwire.protocol.telemetry import MAX_SERIES_TEXT, Kind

table = Table(
    "telemetry_series",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("host", Integer, nullable=False),
    Column("text", String(MAX_SERIES_TEXT), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("seen_day", Integer, nullable=False),
    UniqueConstraint("host", "text"),
)
starts = Table(
    "telemetry_starts",
    metadata,
    Column("series", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
)
_MANY: Final = 5_000


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """`host`: its number in `telemetry_hosts`. `seen_day`: the last day (days since 1970) on which a sample came."""

    id: int
    host: int
    text: str
    kind: Kind
    seen_day: int


async def every(tx: Tx) -> AsyncIterator[Sequence[SeriesRow]]:
    """All of them, some thousands at a time: there are a hundred thousand of a large fleet."""
    last = -1
    while True:
        wanted = select(table).where(table.c.id > last).order_by(table.c.id).limit(_MANY)
        rows = [SeriesRow(*row) for row in await tx.execute(wanted)]
        if not rows:
            return
        yield rows
        last = rows[-1].id


async def of_hosts(tx: Tx, hosts: Sequence[int]) -> dict[int, list[SeriesRow]]:
    """The series of hosts, by their numbers, in ascending order; a host that has none is left out."""
    found: dict[int, list[SeriesRow]] = {}
    for at in range(0, len(hosts), _MANY):
        wanted = select(table).where(table.c.host.in_(hosts[at : at + _MANY])).order_by(table.c.id)
        for row in await tx.execute(wanted):
            found.setdefault(row.host, []).append(SeriesRow(*row))
    return found


async def highest(tx: Tx) -> int:
    """The highest number that was given; -1 where none was."""
    found: int | None = (await tx.execute(select(func.max(table.c.id)))).scalar_one()
    return -1 if found is None else found


async def add(tx: Tx, rows: Sequence[SeriesRow]) -> None:
    """New series, in a `write` transaction."""
    await tx.execute(
        table.insert(),
        [
            {"id": row.id, "host": row.host, "text": row.text, "kind": row.kind, "seen_day": row.seen_day}
            for row in rows
        ],
    )


async def seen(tx: Tx, series: Sequence[int], day: int) -> None:
    """Samples of these came on that day."""
    statement = update(table).where(table.c.id == bindparam("of")).values(seen_day=day)
    await tx.execute(statement, [{"of": one} for one in series])


async def remove(tx: Tx, series: Sequence[int]) -> None:
    """Forget series, and with them when their counters began."""
    for at in range(0, len(series), _MANY):
        some = series[at : at + _MANY]
        await tx.execute(delete(table).where(table.c.id.in_(some)))
        await tx.execute(delete(starts).where(starts.c.series.in_(some)))


async def began(tx: Tx, at: Iterable[tuple[int, int]]) -> None:
    """Counters (number of the series) began anew then (Unix ms)."""
    await upsert(tx, starts, [{"series": series, "at": ms} for series, ms in at], ["series", "at"], [])


async def starts_between(tx: Tx, series: Sequence[int], since: int, until: int) -> dict[int, list[int]]:
    """When the counters of these series began anew, in ascending order: after `since`, up to `until`."""
    found: dict[int, list[int]] = {}
    for at in range(0, len(series), _MANY):
        wanted = (
            select(starts)
            .where(starts.c.series.in_(series[at : at + _MANY]), starts.c.at > since, starts.c.at <= until)
            .order_by(starts.c.series, starts.c.at)
        )
        for one, began_at in await tx.execute(wanted):
            found.setdefault(one, []).append(began_at)
    return found


async def latest_starts(tx: Tx) -> dict[int, int]:
    """When each counter began last."""
    wanted = select(starts.c.series, func.max(starts.c.at)).group_by(starts.c.series)
    return {row[0]: row[1] for row in await tx.execute(wanted)}


async def forget_starts(tx: Tx, before: int) -> None:
    """What began before that is of no interest any more."""
    await tx.execute(delete(starts).where(starts.c.at < before))
