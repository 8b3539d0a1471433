"""Plans that hosts made of drafts and of earlier revisions, what people said of them, and how they were carried out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    exists,
    or_,
    select,
)

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.compressed import pack_model, pack_text, unpack_model, unpack_text
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.jobs import JOBS
from guestwire.controller.store.metadata import metadata
from guestwire.model.desired import Desired
from guestwire.model.plan import Plan

PLANS = Table(
    "plans",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("host", String(64), primary_key=True),
    Column("plan_id", String(64), primary_key=True),
    Column("origin", String(16), nullable=False),
    Column("draft_revision", BigInteger),
    Column("to_revision", BigInteger),
    Column("base_revision", BigInteger),
    Column("document", LargeBinary, nullable=False),
    Column("options", Text, nullable=False),
    Column("plan", LargeBinary, nullable=False),
    Column("author_id", String(64), nullable=False),
    Column("author", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "site", "host", "at"),
)

REMARKS = Table(
    "plan_remarks",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("host", String(64), nullable=False),
    Column("plan_id", String(64), nullable=False),
    Column("verb", String(16), nullable=False),
    Column("author_id", String(64), nullable=False),
    Column("author", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Index(None, "site", "host", "plan_id"),
)

CHANGES = Table(
    "plan_jobs",
    metadata,
    Column("job_id", String(64), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("host", String(64), nullable=False),
    Column("plan_id", String(64), nullable=False),
    Column("verb", String(16), nullable=False),
    Column("author_id", String(64), nullable=False),
    Column("author", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("draft_revision", BigInteger),
    Column("confirms", Boolean, nullable=False),
    Column("state", String(20)),
    Column("code", String(64)),
    Column("revision", BigInteger),
    Column("hash", String(64)),
    Column("ended_at", BigInteger),
    Column("done_at", BigInteger),
    Index(None, "site", "host", "at"),
    Index(None, "done_at"),
)


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan. `origin`: apply, of the draft's revision `draft_revision`; rollback, to the host's `to_revision`. `document`:
    what is to be made true, edited from the host's `base_revision` (None: from none). `options`: JSON text."""

    ref: HostRef
    plan: Plan
    origin: str
    document: Desired
    options: str
    author_id: str
    author: str
    at: int
    draft_revision: int | None = None
    to_revision: int | None = None
    base_revision: int | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """What a person said of a plan. `verb`: comment, request, approve, reject."""

    ref: HostRef
    plan_id: str
    verb: str
    author_id: str
    author: str
    at: int
    note: str


@dataclass(frozen=True, slots=True)
class PlanJob:
    """A job that carries out a plan, confirms or cancels it (`verb`: apply, confirm, cancel). `confirms`: the controller is
    to confirm it when it has been done. `ended_at` None: not yet; else `state` is how the host stood then, or `code` the error,
    and `revision` and `hash` what came of it. `done_at` None: something is left to be done after it."""

    job_id: str
    ref: HostRef
    plan_id: str
    verb: str
    author_id: str
    author: str
    at: int
    draft_revision: int | None = None
    confirms: bool = False
    state: str | None = None
    code: str | None = None
    revision: int | None = None
    hash: str | None = None
    ended_at: int | None = None
    done_at: int | None = None


def _of(table: Table, ref: HostRef) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.c.site == ref.site, table.c.host == ref.host


async def put(tx: Tx, row: PlanRow, keep: int) -> None:
    """Keep a plan, and forget the oldest ones of its host beyond `keep`, but for those that a job carries out."""
    values = {
        "site": row.ref.site, "host": row.ref.host, "plan_id": row.plan.plan_id, "origin": row.origin,
        "draft_revision": row.draft_revision, "to_revision": row.to_revision, "base_revision": row.base_revision,
        "document": pack_model(row.document), "options": row.options, "plan": pack_text(row.plan.model_dump_json()),
        "author_id": row.author_id, "author": row.author, "at": row.at,
    }  # fmt: skip
    await upsert(tx, PLANS, values, ("site", "host", "plan_id"))
    newest = (
        select(PLANS.c.plan_id).where(*_of(PLANS, row.ref)).order_by(PLANS.c.at.desc(), PLANS.c.plan_id).limit(keep)
    )
    busy = select(CHANGES.c.plan_id).where(*_of(CHANGES, row.ref), CHANGES.c.done_at.is_(None))
    kept = set((await tx.execute(newest)).scalars()) | set((await tx.execute(busy)).scalars())
    for table in (PLANS, REMARKS):
        await tx.execute(delete(table).where(*_of(table, row.ref), table.c.plan_id.not_in(kept)))


async def find(tx: Tx, ref: HostRef, plan_id: str) -> PlanRow | None:
    """A plan of a host; None: it is not kept."""
    row = (await tx.execute(select(PLANS).where(*_of(PLANS, ref), PLANS.c.plan_id == plan_id))).one_or_none()
    return None if row is None else _plan(row)


