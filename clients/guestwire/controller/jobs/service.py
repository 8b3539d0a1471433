"""Jobs for people and for the rest of the controller: ordered, looked at, cancelled, tried again, waited for.

Who may what is asked here; what becomes of a job is `machine`'s, and who sends it `driver`'s.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from guestwire.controller.approvals.keeping import ApprovalKeeping
from guestwire.controller.feed import Change
from guestwire.controller.host_ref import HostRef, host_ref
from guestwire.controller.jobs import events as e
from guestwire.controller.jobs.driver import JobDriver, denied
from guestwire.controller.jobs.job import Job, NewJob, Result
from guestwire.controller.jobs.ledger import Ledger
from guestwire.controller.jobs.orders import By, Ordered, Orders, effective
from guestwire.controller.jobs.states import WAITING
from guestwire.controller.jobs.views import JobDetail, JobView, job_view, values_of
from guestwire.controller.jobs.waiting import JobEnds
from guestwire.controller.projects.ports import JobSeen
from guestwire.controller.store import audit_rows
from guestwire.controller.store import jobs as store
from guestwire.controller.store.approvals import Approval
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.jobs import Wanted
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

BY_ITSELF = By(None, "the controller")
SHOWN_AT_FIRST = 200
EACH_NOTED = 100
"""Jobs ordered at once that have a row of the audit log each."""


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs of a list. `person`: an id or a name."""

    host: HostRef | None = None
    states: tuple[str, ...] = ()
    operation: str | None = None
    person: str | None = None
    rollout: str | None = None
    approval: str | None = None


