"""Rollouts and their hosts. What a rollout is and what comes next in it is `rollouts`' matter; here it is rows.

A rollout's row has a version that every change raises: who wrote from another one than is there has not seen everything, and
changes nothing. A host is in a rollout once (its primary key), so that no host can have two jobs of one turn.
"""

import json
from collections import Counter
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
    Row,
    SmallInteger,
    String,
    Table,
    Text,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import VARCHAR

from guestwire.controller.host_ref import HostRef
from guestwire.controller.rollouts.spec import RolloutSpec
from guestwire.controller.rollouts.standing import DRAFT, LIVE, OPEN, Standing, Target
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.metadata import metadata
from guestwire.controller.users.person import Binding, TokenUse

AT_ONCE: Final = 200
"""Rollouts in one statement."""


def _exact(length: int) -> String:
    """Text that is ordered by its characters, whatever the language of the database."""
    return String(length).with_variant(VARCHAR(length, collation="C"), "postgresql")


ROLLOUTS = Table(
    "rollouts",
    metadata,
    Column("id", _exact(36), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("spec", Text, nullable=False),
    Column("spec_revision", BigInteger, nullable=False),
    Column("person_id", String(36), nullable=False),
    Column("person", String(64), nullable=False),
    Column("token", Text),
    Column("pin", String(64)),
    Column("created_at", BigInteger, nullable=False),
    # how it stands
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("wave", Integer),
    Column("soak_until", BigInteger),
    Column("accepted_wave", Integer),
    Column("excused_executed", Integer, nullable=False),
    Column("excused_failed", Integer, nullable=False),
    Column("starts", Text, nullable=False),
    Column("joining_until", BigInteger),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("next_at", BigInteger),
    Column("version", BigInteger, nullable=False),
    Index(None, "state", "id"),
    Index(None, "ended_at"),
)

TARGETS = Table(
    "rollout_targets",
    metadata,
    Column("rollout_id", _exact(36), primary_key=True),
    Column("site", _exact(36), primary_key=True),
    Column("host", _exact(36), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("wave", Integer),
    Column("attempt", SmallInteger, nullable=False),
    Column("tries", SmallInteger, nullable=False),
    Column("job", String(36)),
    Column("started_at", BigInteger),
    Column("due_at", BigInteger),
    Column("settled_at", BigInteger),
    Column("retry_at", BigInteger),
    Column("reached", Boolean, nullable=False),
    Column("again", Boolean, nullable=False),
    Column("ready", Boolean, nullable=False),
    Column("approval", String(36)),
    Column("alarm", Text),
    Column("code", String(64)),
    Column("message", Text),
    Column("plan_id", String(64)),
    Column("plan_risk", SmallInteger),
    Index(None, "rollout_id", "state"),
    Index(None, "site", "host"),
)

_OF_TARGET: Final = tuple(name for name in Target.__dataclass_fields__ if name != "host")
_WAITING: Final = sorted(OPEN | {"overdue"})


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout. `spec_revision` counts what people changed of the spec, `version` every change. `next_at`: when it goes on by
    itself, Unix ms. `person_id`, `person`: who made it, or started it; `token`: the one they came with, which may do less. `pin`: what it
    applies of a project (`pinned_projects`), whatever becomes of that."""

    id: str
    spec: RolloutSpec
    person_id: str
    person: str
    created_at: int
    standing: Standing = DRAFT
    spec_revision: int = 1
    next_at: int | None = None
    version: int = 1
    token: TokenUse | None = None
    pin: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rollouts of a list; what is None or empty does not choose. `sites`, `hosts`: those with a host among them; both
    None: all. `person_id`: with `sites` or `hosts`, also those that this person made."""

    states: tuple[str, ...] = ()
    sites: frozenset[str] | None = None
    hosts: frozenset[HostRef] | None = None
    person_id: str | None = None


async def insert(tx: Tx, rollout: Rollout) -> None:
    """Add a rollout."""
    row = {"id": rollout.id, "created_at": rollout.created_at, "version": rollout.version, "pin": rollout.pin}
    await tx.execute(ROLLOUTS.insert().values(**row, **_changing(rollout)))


async def put(tx: Tx, rollout: Rollout) -> bool:
    """Store how a rollout stands now, and its spec, as its next version. False: it has another version by now, and nothing was
    changed."""
    values = _changing(rollout) | {"version": rollout.version + 1}
    mine = (ROLLOUTS.c.id == rollout.id) & (ROLLOUTS.c.version == rollout.version)
    return bool((await tx.execute(update(ROLLOUTS).where(mine).values(**values))).rowcount)


async def get(tx: Tx, rollout_id: str) -> Rollout | None:
    """The rollout of that id."""
    row = (await tx.execute(select(ROLLOUTS).where(ROLLOUTS.c.id == rollout_id))).one_or_none()
    return None if row is None else _rollout(row)


async def page(tx: Tx, wanted: Wanted, before: str | None, limit: int) -> list[Rollout]:
    """Rollouts, newest first, from the one before that id on."""
    found = select(ROLLOUTS).where(*_conditions(wanted))
    if before is not None:
        found = found.where(ROLLOUTS.c.id < before)
    return [_rollout(row) for row in await tx.execute(found.order_by(ROLLOUTS.c.id.desc()).limit(limit))]


async def live(tx: Tx) -> list[str]:
    """The ids of rollouts that go on."""
    found = select(ROLLOUTS.c.id).where(ROLLOUTS.c.state.in_(sorted(LIVE))).order_by(ROLLOUTS.c.id)
    return list((await tx.execute(found)).scalars())


async def going_by(tx: Tx, window: str) -> list[str]:
    """The ids of rollouts that go on and begin hosts only while that window is open."""
    found = select(ROLLOUTS.c.id, ROLLOUTS.c.spec).where(ROLLOUTS.c.state.in_(sorted(LIVE))).order_by(ROLLOUTS.c.id)
    return [row.id for row in await tx.execute(found) if json.loads(row.spec).get("window") == window]


async def ended_with_open_jobs(tx: Tx) -> list[str]:
    """The ids of rollouts that have ended, and wait for what may still be told of their jobs."""
    waits = exists().where(
        TARGETS.c.rollout_id == ROLLOUTS.c.id, TARGETS.c.state.in_(_WAITING), TARGETS.c.job.is_not(None)
    )
    found = select(ROLLOUTS.c.id).where(ROLLOUTS.c.state.in_(["finished", "aborted"]), waits)
    return list((await tx.execute(found.order_by(ROLLOUTS.c.id))).scalars())


async def put_targets(tx: Tx, rollout_id: str, targets: Sequence[Target]) -> None:
    """Store targets as they are now, each once."""
    await upsert(tx, TARGETS, [_target_row(rollout_id, target) for target in targets], ["rollout_id", "site", "host"])


async def targets(tx: Tx, rollout_id: str) -> list[Target]:
    """All targets of a rollout, by name."""
    found = select(TARGETS).where(TARGETS.c.rollout_id == rollout_id).order_by(TARGETS.c.site, TARGETS.c.host)
    return [_target(row) for row in await tx.execute(found)]


async def targets_page(
    tx: Tx,
    rollout_id: str,
    *,
    states: Sequence[str] = (),
    wave: int | None = None,
    after: HostRef | None = None,
    limit: int,
    sites: frozenset[str] | None = None,
    hosts: frozenset[HostRef] | None = None,
) -> list[Target]:
    """Targets by name, from the one after that host on. `sites`, `hosts`: those among them; both None: all."""
    found = select(TARGETS).where(TARGETS.c.rollout_id == rollout_id)
    if states:
        found = found.where(TARGETS.c.state.in_(states))
    if wave is not None:
        found = found.where(TARGETS.c.wave == wave)
    if after is not None:
        found = found.where(tuple_(TARGETS.c.site, TARGETS.c.host) > tuple_(after.site, after.host))
    if sites is not None or hosts is not None:
        found = found.where(_among(sites, hosts))
    return [_target(row) for row in await tx.execute(found.order_by(TARGETS.c.site, TARGETS.c.host).limit(limit))]


async def hosts_of(tx: Tx, rollout_id: str) -> list[HostRef]:
    """The hosts of a rollout, in no order."""
    found = select(TARGETS.c.site, TARGETS.c.host).where(TARGETS.c.rollout_id == rollout_id)
    return [HostRef(row.site, row.host) for row in await tx.execute(found)]


async def counts(tx: Tx, rollout_ids: Iterable[str]) -> dict[str, dict[int | None, Counter[str]]]:
    """How many targets are in each state, by rollout and wave; an alarm counts as a state of its own, `alarmed`."""
    ids = list(rollout_ids)
    found: dict[str, dict[int | None, Counter[str]]] = {rollout_id: {} for rollout_id in ids}
    if not ids:
        return found
    alarmed = TARGETS.c.alarm.is_not(None)
    columns = (TARGETS.c.rollout_id, TARGETS.c.wave, TARGETS.c.state, alarmed.label("alarmed"))
    asked = select(*columns, func.count().label("hosts")).where(TARGETS.c.rollout_id.in_(ids)).group_by(*columns)
    for row in await tx.execute(asked):
        state = "alarmed" if row.alarmed and row.state == "succeeded" else row.state
        found[row.rollout_id].setdefault(row.wave, Counter())[state] += row.hosts
    return found


async def prune(tx: Tx, before_ms: int, limit: int = AT_ONCE) -> int:
    """Forget rollouts that ended before that, up to `limit` of them. How many."""
    found = select(ROLLOUTS.c.id).where(ROLLOUTS.c.ended_at < before_ms, ROLLOUTS.c.state.not_in(sorted(LIVE)))
    ids = list((await tx.execute(found.order_by(ROLLOUTS.c.ended_at).limit(limit))).scalars())
    if ids:
        await tx.execute(delete(TARGETS).where(TARGETS.c.rollout_id.in_(ids)))
        await tx.execute(delete(ROLLOUTS).where(ROLLOUTS.c.id.in_(ids)))
    return len(ids)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = []
    if wanted.states:
        chosen.append(ROLLOUTS.c.state.in_(wanted.states))
    if wanted.sites is not None or wanted.hosts is not None:
        about = exists().where(TARGETS.c.rollout_id == ROLLOUTS.c.id, _among(wanted.sites, wanted.hosts))
        chosen.append(or_(about, ROLLOUTS.c.person_id == wanted.person_id))
    elif wanted.person_id is not None:
        chosen.append(ROLLOUTS.c.person_id == wanted.person_id)
    return chosen


def _among(sites: frozenset[str] | None, hosts: frozenset[HostRef] | None) -> ColumnElement[bool]:
    named = tuple_(TARGETS.c.site, TARGETS.c.host).in_(sorted(hosts or ()))
    return or_(TARGETS.c.site.in_(sorted(sites or ())), named)


def _changing(rollout: Rollout) -> dict[str, Any]:
    standing, token = rollout.standing, rollout.token
    executed, failed = standing.excused
    return {
        "name": rollout.spec.name, "spec": rollout.spec.model_dump_json(exclude_defaults=True),
        "spec_revision": rollout.spec_revision, "person_id": rollout.person_id, "person": rollout.person,
        "token": None if token is None else json.dumps([token.id, token.name, token.bindings]),
        "state": standing.state, "reason": standing.reason, "wave": standing.wave, "soak_until": standing.soak_until,
        "accepted_wave": standing.accepted_wave, "excused_executed": executed, "excused_failed": failed,
        "starts": json.dumps(standing.starts), "joining_until": standing.joining_until,
        "started_at": standing.started_at, "ended_at": standing.ended_at, "next_at": rollout.next_at,
    }  # fmt: skip


def _rollout(row: Row[Any]) -> Rollout:
    standing = Standing(
        row.state, row.reason, row.wave, row.soak_until, row.accepted_wave, (row.excused_executed, row.excused_failed),
        tuple((at, count) for at, count in json.loads(row.starts)), row.joining_until, row.started_at, row.ended_at,
    )  # fmt: skip
    spec = RolloutSpec.model_validate_json(row.spec)
    return Rollout(
        row.id, spec, row.person_id, row.person, row.created_at, standing, row.spec_revision, row.next_at, row.version,
        _token(row.token), row.pin,
    )  # fmt: skip


def _token(text: str | None) -> TokenUse | None:
    if text is None:
        return None
    token_id, name, bindings = json.loads(text)
    return TokenUse(token_id, name, None if bindings is None else tuple(Binding(*one) for one in bindings))


def _target_row(rollout_id: str, target: Target) -> Mapping[str, Any]:
    row = {name: getattr(target, name) for name in _OF_TARGET}
    return {"rollout_id": rollout_id, "site": target.host.site, "host": target.host.host} | row


def _target(row: Row[Any]) -> Target:
    values = row._asdict()
    del values["rollout_id"]
    return Target(HostRef(values.pop("site"), values.pop("host")), **values)
