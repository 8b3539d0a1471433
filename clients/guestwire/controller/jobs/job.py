"""A job as the database keeps it. Values only: what happens to one is `machine`'s matter."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.states import FINISHED, JobState
from guestwire.protocol import ids
from guestwire.protocol.operations import BY_NAME

Origin = Literal["person", "rollout", "project"]
DeadlineOf = Literal["order", "approval"]


@dataclass(frozen=True, slots=True)
class Job:
    """One operation on one host. Times in Unix ms.

    `body_hash`: the SHA-256 of the exact body, hexadecimal; every sending of it has that body. `risk`: the class that a key
    must reach, of an apply that of its plan. `not_before`, `window`: when it may be sent at the earliest, and only while that
    maintenance window is open. `deadline_at`: after that nothing is sent any more. `approval_id`: whose mandate goes with it.
    `deadline_of`: whose end `deadline_at` is, that which was asked for or that of the approval, where it comes first.

    `request_id`: 32 hexadecimal digits, made when it is first sent and never changed; so is `issuer`, the principal as whom it is
    sent, for a host knows a request by both. `expires_at`: until when a host may accept
    the last copy that was sent. `silent`: times in a row that nothing was decided; `next_at`: not before then again.
    `code`, `message`: the error it ended with, or while it is not finished the last trouble there was. `verified`: the host's
    signature vouches for how it ended.
    """

    id: str
    host: HostRef
    operation: str
    risk: int
    body_hash: str
    created_at: int
    deadline_at: int
    person_id: str | None = None
    person: str = ""
    state: JobState = "queued"
    origin: Origin = "person"
    rollout_id: str | None = None
    wave: int | None = None
    project_id: str | None = None
    plan_id: str | None = None
    not_before: int | None = None
    window: str | None = None
    approval_id: str | None = None
    retry_of: str | None = None
    note: str = ""
    deadline_of: DeadlineOf = "order"
    # -- what changes
    request_id: str | None = None
    issuer: str | None = None
    attempts: int = 0
    first_sent_at: int | None = None
    sent_at: int | None = None
    expires_at: int | None = None
    accepted_at: int | None = None
    finished_at: int | None = None
    next_at: int | None = None
    silent: int = 0
    cancel_at: int | None = None
    cancel_by: str | None = None
    code: str | None = None
    message: str | None = None
    verified: bool = False
    retried_by: str | None = None
    revision: int = 1

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    @property
    def effect(self) -> Literal["none", "idempotent", "once"]:
        """That of its operation; one that this version no longer knows may not run twice."""
        row = BY_NAME.get(self.operation)
        return "once" if row is None else row.effect

    @property
    def reached(self) -> bool:
        """Whether the host ever said that it has it."""
        return self.accepted_at is not None


class Result(NamedTuple):
    """What came of a job. `reply` or `error` as JSON has them; `final`: the frames of the host's signed answer, byte for
    byte."""

    job_id: str
    reply: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    final: tuple[bytes, ...] | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is, by the host's own words. Kept in memory only: a host says it again."""

    percent: int | None = None
    step: str = ""
    message: str = ""
    at: int = 0


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be made. `body`: the exact bytes. `risk` None: that of the operation, of an apply that of its plan, which is
    asked of the host. `deadline_ms`: after its making. `id`: where whoever orders it names it, so that none is made twice."""

    host: HostRef
    operation: str
    body: bytes
    deadline_ms: int
    risk: int | None = None
    plan_id: str | None = None
    not_before: int | None = None
    window: str | None = None
    approval_id: str | None = None
    origin: Origin = "person"
    rollout_id: str | None = None
    wave: int | None = None
    project_id: str | None = None
    retry_of: str | None = None
    note: str = ""
    person_id: str | None = None
    id: str | None = None


def new_id(now_ms: int) -> str:
    """An id for a job: sorted by id is sorted by time."""
    return ids.text(ids.request_id(now_ms))
