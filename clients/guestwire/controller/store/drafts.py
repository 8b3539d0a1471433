"""Drafts: what is wanted of a host while people still edit it; every revision of it; and where each person was in it.

A draft that was discarded keeps its row, without a text: revisions only go up, so that nobody's old one fits a new draft.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    delete,
    or_,
    select,
    tuple_,
)

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.compressed import pack_text, unpack_text
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.host_configs import CONFIGS
from guestwire.controller.store.host_tables import HOSTS
from guestwire.controller.store.metadata import metadata

DRAFTS = Table(
    "drafts",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("host", String(64), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("text", LargeBinary),
    Column("base_revision", BigInteger),
    Column("base", LargeBinary),
    Column("author_id", String(64), nullable=False),
    Column("author", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("errors", Integer, nullable=False),
    Column("warnings", Integer, nullable=False),
    Column("state", String(16), nullable=False),
)

REVISIONS = Table(
    "draft_revisions",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("host", String(64), primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("author_id", String(64), nullable=False),
    Column("author", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("summary", String(300), nullable=False),
    Column("base_revision", BigInteger),
    Column("changes", LargeBinary, nullable=False),
    Column("text", LargeBinary),
)

SESSIONS = Table(
    "draft_sessions",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("site", String(64), primary_key=True),
    Column("host", String(64), primary_key=True),
    Column("user_name", String(128), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("base_revision", BigInteger),
    Column("view", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "site", "host", "at"),
)


@dataclass(frozen=True, slots=True)
class DraftSummary:
    """What a list of drafts shows. `state`: how it stood to its host when one of the two was last written; `errors`,
    `warnings`: how many the rules had then."""

    ref: HostRef
    revision: int
    base_revision: int | None
    author_id: str
    author: str
    at: int
    state: str
    errors: int
    warnings: int


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A draft. `text` None: there is none now. `base`: what it was edited from, as the JSON text of a `Desired`."""

    summary: DraftSummary
    text: str | None
    base: str | None


@dataclass(frozen=True, slots=True)
class DraftRevision:
    """A revision of a draft: who made it of the one before, and how. `changes`: JSON text; `text` None: a draft that was
    discarded."""

    ref: HostRef
    revision: int
    author_id: str
    author: str
    at: int
    kind: str
    summary: str
    base_revision: int | None
    changes: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class DraftSession:
    """Where a person was. `view`: JSON text of whoever showed it to them."""

    user_id: str
    user_name: str
    ref: HostRef
    revision: int
    base_revision: int | None
    view: str
    at: int


_THERE = ("online", "flapping")
_SUMMARY = [column for column in DRAFTS.c if column.name not in ("text", "base")]
_TOLD = [column for column in REVISIONS.c if column.name != "text"]


def _of(table: Table, ref: HostRef) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.c.site == ref.site, table.c.host == ref.host


async def find(tx: Tx, ref: HostRef) -> DraftRow | None:
    """A host's draft; None: there never was one."""
    row = (await tx.execute(select(DRAFTS).where(*_of(DRAFTS, ref)))).one_or_none()
    if row is None:
        return None
    text, base = (None if data is None else unpack_text(data) for data in (row.text, row.base))
    return DraftRow(_summary(row), text, base)


async def standing(tx: Tx, ref: HostRef) -> int:
    """The revision of a host's draft, whether there is one now or was; 0: there never was."""
    return (await tx.execute(select(DRAFTS.c.revision).where(*_of(DRAFTS, ref)))).scalar_one_or_none() or 0


async def page(tx: Tx, after: tuple[str, str] | None, limit: int) -> Sequence[DraftSummary]:
    """Drafts that there are, by site and host."""
    wanted = select(*_SUMMARY).where(DRAFTS.c.text.is_not(None)).order_by(DRAFTS.c.site, DRAFTS.c.host).limit(limit)
    if after is not None:
        wanted = wanted.where(tuple_(DRAFTS.c.site, DRAFTS.c.host) > tuple_(*after))
    return [_summary(row) for row in await tx.execute(wanted)]


async def outrun(tx: Tx, limit: int) -> Sequence[HostRef]:
    """Hosts with a draft that are there and report another revision than the one that is known of them, or of which none is."""
    known = (CONFIGS.c.site == DRAFTS.c.site) & (CONFIGS.c.host == DRAFTS.c.host)
    said = (HOSTS.c.site == DRAFTS.c.site) & (HOSTS.c.host == DRAFTS.c.host)
    wanted = (
        select(DRAFTS.c.site, DRAFTS.c.host)
        .join(HOSTS, said)
        .outerjoin(CONFIGS, known)
        .where(
            DRAFTS.c.text.is_not(None), HOSTS.c.approval == "approved", HOSTS.c.state.in_(_THERE), HOSTS.c.sync != ""
        )
        .where(or_(CONFIGS.c.revision.is_(None), CONFIGS.c.revision != HOSTS.c.active_revision))
        .order_by(DRAFTS.c.site, DRAFTS.c.host)
        .limit(limit)
    )
    return [HostRef(row.site, row.host) for row in await tx.execute(wanted)]


