"""Webhooks, and what is still to be sent to each: an outbox, so that nothing is forgotten over a restart."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from guestwire.controller.store.database import Tx
from guestwire.controller.store.metadata import metadata

WAITING_EACH: Final = 10_000
"""Deliveries that may wait for one webhook; beyond that the oldest are dropped, and counted."""
_RANK: Final = {"info": 0, "warning": 1, "critical": 2}

table = Table(
    "webhooks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("secret", String(64), nullable=False),
    Column("least_severity", String(10), nullable=False),
    Column("events", String(64), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", String(64), nullable=False),
    Column("delivered_at", BigInteger),
    Column("failed_at", BigInteger),
    Column("failure", Text, nullable=False),
    Column("dropped", BigInteger, nullable=False),
)
outbox = Table(
    "webhook_outbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("webhook", String(36), nullable=False),
    Column("event", String(16), nullable=False),
    Column("about", String(36), nullable=False),
    Column("document", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Index("ix_webhook_outbox_next", "next_at"),
    Index("ix_webhook_outbox_webhook", "webhook", "id"),
)


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """A webhook. `secret` proves to the receiver who sends. `dropped`: deliveries that there was no room for."""

    id: str
    name: str
    url: str
    secret: str = field(repr=False)
    least_severity: str
    events: tuple[str, ...]
    enabled: bool
    revision: int
    changed_at: int
    changed_by: str
    delivered_at: int | None = None
    failed_at: int | None = None
    failure: str = ""
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something to be sent. `tries`: how often it was; `next_at`: when it goes next, Unix ms."""

    id: int
    webhook: str
    event: str
    document: dict[str, Any]
    at: int
    tries: int
    next_at: int


async def every(tx: Tx) -> list[WebhookRow]:
    """All webhooks, by name."""
    return sorted((_webhook(row) for row in await tx.execute(select(table))), key=lambda one: one.name)


async def one(tx: Tx, webhook_id: str) -> WebhookRow | None:
    """A webhook, if it is there."""
    row = (await tx.execute(select(table).where(table.c.id == webhook_id))).first()
    return None if row is None else _webhook(row)


async def named(tx: Tx, name: str) -> WebhookRow | None:
    """The webhook of that name."""
    row = (await tx.execute(select(table).where(table.c.name == name))).first()
    return None if row is None else _webhook(row)


async def add(tx: Tx, row: WebhookRow) -> None:
    """Add a webhook."""
    await tx.execute(insert(table), _values(row))


async def put(tx: Tx, row: WebhookRow) -> None:
    """Change a webhook."""
    await tx.execute(update(table).where(table.c.id == row.id).values(**_values(row)))


async def remove(tx: Tx, webhook_id: str) -> None:
    """Remove a webhook, and what was still to be sent."""
    await tx.execute(delete(outbox).where(outbox.c.webhook == webhook_id))
    await tx.execute(delete(table).where(table.c.id == webhook_id))


async def drop_waiting(tx: Tx, webhook_id: str) -> int:
    """Forget what was still to be sent to a webhook; how much."""
    return (await tx.execute(delete(outbox).where(outbox.c.webhook == webhook_id))).rowcount


async def enqueue(
    tx: Tx, event: str, severity: str, about: str, document: dict[str, Any], now_ms: int, only: str | None = None
) -> None:
    """To every webhook that wants it: this is to be sent. `only`: to that one, whatever it wants."""
    for row in await every(tx):
        meant = row.enabled and event in row.events and _RANK[severity] >= _RANK[row.least_severity]
        if row.id == only or (only is None and meant):
            values = {
                "webhook": row.id, "event": event, "about": about, "document": json.dumps(document), "at": now_ms,
                "tries": 0, "next_at": now_ms,
            }  # fmt: skip
            await tx.execute(insert(outbox), values)
            await _bound(tx, row)


async def due(tx: Tx, webhook_id: str, now_ms: int, limit: int) -> list[Delivery]:
    """What may be sent to a webhook now, the oldest first; nothing before what is older, which may have to wait."""
    return list(takewhile(lambda one: one.next_at <= now_ms, await waiting(tx, webhook_id, limit)))


async def next_at(tx: Tx) -> int | None:
    """When something is to be sent; None: nothing is."""
    first = select(func.min(outbox.c.id)).group_by(outbox.c.webhook)
    found: int | None = (await tx.execute(select(func.min(outbox.c.next_at)).where(outbox.c.id.in_(first)))).scalar()
    return found


async def waiting(tx: Tx, webhook_id: str, limit: int) -> list[Delivery]:
    """What is still to be sent to a webhook, the oldest first."""
    asked = select(outbox).where(outbox.c.webhook == webhook_id).order_by(outbox.c.id).limit(limit)
    return [_delivery(row) for row in await tx.execute(asked)]


async def delivered(tx: Tx, one: Delivery, now_ms: int) -> None:
    """The receiver took it."""
    await tx.execute(delete(outbox).where(outbox.c.id == one.id))
    await tx.execute(update(table).where(table.c.id == one.webhook).values(delivered_at=now_ms, failure=""))


async def failed(tx: Tx, one: Delivery, why: str, now_ms: int, again_ms: int | None) -> None:
    """The receiver did not take it. `again_ms`: when it is sent again; None: never."""
    if again_ms is None:
        await tx.execute(delete(outbox).where(outbox.c.id == one.id))
    else:
        values = {"tries": one.tries + 1, "next_at": again_ms}
        await tx.execute(update(outbox).where(outbox.c.id == one.id).values(**values))
    dropped = table.c.dropped + int(again_ms is None)
    told = update(table).where(table.c.id == one.webhook)
    await tx.execute(told.values(failed_at=now_ms, failure=why[:500], dropped=dropped))


async def _bound(tx: Tx, row: WebhookRow) -> None:
    asked = select(outbox.c.id).where(outbox.c.webhook == row.id).order_by(outbox.c.id.desc()).offset(WAITING_EACH)
    gone: Sequence[int] = (await tx.execute(asked.limit(100))).scalars().all()
    if gone:
        await tx.execute(delete(outbox).where(outbox.c.id.in_(gone)))
        await tx.execute(update(table).where(table.c.id == row.id).values(dropped=table.c.dropped + len(gone)))


def _values(row: WebhookRow) -> dict[str, object]:
    return {
        "id": row.id, "name": row.name, "url": row.url, "secret": row.secret, "least_severity": row.least_severity,
        "events": ",".join(row.events), "enabled": row.enabled, "revision": row.revision,
        "changed_at": row.changed_at, "changed_by": row.changed_by, "delivered_at": row.delivered_at,
        "failed_at": row.failed_at, "failure": row.failure, "dropped": row.dropped,
    }  # fmt: skip


def _webhook(row: Any) -> WebhookRow:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's own name for it
    return WebhookRow(**{**values, "events": tuple(values["events"].split(","))})


def _delivery(row: Any) -> Delivery:
    values = row._mapping  # noqa: SLF001
    return Delivery(
        values["id"], values["webhook"], values["event"], json.loads(values["document"]), values["at"],
        values["tries"], values["next_at"],
    )  # fmt: skip
