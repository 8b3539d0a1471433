"""Alarms: what is wrong now, and what was. One that is open is there once for each rule and subject."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    delete,
    func,
    or_,
    select,
    update,
)

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import Tx, insert_new
from guestwire.controller.store.metadata import metadata
from guestwire.controller.store.seen import seen_by
from guestwire.controller.users.access import Visibility

AlarmState = Literal["active", "acknowledged", "cleared"]
OPEN: Final[tuple[AlarmState, ...]] = ("active", "acknowledged")

table = Table(
    "alarms",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("open_key", String(400), unique=True),
    Column("rule", String(64), nullable=False),
    Column("site", String(36), nullable=False),
    Column("host", String(36), nullable=False),
    Column("part", String(200), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("state", String(12), nullable=False),
    Column("text", Text, nullable=False),
    Column("value", Float),
    Column("since", BigInteger, nullable=False),
    Column("raised_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("times", Integer, nullable=False),
    Column("clear_at", BigInteger),
    Column("acknowledged_at", BigInteger),
    Column("acknowledged_by", String(64), nullable=False),
    Column("note", Text, nullable=False),
    Column("cleared_at", BigInteger),
    Column("cleared_by", String(64), nullable=False),
    Column("source_lost_at", BigInteger),
    Index("ix_alarms_raised", "raised_at", "id"),
    Index("ix_alarms_host", "site", "host", "raised_at"),
    Index("ix_alarms_state", "state", "raised_at"),
)


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An alarm. `since`: since when the condition holds; `times`: how often it was told while it was open; `clear_at`: when it is
    over by itself; all times Unix ms. `cleared_by` empty: nobody, it was over. `source_lost_at`: since when nobody knows whether
    it holds on; None: that is known, or it was an event."""

    id: str
    rule: str
    host: HostRef
    part: str
    severity: str
    state: AlarmState
    text: str
    value: float | None
    since: int
    raised_at: int
    last_at: int
    times: int = 1
    clear_at: int | None = None
    acknowledged_at: int | None = None
    acknowledged_by: str = ""
    note: str = ""
    cleared_at: int | None = None
    cleared_by: str = ""
    source_lost_at: int | None = None

    @property
    def open_key(self) -> str:
        return key_of(self.rule, self.host, self.part)


def key_of(rule: str, host: HostRef, part: str) -> str:
    """What an open alarm is there once for."""
    return f"{rule} {host} {part}"


async def add(tx: Tx, alarm: AlarmRow) -> bool:
    """Keep a new alarm; False: one of its rule and subject is open already."""
    row = {"open_key": alarm.open_key, **_values(alarm)}
    return await insert_new(tx, table, row, ("open_key",))


async def put(tx: Tx, alarm: AlarmRow) -> None:
    """Change an alarm; one that is cleared makes room for the next of its rule and subject."""
    open_key = None if alarm.state == "cleared" else alarm.open_key
    await tx.execute(update(table).where(table.c.id == alarm.id).values(open_key=open_key, **_values(alarm)))


async def one(tx: Tx, alarm_id: str) -> AlarmRow | None:
    """An alarm, if it is there."""
    row = (await tx.execute(select(table).where(table.c.id == alarm_id))).first()
    return None if row is None else _alarm(row)


async def opened(tx: Tx, rule: str, host: HostRef, part: str) -> AlarmRow | None:
    """The open alarm of a rule and a subject."""
    row = (await tx.execute(select(table).where(table.c.open_key == key_of(rule, host, part)))).first()
    return None if row is None else _alarm(row)


async def every_open(tx: Tx, rule: str | None = None, host: HostRef | None = None) -> list[AlarmRow]:
    """Every alarm that is not cleared: all, or those of a rule, of a host."""
    wanted = select(table).where(table.c.open_key.is_not(None))
    if rule is not None:
        wanted = wanted.where(table.c.rule == rule)
    if host is not None:
        wanted = wanted.where(table.c.site == host.site, table.c.host == host.host)
    return [_alarm(row) for row in await tx.execute(wanted.order_by(table.c.raised_at, table.c.id))]