class Jobs:
    """The jobs of this controller. It hears of approvals (their `Decided` port): what waited for one goes on, or ends."""

    def __init__(
        self,
        database: Database,
        access: Access,
        ledger: Ledger,
        driver: JobDriver,
        orders: Orders,
        approvals: ApprovalKeeping,
        clock: Callable[[], Now],
    ) -> None:
        self._database = database
        self._access = access
        self._ledger = ledger
        self._driver = driver
        self._orders = orders
        self._approvals = approvals
        self._clock = clock
        self._ends = JobEnds()
        ledger.listen(self._ends)
        approvals.listen(self)

    # -- ordering

    async def create(self, person: Person, wanted: Sequence[NewJob], mandate: bytes | None = None) -> list[Job]:
        """Make jobs, all or none. `mandate`: a signed one, where the person has one at hand; else what takes one waits for an
        approval. Raises DENIED, and what `Orders.checked` and `Orders.insert` say."""
        for one in wanted:
            self._access.require(person, effective(one.operation).name, one.host, risk=one.risk)
        checked = await self._orders.checked(wanted)
        for one in checked:
            self._access.require(person, one.operation, one.host, risk=one.risk)
        async with self._database.write() as tx:
            ordered = await self._orders.insert(tx, checked, By(person.id, person.name), mandate)
            await self._note_new(tx, person, ordered)
        self._orders.inserted(ordered)
        return ordered.jobs

    async def order(self, person: Person | None, wanted: NewJob, also: Callable[[Tx, Job], Awaitable[None]]) -> Job:
        """Make one job for another part of the controller; `also` writes what belongs to it, the audit row too, in the same
        transaction. `person` None: the controller by itself. Raises the same."""
        [checked] = await self._orders.checked([wanted])
        by = BY_ITSELF
        if person is not None:
            self._access.require(person, checked.operation, checked.host, risk=checked.risk)
            by = By(person.id, person.name)
        async with self._database.write() as tx:
            ordered = await self._orders.insert(tx, [checked], by)
            await also(tx, ordered.jobs[0])
        self._orders.inserted(ordered)
        return ordered.jobs[0]

    async def retry(self, person: Person, job_id: str, deadline_ms: int | None = None) -> Job:
        """Do again, as a new job with a new request id, what ended without success. Raises JOB-UNFINISHED, JOB-SUCCEEDED,
        JOB-RETRIED, and what making a job says."""
        async with self._database.read() as tx:
            old = await self._seen(tx, person, job_id)
            body = await store.body(tx, old.body_hash)
        self._access.require(person, "job-retry", old.host)
        self._access.require(person, old.operation, old.host, risk=old.risk)
        _may_be_retried(old)
        if body is None:
            raise GuestwireError("NOT-FOUND", "The request of that job is not kept any more.")
        wanted = NewJob(
            old.host, old.operation, body, deadline_ms or old.deadline_at - old.created_at, old.risk, old.plan_id,
            window=old.window, project_id=old.project_id, retry_of=old.id, note=old.note,
        )  # fmt: skip
        [checked] = await self._orders.checked([wanted])
        async with self._database.write() as tx:
            now = await store.get(tx, job_id)
            assert now is not None
            _may_be_retried(now)
            ordered = await self._orders.insert(tx, [checked], By(person.id, person.name))
            await store.update(tx, [replace(now, retried_by=ordered.jobs[0].id, revision=now.revision + 1)])
            detail = {"job": ordered.jobs[0].id, "retry_of": job_id, "operation": old.operation}
            await audit_rows.add(tx, AuditEntry(self._clock().wall_ms, person, "job-retry", old.host, detail=detail))
        self._orders.inserted(ordered)
        return ordered.jobs[0]

    async def cancel(self, person: Person, job_id: str) -> JobView:
        """Have a job end: what was not sent ends at once, what a host has at its next step. Cancelling what is over is no error:
        the answer shows how it ended. Raises NOT-FOUND, DENIED."""
        async with self._database.read() as tx:
            job = await self._seen(tx, person, job_id)
        self._access.require(person, "job-cancel", job.host)
        if not job.finished:
            now_ms = self._clock().wall_ms
            detail = {"job": job_id, "operation": job.operation, "state": job.state}
            noted = AuditEntry(now_ms, person, "job-cancel", job.host, detail=detail)
            stored = self._ledger.apply(job_id, e.CancelAsked(person.name), audit=[noted])
            self._driver.cancel_asked(job_id)
            job = await stored or await self._now(job_id)
            await self._withdraw([job])
        return job_view(job, self._ledger.progress(job_id))

    async def give_up(self, person: Person, job_id: str) -> JobView:
        """Wait no longer for an overdue job, as that of a host that is gone for ever: it ends indeterminate. Raises NOT-FOUND, DENIED,
        JOB-UNFINISHED for one that is not overdue."""
        async with self._database.read() as tx:
            job = await self._seen(tx, person, job_id)
        self._access.require(person, "job-cancel", job.host)
        if not job.finished:
            if job.state != "overdue":
                text = "Only an overdue job is given up: cancel this one."
                raise GuestwireError("JOB-UNFINISHED", text, detail={"state": job.state})
            detail = {"job": job_id, "operation": job.operation}
            noted = AuditEntry(self._clock().wall_ms, person, "job-give-up", job.host, detail=detail)
            job = await self._ledger.apply(job_id, e.GivenUp(person.name), audit=[noted]) or await self._now(job_id)
        return job_view(job)

    # -- looking

    async def page(
        self, person: Person, chosen: JobFilter, before: tuple[int, str] | None, limit: int
    ) -> list[JobView]:
        """Jobs of hosts that the person may see, newest first."""
        visible = self._access.visible(person)
        about = (None, None) if visible.all else (visible.sites, visible.hosts)
        wanted = Wanted(
            chosen.host, chosen.states, chosen.operation, chosen.person, chosen.rollout, chosen.approval, *about
        )
        async with self._database.read() as tx:
            found = await store.page(tx, wanted, before, limit)
        return [job_view(job, self._ledger.progress(job.id)) for job in found]

    async def show(self, person: Person, job_id: str, wait_s: float = 0) -> JobDetail:
        """One job and what came of it; `wait_s`: at its end, or after that time. Raises NOT-FOUND."""
        async with self._database.read() as tx:
            job = await self._seen(tx, person, job_id)
        if not job.finished and wait_s > 0:
            await self.ended(job_id, wait_s)
        async with self._database.read() as tx:
            job = await self._seen(tx, person, job_id)
            result = await store.result(tx, job_id)
        return detail_of(job, result, values_of(job, self._ledger.progress(job_id)))

    async def snapshot(self, person: Person) -> list[Change]:
        """What somebody who begins to watch is to see: every unfinished job that the person may see, and the newest others."""
        views = {view.id: view for view in await self.page(person, JobFilter(), None, SHOWN_AT_FIRST)}
        visible = self._access.visible(person)
        for job in self._ledger.all():
            if visible.sees(job.host):
                views[job.id] = job_view(job, self._ledger.progress(job.id))
        return [Change("job", view.id, view.model_dump(), (host_ref(view.host),)) for view in views.values()]

    async def seen(self, job_id: str) -> JobSeen | None:
        """A job as it stands, for another part of the controller; None: it is not kept."""
        async with self._database.read() as tx:
            job = await store.get(tx, job_id)
            return None if job is None else JobSeen(job, await store.result(tx, job_id))

    async def ended(self, job_id: str, within_s: float) -> Job | None:
        """The job, once it has ended; None: not within that time."""
        if self._ledger.get(job_id) is None:
            return await self._now(job_id)
        return await self._ends.end(job_id, within_s)

    # -- Decided, of approvals

    def approval_decided(self, approval: Approval) -> None:
        for job in self._ledger.of_approval(approval.id):
            if job.state == "waiting-approval":
                event = e.Approved() if approval.state == "approved" else denied(approval.state, job)
                self._ledger.apply(job.id, event)
        self._driver.look(job.id for job in self._ledger.of_approval(approval.id))

    # -- for rollouts

    def take_back(self, job_id: str, by: str, *, even_sent: bool) -> None:
        """Have a job end canceled, if it still can; `even_sent`: though a host may have it. Never blocks."""
        job = self._ledger.get(job_id)
        if job is not None and (even_sent or job.state in WAITING):
            self._ledger.apply(job_id, e.CancelAsked(by))
            self._driver.cancel_asked(job_id)

    async def prune(self, keep_ms: int) -> int:
        """Forget jobs that ended longer ago than that, a few hundred at a time; how many. For whoever keeps the database
        small."""
        async with self._database.write() as tx:
            return await store.prune(tx, self._clock().wall_ms - keep_ms)

    # -- pieces

    async def _seen(self, tx: Tx, person: Person, job_id: str) -> Job:
        job = await store.get(tx, job_id)
        if job is None or not self._access.visible(person).sees(job.host):
            raise GuestwireError("NOT-FOUND", "There is no such job.")
        return job

    async def _now(self, job_id: str) -> Job:
        async with self._database.read() as tx:
            job = await store.get(tx, job_id)
        if job is None:
            raise GuestwireError("NOT-FOUND", "There is no such job.")
        return job

    async def _withdraw(self, ended: Sequence[Job]) -> None:
        """An approval that nothing waits for any more need not be signed."""
        names = {job.approval_id for job in ended if job.finished and job.approval_id is not None}
        if not names:
            return
        async with self._database.write() as tx:
            idle = [name for name in names if not any(not job.finished for job in await store.of_approval(tx, name))]
            decisions = await self._approvals.withdraw(tx, idle)
        self._approvals.announce(decisions)

    async def _note_new(self, tx: Tx, person: Person, ordered: Ordered) -> None:
        """Who asked for what: a row for each host; of very many at once one row, which names them."""
        now_ms = self._clock().wall_ms
        if len(ordered.new) > EACH_NOTED:
            named = {"jobs": {str(job.host): job.id for job in ordered.new}, "risk": ordered.new[0].risk}
            target = f"{len(ordered.new)} hosts"
            await audit_rows.add(tx, AuditEntry(now_ms, person, ordered.new[0].operation, target, detail=named))
            return
        for job in ordered.new:
            detail = {"job": job.id, "risk": job.risk, "body": job.body_hash, "approval": job.approval_id}
            await audit_rows.add(tx, AuditEntry(now_ms, person, job.operation, job.host, detail=detail))


def detail_of(job: Job, result: Result | None, values: dict[str, object]) -> JobDetail:
    """A job with its result, as people see it."""
    found = result or Result(job.id)
    final = None if found.final is None else tuple(frame.hex() for frame in found.final)
    return JobDetail.model_validate({**values, "reply": found.reply, "error": found.error, "final": final})


def _may_be_retried(job: Job) -> None:
    if not job.finished:
        raise GuestwireError("JOB-UNFINISHED", detail={"state": job.state}, after_ms=5_000)
    if job.state == "succeeded":
        raise GuestwireError("JOB-SUCCEEDED")
    if job.retried_by is not None:
        raise GuestwireError("JOB-RETRIED", detail={"job": job.retried_by})
