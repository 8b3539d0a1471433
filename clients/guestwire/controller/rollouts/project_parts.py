"""Saved projects as rollouts apply them: each host plans its own part, and the plan is carried out as any other is, followed to its
end by those who follow plans.

What a person must look at on its own host is not rolled out: a change that touches the way the host is managed, or that destroys
disks.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.job import Job, NewJob
from guestwire.controller.projects.obstacles import Situation, obstacles
from guestwire.controller.projects.plan_models import PlanOptions
from guestwire.controller.rollouts.ports import HostPlan
from guestwire.controller.rollouts.spec import DAY_S, ProjectPart
from guestwire.controller.store import pinned_projects, plans, projects
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.pinned_projects import Pinned
from guestwire.controller.store.plans import PlanJob, PlanRow
from guestwire.controller.users.person import Person
from guestwire.formats import project_toml
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.plan import Plan
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.config_models import ConfigApply, ConfigPlan

ORIGIN: Final = "rollout"
KEPT_PLANS: Final = 20
KEPT_JOBS: Final = 500
LONGEST_COMMENT: Final = 512
KEPT_PARSED: Final = 2
"""Projects of which it is known what they mean: those that are rolled out now. One of thousands of hosts is megabytes of text,
and every host asks for its part."""


class Planner(Protocol):
    """Asks hosts what an apply would change."""

    async def plan(self, ref: HostRef, request: ConfigPlan) -> Plan: ...


class Reviews(Protocol):
    """Knows what was said of plans."""

    async def situation(self, tx: Tx, row: PlanRow, confirm_s: int | None, destroy: Sequence[str]) -> Situation: ...


class ProjectParts:
    """The ProjectApplies port over the saved projects."""

    def __init__(self, database: Database, planner: Planner, reviews: Reviews, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._planner = planner
        self._reviews = reviews
        self._clock_ms = clock_ms
        self._parsed: OrderedDict[str, Mapping[HostRef, Desired]] = OrderedDict()
        """By what they are pinned by: a hash of the content."""
        self._parsing = asyncio.Lock()

    async def pin(self, tx: Tx, project: ProjectPart) -> str | None:
        """Keep a revision for a rollout. None: there is no such revision."""
        content = await _content(tx, project, None)
        return None if content is None else await pinned_projects.pin(tx, content, self._clock_ms())

    async def hosts(self, tx: Tx, project: ProjectPart, pin: str | None = None) -> frozenset[HostRef] | None:
        """The hosts that a revision of a project has a part for. None: there is no such revision."""
        parts = await self._parts(tx, project, pin)
        return None if parts is None else frozenset(parts)

    async def plan(self, person: Person, host: HostRef, project: ProjectPart, pin: str | None = None) -> HostPlan:
        """Have the host plan its part. Raises what the host answers, HOST-UNREACHABLE."""
        async with self._database.read() as tx:
            parts = await self._parts(tx, project, pin)
        desired = None if parts is None else parts.get(host)
        if desired is None:
            raise GuestwireError("NOT-FOUND", f"The project {project.name} has no part for {host} any more.")
        plan = await self._planner.plan(
            host, ConfigPlan(desired=desired, hash=content_hash(desired), restart=project.restart)
        )
        options = PlanOptions(restart=project.restart).model_dump_json(exclude_defaults=True)
        row = PlanRow(host, plan, ORIGIN, desired, options, person.id, person.name, self._clock_ms())
        async with self._database.write() as tx:
            if await plans.find(tx, host, plan.plan_id) is None:  # else somebody plans the same for a draft
                await plans.put(tx, row, KEPT_PLANS)
            situation = await self._reviews.situation(tx, row, None, ())
        first = next(obstacles(situation), None)
        problem = None if first is None else (first.code, first.message)
        return HostPlan(plan.plan_id, plan.risk, len(plan.items), problem)

    async def job(self, tx: Tx, person: str, host: HostRef, plan_id: str) -> NewJob:
        """The job that carries a plan out in the name of somebody, in the caller's transaction. Raises PLAN-STALE when the plan is kept no more."""
        row = await plans.find(tx, host, plan_id)
        if row is None:
            raise GuestwireError("PLAN-STALE", f"The plan of {host} is kept no more.")
        options = PlanOptions.model_validate_json(row.options)
        request = ConfigApply(
            desired=row.document, hash=content_hash(row.document), restart=options.restart, plan_id=plan_id,
            base_revision=row.plan.base_revision, comment=f"{person}: a rollout"[:LONGEST_COMMENT],
        )  # fmt: skip
        risk = max(1, row.plan.risk)
        return NewJob(host, "config-apply", to_bytes(request), DAY_S * 1000, risk=risk, plan_id=plan_id)

    async def ordered(self, tx: Tx, person_id: str, person: str, job: Job) -> None:
        """That job was made, in the caller's transaction: it is followed like any apply."""
        assert job.plan_id is not None
        noted = PlanJob(job.id, job.host, job.plan_id, "apply", person_id, person, self._clock_ms())
        await plans.add_job(tx, noted, KEPT_JOBS)

    async def _parts(self, tx: Tx, project: ProjectPart, pin: str | None) -> Mapping[HostRef, Desired] | None:
        """The configurations in a project, by host. None: there is no such revision."""
        if pin is None or pin not in self._parsed:
            content = await _content(tx, project, pin)
            if content is None:
                return None
            pin = pinned_projects.name_of(content)
            async with self._parsing:  # many hosts plan at once: it is read for all of them
                if pin not in self._parsed:
                    self._parsed[pin] = await asyncio.to_thread(_parsed, content)
                    if len(self._parsed) > KEPT_PARSED:
                        self._parsed.popitem(last=False)
        self._parsed.move_to_end(pin)
        return self._parsed[pin]


async def _content(tx: Tx, project: ProjectPart, pin: str | None) -> Pinned | None:
    """What a rollout applies: as it was pinned, or else of the project of that name."""
    if pin is not None:
        return await pinned_projects.find(tx, pin)
    row = await projects.find(tx, project.name)
    kept = await projects.revision(tx, project.name, project.revision)
    if row is None or row.text is None or kept is None:
        return None
    return Pinned(row.site, kept.text or "")


def _parsed(content: Pinned) -> Mapping[HostRef, Desired]:
    """The configurations in a project, by host."""
    return {HostRef(content.site, host): desired for host, desired in project_toml.load(content.text).hosts.items()}