async def put(tx: Tx, row: DraftRow) -> None:
    """Make it the host's draft."""
    about = row.summary
    values = {
        "site": about.ref.site, "host": about.ref.host, "revision": about.revision, "base_revision": about.base_revision,
        "author_id": about.author_id, "author": about.author, "at": about.at, "state": about.state,
        "errors": about.errors, "warnings": about.warnings,
        "text": None if row.text is None else pack_text(row.text),
        "base": None if row.base is None else pack_text(row.base),
    }  # fmt: skip
    await upsert(tx, DRAFTS, values, ("site", "host"))


async def set_standing(tx: Tx, ref: HostRef, revision: int, state: str, errors: int, warnings: int) -> bool:
    """Note how that revision of a draft stands now; whether it is still the one that there is."""
    changed = await tx.execute(
        DRAFTS.update()
        .where(*_of(DRAFTS, ref), DRAFTS.c.revision == revision)
        .values(state=state, errors=errors, warnings=warnings)
    )
    return bool(changed.rowcount)


# -- revisions


async def add_revision(tx: Tx, row: DraftRevision, keep: int) -> None:
    """Note a revision, and forget those that are more than `keep` behind it."""
    values = {name: getattr(row, name) for name in (
        "revision", "author_id", "author", "at", "kind", "summary", "base_revision",
    )}  # fmt: skip
    packed = {"changes": pack_text(row.changes), "text": None if row.text is None else pack_text(row.text)}
    await tx.execute(REVISIONS.insert().values(site=row.ref.site, host=row.ref.host, **values, **packed))
    await tx.execute(delete(REVISIONS).where(*_of(REVISIONS, row.ref), REVISIONS.c.revision <= row.revision - keep))


async def revision(tx: Tx, ref: HostRef, number: int) -> DraftRevision | None:
    """One revision with its text; None: it is not kept."""
    found = await tx.execute(select(REVISIONS).where(*_of(REVISIONS, ref), REVISIONS.c.revision == number))
    row = found.one_or_none()
    return None if row is None else _revision(row, unpack_text(row.text) if row.text is not None else None)


async def revisions(tx: Tx, ref: HostRef, before: int | None, limit: int, since: int = 0) -> Sequence[DraftRevision]:
    """Revisions after `since` and before `before`, newest first, without their texts."""
    wanted = select(*_TOLD).where(*_of(REVISIONS, ref), REVISIONS.c.revision > since)
    if before is not None:
        wanted = wanted.where(REVISIONS.c.revision < before)
    rows = await tx.execute(wanted.order_by(REVISIONS.c.revision.desc()).limit(limit))
    return [_revision(row, None) for row in rows]


# -- sessions


async def put_session(tx: Tx, session: DraftSession) -> None:
    """Remember where a person is."""
    values = {
        name: getattr(session, name) for name in ("user_id", "user_name", "revision", "base_revision", "view", "at")
    }
    row = {**values, "site": session.ref.site, "host": session.ref.host}
    await upsert(tx, SESSIONS, row, ("user_id", "site", "host"))


async def session(tx: Tx, user_id: str, ref: HostRef) -> DraftSession | None:
    """Where a person was in a host's draft; None: nowhere yet."""
    row = (await tx.execute(select(SESSIONS).where(SESSIONS.c.user_id == user_id, *_of(SESSIONS, ref)))).one_or_none()
    return None if row is None else _session(row)


async def sessions_of(tx: Tx, user_id: str, limit: int) -> Sequence[DraftSession]:
    """Where a person was, the latest first."""
    wanted = select(SESSIONS).where(SESSIONS.c.user_id == user_id).order_by(SESSIONS.c.at.desc()).limit(limit)
    return [_session(row) for row in await tx.execute(wanted)]


async def sessions_at(tx: Tx, ref: HostRef, since: int, limit: int) -> Sequence[DraftSession]:
    """Who was at a host's draft since then, the latest first."""
    wanted = select(SESSIONS).where(*_of(SESSIONS, ref), SESSIONS.c.at >= since)
    return [_session(row) for row in await tx.execute(wanted.order_by(SESSIONS.c.at.desc()).limit(limit))]


def _summary(row: Row[Any]) -> DraftSummary:
    return DraftSummary(
        HostRef(row.site, row.host), row.revision, row.base_revision, row.author_id, row.author, row.at, row.state,
        row.errors, row.warnings,
    )  # fmt: skip


def _revision(row: Row[Any], text: str | None) -> DraftRevision:
    return DraftRevision(
        HostRef(row.site, row.host), row.revision, row.author_id, row.author, row.at, row.kind, row.summary,
        row.base_revision, unpack_text(row.changes), text,
    )  # fmt: skip


def _session(row: Row[Any]) -> DraftSession:
    return DraftSession(
        row.user_id, row.user_name, HostRef(row.site, row.host), row.revision, row.base_revision, row.view, row.at
    )
