"""Connections that were added while the controller ran, and the epoch of the controller in each site. No secret is kept: a key
or a password is named by its file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Column, String, Table, Text, delete, select

from guestwire.controller.store.database import Tx, insert_new, upsert
from guestwire.controller.store.metadata import metadata

CONNECTIONS = Table(
    "connections",
    metadata,
    Column("name", String(36), primary_key=True),
    Column("settings", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", String(200), nullable=False),
)

EPOCHS = Table(
    "controller_epochs",
    metadata,
    Column("site", String(36), primary_key=True),
    Column("controller", String(36), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """A connection. `settings`: JSON, as `config.Connection` has it."""

    name: str
    settings: str
    made_at: int
    made_by: str


async def every(tx: Tx) -> list[ConnectionRow]:
    """All connections, by name."""
    return sorted((_connection(row) for row in await tx.execute(select(CONNECTIONS))), key=lambda row: row.name)


async def add(tx: Tx, row: ConnectionRow) -> bool:
    """Add a connection; whether there was none of that name."""
    return await insert_new(tx, CONNECTIONS, asdict(row), ("name",))


async def remove(tx: Tx, name: str) -> bool:
    """Remove a connection; whether it was there."""
    return bool((await tx.execute(delete(CONNECTIONS).where(CONNECTIONS.c.name == name))).rowcount)


async def next_epoch(tx: Tx, site: str, controller: str, at_least: int = 0) -> int:
    """The epoch of the controller's next connection to a site: above every one it had, and at least that."""
    asked = select(EPOCHS.c.epoch).where(EPOCHS.c.site == site, EPOCHS.c.controller == controller)
    epoch = max((await tx.execute(asked)).scalar() or 0, at_least - 1) + 1
    await upsert(tx, EPOCHS, {"site": site, "controller": controller, "epoch": epoch}, ("site", "controller"))
    return epoch


def _connection(row: Sequence[object]) -> ConnectionRow:
    return ConnectionRow(*row)  # type: ignore[arg-type]  # as the table has them
