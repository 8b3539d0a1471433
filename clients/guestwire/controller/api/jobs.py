"""Jobs over HTTP: /api/v1/jobs."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field, StringConstraints, model_validator

from guestwire.controller.api import etags
from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.host_paths import SLUG
from guestwire.controller.api.paging import Listing, Page, listing, page
from guestwire.controller.host_ref import HostRef, host_ref
from guestwire.controller.jobs.job import Job, NewJob
from guestwire.controller.jobs.orders import LEAST_DEADLINE_MS, MOST_DEADLINE_MS, effective
from guestwire.controller.jobs.service import JobFilter, Jobs
from guestwire.controller.jobs.states import JobState
from guestwire.controller.jobs.views import JobDetail, JobView, job_view
from guestwire.controller.users.person import Person
from guestwire.model.base import Document, Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.json_bodies import from_json
from guestwire.protocol.mandates import MAX_BYTES
from guestwire.protocol.trust import FOREVER

MOST_HOSTS = 1_000
"""In one request; more is a rollout."""
MOST_WAIT_S = 50
"""A request is answered within a minute."""
PREFIX = "/api/v1/jobs"
_HOST = r"^[a-z0-9-]{1,36}/[a-z0-9-]{1,36}$"
_WORD = r"^[^\x00-\x1f\x7f]{1,100}$"
_EXAMPLE = "0198c2f4-5a31-7c3e-9a51-2f6d0c1b8e77"

JobId = Annotated[str, Path(pattern=r"^[0-9A-Za-z._-]{1,64}$", description="The job's id.", examples=[_EXAMPLE])]
HostText = Annotated[str, StringConstraints(pattern=_HOST)]
Note = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{0,500}$")]
MandateText = Annotated[str, StringConstraints(max_length=MAX_BYTES * 4 // 3 + 4)]
DeadlineS = Annotated[int, Field(ge=LEAST_DEADLINE_MS // 1000, le=MOST_DEADLINE_MS // 1000)]
WaitS = Annotated[
    float, Query(ge=0, le=MOST_WAIT_S, description="Answer at the end of the job, or after so many seconds.")
]
Targets = Callable[[Person, str, str], Awaitable[Sequence[HostRef]]]
"""The approved hosts of a selection to which a person may do an operation."""


class JobWanted(Document):
    """An operation to be carried out, on the hosts named (`SITE/HOST`) or on those that a selection means now: exactly one of
    them. `body`: the operation's request, bytes as hexadecimal. `deadline_s`: after that nothing is sent any more; a host that
    is away may come back within that time. `not_before`: Unix ms; `window`: a maintenance window outside of which nothing is
    sent. `approval`: an approval that is there already; `mandate`: a signed mandate, base64; else what takes a person's
    signature waits for it."""

    operation: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")] = Field(examples=["guest-start"])
    hosts: Annotated[tuple[HostText, ...], Field(min_length=1, max_length=MOST_HOSTS)] | None = Field(
        default=None, examples=[["plant/h1"]]
    )
    selection: Annotated[str, StringConstraints(min_length=1, max_length=2000)] | None = None
    body: dict[str, Any] = Field(default={}, examples=[{"guest": "rtlinux"}])
    deadline_s: DeadlineS = 3600
    not_before: Annotated[int, Field(ge=0, le=FOREVER)] | None = None
    window: Annotated[str, StringConstraints(pattern=SLUG)] | None = None
    approval: Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")] | None = None
    mandate: MandateText | None = None
    note: Note = ""

    @model_validator(mode="after")
    def _one(self) -> "JobWanted":
        if (self.hosts is None) == (self.selection is None):
            raise ValueError("give one of hosts and selection")
        return self


class JobsMade(Model):
    """The jobs that were made, one for each host."""

    items: tuple[JobView, ...]


class RetryWanted(Document):
    """`deadline_s`: null: as long as the first one had."""

    deadline_s: DeadlineS | None = None


def router(jobs: Jobs, targets: Targets, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/jobs", tags=["jobs"])
    _looking(routes, jobs, doors)
    _doing(routes, jobs, targets, doors)
    return routes


def location(response: Response, job: Job) -> None:
    """Where the job is."""
    response.headers["Location"] = f"{PREFIX}/{job.id}"


def mandate_of(text: str | None, field: str = "mandate") -> bytes | None:
    """A mandate as it was written. Raises INVALID-BODY."""
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise GuestwireError("INVALID-BODY", "A mandate is written in base64.", field=field) from None


def _looking(routes: APIRouter, jobs: Jobs, doors: Doors) -> None:
    @routes.get("", operation_id="listJobs", summary="Jobs, newest first")
    async def list_jobs(
        person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)],
        host: Annotated[str | None, Query(pattern=_HOST, description="Those of that host: `SITE/HOST`.")] = None,
        state: Annotated[
            tuple[JobState, ...], Query(description="Those in one of these states.", max_length=len(get_args(JobState)))
        ] = (),
        operation: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,64}$")] = None,
        by: Annotated[str | None, Query(pattern=_WORD, description="Those that this person asked for.")] = None,
        rollout: Annotated[str | None, Query(pattern=r"^[0-9a-f-]{36}$")] = None,
        approval: Annotated[str | None, Query(pattern=r"^[0-9a-f-]{36}$")] = None,
    ) -> Listing[JobView]:  # fmt: skip
        chosen = JobFilter(None if host is None else host_ref(host), state, operation, by, rollout, approval)
        found = await jobs.page(person, chosen, page.after(int, str), page.fetch)
        return listing(found, page, lambda job: (job.created_at, job.id))

    @routes.get("/{job_id}", operation_id="getJob", summary="A job, and what came of it")
    async def get_job(
        job_id: JobId, response: Response, person: Annotated[Person, Depends(doors.person)], wait_s: WaitS = 0
    ) -> JobDetail:
        found = await jobs.show(person, job_id, wait_s)
        etags.show(response, found.revision)
        return found


def _doing(routes: APIRouter, jobs: Jobs, targets: Targets, doors: Doors) -> None:
    @routes.post("", status_code=202, operation_id="makeJobs", summary="Have an operation carried out")
    async def make_jobs(
        body: Annotated[JobWanted, FROM_JSON], response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> JobsMade:
        made = await jobs.create(person, await _wanted(person, body, targets), mandate_of(body.mandate))
        if len(made) == 1:
            location(response, made[0])
        return JobsMade(items=tuple(job_view(job) for job in made))

    @routes.post("/{job_id}/cancel", status_code=202, operation_id="cancelJob", summary="Have a job end")
    async def cancel_job(job_id: JobId, person: Annotated[Person, Depends(doors.person)]) -> JobView:
        return await jobs.cancel(person, job_id)

    @routes.post(
        "/{job_id}/give-up", status_code=202, operation_id="giveUpJob", summary="Wait no longer for an overdue job"
    )
    async def give_up_job(job_id: JobId, person: Annotated[Person, Depends(doors.person)]) -> JobView:
        return await jobs.give_up(person, job_id)

    @routes.post("/{job_id}/retry", status_code=202, operation_id="retryJob", summary="Try again, as a new job")
    async def retry_job(
        job_id: JobId, response: Response, person: Annotated[Person, Depends(doors.person)],
        body: Annotated[RetryWanted | None, FROM_JSON] = None,
    ) -> JobView:  # fmt: skip
        seconds = None if body is None else body.deadline_s
        made = await jobs.retry(person, job_id, None if seconds is None else seconds * 1000)
        location(response, made)
        return job_view(made)


async def _wanted(person: Person, body: JobWanted, targets: Targets) -> list[NewJob]:
    operation = effective(body.operation)
    request = to_bytes(from_json(operation.request, body.body))
    if body.hosts is not None:
        hosts: Sequence[HostRef] = [host_ref(text) for text in dict.fromkeys(body.hosts)]
    else:
        assert body.selection is not None
        hosts = await targets(person, body.selection, body.operation)
        if not hosts:
            raise GuestwireError(
                "NOT-FOUND", "No approved host of yours is meant by that selection.", field="selection"
            )
        if len(hosts) > MOST_HOSTS:
            text = f"The selection means {len(hosts)} hosts: start a rollout for more than {MOST_HOSTS}."
            raise GuestwireError("INVALID-BODY", text, field="selection")
    return [
        NewJob(
            host, body.operation, request, body.deadline_s * 1000, not_before=body.not_before, window=body.window,
            approval_id=body.approval, note=body.note,
        )
        for host in hosts
    ]  # fmt: skip
