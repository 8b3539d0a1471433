"""From a plan to a changed host: the jobs that carry plans out, confirm them, and undo what waits.

Whether the host does it, and how it ends, the host says; what becomes of the draft then is `following`'s matter.
"""

from collections.abc import Awaitable, Callable
from typing import Literal

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.job import Job, NewJob
from guestwire.controller.projects.host_reading import HostReading
from guestwire.controller.projects.keeping import BY_ITSELF
from guestwire.controller.projects.obstacles import obstacles
from guestwire.controller.projects.plan_models import ApplyOptions, Ordered, PlanOptions
from guestwire.controller.projects.plans import Plans, not_planned
from guestwire.controller.projects.ports import ChangeJobs
from guestwire.controller.store import audit_rows, plans
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.plans import PlanJob, PlanRow
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.base import Model
from guestwire.model.desired import content_hash
from guestwire.model.errors import GuestwireError
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.config_models import ConfigApply, ConfigCancel, ConfigConfirm

KEPT = 500
"""How many jobs of a host's plans are remembered after they ended."""
LONGEST_COMMENT = 512
END_WITHIN_MS = 3_600_000
"""For how long a confirmation or a cancellation is tried: what it is about ends by itself before that, or waits."""


class Applying:
    """Has plans carried out."""

    def __init__(
        self,
        database: Database,
        access: Access,
        hosts: HostReading,
        planner: Plans,
        jobs: ChangeJobs,
        clock_ms: Callable[[], int],
    ) -> None:
        self._database = database
        self._access = access
        self._hosts = hosts
        self._plans = planner
        self._jobs = jobs
        self._clock_ms = clock_ms

    async def apply(self, person: Person, ref: HostRef, options: ApplyOptions) -> Ordered:
        """Have a plan carried out exactly as it was read, or nothing. A plan that disrupts waits for a mandate, unless one is
        given. Raises DENIED, NOT-FOUND, and what is in its way: PLAN-STALE, BASE-REVISION, VALIDATION-FAILED,
        CONFIRM-REQUIRED, DESTROY-DISK, REVIEW-REQUIRED."""
        async with self._database.read() as tx:
            row = await plans.find(tx, ref, options.plan_id)
            if row is None:
                self._access.require(person, "config-apply", ref)
                raise not_planned(ref)
            self._access.require(person, "config-apply", ref, risk=row.plan.risk)
            now = await self._plans.situation(tx, row, options.confirm_s, options.destroy)
        for error in obstacles(now):
            raise error
        wanted = NewJob(
            ref, "config-apply", to_bytes(_request(row, options, person)), options.deadline_s * 1000,
            risk=row.plan.risk, plan_id=row.plan.plan_id, not_before=options.not_before, window=options.window,
            approval_id=options.approval_id, origin="project", note=options.comment, person_id=person.id,
        )  # fmt: skip
        job = await self._jobs.order(person, wanted, self._noting(person, row.ref, row, "apply", options))
        return _ordered(job, row.plan.plan_id)

    async def confirm(self, person: Person, ref: HostRef, plan_id: str | None) -> Ordered:
        """Keep what an apply did that waits for a confirmation; `plan_id` None: the one that waits. Raises NOT-FOUND where
        none does."""
        return await self._ended(person, ref, plan_id, "confirm")

    async def cancel(self, person: Person, ref: HostRef, plan_id: str | None) -> Ordered:
        """Undo an apply that waits for a confirmation or for a reboot; `plan_id` None: the one that waits."""
        return await self._ended(person, ref, plan_id, "cancel")

    async def confirm_by_itself(self, applied: PlanJob) -> Ordered:
        """The controller's own confirmation of an apply that it was told to confirm: that it reaches the host shows what is
        to be shown."""
        return await self._ordered_end(None, applied.ref, applied.plan_id, "confirm", applied)

    # -- pieces

    async def _ended(
        self, person: Person, ref: HostRef, plan_id: str | None, verb: Literal["confirm", "cancel"]
    ) -> Ordered:
        self._access.require(person, f"config-{verb}", ref)
        async with self._database.read() as tx:
            applied = await (
                plans.waiting(tx, ref) if plan_id is None else plans.last_job(tx, ref, plan_id, "apply")
            )  # fmt: skip
        if plan_id is None:
            plan_id = applied.plan_id if applied is not None else await self._under_way(ref)
        return await self._ordered_end(person, ref, plan_id, verb, applied)

    async def _ordered_end(
        self,
        person: Person | None,
        ref: HostRef,
        plan_id: str,
        verb: Literal["confirm", "cancel"],
        applied: PlanJob | None,
    ) -> Ordered:
        request: Model = ConfigConfirm(plan_id=plan_id) if verb == "confirm" else ConfigCancel(plan_id=plan_id)
        async with self._database.read() as tx:
            row = await plans.find(tx, ref, plan_id)
        wanted = NewJob(
            ref, f"config-{verb}", to_bytes(request), END_WITHIN_MS, risk=None if row is None else max(1, row.plan.risk),
            plan_id=plan_id, origin="project", person_id=None if person is None else person.id,
        )  # fmt: skip
        draft_revision = None if applied is None else applied.draft_revision

        async def also(tx: Tx, job: Job) -> None:
            await self._note(tx, person, ref, job, PlanJob(
                job.id, ref, plan_id, verb, *_who(person), self._clock_ms(), draft_revision
            ))  # fmt: skip

        return _ordered(await self._jobs.order(person, wanted, also), plan_id)

    def _noting(
        self, person: Person, ref: HostRef, row: PlanRow, verb: str, options: ApplyOptions
    ) -> Callable[[Tx, Job], Awaitable[None]]:
        confirms = options.confirm_s is not None and options.confirm == "auto"

        async def also(tx: Tx, job: Job) -> None:
            await self._note(tx, person, ref, job, PlanJob(
                job.id, ref, row.plan.plan_id, verb, *_who(person), self._clock_ms(), row.draft_revision, confirms
            ))  # fmt: skip

        return also

    async def _note(self, tx: Tx, person: Person | None, ref: HostRef, job: Job, noted: PlanJob) -> None:
        await plans.add_job(tx, noted, KEPT)
        detail = {"plan_id": noted.plan_id, "job": job.id, "risk": job.risk}
        await audit_rows.add(tx, AuditEntry(noted.at, person, f"config-{noted.verb}", ref, detail=detail))

    async def _under_way(self, ref: HostRef) -> str:
        """The plan that the host says is under way there. Raises NOT-FOUND."""
        plan_id = (await self._hosts.fetch(ref)).shown.plan_id
        if plan_id is None:
            raise GuestwireError("NOT-FOUND", f"Nothing waits on {ref}.", field="plan_id")
        return plan_id


