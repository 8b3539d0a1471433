"""Rollouts between memory and database: read whole, and written with everything that goes with a change in one transaction.

Who has another version than the database lost a race: what they have is thrown away and read again. What a transaction could
not take in (jobs to be ended, the word that jobs may be sent) is said after it, and once more after a restart.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from guestwire.controller.host_ref import HostRef, host_ref
from guestwire.controller.jobs.job import Job, NewJob
from guestwire.controller.rollouts.course import Changes, Course
from guestwire.controller.rollouts.making import Making
from guestwire.controller.rollouts.ports import RolloutJobs
from guestwire.controller.rollouts.settling import STALE, JobChange
from guestwire.controller.rollouts.standing import OPEN, Target
from guestwire.controller.store import audit_rows
from guestwire.controller.store import rollouts as store
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.rollouts import Rollout
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError

UNREVIEWED: Final = "REVIEW-REQUIRED"
"""Somebody has rejected a plan since its host made it: planning again says so, of that host alone."""


class Outdated(Exception):
    """Somebody else changed the rollout: read it again."""


class PlansGone(Exception):
    """The plans of these hosts are kept no more, or must not be carried out: they have to plan again."""

    def __init__(self, hosts: Sequence[HostRef]) -> None:
        super().__init__(f"{len(hosts)} plans are gone")
        self.hosts = tuple(hosts)


@dataclass(slots=True)
class Kept:
    """A rollout in memory. `lock`: who changes the course holds it. `lost`: it is not as the database has it, and is read again
    by whoever gets the lock next."""

    rollout: Rollout
    course: Course
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    lost: bool = False
    next_at: int | None = None
    """When it is to be looked at again (Unix ms), by what its course and what is around it say."""
    step_at: int | None = None
    """When it goes on by itself: the one of these times that people are told."""
    starter: Person | None = None
    """Who answers for it, as they were when it was last looked."""
    _looked: dict[str, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.rollout.id

    def due(self, what: str, now_ms: int, every_ms: int) -> bool:
        """Whether it is time to look at that; if so, it counts as looked at."""
        looked = self._looked.get(what)
        if looked is not None and looked <= now_ms < looked + every_ms:
            return False
        self._looked[what] = now_ms
        return True

    def look_anew(self) -> None:
        """Somebody said that something around it changed."""
        self._looked.clear()


class Keeping:
    """Reads and writes rollouts."""

    def __init__(self, database: Database, jobs: RolloutJobs, making: Making, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._jobs = jobs
        self._making = making
        self._clock_ms = clock_ms

    async def read(self, rollout_id: str) -> Kept | None:
        """A rollout as the database has it, its hosts as their jobs are by now. None: there is none."""
        async with self._database.read() as tx:
            rollout = await store.get(tx, rollout_id)
            if rollout is None:
                return None
            targets = await store.targets(tx, rollout_id)
            waiting = [target.job for target in targets if target.job is not None and _may_change(target)]
            jobs = await self._jobs.now(tx, waiting)
        course = Course(rollout.spec, rollout.standing, targets)
        now_ms = self._clock_ms()
        for job in jobs.values():
            course.job_changed(change_of(job), now_ms)
        course.recover()
        return Kept(rollout, course, step_at=rollout.next_at)

    async def reread(self, kept: Kept) -> bool:
        """Have it as the database has it; False: it is there no more."""
        found = await self.read(kept.id)
        if found is None:
            return False
        kept.rollout, kept.course, kept.step_at, kept.lost = found.rollout, found.course, found.step_at, False
        return True

    async def write(self, kept: Kept, entries: Sequence[AuditEntry] = ()) -> bool:
        """Write down what changed, the jobs of the hosts that were begun with it, and `entries`; whether there was something.
        Raises Outdated, and what the database does; then nothing was written, and what is in memory is lost."""
        changes = kept.course.take_changes()
        same = kept.course.spec is kept.rollout.spec and kept.step_at == kept.rollout.next_at
        if changes.nothing and not entries and same:
            return False
        try:
            jobs = await self._written(kept, changes, entries)
        except BaseException:
            kept.lost = True
            raise
        self._jobs.inserted(jobs)
        self._jobs.take_back(changes.taken_back)
        return True

    async def _written(self, kept: Kept, changes: Changes, entries: Sequence[AuditEntry]) -> Sequence[Job]:
        course = kept.course
        rollout = replace(kept.rollout, spec=course.spec, standing=course.standing, next_at=kept.step_at)
        async with self._database.write() as tx:
            if not await store.put(tx, rollout):
                raise Outdated
            jobs = await self._jobs_of(tx, rollout, changes.begun)
            course.named({job.host: job.id for job in jobs})
            asked = await self._making.ask(tx, rollout, course, changes.targets)
            goes_on = course.standing.state in ("running", "paused")
            withdrawn = () if goes_on else await self._making.withdraw(tx, changes.targets)
            await store.put_targets(tx, rollout.id, [course.targets[target.host] for target in changes.targets])
            for entry in entries:
                await audit_rows.add(tx, entry)
        kept.rollout = replace(rollout, version=rollout.version + 1)
        self._making.told(asked, withdrawn)
        return jobs

    async def _jobs_of(self, tx: Tx, rollout: Rollout, begun: Sequence[Target]) -> Sequence[Job]:
        if not begun:
            return ()
        wanted: list[NewJob] = []
        gone: list[HostRef] = []
        for target in begun:
            try:
                wanted.append(await self._making.job(tx, rollout, target))
            except GuestwireError as err:
                if err.code != STALE:
                    raise
                gone.append(target.host)
        if gone:
            raise PlansGone(gone)
        try:
            jobs = await self._jobs.insert(tx, wanted)
        except GuestwireError as err:
            if err.code != UNREVIEWED or rollout.spec.project is None:
                raise
            raise PlansGone([host_ref(text) for text in err.detail["hosts"]]) from err
        await self._making.ordered(tx, rollout, jobs)
        return jobs


def change_of(job: Job) -> JobChange:
    """How a job stands, as a rollout wants to know it."""
    assert job.rollout_id is not None
    return JobChange(job.rollout_id, job.host, job.id, job.state, job.code, job.message, job.reached)


def _may_change(target: Target) -> bool:
    return target.state in OPEN or target.state == "overdue"