async def mark(tx: Tx, keys: Sequence[str], lost_at: int | None) -> list[AlarmRow]:
    """Say of the open alarms of these keys (`key_of`) that their source was lost at that time; None: that it is there. Gives them
    as they are now."""
    meant = table.c.open_key.in_(keys)
    await tx.execute(update(table).where(meant).values(source_lost_at=lost_at))
    return [_alarm(row) for row in await tx.execute(select(table).where(meant).order_by(table.c.raised_at, table.c.id))]


async def due(tx: Tx, now_ms: int, limit: int = 500) -> list[AlarmRow]:
    """Open alarms that are over by themselves by now."""
    wanted = select(table).where(table.c.open_key.is_not(None), table.c.clear_at <= now_ms).limit(limit)
    return [_alarm(row) for row in await tx.execute(wanted)]


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """Which alarms are meant; empty: any."""

    states: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    rule: str | None = None
    host: HostRef | None = None
    since: int | None = None
    until: int | None = None


async def page(
    tx: Tx, wanted: AlarmFilter, visible: Visibility, before: tuple[int, str] | None, limit: int
) -> list[AlarmRow]:
    """Alarms of hosts that may be seen, the newest first, those before (raised_at, id)."""
    c = table.c
    asked = select(table).where(seen_by(table, visible)).order_by(c.raised_at.desc(), c.id.desc()).limit(limit)
    if wanted.states:
        asked = asked.where(c.state.in_(wanted.states))
    if wanted.severities:
        asked = asked.where(c.severity.in_(wanted.severities))
    if wanted.rule is not None:
        asked = asked.where(c.rule == wanted.rule)
    if wanted.host is not None:
        asked = asked.where(c.site == wanted.host.site, c.host == wanted.host.host)
    if wanted.since is not None:
        asked = asked.where(c.raised_at >= wanted.since)
    if wanted.until is not None:
        asked = asked.where(c.raised_at < wanted.until)
    if before is not None:
        asked = asked.where(or_(c.raised_at < before[0], and_(c.raised_at == before[0], c.id < before[1])))
    return [_alarm(row) for row in await tx.execute(asked)]


async def raised(tx: Tx, hosts: Sequence[HostRef], since_ms: int) -> list[AlarmRow]:
    """Alarms of these hosts that were raised since then, cleared or not, the oldest first."""
    meant = set(hosts)
    asked = select(table).where(table.c.raised_at >= since_ms).order_by(table.c.raised_at, table.c.id)
    return [alarm for row in await tx.execute(asked) if (alarm := _alarm(row)).host in meant]


async def counts(tx: Tx) -> dict[tuple[str, str], int]:
    """How many open alarms there are of each severity and state."""
    c = table.c
    asked = select(c.severity, c.state, func.count()).where(c.open_key.is_not(None)).group_by(c.severity, c.state)
    return {(severity, state): count for severity, state, count in await tx.execute(asked)}


async def prune(tx: Tx, before_ms: int) -> int:
    """Forget alarms that were cleared before; how many."""
    return (await tx.execute(delete(table).where(table.c.cleared_at < before_ms))).rowcount


def _values(alarm: AlarmRow) -> dict[str, object]:
    return {
        "id": alarm.id, "rule": alarm.rule, "site": alarm.host.site, "host": alarm.host.host, "part": alarm.part,
        "severity": alarm.severity, "state": alarm.state, "text": alarm.text, "value": alarm.value, "since": alarm.since,
        "raised_at": alarm.raised_at, "last_at": alarm.last_at, "times": alarm.times, "clear_at": alarm.clear_at,
        "acknowledged_at": alarm.acknowledged_at, "acknowledged_by": alarm.acknowledged_by, "note": alarm.note,
        "cleared_at": alarm.cleared_at, "cleared_by": alarm.cleared_by, "source_lost_at": alarm.source_lost_at,
    }  # fmt: skip


def _alarm(row: object) -> AlarmRow:
    values = dict(row._mapping)  # type: ignore[attr-defined]  # noqa: SLF001 - SQLAlchemy's own name for it
    del values["open_key"]
    ref = HostRef(values.pop("site"), values.pop("host"))
    return AlarmRow(host=ref, **values)
