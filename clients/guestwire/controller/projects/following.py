"""Follows the jobs that carry plans out to their ends: what came of them is noted with the plan, a draft that was made true is
edited from the new revision from then on, and what was to be confirmed is.

All it has to know is in the database: after a restart it goes on where it was.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from pydantic import ValidationError

from guestwire.controller.jobs.job import Job
from guestwire.controller.projects.applying import Applying
from guestwire.controller.projects.host_reading import HostReading, storable
from guestwire.controller.projects.keeping import DraftKeeping
from guestwire.controller.projects.ports import ChangeJobs, JobSeen
from guestwire.controller.projects.pulling import Pulling
from guestwire.controller.store import plans
from guestwire.controller.store.database import Database
from guestwire.controller.store.plans import PlanJob
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.config_models import ConfigApplied, ConfigShown
from guestwire.protocol.mandates import PLANNED
from guestwire.sdk.bulk import each

LOOK_EVERY_S: Final = 30.0
"""How often everything that is not done is looked at, whatever was heard."""
AGAIN_S: Final = 2.0
"""Before another try, where the database took nothing, or a host would not be confirmed yet: its connection has to be newer than
the change."""
LONGEST_CONFIRM_MS: Final = 3_600_000
"""After that a host has undone what nobody confirmed (`ConfigApply.confirm_s`)."""
AT_ONCE: Final = 8
LONGEST_PAUSE_MS: Final = 600_000
"""Between two tries to ask a host that does not answer; the first is a round."""
GIVE_UP_MS: Final = 7 * 86_400_000
"""A host that cannot be asked for so long how it stands is asked no more: whoever pulls does."""
_WAITS = ("confirm_wait", "waiting_reboot")


class Following(OwnTask):
    """`async with` it. `on_trouble` hears why the database took nothing; it is tried again."""

    def __init__(
        self,
        database: Database,
        jobs: ChangeJobs,
        hosts: HostReading,
        keeping: DraftKeeping,
        pulling: Pulling,
        applying: Applying,
        clock_ms: Callable[[], int],
        on_trouble: Callable[[GuestwireError], None],
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._hosts = hosts
        self._keeping = keeping
        self._pulling = pulling
        self._applying = applying
        self._clock_ms = clock_ms
        self._on_trouble = on_trouble
        self._some = asyncio.Event()
        self._later: dict[str, int] = {}
        """When to look at a job again, where that is not at once."""
        self._pauses: dict[str, int] = {}
        """Of jobs whose hosts did not answer: the pause before the next try."""
        super().__init__("projects-following")

    def jobs_changed(self, jobs: Sequence[Job]) -> None:
        """These jobs are another now."""
        if any(job.finished and job.plan_id is not None and job.operation in PLANNED for job in jobs):
            self._some.set()

    async def _run(self) -> None:
        while True:
            self._some.clear()
            try:
                await self.look()
            except GuestwireError as err:
                self._on_trouble(err)
                await asyncio.sleep(AGAIN_S)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s()):
                    await self._some.wait()

    def _pause_s(self) -> float:
        """Until something is due."""
        now = self._clock_ms()
        due_ms = min((at - now for at in self._later.values()), default=int(LOOK_EVERY_S * 1000))
        return min(LOOK_EVERY_S, max(0.05, due_ms / 1000))

    async def look(self) -> None:
        """See to everything that has ended. Raises what the database does."""
        async with self._database.read() as tx:
            waiting = await plans.ended_jobs(tx)
        known = {one.job_id for one in waiting}
        self._later = {job_id: at for job_id, at in self._later.items() if job_id in known}
        self._pauses = {job_id: pause for job_id, pause in self._pauses.items() if job_id in known}
        now = self._clock_ms()
        due = [one for one in waiting if self._later.get(one.job_id, now) <= now]
        for outcome in await each(due, self._looked, at_a_time=AT_ONCE):
            if outcome.error is not None:
                raise outcome.error

    async def _looked(self, noted: PlanJob) -> None:
        self._later.pop(noted.job_id, None)
        try:
            await self._seen_to(noted)
        except GuestwireError as err:
            if err.code.startswith("DATABASE-"):
                raise
            await self._put_off(noted)

    async def _put_off(self, noted: PlanJob) -> None:
        now = self._clock_ms()
        if noted.ended_at is not None and now - noted.ended_at > GIVE_UP_MS:
            await self._put(replace(noted, done_at=now))
            return
        if noted.state == "confirm_wait" and noted.ended_at is not None and now - noted.ended_at < LONGEST_CONFIRM_MS:
            self._later[noted.job_id] = now + int(AGAIN_S * 1000)  # it has to be reached before the host undoes it
            return
        pause = min(2 * self._pauses.get(noted.job_id, int(LOOK_EVERY_S * 500)), LONGEST_PAUSE_MS)
        self._pauses[noted.job_id] = pause
        self._later[noted.job_id] = now + pause

    async def _seen_to(self, noted: PlanJob) -> None:
        """The next thing that is to be done about a job, if there is one."""
        if noted.ended_at is None:
            seen = await self._jobs.seen(noted.job_id)
            if seen is not None and not seen.job.finished:
                return
            noted = _ended(noted, seen, self._clock_ms())
            await self._put(noted)
        if noted.verb == "apply" and noted.state in _WAITS:
            await self._waits(noted)
            return
        if noted.verb == "apply" and noted.state == "in_sync":
            await self._made_true(noted)
        elif noted.state is not None:
            await self._hosts.fetch(noted.ref)
            await self._keeping.rejudge(noted.ref)
        await self._put(replace(noted, done_at=self._clock_ms()))
        if noted.verb != "apply":  # the apply that it was about waits no more
            async with self._database.read() as tx:
                applied = await plans.last_job(tx, noted.ref, noted.plan_id, "apply")
            if applied is not None:
                self._later.pop(applied.job_id, None)
            self._some.set()

    async def _waits(self, noted: PlanJob) -> None:
        """A change that waits on its host: confirm it where that is wanted, and see whether it still waits."""
        config = await self._hosts.fetch(noted.ref)
        await self._keeping.rejudge(noted.ref)
        if config.shown.plan_id == noted.plan_id:
            if config.shown.state == "confirm_wait" and noted.confirms:
                await self._confirmed(noted)
            else:
                self._later[noted.job_id] = self._clock_ms() + int(LOOK_EVERY_S * 1000)
            return
        if not await self._is_kept(noted, config.shown):
            await self._put(replace(noted, state="rolled_back", code="ROLLED-BACK", done_at=self._clock_ms()))
            return
        noted = replace(noted, state="in_sync")
        await self._made_true(noted)
        await self._put(replace(noted, done_at=self._clock_ms()))

    async def _confirmed(self, noted: PlanJob) -> None:
        """Have a change confirmed, and again where the host would not yet: until it has undone it."""
        async with self._database.read() as tx:
            ordered = await plans.last_job(tx, noted.ref, noted.plan_id, "confirm")
        if ordered is not None and ordered.at >= noted.at:
            if ordered.ended_at is None:
                return
            due = ordered.ended_at + int(AGAIN_S * 1000)
            if self._clock_ms() < due:
                self._later[noted.job_id] = due
                return
        await self._applying.confirm_by_itself(noted)

    async def _is_kept(self, noted: PlanJob, shown: ConfigShown) -> bool:
        """Whether the host kept the revision that the change was to be."""
        if (shown.revision.number, shown.revision.hash) == (noted.revision, noted.hash):
            return True
        if noted.revision is None or shown.revision.number < noted.revision:
            return False
        try:
            earlier = await self._hosts.earlier(noted.ref, noted.revision)
        except GuestwireError as err:
            if err.code != "NOT-FOUND":
                raise
            return False
        return earlier.revision.hash == noted.hash

    async def _made_true(self, noted: PlanJob) -> None:
        if noted.draft_revision is None or noted.revision is None:  # a rollback: the draft is what it was
            await self._hosts.fetch(noted.ref)
            await self._keeping.rejudge(noted.ref)
            return
        summary = f"{noted.author} applied it: revision {noted.revision} of the host"
        await self._pulling.rebase(None, noted.ref, noted.revision, summary)

    async def _put(self, noted: PlanJob) -> None:
        async with self._database.write() as tx:
            await plans.put_job(tx, noted)


def _ended(noted: PlanJob, seen: JobSeen | None, at: int) -> PlanJob:
    """What came of a job, as it is noted."""
    noted = replace(noted, ended_at=at)
    if seen is None:
        return replace(noted, code="NOT-FOUND")
    job, result = seen
    if job.state != "succeeded":
        return replace(noted, code=job.code or job.state.upper())
    try:
        applied = ConfigApplied.model_validate_json(json.dumps(None if result is None else result.reply))
    except ValidationError:  # a host of another version: how it stands it is asked
        return noted
    if not storable(applied.revision):
        return noted
    return replace(noted, state=applied.state, revision=applied.revision.number, hash=applied.revision.hash)
