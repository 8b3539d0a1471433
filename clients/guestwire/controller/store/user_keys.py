"""Public keys that people have enrolled, and the challenges that they prove them with."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, LargeBinary, Row, String, Table, and_, select

from guestwire.controller.store.database import Tx, insert_new
from guestwire.controller.store.metadata import metadata

table = Table(
    "user_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("person_id", String(36), nullable=False, index=True),
    Column("public_key", String(64), nullable=False, unique=True),
    Column("label", String(64), nullable=False),
    Column("enrolled_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

challenges = Table(
    "user_key_challenges",
    metadata,
    Column("challenge", LargeBinary(32), primary_key=True),
    Column("person_id", String(36), nullable=False, index=True),
    Column("expires_at", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class UserKey:
    """A key. `id`: as the trust document has it, hexadecimal. A revoked one stays, so that nobody enrols it again."""

    id: str
    person_id: str
    public_key: str
    label: str
    enrolled_at: int
    revoked_at: int | None = None


async def challenge(tx: Tx, person_id: str, value: bytes, now: int, expires_at: int, most: int) -> None:
    """Keep a challenge; at most so many of a person, the oldest make room. Those that are over go."""
    await tx.execute(challenges.delete().where(challenges.c.expires_at <= now))
    found = select(challenges.c.challenge).where(challenges.c.person_id == person_id)
    held = list((await tx.execute(found.order_by(challenges.c.expires_at.desc()))).scalars())
    if len(held) >= most:
        await tx.execute(challenges.delete().where(challenges.c.challenge.in_(held[most - 1 :])))
    await tx.execute(challenges.insert().values(challenge=value, person_id=person_id, expires_at=expires_at))


async def take_challenge(tx: Tx, person_id: str, value: bytes, now: int) -> bool:
    """Use a challenge up; whether it was the person's and in time."""
    which = and_(challenges.c.challenge == value, challenges.c.person_id == person_id, challenges.c.expires_at > now)
    return bool((await tx.execute(challenges.delete().where(which))).rowcount)


async def insert(tx: Tx, key: UserKey) -> bool:
    """Add a key; False: it is enrolled, or was."""
    return await insert_new(tx, table, {name: getattr(key, name) for name in UserKey.__dataclass_fields__}, ["id"])


async def by_id(tx: Tx, key_id: str) -> UserKey | None:
    """The key of that id."""
    row = (await tx.execute(select(table).where(table.c.id == key_id))).first()
    return None if row is None else _key(row)


async def of_person(tx: Tx, person_id: str) -> tuple[UserKey, ...]:
    """A person's keys, revoked ones too, in the order of their enrolment."""
    found = select(table).where(table.c.person_id == person_id).order_by(table.c.enrolled_at, table.c.id)
    return tuple(_key(row) for row in await tx.execute(found))


async def revoke(tx: Tx, person_id: str, key_id: str, at: int) -> bool:
    """Revoke a key of a person; False: they have none of that id that counts."""
    which = and_(table.c.id == key_id, table.c.person_id == person_id, table.c.revoked_at.is_(None))
    return bool((await tx.execute(table.update().where(which).values(revoked_at=at))).rowcount)


async def revoke_of(tx: Tx, person_id: str, at: int) -> None:
    """Revoke every key of a person, and forget their challenges."""
    which = and_(table.c.person_id == person_id, table.c.revoked_at.is_(None))
    await tx.execute(table.update().where(which).values(revoked_at=at))
    await tx.execute(challenges.delete().where(challenges.c.person_id == person_id))


def _key(row: Row[Any]) -> UserKey:
    return UserKey(**row._asdict())
