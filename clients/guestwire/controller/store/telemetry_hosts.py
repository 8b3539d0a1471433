"""Hosts as telemetry knows them: a number instead of two names in every row, and what is odd about a host's telemetry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Integer, Row, String, Table, UniqueConstraint, func, select, tuple_

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.metadata import metadata

table = Table(
    "telemetry_hosts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("site", String(36), nullable=False),
    Column("host", String(36), nullable=False),
    Column("offset_ms", BigInteger, nullable=False),
    Column("offset_at", BigInteger, nullable=False),
    Column("newest_ms", BigInteger, nullable=False),
    Column("refused_series", BigInteger, nullable=False),
    UniqueConstraint("site", "host"),
)
_MANY: Final = 200
"""Hosts in one statement."""


@dataclass(frozen=True, slots=True)
class HostRow:
    """`offset_ms`: what was added to times of its wrong clock, last at `offset_at` (Unix ms; 0: never). `newest_ms`: the newest
    time that any sample of it has. `refused_series`: how often a series was refused."""

    id: int
    ref: HostRef
    offset_ms: int = 0
    offset_at: int = 0
    newest_ms: int = 0
    refused_series: int = 0


async def every(tx: Tx) -> tuple[HostRow, ...]:
    return tuple(_row(row) for row in await tx.execute(select(table)))


async def some(tx: Tx, refs: Sequence[HostRef]) -> list[HostRow]:
    """Those of these hosts of which telemetry has heard, in no order."""
    found: list[HostRow] = []
    for at in range(0, len(refs), _MANY):
        chosen = tuple_(table.c.site, table.c.host).in_(refs[at : at + _MANY])
        found += [_row(row) for row in await tx.execute(select(table).where(chosen))]
    return found


async def next_id(tx: Tx) -> int:
    """The number of the next host, in a `write` transaction."""
    return ((await tx.execute(select(func.max(table.c.id)))).scalar_one() or 0) + 1


async def put(tx: Tx, rows: Sequence[HostRow]) -> None:
    """New hosts, and what is known of old ones."""
    await upsert(
        tx,
        table,
        [
            {
                "id": row.id, "site": row.ref.site, "host": row.ref.host, "offset_ms": row.offset_ms,
                "offset_at": row.offset_at, "newest_ms": row.newest_ms, "refused_series": row.refused_series,
            }
            for row in rows
        ],
        ["id"],
        ["offset_ms", "offset_at", "newest_ms", "refused_series"],
    )  # fmt: skip


def _row(row: Row[Any]) -> HostRow:
    return HostRow(row.id, HostRef(row.site, row.host), row.offset_ms, row.offset_at, row.newest_ms, row.refused_series)
