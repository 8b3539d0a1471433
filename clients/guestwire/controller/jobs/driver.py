"""Drives every unfinished job to its end: whose turn it is, how many at once, when again. What a drive does is `drives`'.

Hosts take turns, so that one with many jobs, or one that does not answer, holds up nobody else. What is to be done next is never
remembered: it is made from the job, the clock, the windows and whether the host is there, each time anew.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs import events as e
from guestwire.controller.jobs import machine
from guestwire.controller.jobs.drives import Drives
from guestwire.controller.jobs.fair_queue import FairQueue
from guestwire.controller.jobs.in_flight import DriveLimits, InFlight
from guestwire.controller.jobs.job import Job
from guestwire.controller.jobs.ledger import Ledger
from guestwire.controller.jobs.ports import FleetView, Mandates, Windows
from guestwire.controller.jobs.timers import Timers
from guestwire.controller.logs import Log
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

LOOK_S: Final = 60.0
"""How often jobs of hosts that are away are looked at, in case nobody said that one came."""
PROOFS: Final = 32
"""Signed answers that are fetched at once; what is beyond that is fetched later."""


@dataclass(slots=True)
class _Flight:
    """A drive under way. `accepted`: its host has the job."""

    task: asyncio.Task[Job | None]
    host: HostRef
    accepted: bool = False


class JobDriver:
    """The driver; a JobListener of its ledger, and an Arrivals port of the links. `async with` it: entering takes up every
    unfinished job, leaving lets go of all of them, and what hosts have accepted goes on there."""

    def __init__(
        self,
        ledger: Ledger,
        drives: Drives,
        fleet: FleetView,
        windows: Windows,
        mandates: Mandates,
        log: Log,
        clock: Callable[[], Now],
        limits: DriveLimits | None = None,
    ) -> None:
        self._ledger = ledger
        self._drives = drives
        self._fleet = fleet
        self._windows = windows
        self._mandates = mandates
        self._log = log
        self._clock = clock
        self._queue = FairQueue()
        self._timers = Timers()
        self._in_flight = InFlight(limits or DriveLimits())
        self._away: dict[HostRef, set[str]] = {}
        self._where: dict[str, HostRef] = {}
        self._flights: dict[str, _Flight] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._proofs = asyncio.Semaphore(PROOFS)
        self._unproven = 0
        self._closing = False

    async def __aenter__(self) -> "JobDriver":
        await self._reconcile()
        self._ledger.listen(self)
        self.look(job.id for job in self._ledger.all())
        self._task = asyncio.create_task(self._run(), name="job driver")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        tasks = [self.task, *self._tasks, *(flight.task for flight in self._flights.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def task(self) -> asyncio.Task[None]:
        """What runs it; that it ends before the block does is a defect."""
        assert self._task is not None
        return self._task

    # -- what others tell

    def host_came(self, ref: HostRef) -> None:
        """An Arrivals port: everything that waits for the host is driven now."""
        for job in self._ledger.of_host(ref):
            flight = self._flights.get(job.id)
            if flight is None:
                self._ledger.apply(job.id, e.HostCame())
                self._place(job.id)
            elif not flight.accepted:
                flight.task.cancel()  # what it sends again by itself would come seconds later
        self._wake.set()

    def jobs_changed(self, jobs: Sequence[Job]) -> None:
        """A JobListener."""
        self.look(job.id for job in jobs)

    def look(self, job_ids: Iterable[str]) -> None:
        """Look anew at what is to be done for these jobs."""
        for job_id in job_ids:
            self._place(job_id)
        self._wake.set()

    def cancel_asked(self, job_id: str) -> None:
        """Somebody asked for the end of a job: a drive that its host has not accepted stops; else the host is told."""
        job, flight = self._ledger.get(job_id), self._flights.get(job_id)
        if job is None or job.finished or flight is None:
            self.look((job_id,))
        elif flight.accepted:
            self._start(self._guarded(job_id, self._drives.cancel(job)), "job cancel")
        else:
            flight.task.cancel()

    def standing(self) -> dict[str, int]:
        """How much is under way, for metrics."""
        return {
            "unfinished": len(self._ledger),
            "ready": len(self._queue),
            "sending": self._in_flight.sending,
            "running": self._in_flight.running,
            "away": sum(len(jobs) for jobs in self._away.values()),
        }

    # -- whose turn it is

    async def _run(self) -> None:
        looked = self._clock().mono
        while True:
            now = self._clock()
            if now.mono - looked >= LOOK_S:
                looked = now.mono
                await self._guarded_reconcile()
                for ref in [ref for ref in self._away if self._fleet.there(ref)]:
                    self.look(tuple(self._away.get(ref, ())))
            self.look(self._timers.due(now.wall_ms))
            self._wake.clear()
            self._launch()
            wait_s, next_at = LOOK_S, self._timers.next_at()
            if next_at is not None:
                wait_s = min(wait_s, max(0.0, (next_at - now.wall_ms) / 1000))
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()

    def _launch(self) -> None:
        while not self._in_flight.full:
            job_id = self._queue.next(self._in_flight.may)
            if job_id is None:
                return
            job = self._ledger.get(job_id)
            if job is None or job_id in self._flights:
                continue
            next_ = self._todo(job)
            if not isinstance(next_, machine.Send | machine.Ask | machine.Cancel):
                self._place(job_id)
                continue
            self._in_flight.begin(job.host)
            task = asyncio.create_task(self._guarded(job_id, self._driven(job, next_)), name=f"job {job_id}")
            self._flights[job_id] = _Flight(task, job.host)
            task.add_done_callback(partial(self._landed, job_id))

    def _todo(self, job: Job) -> machine.Todo:
        now_ms = self._clock().wall_ms
        window = machine.ALWAYS if job.window is None else self._windows.opening(job.window, now_ms)
        return machine.todo(job, now_ms, there=self._fleet.there(job.host), window=window)

    def _place(self, job_id: str) -> None:
        """Put a job where it belongs: into the queue, among those that wait, or nowhere."""
        self._queue.remove(job_id)
        self._timers.drop(job_id)
        self._not_away(job_id)
        job = self._ledger.get(job_id)
        next_: machine.Todo = machine.Nothing() if job is None else self._todo(job)
        while job is not None and isinstance(next_, machine.Apply):
            self._ledger.apply(job_id, next_.event)
            job = self._ledger.get(job_id)
            next_ = machine.Nothing() if job is None else self._todo(job)
        if job is None:
            return
        if isinstance(next_, machine.Wait):
            self._wait(job, next_)
        elif not isinstance(next_, machine.Nothing) and job_id not in self._flights:
            self._queue.put(job.host, job_id)
        elif job.state != "overdue":
            self._timers.set(job_id, job.deadline_at)

    def _wait(self, job: Job, wait: machine.Wait) -> None:
        if wait.until is not None:
            self._timers.set(job.id, wait.until)
        if wait.host:
            self._away.setdefault(job.host, set()).add(job.id)
            self._where[job.id] = job.host

    def _not_away(self, job_id: str) -> None:
        host = self._where.pop(job_id, None)
        if host is not None:
            waiting = self._away[host]
            waiting.discard(job_id)
            if not waiting:
                del self._away[host]

    # -- one drive

    def _landed(self, job_id: str, task: "asyncio.Task[Job | None]") -> None:
        flight = self._flights.pop(job_id)
        self._in_flight.end(flight.host, accepted=flight.accepted)
        succeeded = None if task.cancelled() else task.result()
        if succeeded is not None:
            self._prove(succeeded)
        self.look((job_id,))

    async def _driven(self, job: Job, next_: machine.Send | machine.Ask | machine.Cancel) -> Job | None:
        match next_:
            case machine.Send(accept_ms):
                return await self._drives.send(job, accept_ms, partial(self._accepted, job.id))
            case machine.Ask():
                await self._drives.ask(job)
            case machine.Cancel():
                await self._drives.cancel(job)
        return None

    def _accepted(self, job_id: str) -> None:
        flight = self._flights.get(job_id)
        if flight is not None and not flight.accepted:
            flight.accepted = True
            self._in_flight.accepted(flight.host)
            self._wake.set()

    async def _guarded(self, job_id: str, drive: Coroutine[Any, Any, Job | None]) -> Job | None:
        try:
            return await drive
        except GuestwireError as err:
            # the database: the job is as it was, and is driven again
            self._log.warning("job-drive-failed", job=job_id, code=err.code)
            self._ledger.apply(job_id, e.Silent(err.code, err.message))
        except Exception as err:  # noqa: BLE001 - the entry point of a drive: one defect must not end all jobs
            self._log.error("job-drive-defect", job=job_id, error=repr(err)[:500])
            self._ledger.apply(job_id, e.Silent("INTERNAL", "The controller failed; its log has the details."))
        return None

    def _prove(self, job: Job) -> None:
        """Fetch the signed answer of what has just succeeded, where it did not come with the answer; of what failed it came with the
        question how."""
        if job.state == "succeeded" and self._unproven < PROOFS * 100:
            self._unproven += 1
            self._start(self._proven(job), "job proof")

    async def _proven(self, job: Job) -> None:
        try:
            async with self._proofs:
                await self._guarded(job.id, self._drives.prove(job))
        finally:
            self._unproven -= 1

    # -- pieces

    async def _guarded_reconcile(self) -> None:
        try:
            await self._reconcile()
        except GuestwireError as err:
            self._log.warning("approvals-not-read", code=err.code)

    async def _reconcile(self) -> None:
        """What was decided while nobody told the jobs: before a start, at another controller."""
        waiting = [job for job in self._ledger.all() if job.state == "waiting-approval" and job.approval_id is not None]
        states = {name: await self._mandates.state(name) for name in {job.approval_id for job in waiting} if name}
        for job in waiting:
            state = states.get(job.approval_id or "", "withdrawn")
            if state == "approved":
                self._ledger.apply(job.id, e.Approved())
            elif state != "open":
                self._ledger.apply(job.id, denied(state, job))

    def _start(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        if self._closing:
            work.close()
            return
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def denied(state: str, job: Job) -> e.Denied:
    """What becomes of a job whose approval came to that."""
    if state == "expired":
        return e.Denied("timed-out", "APPROVAL-EXPIRED", machine.unsigned(job))
    return e.Denied("rejected", "APPROVAL-REJECTED", "It was not allowed.")
