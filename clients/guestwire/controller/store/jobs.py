"""Jobs, the bodies that they send, and what came of them. A body is kept once, however many jobs send it.

What is never changed of a job and what changes are two lists of columns: `update` writes the whole second list, so that one
statement stores any number of jobs whatever happened to each.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    bindparam,
    delete,
    exists,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import VARCHAR

from guestwire.controller.host_ref import HostRef, host_ref
from guestwire.controller.jobs.job import Job, Result
from guestwire.controller.jobs.states import UNFINISHED
from guestwire.controller.store.compressed import pack_text, unpack_text
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.metadata import metadata
from guestwire.protocol.packing import pack, unpack

AT_ONCE: Final = 500
"""Ids or hosts in one statement."""


def _exact(length: int) -> String:
    """Text that is ordered by its characters, whatever the language of the database."""
    return String(length).with_variant(VARCHAR(length, collation="C"), "postgresql")


JOBS = Table(
    "jobs",
    metadata,
    Column("id", _exact(64), primary_key=True),
    Column("host", _exact(73), nullable=False),
    Column("site", _exact(36), nullable=False),
    Column("operation", String(64), nullable=False),
    Column("risk", SmallInteger, nullable=False),
    Column("body_hash", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("deadline_at", BigInteger, nullable=False),
    Column("person_id", String(36)),
    Column("person", String(200), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("rollout_id", String(36)),
    Column("wave", Integer),
    Column("project_id", String(128)),
    Column("plan_id", String(64)),
    Column("not_before", BigInteger),
    Column("window", String(64)),
    Column("approval_id", String(36)),
    Column("retry_of", String(64)),
    Column("note", Text, nullable=False),
    Column("deadline_of", String(8), nullable=False),
    # what changes
    Column("state", String(20), nullable=False),
    Column("request_id", String(32)),
    Column("issuer", String(64)),
    Column("attempts", Integer, nullable=False),
    Column("first_sent_at", BigInteger),
    Column("sent_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("accepted_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("next_at", BigInteger),
    Column("silent", Integer, nullable=False),
    Column("cancel_at", BigInteger),
    Column("cancel_by", String(200)),
    Column("code", String(64)),
    Column("message", Text),
    Column("verified", Boolean, nullable=False),
    Column("retried_by", String(64)),
    Column("revision", BigInteger, nullable=False),
    Index(None, "created_at", "id"),
    Index(None, "state", "created_at"),
    Index(None, "host", "created_at"),
    Index(None, "rollout_id", "wave"),
    Index(None, "approval_id"),
    Index(None, "plan_id"),
    Index(None, "finished_at"),
    Index(None, "body_hash"),
)

BODIES = Table(
    "job_bodies",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

RESULTS = Table(
    "job_results",
    metadata,
    Column("job_id", _exact(64), primary_key=True),
    Column("reply", LargeBinary),
    Column("error", LargeBinary),
    Column("final", LargeBinary),
)

_CHANGING: Final = tuple(column.name for column in JOBS.columns)[list(JOBS.columns.keys()).index("state") :]
_PLAIN: Final = tuple(name for name in Job.__dataclass_fields__ if name != "host")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs of a list; what is None or empty does not choose. `sites` and `hosts`: those of any of them; both None: of all.
    `person`: an id or a name."""

    host: HostRef | None = None
    states: tuple[str, ...] = ()
    operation: str | None = None
    person: str | None = None
    rollout_id: str | None = None
    approval_id: str | None = None
    sites: frozenset[str] | None = None
    hosts: frozenset[HostRef] | None = None


async def insert(tx: Tx, jobs: Sequence[Job], bodies: Mapping[str, bytes]) -> None:
    """Add jobs, with the bodies that they name. Their ids are new: see `some`."""
    if not jobs:
        return
    rows = [{"hash": name, "body": body} for name, body in bodies.items()]
    await upsert(tx, BODIES, rows, ["hash"], [])
    await tx.execute(JOBS.insert(), [_row(job) for job in jobs])


async def update(tx: Tx, jobs: Sequence[Job]) -> None:
    """Store what changed of jobs that are there."""
    if not jobs:
        return
    values = {name: bindparam(f"_{name}", type_=JOBS.c[name].type) for name in _CHANGING}
    statement = JOBS.update().where(JOBS.c.id == bindparam("_id")).values(**values)
    rows = [{"_id": job.id} | {f"_{name}": getattr(job, name) for name in _CHANGING} for job in jobs]
    await tx.execute(statement, rows)


async def changed_elsewhere(tx: Tx, jobs: Iterable[Job]) -> set[str]:
    """The ids of those that are not what these have come from: somebody else has sent or changed them."""
    mine = {job.id: job for job in jobs}
    found: set[str] = set()
    for part in _parts(list(mine)):
        asked = select(JOBS.c.id, JOBS.c.revision, JOBS.c.state, JOBS.c.request_id).where(JOBS.c.id.in_(part))
        for job_id, revision, state, request_id in await tx.execute(asked):
            job = mine[job_id]
            later = revision > job.revision or (revision == job.revision and state != job.state)
            if later or request_id not in (None, job.request_id):
                found.add(job_id)
    return found


async def get(tx: Tx, job_id: str) -> Job | None:
    """The job of that id."""
    row = (await tx.execute(select(JOBS).where(JOBS.c.id == job_id))).one_or_none()
    return None if row is None else _job(row)


async def some(tx: Tx, job_ids: Iterable[str]) -> dict[str, Job]:
    """Those jobs that are there, by id."""
    return {job.id: job for job in await _those(tx, JOBS.c.id, list(job_ids))}


