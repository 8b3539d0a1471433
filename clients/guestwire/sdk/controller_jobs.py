"""The jobs of a controller, and following one to its end."""

import asyncio
from collections.abc import Callable
from typing import Any

from guestwire.sdk.controller_http import USUAL_S, ControllerHttp
from guestwire.sdk.controller_models import ControllerJob, answered
from guestwire.sdk.controller_things import Things

WATCHED_S = 1.0
"""How often somebody who watches hears how far a job is."""
LONGEST_WAIT_S = 30.0
"""Of one request that waits for the end of a job."""
GOES_ON_S = 10.0
"""Within this a job goes on that nobody has to sign any more."""

OnJob = Callable[[ControllerJob], None]


class ControllerJobs(Things[ControllerJob]):
    """Jobs by their ids."""

    def __init__(self, http: ControllerHttp) -> None:
        super().__init__(http, "/jobs", ControllerJob)

    async def order(self, wanted: dict[str, Any]) -> list[ControllerJob]:
        """Jobs, one for each host that is meant; `wanted` as the API has it."""
        said = await self._http.ask("POST", "/jobs", body=wanted)
        return [answered(ControllerJob, one) for one in said.document["items"]]

    async def wait(
        self, job: ControllerJob, within_s: float | None = None, on_change: OnJob | None = None
    ) -> ControllerJob:
        """The job at its end, or as it stands after that time (None: for ever), or once it waits for a signature. `on_change` hears
        of it now and then."""
        clock = asyncio.get_running_loop().time
        ends = None if within_s is None else clock() + within_s
        while not job.finished and job.state != "waiting-approval":
            left_s = LONGEST_WAIT_S if ends is None else min(LONGEST_WAIT_S, ends - clock())
            if left_s <= 0:
                return job
            wait_s = left_s if on_change is None else min(WATCHED_S, left_s)
            job = await self.show(job.id, timeout_s=wait_s + USUAL_S, wait_s=round(wait_s, 3))
            if on_change is not None:
                on_change(job)
        return job

    async def gone_on(self, name: str) -> ControllerJob:
        """A job of which the last signature was given: a moment later it waits for none any more. If it still does after 10 s, as it is."""
        ends = asyncio.get_running_loop().time() + GOES_ON_S
        while True:
            job = await self.show(name, wait_s=0.1)
            if job.state != "waiting-approval" or asyncio.get_running_loop().time() > ends:
                return job
