"""The unfinished jobs of this controller, in memory and in the database: what happens to one happens in memory at once and is
stored with everything else that waits, in one commit.

One place changes a job, so that no change of two at once is lost. Nothing is told to anybody, nor is anything sent, before it
is stored; while the database is away everything waits for it. What is here can be read from the database again.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, overload

from guestwire.controller.feed import Change, Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs import events as e
from guestwire.controller.jobs.job import Job, Progress, Result
from guestwire.controller.jobs.machine import after
from guestwire.controller.jobs.ports import JobListener
from guestwire.controller.jobs.views import job_view
from guestwire.controller.logs import Log
from guestwire.controller.store import audit_rows
from guestwire.controller.store import jobs as store
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

MOST: Final = 100_000
"""Unfinished jobs; one more is refused (JOBS-FULL)."""
IN_ONE: Final = 2_000
"""Jobs in one commit, at most."""
AGAIN_S: Final = (0.2, 1.0, 5.0)
"""Pauses between tries to store what the database did not take; the last one repeats."""
TOLD_EVERY_S: Final = 1.0
"""How often the progress of one job is told."""


@dataclass(slots=True)
class _Pending:
    """What waits to be stored of one job."""

    job: Job
    result: Result | None = None
    audit: list[AuditEntry] = field(default_factory=list)
    waiters: list["asyncio.Future[Job | None]"] = field(default_factory=list)


class Ledger:
    """`async with` it: entering reads the unfinished jobs, leaving stores what waits."""

    def __init__(
        self,
        database: Database,
        feed: Feed,
        log: Log,
        clock: Callable[[], Now],
        listeners: Sequence[JobListener] = (),
    ) -> None:
        self._database = database
        self._feed = feed
        self._log = log
        self._clock = clock
        self._listeners = list(listeners)
        self._jobs: dict[str, Job] = {}
        self._hosts: dict[HostRef, set[str]] = {}
        self._notes: dict[str, Result] = {}
        self._progress: dict[str, Progress] = {}
        self._told: dict[str, float] = {}
        self._pending: dict[str, _Pending] = {}
        self._some = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._closing = False

    async def __aenter__(self) -> "Ledger":
        last = ""
        async with self._database.read() as tx:
            while found := await store.unfinished(tx, last):
                self._remember(found)
                last = found[-1].id
        self._writer = asyncio.create_task(self._write(), name="job ledger")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        self._some.set()
        await asyncio.wait({self.task}, timeout=AGAIN_S[-1])
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        for waiting in self._pending.values():
            for waiter in waiting.waiters:
                waiter.cancel()

    @property
    def task(self) -> asyncio.Task[None]:
        """What stores; that it ends before the block does is a defect."""
        assert self._writer is not None
        return self._writer

    def listen(self, listener: JobListener) -> None:
        """Tell one more of every change, from now on."""
        self._listeners.append(listener)

    def __len__(self) -> int:
        return len(self._jobs)

    def all(self) -> tuple[Job, ...]:
        """Every unfinished job."""
        return tuple(self._jobs.values())

    def of_host(self, ref: HostRef) -> tuple[Job, ...]:
        """The unfinished jobs of a host, in the order in which they came."""
        return tuple(self._jobs[job_id] for job_id in sorted(self._hosts.get(ref, ()), key=self._order))

    def of_approval(self, approval_id: str) -> tuple[Job, ...]:
        """The unfinished jobs that go by an approval."""
        return tuple(job for job in self._jobs.values() if job.approval_id == approval_id)

    def get(self, job_id: str) -> Job | None:
        """A job as it is now, while it has not ended, or its end is not stored."""
        return self._jobs.get(job_id)

    def progress(self, job_id: str) -> Progress | None:
        """How far it is, as its host last said."""
        return self._progress.get(job_id)

    def room(self, count: int) -> None:
        """Raises JOBS-FULL where so many more do not fit."""
        if len(self._jobs) + count > MOST:
            raise GuestwireError("JOBS-FULL", after_ms=60_000, detail={"unfinished": len(self._jobs), "most": MOST})

    def added(self, jobs: Sequence[Job]) -> None:
        """Jobs that were stored just now."""
        self._remember(jobs)
        self._tell(jobs)

    def apply(
        self, job_id: str, event: e.Event, *, result: Result | None = None, audit: Sequence[AuditEntry] = ()
    ) -> "asyncio.Future[Job | None]":
        """Let something happen to a job; done when it is stored. None: it is not here, for it has ended, and nothing happens.
        `result` is kept with it where the event is what ended it. `audit` is stored with it."""
        job = self._jobs.get(job_id)
        if job is None:
            nothing: asyncio.Future[Job | None] = asyncio.get_running_loop().create_future()
            nothing.set_result(None)
            return nothing
        changed = after(job, event, self._clock().wall_ms)
        kept = result if changed is not job else None
        return self._keep(changed, kept, audit, new=changed is not job)

    def note(self, result: Result) -> None:
        """Keep more of what came of a job, whatever has become of it."""
        self._notes[result.job_id] = _merged(self._notes.get(result.job_id), result)
        self._some.set()

    def hear(self, job_id: str, progress: Progress) -> None:
        """How far a job is. Told at most once a second, and not stored."""
        job = self._jobs.get(job_id)
        if job is None or job.finished:
            return
        self._progress[job_id] = progress
        at = self._clock().mono
        if at - self._told.get(job_id, float("-inf")) >= TOLD_EVERY_S:
            self._told[job_id] = at
            self._publish((job,))

    # -- storing

    def _keep(
        self, job: Job, result: Result | None, audit: Sequence[AuditEntry], *, new: bool
    ) -> "asyncio.Future[Job | None]":
        stored: asyncio.Future[Job | None] = asyncio.get_running_loop().create_future()
        if not new and result is None and not audit and job.id not in self._pending:
            stored.set_result(job)
            return stored
        if job.id in self._jobs:
            self._jobs[job.id] = job
        pending = self._pending.setdefault(job.id, _Pending(job))
        pending.job = job
        pending.result = _merged(pending.result, result)
        pending.audit += audit
        pending.waiters.append(stored)
        self._some.set()
        return stored

    async def _write(self) -> None:
        tries = 0
        while not (self._closing and not self._pending and not self._notes):
            if not self._pending and not self._notes:
                self._some.clear()
                await self._some.wait()
                continue
            batch = [self._pending.pop(job_id) for job_id in tuple(self._pending)[:IN_ONE]]
            notes, self._notes = self._notes, {}
            try:
                await self._stored(batch, notes.values())
            except GuestwireError as err:
                self._back(batch)
                self._notes = notes | self._notes
                self._log.warning("jobs-not-stored", code=err.code, jobs=len(batch))
                await asyncio.sleep(AGAIN_S[min(tries, len(AGAIN_S) - 1)])
                tries += 1
            except Exception as err:  # noqa: BLE001 - the entry point of this task: one defect must not end all jobs
                await self._defect(batch, err)
            else:
                tries = 0

    async def _defect(self, batch: Sequence[_Pending], error: Exception) -> None:
        """One of them cannot be stored as it is: the others are stored each by itself, and that one is as the database has it."""
        if len(batch) == 1:
            [lost] = batch
            self._log.error("job-not-stored", job=lost.job.id, error=repr(error)[:500])
            self._forget(lost.job.id)
            _fail(lost.waiters, error)
            return
        for one in batch:
            try:
                await self._stored([one], ())
            except GuestwireError:
                self._back([one])
            except Exception as err:  # noqa: BLE001 - as in _write
                await self._defect([one], err)

    async def _stored(self, batch: Sequence[_Pending], notes: Iterable[Result]) -> None:
        async with self._database.write() as tx:
            others = await store.changed_elsewhere(tx, [one.job for one in batch])
            lost = [one for one in batch if one.job.id in others]
            batch = [one for one in batch if one.job.id not in others]
            await store.update(tx, [one.job for one in batch])
            await store.put_results(tx, [*(one.result for one in batch if one.result is not None), *notes])
            for one in batch:
                for entry in one.audit:
                    await audit_rows.add(tx, entry)
        self._let_go(lost)
        for one in batch:
            if one.job.finished:
                self._forget(one.job.id)
        self._tell([one.job for one in batch])
        for one in batch:
            for waiter in one.waiters:
                if not waiter.done():
                    waiter.set_result(one.job)

    def _let_go(self, lost: Sequence[_Pending]) -> None:
        """Another controller works on the same database, and these jobs are in its hands: two would do them twice."""
        for one in lost:
            self._log.error("job-of-another-controller", job=one.job.id)
            self._forget(one.job.id)
            for waiter in one.waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _back(self, batch: Sequence[_Pending]) -> None:
        """Put what was not stored before what has come since."""
        since, self._pending = self._pending, {one.job.id: one for one in batch}
        for job_id, later in since.items():
            earlier = self._pending.get(job_id)
            if earlier is None:
                self._pending[job_id] = later
                continue
            earlier.job = later.job
            earlier.result = _merged(earlier.result, later.result)
            earlier.audit += later.audit
            earlier.waiters += later.waiters

    def _remember(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            if not job.finished:
                self._jobs[job.id] = job
                self._hosts.setdefault(job.host, set()).add(job.id)

    def _forget(self, job_id: str) -> None:
        job = self._jobs.pop(job_id, None)
        self._progress.pop(job_id, None)
        self._told.pop(job_id, None)
        if job is not None:
            others = self._hosts[job.host]
            others.discard(job_id)
            if not others:
                del self._hosts[job.host]

    def _order(self, job_id: str) -> tuple[int, str]:
        return self._jobs[job_id].created_at, job_id

    # -- telling

    def _tell(self, jobs: Sequence[Job]) -> None:
        for listener in self._listeners:
            listener.jobs_changed(jobs)
        self._publish(jobs)

    def _publish(self, jobs: Sequence[Job]) -> None:
        if not self._feed.watched:
            return
        for job in jobs:
            document = job_view(job, self._progress.get(job.id)).model_dump()
            self._feed.publish(Change("job", job.id, document, (job.host,)))


@overload
def _merged(first: Result | None, second: Result) -> Result: ...
@overload
def _merged(first: Result | None, second: Result | None) -> Result | None: ...
def _merged(first: Result | None, second: Result | None) -> Result | None:
    if first is None or second is None:
        return second or first
    return Result(
        second.job_id,
        second.reply if second.reply is not None else first.reply,
        second.error if second.error is not None else first.error,
        second.final if second.final is not None else first.final,
    )


def _fail(waiters: Iterable["asyncio.Future[Job | None]"], error: Exception) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_exception(GuestwireError("INTERNAL", cause=(type(error).__name__,)))
            waiter.exception()  # nobody may be waiting for it