async def unfinished(tx: Tx, after: str = "", limit: int = AT_ONCE) -> list[Job]:
    """Jobs that have not ended, by id, from the one after that id on."""
    found = select(JOBS).where(JOBS.c.state.in_(sorted(UNFINISHED)), JOBS.c.id > after)
    return [_job(row) for row in await tx.execute(found.order_by(JOBS.c.id).limit(limit))]


async def page(tx: Tx, wanted: Wanted, before: tuple[int, str] | None, limit: int) -> list[Job]:
    """Jobs, newest first, from the one before that (created_at, id) on."""
    found = select(JOBS).where(*_conditions(wanted))
    if before is not None:
        at, job_id = before
        found = found.where(JOBS.c.created_at <= at, or_(JOBS.c.created_at < at, JOBS.c.id < job_id))
    newest = found.order_by(JOBS.c.created_at.desc(), JOBS.c.id.desc())
    return [_job(row) for row in await tx.execute(newest.limit(limit))]


async def of_approval(tx: Tx, approval_id: str) -> list[Job]:
    """The jobs that go by an approval, oldest first."""
    found = select(JOBS).where(JOBS.c.approval_id == approval_id).order_by(JOBS.c.created_at, JOBS.c.id)
    return [_job(row) for row in await tx.execute(found)]


async def by_plan(tx: Tx, host: HostRef, plan_id: str, operation: str) -> Job | None:
    """The newest job of a host that carries out that plan."""
    found = select(JOBS).where(JOBS.c.host == str(host), JOBS.c.plan_id == plan_id, JOBS.c.operation == operation)
    row = (await tx.execute(found.order_by(JOBS.c.created_at.desc()).limit(1))).one_or_none()
    return None if row is None else _job(row)


async def body(tx: Tx, body_hash: str) -> bytes | None:
    """The body of that hash."""
    found: bytes | None = (await tx.execute(select(BODIES.c.body).where(BODIES.c.hash == body_hash))).scalar()
    return found


async def put_results(tx: Tx, results: Sequence[Result]) -> None:
    """Keep what came of jobs. What is None keeps what was kept before."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for result in results:
        row: dict[str, Any] = {"job_id": result.job_id}
        if result.reply is not None:
            row["reply"] = pack_text(json.dumps(result.reply))
        if result.error is not None:
            row["error"] = pack_text(json.dumps(result.error))
        if result.final is not None:
            row["final"] = pack(result.final)
        alike.setdefault(tuple(row), []).append(row)
    for columns, rows in alike.items():
        if len(columns) > 1:
            await upsert(tx, RESULTS, rows, ["job_id"])


async def result(tx: Tx, job_id: str) -> Result | None:
    """What came of a job; None: nothing yet, or nothing was kept."""
    row = (await tx.execute(select(RESULTS).where(RESULTS.c.job_id == job_id))).one_or_none()
    if row is None:
        return None
    reply = None if row.reply is None else json.loads(unpack_text(row.reply))
    error = None if row.error is None else json.loads(unpack_text(row.error))
    return Result(job_id, reply, error, None if row.final is None else unpack(row.final))


async def prune(tx: Tx, before_ms: int, limit: int = AT_ONCE) -> int:
    """Forget jobs that ended before that, up to `limit` of them, and the bodies that nobody sends any more. How many."""
    found = select(JOBS.c.id, JOBS.c.body_hash).where(JOBS.c.finished_at < before_ms).order_by(JOBS.c.finished_at)
    rows = (await tx.execute(found.limit(limit))).all()
    if not rows:
        return 0
    ids = [row.id for row in rows]
    for some_ids in _parts(ids):
        await tx.execute(delete(RESULTS).where(RESULTS.c.job_id.in_(some_ids)))
        await tx.execute(delete(JOBS).where(JOBS.c.id.in_(some_ids)))
    for hashes in _parts(sorted({row.body_hash for row in rows})):
        used = exists().where(JOBS.c.body_hash == BODIES.c.hash)
        await tx.execute(delete(BODIES).where(BODIES.c.hash.in_(hashes), ~used))
    return len(ids)


async def _those(tx: Tx, column: ColumnElement[Any], values: Sequence[str]) -> list[Job]:
    found: list[Job] = []
    for part in _parts(values):
        found += [_job(row) for row in await tx.execute(select(JOBS).where(column.in_(part)))]
    return found


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = []
    if wanted.host is not None:
        chosen.append(JOBS.c.host == str(wanted.host))
    if wanted.states:
        chosen.append(JOBS.c.state.in_(wanted.states))
    if wanted.operation is not None:
        chosen.append(JOBS.c.operation == wanted.operation)
    if wanted.person is not None:
        chosen.append(or_(JOBS.c.person_id == wanted.person, JOBS.c.person == wanted.person))
    if wanted.rollout_id is not None:
        chosen.append(JOBS.c.rollout_id == wanted.rollout_id)
    if wanted.approval_id is not None:
        chosen.append(JOBS.c.approval_id == wanted.approval_id)
    if wanted.sites is not None or wanted.hosts is not None:
        names = sorted(str(host) for host in wanted.hosts or ())
        chosen.append(or_(JOBS.c.site.in_(sorted(wanted.sites or ())), JOBS.c.host.in_(names)))
    return chosen


def _parts(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[at : at + AT_ONCE] for at in range(0, len(values), AT_ONCE))


def _row(job: Job) -> dict[str, Any]:
    return {"host": str(job.host), "site": job.host.site} | {name: getattr(job, name) for name in _PLAIN}


def _job(row: Row[Any]) -> Job:
    values = row._asdict()
    values["host"] = host_ref(values["host"])
    del values["site"]
    return Job(**values)
