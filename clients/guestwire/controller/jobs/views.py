"""A job as people see it. Shapes only."""

from typing import Any

from guestwire.controller.jobs.job import DeadlineOf, Job, Progress
from guestwire.controller.jobs.states import JobState
from guestwire.model.base import Model
from guestwire.protocol import ids


class ProgressView(Model):
    """How far it is, by the host's own words, at that time (Unix ms)."""

    percent: int | None = None
    step: str = ""
    message: str = ""
    at: int


class JobView(Model):
    """One operation on one host. Times in Unix ms. `deadline_of`: whose end `deadline_at` is: `order`, that which was asked for;
    `approval`, that of the approval it goes by, which lasts seven days at most and ended before that. `request_id`: its id at the host, once it was sent. `code` and `message`: the
    error that it ended with, or while it has not ended the last trouble there was. `verified`: the host's signature vouches
    for its end. `reached`: the host has said that it has it."""

    id: str
    host: str
    operation: str
    risk: int
    state: JobState
    finished: bool
    person: str
    origin: str
    note: str
    created_at: int
    deadline_at: int
    deadline_of: DeadlineOf
    not_before: int | None = None
    window: str | None = None
    approval: str | None = None
    rollout: str | None = None
    wave: int | None = None
    project: str | None = None
    plan_id: str | None = None
    request_id: str | None = None
    attempts: int
    sent_at: int | None = None
    accepted_at: int | None = None
    finished_at: int | None = None
    reached: bool
    cancel_at: int | None = None
    cancel_by: str | None = None
    code: str | None = None
    message: str | None = None
    verified: bool
    progress: ProgressView | None = None
    retry_of: str | None = None
    retried_by: str | None = None
    revision: int


class JobDetail(JobView):
    """A job with what came of it: `reply` is the operation's reply, `error` the whole error, bytes as hexadecimal. `final`: the
    host's signed answer, frame by frame, hexadecimal: proof for whoever has the site's trust document."""

    reply: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    final: tuple[str, ...] | None = None


def values_of(job: Job, progress: Progress | None = None) -> dict[str, Any]:
    """The fields of a JobView."""
    return {
        "id": job.id, "host": str(job.host), "operation": job.operation, "risk": job.risk, "state": job.state,
        "finished": job.finished, "person": job.person, "origin": job.origin, "note": job.note,
        "created_at": job.created_at, "deadline_at": job.deadline_at, "deadline_of": job.deadline_of, "not_before": job.not_before, "window": job.window,
        "approval": job.approval_id, "rollout": job.rollout_id, "wave": job.wave, "project": job.project_id,
        "plan_id": job.plan_id,
        "request_id": None if job.request_id is None else ids.text(bytes.fromhex(job.request_id)),
        "attempts": job.attempts, "sent_at": job.sent_at, "accepted_at": job.accepted_at,
        "finished_at": job.finished_at, "reached": job.reached, "cancel_at": job.cancel_at, "cancel_by": job.cancel_by,
        "code": job.code, "message": job.message, "verified": job.verified, "progress": _progress(job, progress),
        "retry_of": job.retry_of, "retried_by": job.retried_by, "revision": job.revision,
    }  # fmt: skip


def job_view(job: Job, progress: Progress | None = None) -> JobView:
    return JobView.model_validate(values_of(job, progress))


def _progress(job: Job, progress: Progress | None) -> dict[str, Any] | None:
    if progress is None or job.finished:
        return None
    return {"percent": progress.percent, "step": progress.step, "message": progress.message, "at": progress.at}
