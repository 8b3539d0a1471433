"""Groups: selections of hosts that have a name."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Column, String, Table, Text, delete, select

from guestwire.controller.store.database import Tx, insert_new, upsert
from guestwire.controller.store.metadata import metadata

GROUPS = Table(
    "host_groups",
    metadata,
    Column("name", String(36), primary_key=True),
    Column("selection", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", String(200), nullable=False),
)


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group. `selection`: as somebody wrote it. `revision` counts its changes."""

    name: str
    selection: str
    description: str
    revision: int
    changed_at: int
    changed_by: str


async def every(tx: Tx) -> list[GroupRow]:
    """All groups, by name."""
    return sorted((_group(row) for row in await tx.execute(select(GROUPS))), key=lambda group: group.name)


async def one(tx: Tx, name: str) -> GroupRow | None:
    """A group, if it is there."""
    row = (await tx.execute(select(GROUPS).where(GROUPS.c.name == name))).first()
    return None if row is None else _group(row)


async def add(tx: Tx, group: GroupRow) -> bool:
    """Add a group; whether there was none of that name."""
    return await insert_new(tx, GROUPS, asdict(group), ("name",))


async def put(tx: Tx, group: GroupRow) -> None:
    """Change a group."""
    await upsert(tx, GROUPS, asdict(group), ("name",))


async def remove(tx: Tx, name: str) -> None:
    """Remove a group."""
    await tx.execute(delete(GROUPS).where(GROUPS.c.name == name))


def _group(row: Sequence[object]) -> GroupRow:
    return GroupRow(*row)  # type: ignore[arg-type]  # as the table has them
