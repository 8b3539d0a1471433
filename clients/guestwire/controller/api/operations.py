"""Operations of hosts over HTTP: what only reads is answered at once, what has an effect becomes a job.

Bodies go as JSON (bytes as hexadecimal), or as msgpack: then they are the very bytes that the host gets, and its own reply.
"""

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import ValidationError
from starlette.responses import JSONResponse

from guestwire.controller.api.carried import carried
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.host_paths import Host
from guestwire.controller.api.jobs import PREFIX, WaitS, mandate_of
from guestwire.controller.jobs.asking import Asking
from guestwire.controller.jobs.job import Job, NewJob
from guestwire.controller.jobs.orders import LEAST_DEADLINE_MS, MOST_DEADLINE_MS
from guestwire.controller.jobs.outcomes import error_of
from guestwire.controller.jobs.service import Jobs
from guestwire.controller.jobs.views import JobView, job_view
from guestwire.controller.users.person import Person
from guestwire.model.base import Model
from guestwire.model.errors import BY_CODE, GuestwireError
from guestwire.protocol.bodies import from_bytes, invalid_body, to_bytes
from guestwire.protocol.json_bodies import from_json, to_json
from guestwire.protocol.mandates import MAX_BYTES
from guestwire.protocol.operations import OPERATIONS, Operation
from guestwire.protocol.packing import PackingError

PACKED: Final = "application/msgpack"
VERIFIED: Final = "Guestwire-Verified"
JOB: Final = "Guestwire-Job"
MANDATE: Final = "Guestwire-Mandate"
_LONGEST_MANDATE: Final = MAX_BYTES * 4 // 3 + 4
_USUAL_DEADLINE_S: Final = 60
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "description": "The operation's request; none: an empty one.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            PACKED: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}

Name = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$", description="The operation.", examples=["guest-list"])]


class OperationView(Model):
    """An operation of hosts. `effect`: none: it only reads, and is answered at once. `risk`: the class that a key must reach: R0
    read, R1 reversible, R2 disruptive, R3 destructive."""

    name: str
    summary: str
    effect: str
    risk: int
    timeout_s: float
    served_by: str


class OperationList(Model):
    """All operations there are; which of them a host knows, its capabilities say."""

    items: tuple[OperationView, ...]


class OperationAnswer(Model):
    """What the host answered. `verified`: its signature, or the way to it, vouches for that. `job`: the job that it was, where it
    had an effect."""

    reply: dict[str, Any]
    verified: bool
    job: str | None = None


def router(asking: Asking, jobs: Jobs, doors: Doors) -> APIRouter:
    routes = APIRouter(tags=["operations"])

    @routes.get("/operations", operation_id="listOperations", summary="The operations of hosts")
    async def list_operations(person: Annotated[Person, Depends(doors.person)]) -> OperationList:
        return OperationList(items=tuple(_view(row) for row in OPERATIONS))

    @routes.post(
        "/hosts/{site}/{host}/operations/{operation}", operation_id="runOperation", summary="Have a host do something",
        response_model=OperationAnswer, openapi_extra=_BODY,
        responses={
            200: {"description": "The host's answer.", "content": {PACKED: {"schema": {"type": "string", "format": "binary"}}}},
            202: {"model": JobView, "description": "It has an effect, and goes on as a job."},
        },
    )  # fmt: skip
    async def run_operation(
        ref: Host, operation: Name, request: Request, person: Annotated[Person, Depends(doors.person)], wait_s: WaitS = 0,
        timeout_s: Annotated[
            float | None, Query(gt=0, le=3600, description="For what only reads: how long the host may take.")
        ] = None,
        deadline_s: Annotated[
            int, Query(ge=LEAST_DEADLINE_MS // 1000, le=MOST_DEADLINE_MS // 1000, description="For what has an effect.")
        ] = _USUAL_DEADLINE_S,
        note: Annotated[str, Query(pattern=r"^[^\x00-\x1f\x7f]{0,500}$")] = "",
        mandate: Annotated[
            str | None, Header(alias=MANDATE, max_length=_LONGEST_MANDATE, description="A signed mandate, base64.")
        ] = None,
    ) -> Response:  # fmt: skip
        row = asking.operation(person, ref, operation)
        carried(request.scope).reads = row.effect == "none"
        packed = _is_packed(request)
        wanted = _request(row, await request.body(), packed=packed)
        if row.effect == "none":
            read = await asking.read(person, ref, row, wanted, timeout_s)
            return _answered(read.reply, None, verified=read.verified, packed=packed)
        new = NewJob(ref, row.name, to_bytes(wanted), deadline_s * 1000, note=note)
        [job] = await jobs.create(person, [new], mandate_of(mandate, MANDATE))
        ended = await jobs.ended(job.id, wait_s) if wait_s else None
        if ended is None:
            return _accepted(job)
        return await _end(jobs, row, ended, packed=packed)

    return routes


def _view(row: Operation) -> OperationView:
    return OperationView(
        name=row.name, summary=row.summary, effect=row.effect, risk=row.risk, timeout_s=row.timeout_s, served_by=row.served_by
    )  # fmt: skip


def _is_packed(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == PACKED


def _request(row: Operation, body: bytes, *, packed: bool) -> Model:
    if not packed:
        return from_json(row.request, json.loads(body) if body else {})
    try:
        return from_bytes(row.request, body or b"\x80")
    except ValidationError as err:
        raise invalid_body(err) from err
    except PackingError as err:
        raise GuestwireError("INVALID-BODY", f"The body is not well formed: {err}") from err


def _answered(reply: Model, job: str | None, *, verified: bool, packed: bool) -> Response:
    if packed:
        headers = {VERIFIED: "true" if verified else "false"} | ({} if job is None else {JOB: job})
        return Response(to_bytes(reply), media_type=PACKED, headers=headers)
    return JSONResponse({"reply": to_json(reply), "verified": verified, "job": job})


def _accepted(job: Job) -> Response:
    headers = {"Location": f"{PREFIX}/{job.id}", JOB: job.id}
    return JSONResponse(job_view(job).model_dump(), status_code=202, headers=headers)


async def _end(jobs: Jobs, row: Operation, job: Job, *, packed: bool) -> Response:
    """The answer of a job that has ended: its reply, or its error as if the host had been asked directly."""
    seen = await jobs.seen(job.id)
    result = None if seen is None else seen.result
    if job.state == "succeeded" and result is not None and result.reply is not None:
        reply = from_json(row.reply, result.reply)
        return _answered(reply, job.id, verified=job.verified, packed=packed)
    raise _why(job, None if result is None else result.error)


def _why(job: Job, error: dict[str, Any] | None) -> GuestwireError:
    found = GuestwireError(_known(job.code), job.message) if error is None else error_of(error)
    detail = {**found.detail, "job": job.id, "state": job.state}
    return GuestwireError(found.code, found.message, field=found.field, after_ms=found.after_ms, detail=detail)


def _known(code: str | None) -> str:
    return code if code is not None and code in BY_CODE else "INDETERMINATE"
