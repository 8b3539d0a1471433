"""Maintenance windows by name. What one means is `jobs.windows`' matter; here it is a document with a revision."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Row, String, Table, Text, delete, insert, select, update
from sqlalchemy.dialects.postgresql import VARCHAR

from guestwire.controller.jobs.windows import WindowSpec
from guestwire.controller.store.database import Tx
from guestwire.controller.store.metadata import metadata

_NAME = String(64).with_variant(VARCHAR(64, collation="C"), "postgresql")

WINDOWS = Table(
    "windows",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("spec", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", String(200), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Window:
    """A window. `changed_at` in Unix ms; `changed_by`: the person's name."""

    name: str
    spec: WindowSpec
    revision: int
    changed_at: int
    changed_by: str


async def get(tx: Tx, name: str) -> Window | None:
    """The window of that name."""
    row = (await tx.execute(select(WINDOWS).where(WINDOWS.c.name == name))).one_or_none()
    return None if row is None else _window(row)


async def page(tx: Tx, after: str, limit: int) -> Sequence[Window]:
    """Windows by name, from the one after that name on."""
    found = select(WINDOWS).where(WINDOWS.c.name > after).order_by(WINDOWS.c.name).limit(limit)
    return [_window(row) for row in await tx.execute(found)]


async def put(tx: Tx, window: Window) -> None:
    """Keep a window, in the place of the one of that name."""
    values = {"spec": window.spec.model_dump_json(exclude_defaults=True), "revision": window.revision}
    values |= {"changed_at": window.changed_at, "changed_by": window.changed_by}
    if window.revision > 1:
        await tx.execute(update(WINDOWS).where(WINDOWS.c.name == window.name).values(**values))
    else:
        await tx.execute(insert(WINDOWS).values(name=window.name, **values))


async def remove(tx: Tx, name: str) -> None:
    """Forget a window."""
    await tx.execute(delete(WINDOWS).where(WINDOWS.c.name == name))


def _window(row: Row[Any]) -> Window:
    return Window(row.name, WindowSpec.model_validate_json(row.spec), row.revision, row.changed_at, row.changed_by)
