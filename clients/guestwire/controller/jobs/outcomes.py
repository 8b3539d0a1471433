"""What the answers of a host, or their absence, mean for a job. Pure: answers in, events of `machine` out.

Only what the host has in its journal ends a job: everything that may be about one copy of the request is settled by asking for
the job (job-get).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pydantic import ValidationError

from guestwire.controller.jobs import events as e
from guestwire.controller.jobs.job import Job, Result
from guestwire.controller.jobs.states import AT_HOST, BY_CODE, FINISHED, JobState
from guestwire.model.base import Model
from guestwire.model.error_codes.row import Where
from guestwire.model.errors import BY_CODE as CODES
from guestwire.model.errors import GuestwireError
from guestwire.protocol.bodies import from_bytes
from guestwire.protocol.envelope import Header, about_request, decode
from guestwire.protocol.error_body import from_body
from guestwire.protocol.json_bodies import plain, to_json
from guestwire.protocol.operation_models import JobGet
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import PackingError

LATER: Final = frozenset(
    {"BUSY", "JOURNAL-FULL", "THROTTLED", "PARTS-TIMEOUT", "CLOCK-UNSYNCHRONISED", "HOST-NOT-APPROVED"}
)
"""The host, or this side for it, says: not now. The same request may come again."""
NEVER: Final = frozenset({"PACKET-TOO-LARGE"})
"""This side's, and no use to try again."""
DOUBT: Final = frozenset({"JOURNAL-LOST", "IDEMPOTENCY-MISMATCH"})
"""The host cannot tell, by its journal, what became of the request."""


class Settle(NamedTuple):
    """The error decides nothing by itself: ask the host what it has of the job."""

    error: GuestwireError


class Known(NamedTuple):
    """What a host has of a job: the event, and its result where it is over."""

    event: e.Ended | e.AtHost
    result: Result | None = None


def done(job: Job, reply: Model, final: tuple[bytes, ...], *, verified: bool) -> Known:
    """After the reply to the request itself. `final`: the frames that it came in; none: nobody passed them on."""
    return Known(e.Ended("succeeded", None, None, verified), Result(job.id, reply=to_json(reply), final=final or None))


def of_error(job: Job, error: GuestwireError, spread: float) -> e.Event | Settle:
    """After a request that came to no reply. `job`: as it is, after that sending."""
    code = error.code
    if code == "EXPIRED":
        # the invoker has asked: the host accepted nothing, and by its clock it will not
        return e.NotAccepted(code, error.message)
    if code in DOUBT:
        if job.attempts == 1 and not job.reached and code == "JOURNAL-LOST":
            return e.Refused(code, error.message)
        return e.Ended("indeterminate", code, error.message, verified=False)
    local = error.row.where in (Where.LOCAL, Where.BROKER) and code not in NEVER
    if local or code in LATER:
        wait = None if error.after_ms is None else (job.sent_at or 0) + error.after_ms
        return e.Silent(code, error.message, spread, wait)
    return Settle(error)


def after_settling(job: Job, refusal: GuestwireError, asked: GuestwireError, spread: float) -> e.Event:
    """After a request that was refused, when the question what the host has of it came to an error as well."""
    nothing_there = asked.code == "NOT-FOUND"
    only_copy = job.attempts == 1 and not job.reached
    if nothing_there or only_copy:
        return e.Refused(refusal.code, refusal.message)
    return e.Silent(refusal.code, refusal.message, spread)


def known(job: Job, found: JobGet, spread: float) -> Known:
    """What a host says that it has of the job, which its signature or the way to it vouches for."""
    if found.state not in FINISHED:
        here: JobState = found.state if AT_HOST.get(found.state, 0) > 0 else "accepted"
        return Known(e.AtHost(here, asked=True, spread=spread))
    result, error = read_final(job, found.final or ())
    if error is None and result is not None and found.state == "succeeded":
        return Known(e.Ended("succeeded", None, None, verified=True), result)
    code = error.code if error is not None else found.code
    message = error.message if error is not None else found.message
    state: JobState = found.state if found.state != "failed" else BY_CODE.get(code or "", "failed")
    return Known(e.Ended(state, code, message, verified=True), result)


def read_final(job: Job, frames: Sequence[bytes]) -> tuple[Result | None, GuestwireError | None]:
    """The result in the frames of a stored final, and the error where it is one. None: they are not that job's final, or
    cannot be read by this version."""
    operation = BY_NAME.get(job.operation)
    try:
        envelopes = [decode(frame) for frame in frames]
        body = b"".join(envelope.body for envelope in envelopes)
        if operation is None or not envelopes or not _answers(job, envelopes[0].header):
            return None, None
        if envelopes[0].header.status == "ok":
            reply = to_json(from_bytes(operation.reply, body))
            return Result(job.id, reply=reply, final=tuple(frames)), None
        error = from_body(body)
    except (GuestwireError, PackingError, ValidationError):
        return None, None
    return Result(job.id, error=error_document(error), final=tuple(frames)), error


def _answers(job: Job, header: Header) -> bool:
    """Whether a final is about this job: somebody else may have used the same id for something else."""
    if job.issuer is None or header.request_id.hex() != job.request_id:
        return False
    return header.about in (None, about_request(job.issuer, bytes.fromhex(job.body_hash)))


def error_document(error: GuestwireError) -> dict[str, object]:
    """An error as JSON has it."""
    return {
        "code": error.code,
        "kind": error.kind.value,
        "where": error.row.where.value,
        "retry": error.retry.value,
        "message": error.message,
        "field": error.field,
        "after_ms": error.after_ms,
        "detail": plain(dict(error.detail)),
        "cause": list(error.cause),
    }


def error_of(document: dict[str, object]) -> GuestwireError:
    """The error in a document that `error_document` made. A code that this version does not know is INTERNAL."""
    code = str(document.get("code", ""))
    detail, field, after_ms = document.get("detail"), document.get("field"), document.get("after_ms")
    return GuestwireError(
        code if code in CODES else "INTERNAL",
        str(document.get("message") or "") or None,
        field=field if isinstance(field, str) else None,
        after_ms=after_ms if isinstance(after_ms, int) else None,
        detail=detail if isinstance(detail, dict) else {},
    )
