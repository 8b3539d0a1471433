"""Approvals: what somebody must allow by a signature before it is done, the texts to sign, and who signed.

A text is kept byte for byte as it is to be signed. What it may say is `protocol.mandates`' matter.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    Row,
    SmallInteger,
    String,
    Table,
    Text,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import VARCHAR

from guestwire.controller.host_ref import HostRef, host_ref
from guestwire.controller.store.database import Tx, insert_new
from guestwire.controller.store.metadata import metadata

State = Literal["open", "approved", "rejected", "expired", "withdrawn"]
AT_ONCE: Final = 500


def _exact(length: int) -> String:
    """Text that is ordered by its characters, whatever the language of the database."""
    return String(length).with_variant(VARCHAR(length, collation="C"), "postgresql")


APPROVALS = Table(
    "approvals",
    metadata,
    Column("id", _exact(36), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("operations", Text, nullable=False),
    Column("risk", SmallInteger, nullable=False),
    Column("person_id", String(36)),
    Column("person", String(200), nullable=False),
    Column("note", Text, nullable=False),
    Column("rollout_id", String(36)),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger),
    Column("decided_by", String(200)),
    Column("reason", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index(None, "state", "id"),
    Index(None, "rollout_id"),
)

MANDATES = Table(
    "approval_mandates",
    metadata,
    Column("approval_id", _exact(36), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("site", String(36), nullable=False),
    Column("mandate_id", String(32), nullable=False),
    Column("needed", Integer, nullable=False),
    Column("text", LargeBinary, nullable=False),
    Column("given", LargeBinary),
)

SIGNATURES = Table(
    "approval_signatures",
    metadata,
    Column("approval_id", _exact(36), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("key_id", String(16), primary_key=True),
    Column("principal", String(64), nullable=False),
    Column("person_id", String(36)),
    Column("person", String(200), nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)

HOSTS = Table(
    "approval_hosts",
    metadata,
    Column("approval_id", _exact(36), primary_key=True),
    Column("host", _exact(73), primary_key=True),
    Column("n", Integer, nullable=False),
    Index(None, "host"),
)


@dataclass(frozen=True, slots=True)
class Approval:
    """What is to be allowed. Times in Unix ms. `person`: who asked for it. `expires_at`: the end of the mandates' window. `hosts`:
    what it is about, where somebody looked; it is kept elsewhere (`hosts`)."""

    id: str
    operations: tuple[str, ...]
    risk: int
    created_at: int
    expires_at: int
    person_id: str | None = None
    person: str = ""
    note: str = ""
    rollout_id: str | None = None
    state: State = "open"
    decided_at: int | None = None
    decided_by: str | None = None
    reason: str = ""
    revision: int = 1
    hosts: tuple[HostRef, ...] = ()

    def decided(self, state: State, at: int, by: str | None, reason: str) -> "Approval":
        """The same after a decision."""
        return replace(
            self, state=state, decided_at=at, decided_by=by, reason=reason, revision=self.revision + 1
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class MandateText:
    """One mandate to be signed. `n`: which of the approval's. `needed`: how many different signers it takes. `given`: the whole
    signed mandate, where somebody brought one of their own."""

    n: int
    site: str
    mandate_id: str
    needed: int
    text: bytes
    given: bytes | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature of text `n`."""

    n: int
    key_id: str
    principal: str
    person_id: str | None
    person: str
    signature: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which approvals of a list. `sites` and `hosts`: those about any of them; both None: all."""

    states: tuple[State, ...] = ()
    rollout_id: str | None = None
    sites: frozenset[str] | None = None
    hosts: frozenset[HostRef] | None = None


async def insert(
    tx: Tx, approval: Approval, texts: Sequence[MandateText], hosts: Sequence[tuple[HostRef, int]]
) -> None:
    """Add an approval. `hosts`: each with the `n` of the text that names it."""
    values = {column.name: getattr(approval, column.name) for column in APPROVALS.columns}
    await tx.execute(APPROVALS.insert().values(**values | {"operations": json.dumps(approval.operations)}))
    rows = [{name: getattr(text, name) for name in MandateText.__dataclass_fields__} for text in texts]
    await tx.execute(MANDATES.insert(), [{"approval_id": approval.id} | row for row in rows])
    await tx.execute(HOSTS.insert(), [{"approval_id": approval.id, "host": str(host), "n": n} for host, n in hosts])


async def decide(tx: Tx, approval: Approval) -> None:
    """Store how an approval stands now."""
    values = {name: getattr(approval, name) for name in ("state", "decided_at", "decided_by", "reason", "revision")}
    await tx.execute(update(APPROVALS).where(APPROVALS.c.id == approval.id).values(**values))


async def get(tx: Tx, approval_id: str) -> Approval | None:
    """The approval of that id."""
    row = (await tx.execute(select(APPROVALS).where(APPROVALS.c.id == approval_id))).one_or_none()
    return None if row is None else _approval(row)


async def page(tx: Tx, wanted: Wanted, before: str | None, limit: int) -> list[Approval]:
    """Approvals, newest first, from the one before that id on."""
    found = select(APPROVALS)
    if wanted.states:
        found = found.where(APPROVALS.c.state.in_(wanted.states))
    if wanted.rollout_id is not None:
        found = found.where(APPROVALS.c.rollout_id == wanted.rollout_id)
    if wanted.sites is not None or wanted.hosts is not None:
        found = found.where(_about(wanted.sites or frozenset(), wanted.hosts or frozenset()))
    if before is not None:
        found = found.where(APPROVALS.c.id < before)
    return [_approval(row) for row in await tx.execute(found.order_by(APPROVALS.c.id.desc()).limit(limit))]


async def open_until(tx: Tx, now_ms: int, limit: int = AT_ONCE) -> list[Approval]:
    """Open ones whose time is over by then."""
    found = select(APPROVALS).where(APPROVALS.c.state == "open", APPROVALS.c.expires_at <= now_ms)
    return [_approval(row) for row in await tx.execute(found.order_by(APPROVALS.c.id).limit(limit))]


async def texts(tx: Tx, approval_id: str) -> list[MandateText]:
    """The mandates of an approval, in order."""
    found = select(MANDATES).where(MANDATES.c.approval_id == approval_id).order_by(MANDATES.c.n)
    return [
        MandateText(row.n, row.site, row.mandate_id, row.needed, row.text, row.given) for row in await tx.execute(found)
    ]


async def signatures(tx: Tx, approval_id: str) -> list[Signature]:
    """Who signed, in the order of the texts and then of the signing."""
    found = select(SIGNATURES).where(SIGNATURES.c.approval_id == approval_id)
    rows = await tx.execute(found.order_by(SIGNATURES.c.n, SIGNATURES.c.at, SIGNATURES.c.key_id))
    return [
        Signature(row.n, row.key_id, row.principal, row.person_id, row.person, row.signature, row.at) for row in rows
    ]


async def add_signature(tx: Tx, approval_id: str, signature: Signature) -> bool:
    """Keep a signature; False: that key has signed that text already."""
    values = {name: getattr(signature, name) for name in Signature.__dataclass_fields__}
    return await insert_new(tx, SIGNATURES, {"approval_id": approval_id} | values, ["approval_id", "n", "key_id"])


async def hosts(tx: Tx, approval_id: str) -> list[HostRef]:
    """The hosts that an approval is about, by name."""
    found = select(HOSTS.c.host).where(HOSTS.c.approval_id == approval_id).order_by(HOSTS.c.host)
    return [host_ref(row.host) for row in await tx.execute(found)]


async def text_of(tx: Tx, approval_id: str, host: HostRef) -> int | None:
    """The `n` of the text that names the host."""
    found = select(HOSTS.c.n).where(HOSTS.c.approval_id == approval_id, HOSTS.c.host == str(host))
    n: int | None = (await tx.execute(found)).scalar()
    return n


def _about(sites: frozenset[str], hosts: frozenset[HostRef]) -> ColumnElement[bool]:
    in_sites = select(MANDATES.c.approval_id).where(MANDATES.c.site.in_(sorted(sites)))
    in_hosts = select(HOSTS.c.approval_id).where(HOSTS.c.host.in_(sorted(str(host) for host in hosts)))
    return or_(APPROVALS.c.id.in_(in_sites), APPROVALS.c.id.in_(in_hosts))


def _approval(row: Row[Any]) -> Approval:
    values = row._asdict()
    values["operations"] = tuple(json.loads(values["operations"]))
    return Approval(**values)