def _request(row: PlanRow, options: ApplyOptions, person: Person) -> ConfigApply:
    made = PlanOptions.model_validate_json(row.options)
    return ConfigApply(
        desired=row.document, hash=content_hash(row.document), restart=made.restart,
        include_disabled=made.include_disabled, remove_disks=made.remove_disks, plan_id=row.plan.plan_id,
        base_revision=row.plan.base_revision, confirm_s=options.confirm_s, destroy=options.destroy,
        origin="rollback" if row.origin == "rollback" else "apply", comment=_comment(row, options, person),
    )  # fmt: skip


def _comment(row: PlanRow, options: ApplyOptions, person: Person) -> str:
    """What the host's history says: its author there is this controller, so that the person is named here."""
    about = options.comment or (f"rollback to revision {row.to_revision}" if row.origin == "rollback" else "")
    return (f"{person.name}: {about}" if about else person.name)[:LONGEST_COMMENT]


def _who(person: Person | None) -> tuple[str, str]:
    return ("", BY_ITSELF) if person is None else (person.id, person.name)


def _ordered(job: Job, plan_id: str) -> Ordered:
    return Ordered.model_validate(
        {
            "site": job.host.site, "host": job.host.host, "job_id": job.id, "plan_id": plan_id, "state": job.state,
            "risk": job.risk, "approval_id": job.approval_id,
        }
    )  # fmt: skip
