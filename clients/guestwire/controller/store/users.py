"""Users: local accounts, and what is kept of their log-ins."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, Row, String, Table, func, select

from guestwire.controller.store.database import Tx, insert_new
from guestwire.controller.store.metadata import metadata

table = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(36), nullable=False, unique=True),
    Column("label", String(128), nullable=False),
    Column("password_hash", String(256), nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("must_change", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("login_at", BigInteger),
    Column("failures", Integer, nullable=False),
    Column("blocked_until", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class User:
    """An account. `failures`: wrong passwords since the last right one; `blocked_until`: until when none is looked at (Unix ms).
    `revision` counts what an admin changes, not log-ins."""

    id: str
    name: str
    label: str
    password_hash: str = field(repr=False)
    disabled: bool
    must_change: bool
    created_at: int
    login_at: int | None = None
    failures: int = 0
    blocked_until: int = 0
    revision: int = 1


async def insert(tx: Tx, user: User) -> bool:
    """Add a user; False: somebody has that name."""
    row = {name: getattr(user, name) for name in User.__dataclass_fields__}
    return await insert_new(tx, table, row, ["name"])


async def by_name(tx: Tx, name: str) -> User | None:
    """The user of that name."""
    row = (await tx.execute(select(table).where(table.c.name == name))).first()
    return None if row is None else _user(row)


async def by_id(tx: Tx, user_id: str) -> User | None:
    """The user of that id."""
    row = (await tx.execute(select(table).where(table.c.id == user_id))).first()
    return None if row is None else _user(row)


async def list_after(tx: Tx, name: str, limit: int) -> tuple[User, ...]:
    """Users by name, those after `name`."""
    found = select(table).where(table.c.name > name).order_by(table.c.name).limit(limit)
    return tuple(_user(row) for row in await tx.execute(found))


async def some(tx: Tx, ids: Sequence[str]) -> dict[str, User]:
    """Users by their ids, those that are there."""
    return {row.id: _user(row) for row in await tx.execute(select(table).where(table.c.id.in_(ids)))}


async def count(tx: Tx) -> int:
    """How many there are."""
    return int((await tx.execute(select(func.count()).select_from(table))).scalar_one())


async def change(tx: Tx, user: User, **changed: Any) -> User:
    """Set columns, and count a revision."""
    changed["revision"] = user.revision + 1
    await tx.execute(table.update().where(table.c.id == user.id).values(**changed))
    return replace(user, **changed)


async def failed(tx: Tx, user_id: str, blocked_until: int) -> None:
    """Note a wrong password, and until when no other is looked at."""
    await tx.execute(
        table.update().where(table.c.id == user_id).values(failures=table.c.failures + 1, blocked_until=blocked_until)
    )


async def logged_in(tx: Tx, user_id: str, at: int, password_hash: str | None) -> None:
    """Note a log-in. `password_hash`: the same password hashed anew, if it was."""
    values: dict[str, Any] = {"login_at": at, "failures": 0, "blocked_until": 0}
    if password_hash is not None:
        values["password_hash"] = password_hash
    await tx.execute(table.update().where(table.c.id == user_id).values(**values))


async def remove(tx: Tx, user_id: str) -> None:
    """Remove an account; what else is the user's, the caller removes."""
    await tx.execute(table.delete().where(table.c.id == user_id))


def _user(row: Row[Any]) -> User:
    return User(**row._asdict())
