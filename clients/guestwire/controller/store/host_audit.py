"""The audit logs of hosts, as they were collected: the exact bytes of every row, and what was found wrong with a log."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Row, String, Table, and_, select

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.metadata import metadata

Mark = Literal["", "broken", "unsigned"]
"""What is wrong with a row: its hash does not follow from the one before it, or the host did not sign the end it leads to."""

logs = Table(
    "host_audit_logs",
    metadata,
    Column("site", String(36), primary_key=True),
    Column("host", String(36), primary_key=True),
    Column("log", LargeBinary(16), primary_key=True),
    Column("began_at", BigInteger, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("collected_at", BigInteger, nullable=False),
    Column("acknowledged", BigInteger, nullable=False),
    Column("unexplained", BigInteger),
    Column("unexplained_hash", LargeBinary(32)),
    Column("trouble", String(512), nullable=False),
    Column("trouble_seq", BigInteger),
    Column("trouble_at", BigInteger),
)

rows = Table(
    "host_audit_rows",
    metadata,
    Column("site", String(36), primary_key=True),
    Column("host", String(36), primary_key=True),
    Column("log", LargeBinary(16), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("row", LargeBinary, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("mark", String(8), nullable=False),
    Column("operation", String(128), nullable=False),
    Column("principal", String(128), nullable=False),
    Column("code", String(128), nullable=False),
    Index("ix_host_audit_rows_at", "at"),
)


@dataclass(frozen=True, slots=True)
class HostLog:
    """How far a log is collected. `seq`, `hash`: the last row that is here; `first`: the first. `unexplained`: rows up to that one, with
    that hash, were gone before they were collected, and no row said yet that the host dropped them. `trouble`: what was found wrong
    last."""

    ref: HostRef
    log: bytes
    began_at: int
    first: int
    seq: int
    hash: bytes
    collected_at: int
    acknowledged: int = 0
    unexplained: int | None = None
    unexplained_hash: bytes | None = None
    trouble: str = ""
    trouble_seq: int | None = None
    trouble_at: int | None = None


@dataclass(frozen=True, slots=True)
class HostRow:
    """A row. `row`: its exact bytes. The texts are the row's own, for looking it up; empty where it has none."""

    log: bytes
    seq: int
    at: int
    row: bytes
    hash: bytes
    mark: Mark = ""
    operation: str = ""
    principal: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows. None: whatever it is; `since` is included, `until` is not."""

    operation: str | None = None
    principal: str | None = None
    code: str | None = None
    since: int | None = None
    until: int | None = None


async def newest_log(tx: Tx, ref: HostRef) -> HostLog | None:
    """The log that a host writes now, as far as it is known."""
    found = (
        select(logs)
        .where(logs.c.site == ref.site, logs.c.host == ref.host)
        .order_by(logs.c.collected_at.desc())
        .limit(1)
    )
    row = (await tx.execute(found)).first()
    return None if row is None else _log(row)


async def all_logs(tx: Tx, ref: HostRef) -> tuple[HostLog, ...]:
    """Every log of a host, the one it writes now first: one that lost its disk has another one."""
    found = select(logs).where(logs.c.site == ref.site, logs.c.host == ref.host).order_by(logs.c.collected_at.desc())
    return tuple(_log(row) for row in await tx.execute(found))


async def one_log(tx: Tx, ref: HostRef, log: bytes) -> HostLog | None:
    """A log of a host by its name."""
    which = and_(logs.c.site == ref.site, logs.c.host == ref.host, logs.c.log == log)
    row = (await tx.execute(select(logs).where(which))).first()
    return None if row is None else _log(row)


async def keep_all(tx: Tx, collected: Sequence[tuple[HostLog, Sequence[HostRow]]]) -> None:
    """Keep rows of logs, and how far each log is now. A row that is here stays as it is."""
    values = [
        {name: getattr(standing, name) for name in HostLog.__dataclass_fields__ if name != "ref"}
        | {"site": standing.ref.site, "host": standing.ref.host}
        for standing, _ in collected
    ]
    await upsert(tx, logs, values, ["site", "host", "log"])
    several = [
        {name: getattr(row, name) for name in HostRow.__dataclass_fields__}
        | {"site": standing.ref.site, "host": standing.ref.host}
        for standing, found in collected
        for row in found
    ]
    await upsert(tx, rows, several, ["site", "host", "log", "seq"], update=[])


async def acknowledged(tx: Tx, ref: HostRef, log: bytes, upto: int) -> None:
    """Note up to where the host knows that its rows are here."""
    which = and_(logs.c.site == ref.site, logs.c.host == ref.host, logs.c.log == log)
    await tx.execute(logs.update().where(which).values(acknowledged=upto))


async def newest(
    tx: Tx, ref: HostRef, log: bytes, wanted: Wanted, *, below: int | None, limit: int
) -> tuple[HostRow, ...]:
    """Rows of a log, the newest first; only those with a smaller number than `below`."""
    found = select(rows).where(rows.c.site == ref.site, rows.c.host == ref.host, rows.c.log == log)
    for name in ("operation", "principal", "code"):
        value = getattr(wanted, name)
        if value is not None:
            found = found.where(rows.c[name] == value)
    if wanted.since is not None:
        found = found.where(rows.c.at >= wanted.since)
    if wanted.until is not None:
        found = found.where(rows.c.at < wanted.until)
    if below is not None:
        found = found.where(rows.c.seq < below)
    return tuple(_row(row) for row in await tx.execute(found.order_by(rows.c.seq.desc()).limit(limit)))


async def prune(tx: Tx, before: int) -> int:
    """Forget rows that are older than that (Unix ms); how many they were."""
    return (await tx.execute(rows.delete().where(rows.c.at < before))).rowcount


def _log(row: Row[Any]) -> HostLog:
    values = row._asdict()
    return HostLog(HostRef(values.pop("site"), values.pop("host")), **values)


def _row(row: Row[Any]) -> HostRow:
    values = row._asdict()
    del values["site"], values["host"]
    return HostRow(**values)
