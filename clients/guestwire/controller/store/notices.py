"""Notices of hosts, once for each number of a log."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text, delete, select

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import Tx, insert_new
from guestwire.controller.store.metadata import metadata
from guestwire.controller.store.seen import seen_by
from guestwire.controller.users.access import Visibility

table = Table(
    "notices",
    metadata,
    # SQLite numbers rows by itself only where the key is its plain INTEGER
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("site", String(36), nullable=False),
    Column("host", String(36), nullable=False),
    Column("class", String(8), nullable=False),
    Column("log", LargeBinary(16), nullable=False),
    Column("spool_class", String(8), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("came_at", BigInteger, nullable=False),
    Column("event", String(64), nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_notices_number", "site", "host", "spool_class", "log", "seq", unique=True),
    Index("ix_notices_host", "site", "host", "id"),
    Index("ix_notices_came", "came_at"),
)
_NUMBER = ("site", "host", "spool_class", "log", "seq")


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notice. `at`: when the host said it, `came_at`: when it came, both Unix ms. `document`: all it said, as JSON has it.
    `id` 0: not kept yet."""

    host: HostRef
    notice_class: str
    spool_class: str
    log: bytes
    seq: int
    at: int
    came_at: int
    event: str
    document: dict[str, Any]
    id: int = 0


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """Which notices are meant; empty: any."""

    host: HostRef | None = None
    classes: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None


async def add(tx: Tx, notices: Sequence[NoticeRow]) -> list[NoticeRow]:
    """Keep notices; gives those that were not there before."""
    return [one for one in notices if await insert_new(tx, table, _values(one), _NUMBER)]


async def page(tx: Tx, wanted: NoticeFilter, visible: Visibility, before: int | None, limit: int) -> list[NoticeRow]:
    """Notices of hosts that may be seen, the newest first, those with smaller ids than `before`."""
    c = table.c
    asked = select(table).where(seen_by(table, visible)).order_by(c.id.desc()).limit(limit)
    if wanted.host is not None:
        asked = asked.where(c.site == wanted.host.site, c.host == wanted.host.host)
    if wanted.classes:
        asked = asked.where(c["class"].in_(wanted.classes))
    if wanted.events:
        asked = asked.where(c.event.in_(wanted.events))
    if wanted.since is not None:
        asked = asked.where(c.at >= wanted.since)
    if wanted.until is not None:
        asked = asked.where(c.at < wanted.until)
    if before is not None:
        asked = asked.where(c.id < before)
    return [_notice(row) for row in await tx.execute(asked)]


async def prune(tx: Tx, before_ms: int) -> int:
    """Forget notices that came before; how many."""
    return (await tx.execute(delete(table).where(table.c.came_at < before_ms))).rowcount


async def forget(tx: Tx, host: HostRef) -> int:
    """Forget all notices of a host; how many."""
    where = (table.c.site == host.site, table.c.host == host.host)
    return (await tx.execute(delete(table).where(*where))).rowcount


def _values(one: NoticeRow) -> dict[str, object]:
    return {
        "site": one.host.site, "host": one.host.host, "class": one.notice_class, "log": one.log,
        "spool_class": one.spool_class, "seq": one.seq, "at": one.at, "came_at": one.came_at, "event": one.event[:64],
        "document": json.dumps(one.document, separators=(",", ":")),
    }  # fmt: skip


def _notice(row: Any) -> NoticeRow:
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's own name for it
    return NoticeRow(
        HostRef(values["site"], values["host"]), values["class"], values["spool_class"], values["log"], values["seq"],
        values["at"], values["came_at"], values["event"], json.loads(values["document"]), values["id"],
    )  # fmt: skip
