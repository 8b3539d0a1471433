"""What is missing in the telemetry of a host, said out loud: numbers that its spool dropped, and batches that nobody could read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text, delete, insert, select

from guestwire.controller.store.database import Tx
from guestwire.controller.store.metadata import metadata
from guestwire.protocol.telemetry import SpoolClass

Why = Literal["dropped", "unreadable"]
"""The host's spool had no room for it any more; or it came, signed, and made no sense."""

_MANY: Final = 5_000

table = Table(
    "telemetry_gaps",
    metadata,
    Column("host", Integer, primary_key=True, autoincrement=False),
    Column("log", LargeBinary(16), primary_key=True),
    Column("spool_class", String(8), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("why", String(12), primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("told_at", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Index("ix_telemetry_gaps_host_until", "host", "until"),
)


@dataclass(frozen=True, slots=True)
class GapRow:
    """`host`: its number in `telemetry_hosts`. Numbers `first` to `last`, of times `since` to `until`; known since `told_at`, all
    Unix ms. `text`: what was wrong with what was unreadable."""

    host: int
    log: bytes
    spool_class: SpoolClass
    first: int
    last: int
    since: int
    until: int
    told_at: int
    why: Why
    text: str = ""


async def add(tx: Tx, gap: GapRow) -> None:
    """Keep a gap. Gaps of one kind that overlap or touch become one."""
    same = (
        table.c.host == gap.host,
        table.c.log == gap.log,
        table.c.spool_class == gap.spool_class,
        table.c.why == gap.why,
        table.c.first <= gap.last + 1,
        table.c.last >= gap.first - 1,
    )
    touching = [_row(row) for row in await tx.execute(select(table).where(*same))]
    whole = replace(
        gap,
        first=min(gap.first, *(one.first for one in touching)) if touching else gap.first,
        last=max(gap.last, *(one.last for one in touching)) if touching else gap.last,
        since=min(gap.since, *(one.since for one in touching)) if touching else gap.since,
        until=max(gap.until, *(one.until for one in touching)) if touching else gap.until,
    )
    await tx.execute(delete(table).where(*same))
    await tx.execute(insert(table).values({name: getattr(whole, name) for name in GapRow.__slots__}))


async def of_hosts(tx: Tx, hosts: Sequence[int], since: int, until: int, limit: int) -> tuple[GapRow, ...]:
    """The gaps of these hosts that touch the time from `since` to `until`, the newest first."""
    found: list[GapRow] = []
    for at in range(0, len(hosts), _MANY):
        wanted = (
            select(table)
            .where(table.c.host.in_(hosts[at : at + _MANY]), table.c.until >= since, table.c.since <= until)
            .order_by(table.c.until.desc(), table.c.host, table.c.first)
            .limit(limit)
        )
        found += [_row(row) for row in await tx.execute(wanted)]
    return tuple(sorted(found, key=lambda row: (-row.until, row.host, row.first))[:limit])


async def forget(tx: Tx, before: int) -> None:
    """Gaps that ended before that."""
    await tx.execute(delete(table).where(table.c.until < before))


def _row(row: object) -> GapRow:
    return GapRow(**{name: getattr(row, name) for name in GapRow.__slots__})
