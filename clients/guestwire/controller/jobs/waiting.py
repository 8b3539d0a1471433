"""Waiting for the end of jobs: whoever asked for one and stays at the door."""

import asyncio
from collections.abc import Sequence

from guestwire.controller.jobs.job import Job

MOST = 10_000
"""Who may wait at once; one more is not waited for."""


class JobEnds:
    """A JobListener of the ledger."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Future[Job]]] = {}
        self._count = 0

    def jobs_changed(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if job.finished:
                for future in self._waiting.pop(job.id, ()):
                    if not future.done():
                        future.set_result(job)

    async def end(self, job_id: str, within_s: float) -> Job | None:
        """The job once it has ended; None: not within that time. Look first whether it has ended already, without giving way
        in between."""
        if self._count >= MOST:
            return None
        future: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job_id, []).append(future)
        self._count += 1
        try:
            async with asyncio.timeout(within_s):
                return await future
        except TimeoutError:
            return None
        finally:
            self._count -= 1
            others = self._waiting.get(job_id)
            if others is not None and future in others:
                others.remove(future)
                if not others:
                    del self._waiting[job_id]
