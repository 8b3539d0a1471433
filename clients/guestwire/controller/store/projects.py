"""Named projects: configurations of hosts of one site, kept under a name; and every revision of them.

A project that was removed keeps its row, without a text: revisions only go up, so that nobody's old one fits another project
of that name.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, LargeBinary, Row, String, Table, Text, delete, select

from guestwire.controller.store.compressed import pack_text, unpack_text
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.metadata import metadata

PROJECTS = Table(
    "projects",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("hosts", Text, nullable=False),
    Column("text", LargeBinary),
    Column("author_id", String(64), nullable=False),
    Column("author", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
)

REVISIONS = Table(
    "project_revisions",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("author_id", String(64), nullable=False),
    Column("author", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("summary", String(300), nullable=False),
    Column("changes", LargeBinary, nullable=False),
    Column("text", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project. `hosts`: those that it has configurations of, by id. `text` None: it was removed, or it was not asked for."""

    name: str
    site: str
    revision: int
    hosts: tuple[str, ...]
    author_id: str
    author: str
    at: int
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ProjectRevision:
    """A revision of a project: who made it of the one before, and how. `changes`: JSON text; `text` None: not asked for."""

    name: str
    revision: int
    author_id: str
    author: str
    at: int
    summary: str
    changes: str
    text: str | None = None


_SUMMARY = [column for column in PROJECTS.c if column.name != "text"]
_TOLD = [column for column in REVISIONS.c if column.name != "text"]


async def find(tx: Tx, name: str) -> ProjectRow | None:
    """The project of that name, removed ones (without a text) too; None: there never was one."""
    row = (await tx.execute(select(PROJECTS).where(PROJECTS.c.name == name))).one_or_none()
    return None if row is None else _project(row, None if row.text is None else unpack_text(row.text))


async def page(tx: Tx, after: str | None, limit: int) -> Sequence[ProjectRow]:
    """Projects that there are, by name, without their texts."""
    wanted = select(*_SUMMARY).where(PROJECTS.c.text.is_not(None)).order_by(PROJECTS.c.name).limit(limit)
    if after is not None:
        wanted = wanted.where(PROJECTS.c.name > after)
    return [_project(row, None) for row in await tx.execute(wanted)]


async def put(tx: Tx, row: ProjectRow) -> None:
    """Make it the project of that name; without a text: remove it."""
    values = {name: getattr(row, name) for name in ("name", "site", "revision", "author_id", "author", "at")}
    packed = None if row.text is None else pack_text(row.text)
    await upsert(tx, PROJECTS, {**values, "hosts": json.dumps(row.hosts), "text": packed}, ("name",))


async def add_revision(tx: Tx, row: ProjectRevision, keep: int) -> None:
    """Note a revision, and forget those that are more than `keep` behind it."""
    assert row.text is not None
    values = {name: getattr(row, name) for name in ("name", "revision", "author_id", "author", "at", "summary")}
    await tx.execute(
        REVISIONS.insert().values(**values, changes=pack_text(row.changes), text=pack_text(row.text))
    )  # fmt: skip
    too_old = REVISIONS.c.revision <= row.revision - keep
    await tx.execute(delete(REVISIONS).where(REVISIONS.c.name == row.name, too_old))


async def rename_revisions(tx: Tx, old: str, new: str) -> None:
    """Let the revisions of a project follow it to another name, which has none of its own."""
    await tx.execute(REVISIONS.update().where(REVISIONS.c.name == old).values(name=new))


async def forget_revisions(tx: Tx, name: str) -> None:
    """Forget the revisions of a project that is removed."""
    await tx.execute(delete(REVISIONS).where(REVISIONS.c.name == name))


async def revision(tx: Tx, name: str, number: int) -> ProjectRevision | None:
    """One revision with its text; None: it is not kept."""
    found = await tx.execute(select(REVISIONS).where(REVISIONS.c.name == name, REVISIONS.c.revision == number))
    row = found.one_or_none()
    return None if row is None else _revision(row, unpack_text(row.text))


async def revisions(tx: Tx, name: str, before: int | None, limit: int) -> Sequence[ProjectRevision]:
    """Revisions, newest first, without their texts."""
    wanted = select(*_TOLD).where(REVISIONS.c.name == name).order_by(REVISIONS.c.revision.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(REVISIONS.c.revision < before)
    return [_revision(row, None) for row in await tx.execute(wanted)]


def _project(row: Row[Any], text: str | None) -> ProjectRow:
    return ProjectRow(
        row.name, row.site, row.revision, tuple(json.loads(row.hosts)), row.author_id, row.author, row.at, text
    )


def _revision(row: Row[Any], text: str | None) -> ProjectRevision:
    return ProjectRevision(
        row.name, row.revision, row.author_id, row.author, row.at, row.summary, unpack_text(row.changes), text
    )
