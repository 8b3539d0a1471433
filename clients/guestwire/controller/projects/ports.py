"""What projects have done by others. Protocols only."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from guestwire.controller.jobs.job import Job, NewJob, Result
from guestwire.controller.store.database import Tx
from guestwire.controller.users.person import Person


class JobSeen(NamedTuple):
    """A job, and what came of it so far."""

    job: Job
    result: Result | None


class ChangeJobs(Protocol):
    """Carries operations out as jobs."""

    async def order(self, person: Person | None, wanted: NewJob, also: Callable[[Tx, Job], Awaitable[None]]) -> Job:
        """Make a job; `also` writes what belongs to it, in the same transaction. `person` None: the controller by itself.
        Raises DENIED, and what a job is refused for."""
        ...

    async def seen(self, job_id: str) -> JobSeen | None:
        """A job as it stands; None: it is not kept."""
        ...
