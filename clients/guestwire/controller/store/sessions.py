"""Sessions of people at their browsers. Only the hash of a session's secret is kept: who reads the database enters nowhere."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, LargeBinary, Row, String, Table, or_, select

from guestwire.controller.store.database import Tx
from guestwire.controller.store.metadata import metadata

table = Table(
    "sessions",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("person_id", String(36), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("address", String(64), nullable=False),
    Column("agent", String(200), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Session:
    """A session. `expires_at`: its end, however much it is used. `address`, `agent`: where it was begun, for its owner."""

    hash: bytes
    id: str
    person_id: str
    created_at: int
    used_at: int
    expires_at: int
    address: str
    agent: str


async def insert(tx: Tx, session: Session) -> None:
    """Add a session."""
    await tx.execute(table.insert().values(**{name: getattr(session, name) for name in Session.__dataclass_fields__}))


async def by_hash(tx: Tx, digest: bytes) -> Session | None:
    """The session whose secret has that hash."""
    row = (await tx.execute(select(table).where(table.c.hash == digest))).first()
    return None if row is None else _session(row)


async def of_person(tx: Tx, person_id: str) -> tuple[Session, ...]:
    """A person's sessions, the newest first."""
    found = select(table).where(table.c.person_id == person_id).order_by(table.c.created_at.desc(), table.c.id)
    return tuple(_session(row) for row in await tx.execute(found))


async def used(tx: Tx, digest: bytes, at: int) -> None:
    """Note when it was used."""
    await tx.execute(table.update().where(table.c.hash == digest).values(used_at=at))


async def remove(tx: Tx, digest: bytes) -> bool:
    """End a session; whether it was there."""
    return bool((await tx.execute(table.delete().where(table.c.hash == digest))).rowcount)


async def remove_of(tx: Tx, person_id: str, *, but: bytes | None = None) -> int:
    """End a person's sessions, but for one; how many they were."""
    which = table.delete().where(table.c.person_id == person_id)
    if but is not None:
        which = which.where(table.c.hash != but)
    return (await tx.execute(which)).rowcount


async def remove_one(tx: Tx, person_id: str, session_id: str) -> bool:
    """End one session of a person; whether it was there."""
    which = table.delete().where(table.c.person_id == person_id, table.c.id == session_id)
    return bool((await tx.execute(which)).rowcount)


async def remove_ended(tx: Tx, now: int, used_before: int) -> int:
    """Forget the sessions that are over."""
    return (
        await tx.execute(table.delete().where(or_(table.c.expires_at <= now, table.c.used_at < used_before)))
    ).rowcount


def _session(row: Row[Any]) -> Session:
    return Session(**row._asdict())
