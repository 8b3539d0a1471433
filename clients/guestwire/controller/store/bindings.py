"""Which roles people have, and on what."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, String, Table, and_, select

from guestwire.controller.store import users
from guestwire.controller.store.database import Tx, insert_new
from guestwire.controller.store.metadata import metadata
from guestwire.controller.users.person import EVERYWHERE, ROLES, Binding

table = Table(
    "bindings",
    metadata,
    Column("person_id", String(36), primary_key=True),
    Column("scope", String(128), primary_key=True),
    Column("role", String(16), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
)


async def give(tx: Tx, person_id: str, binding: Binding, at: int) -> bool:
    """Give a role; False: they have it."""
    row: dict[str, Any] = {"person_id": person_id, "scope": binding.scope, "role": binding.role, "created_at": at}
    return await insert_new(tx, table, row, ["person_id", "scope", "role"])


async def take(tx: Tx, person_id: str, binding: Binding) -> bool:
    """Take a role; False: they did not have it."""
    which = and_(table.c.person_id == person_id, table.c.scope == binding.scope, table.c.role == binding.role)
    return bool((await tx.execute(table.delete().where(which))).rowcount)


async def take_all(tx: Tx, person_id: str) -> None:
    """Take every role of a person."""
    await tx.execute(table.delete().where(table.c.person_id == person_id))


async def of_person(tx: Tx, person_id: str) -> tuple[Binding, ...]:
    """A person's roles, by scope, the greatest first."""
    return (await of_people(tx, (person_id,))).get(person_id, ())


async def of_people(tx: Tx, ids: Sequence[str]) -> dict[str, tuple[Binding, ...]]:
    """The roles of several people."""
    found: dict[str, list[Binding]] = {}
    for row in await tx.execute(select(table).where(table.c.person_id.in_(ids)).order_by(table.c.scope)):
        found.setdefault(row.person_id, []).append(Binding(row.role, row.scope))
    return {
        person: tuple(sorted(several, key=lambda one: (one.scope, -ROLES.index(one.role))))
        for person, several in found.items()
    }


async def admins(tx: Tx) -> frozenset[str]:
    """The ids of those who are admins of everything and may log in."""
    found = (
        select(table.c.person_id)
        .join(users.table, users.table.c.id == table.c.person_id)
        .where(table.c.role == "admin", table.c.scope == EVERYWHERE, users.table.c.disabled.is_(False))
    )
    return frozenset((await tx.execute(found)).scalars())
