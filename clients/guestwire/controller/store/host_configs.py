"""What hosts were last found to be configured as, what machines they were then, and the revisions they have told of.

It is a copy for those who edit while a host is away: what a host has, the host itself says.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, LargeBinary, Row, String, Table, Text, select

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.compressed import pack_model, unpack_model
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.metadata import metadata
from guestwire.model.host import Host
from guestwire.model.plan import Revision
from guestwire.model.topology import Topology
from guestwire.protocol.config_models import ConfigShown

CONFIGS = Table(
    "host_configs",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("host", String(64), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("shown", LargeBinary, nullable=False),
    Column("topology", LargeBinary),
    Column("earlier", LargeBinary),
    Column("about", LargeBinary),
    Column("at", BigInteger, nullable=False),
)

REVISIONS = Table(
    "host_revisions",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("host", String(64), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", String(64), nullable=False),
    Column("author", String(200), nullable=False),
    Column("applied_at", BigInteger, nullable=False),
    Column("origin", String(16), nullable=False),
    Column("comment", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class HostConfig:
    """A host as it was at `at` (Unix ms). `topology` None: it does not tell what machine it is. `earlier`: the other machine that
    it was before, which drafts may still be made for; None: it is known as one machine only."""

    ref: HostRef
    shown: ConfigShown
    topology: Topology | None
    about: Host | None
    at: int
    earlier: Topology | None = None


def _of(table: Table, ref: HostRef) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.c.site == ref.site, table.c.host == ref.host


async def find(tx: Tx, ref: HostRef) -> HostConfig | None:
    """What is known of a host; None: it was never asked."""
    row = (await tx.execute(select(CONFIGS).where(*_of(CONFIGS, ref)))).one_or_none()
    if row is None:
        return None
    return HostConfig(
        ref,
        unpack_model(ConfigShown, row.shown),
        _machine(row.topology),
        None if row.about is None else unpack_model(Host, row.about),
        row.at,
        _machine(row.earlier),
    )


async def put(tx: Tx, config: HostConfig) -> None:
    """Remember what a host is like, unless something newer is known; and the machine that it was, where it is another one now."""
    known = await find(tx, config.ref)
    if known is not None and known.at > config.at:
        return
    earlier = None if known is None else _earlier(known, config.topology)
    row = {
        "site": config.ref.site,
        "host": config.ref.host,
        "revision": config.shown.revision.number,
        "shown": pack_model(config.shown),
        "topology": None if config.topology is None else pack_model(config.topology),
        "earlier": None if earlier is None else pack_model(earlier),
        "about": None if config.about is None else pack_model(config.about),
        "at": config.at,
    }
    await upsert(tx, CONFIGS, row, ("site", "host"))


def _earlier(known: HostConfig, now: Topology | None) -> Topology | None:
    """The machine that a host was before it was what it is now."""
    was = known.topology
    same = was is None or (now is not None and now.fingerprint == was.fingerprint)
    return known.earlier if same else was


def _machine(data: bytes | None) -> Topology | None:
    return None if data is None else unpack_model(Topology, data)


async def put_revisions(tx: Tx, ref: HostRef, revisions: Iterable[Revision]) -> None:
    """Remember revisions that a host told of; one of a number that it has used again takes the old one's place."""
    rows = [{"site": ref.site, "host": ref.host, **one.model_dump()} for one in revisions]
    await upsert(tx, REVISIONS, rows, ("site", "host", "number"))


async def revisions(tx: Tx, ref: HostRef, before: int | None, limit: int) -> Sequence[Revision]:
    """The revisions that a host has told of, newest first."""
    wanted = select(REVISIONS).where(*_of(REVISIONS, ref)).order_by(REVISIONS.c.number.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(REVISIONS.c.number < before)
    return [_revision(row) for row in await tx.execute(wanted)]


def _revision(row: Row[Any]) -> Revision:
    return Revision(
        number=row.number, hash=row.hash, author=row.author, applied_at=row.applied_at, origin=row.origin,
        comment=row.comment,
    )  # fmt: skip