async def newest(tx: Tx, ref: HostRef, origin: str | None = None) -> PlanRow | None:
    """The plan that was made last."""
    wanted = select(PLANS).where(*_of(PLANS, ref)).order_by(PLANS.c.at.desc(), PLANS.c.plan_id).limit(1)
    if origin is not None:
        wanted = wanted.where(PLANS.c.origin == origin)
    row = (await tx.execute(wanted)).one_or_none()
    return None if row is None else _plan(row)


async def add_remark(tx: Tx, remark: Remark) -> None:
    """Note what a person said."""
    values = {name: getattr(remark, name) for name in ("plan_id", "verb", "author_id", "author", "at", "note")}
    await tx.execute(REMARKS.insert().values(site=remark.ref.site, host=remark.ref.host, **values))


async def remarks(tx: Tx, ref: HostRef, plan_id: str) -> Sequence[Remark]:
    """What was said of a plan, oldest first."""
    wanted = select(REMARKS).where(*_of(REMARKS, ref), REMARKS.c.plan_id == plan_id).order_by(REMARKS.c.id)
    return [
        Remark(ref, row.plan_id, row.verb, row.author_id, row.author, row.at, row.note)
        for row in await tx.execute(wanted)
    ]


async def add_job(tx: Tx, job: PlanJob, keep: int) -> None:
    """Note a job that carries out a plan; of its host's jobs that are done, the newest `keep` are kept."""
    done = select(CHANGES.c.job_id).where(*_of(CHANGES, job.ref), CHANGES.c.done_at.is_not(None))
    old = (await tx.execute(done.order_by(CHANGES.c.at.desc()).offset(keep))).scalars().all()
    if old:
        await tx.execute(delete(CHANGES).where(CHANGES.c.job_id.in_(old)))
    values = {
        name: getattr(job, name)
        for name in ("job_id", "plan_id", "verb", "author_id", "author", "at", "draft_revision", "confirms")
    }  # fmt: skip
    await tx.execute(CHANGES.insert().values(site=job.ref.site, host=job.ref.host, **values))


async def put_job(tx: Tx, job: PlanJob) -> None:
    """Note how a job stands."""
    values = {name: getattr(job, name) for name in ("state", "code", "revision", "hash", "ended_at", "done_at")}
    await tx.execute(CHANGES.update().where(CHANGES.c.job_id == job.job_id).values(**values))


async def ended_jobs(tx: Tx) -> Sequence[PlanJob]:
    """Jobs that have ended, or are kept no more, and that something is left to be done after, oldest first."""
    goes_on = exists().where(JOBS.c.id == CHANGES.c.job_id, JOBS.c.finished_at.is_(None))
    ended = or_(CHANGES.c.ended_at.is_not(None), ~goes_on)
    rows = await tx.execute(select(CHANGES).where(CHANGES.c.done_at.is_(None), ended).order_by(CHANGES.c.at))
    return [_job(row) for row in rows]


async def jobs_of(tx: Tx, ref: HostRef, limit: int) -> Sequence[PlanJob]:
    """The jobs of a host's plans, newest first."""
    rows = await tx.execute(select(CHANGES).where(*_of(CHANGES, ref)).order_by(CHANGES.c.at.desc()).limit(limit))
    return [_job(row) for row in rows]


async def last_job(tx: Tx, ref: HostRef, plan_id: str, verb: str) -> PlanJob | None:
    """The newest job that does that with a plan; None: there is none."""
    of_plan = (*_of(CHANGES, ref), CHANGES.c.plan_id == plan_id, CHANGES.c.verb == verb)
    row = (await tx.execute(select(CHANGES).where(*of_plan).order_by(CHANGES.c.at.desc()).limit(1))).one_or_none()
    return None if row is None else _job(row)


async def waiting(tx: Tx, ref: HostRef) -> PlanJob | None:
    """The newest apply of a host that was last heard to wait, for a confirmation or a boot; None: none does."""
    stands = (CHANGES.c.verb == "apply", CHANGES.c.state.in_(("confirm_wait", "waiting_reboot")))
    found = select(CHANGES).where(*_of(CHANGES, ref), *stands).order_by(CHANGES.c.at.desc()).limit(1)
    row = (await tx.execute(found)).one_or_none()
    return None if row is None else _job(row)


def _plan(row: Row[Any]) -> PlanRow:
    return PlanRow(
        HostRef(row.site, row.host), Plan.model_validate_json(unpack_text(row.plan)), row.origin,
        unpack_model(Desired, row.document), row.options, row.author_id, row.author, row.at, row.draft_revision,
        row.to_revision, row.base_revision,
    )  # fmt: skip


def _job(row: Row[Any]) -> PlanJob:
    return PlanJob(
        row.job_id, HostRef(row.site, row.host), row.plan_id, row.verb, row.author_id, row.author, row.at,
        row.draft_revision, row.confirms, row.state, row.code, row.revision, row.hash, row.ended_at, row.done_at,
    )  # fmt: skip
