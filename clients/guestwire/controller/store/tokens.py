"""API tokens. Only a token's hash is kept: the token itself is shown once, when it is made. Of those that were revoked the ids are
kept, for what goes on in their name.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Column, LargeBinary, Row, String, Table, Text, UniqueConstraint, select

from guestwire.controller.store.database import Tx, insert_new, upsert
from guestwire.controller.store.metadata import metadata
from guestwire.controller.users.person import Binding

table = Table(
    "tokens",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("person_id", String(36), nullable=False),
    Column("name", String(64), nullable=False),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("bindings", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("used_at", BigInteger),
    Column("used_from", String(64)),
    Column("parent_id", String(36), index=True),
    UniqueConstraint("person_id", "name"),
)


REVOKED = Table(
    "revoked_tokens",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("revoked_at", BigInteger, nullable=False, index=True),
)
KEEP_REVOKED_MS: Final = 800 * 86_400_000
"""Longer than anything goes on that was begun with a token."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token. `bindings` None: for everything that its owner may. `expires_at` None: never. `parent_id`: the token that it
    was made with, and which it does not outlive."""

    id: str
    person_id: str
    name: str
    hash: bytes
    bindings: tuple[Binding, ...] | None
    created_at: int
    expires_at: int | None
    used_at: int | None = None
    used_from: str | None = None
    parent_id: str | None = None


async def insert(tx: Tx, token: Token) -> bool:
    """Add a token; False: the person has one of that name."""
    row = {name: getattr(token, name) for name in Token.__dataclass_fields__}
    row["bindings"] = None if token.bindings is None else json.dumps(token.bindings)
    return await insert_new(tx, table, row, ["person_id", "name"])


async def by_hash(tx: Tx, digest: bytes) -> Token | None:
    """The token with that hash."""
    row = (await tx.execute(select(table).where(table.c.hash == digest))).first()
    return None if row is None else _token(row)


async def of_person(tx: Tx, person_id: str) -> tuple[Token, ...]:
    """A person's tokens, by name."""
    found = select(table).where(table.c.person_id == person_id).order_by(table.c.name)
    return tuple(_token(row) for row in await tx.execute(found))


async def used(tx: Tx, token_id: str, at: int, address: str) -> None:
    """Note when and from where it was used."""
    await tx.execute(table.update().where(table.c.id == token_id).values(used_at=at, used_from=address[:64]))


async def remove(tx: Tx, person_id: str, token_id: str, now_ms: int) -> bool:
    """Revoke a token of a person, and all that were made with it; whether it was there."""
    which = table.delete().where(table.c.person_id == person_id, table.c.id == token_id)
    if not (await tx.execute(which)).rowcount:
        return False
    made_with = [token_id]
    while made_with:
        await upsert(tx, REVOKED, [{"id": one, "revoked_at": now_ms} for one in made_with], ("id",))
        found = select(table.c.id).where(table.c.parent_id.in_(made_with))
        made_with = list((await tx.execute(found)).scalars())
        await tx.execute(table.delete().where(table.c.id.in_(made_with)))
    return True


async def is_revoked(tx: Tx, token_id: str) -> bool:
    """Whether somebody has revoked that token. One that has expired was not revoked by that."""
    found = select(REVOKED.c.id).where(REVOKED.c.id == token_id)
    return (await tx.execute(found)).first() is not None


async def remove_expired(tx: Tx, now: int) -> int:
    """Forget tokens that have expired; how many they were."""
    await tx.execute(REVOKED.delete().where(REVOKED.c.revoked_at < now - KEEP_REVOKED_MS))
    return (await tx.execute(table.delete().where(table.c.expires_at <= now))).rowcount


async def remove_of(tx: Tx, person_id: str) -> int:
    """Revoke all tokens of a person; how many they were."""
    return (await tx.execute(table.delete().where(table.c.person_id == person_id))).rowcount


def _token(row: Row[Any]) -> Token:
    values = row._asdict()
    if values["bindings"] is not None:
        values["bindings"] = tuple(Binding(role, scope) for role, scope in json.loads(values["bindings"]))
    return Token(**values)
