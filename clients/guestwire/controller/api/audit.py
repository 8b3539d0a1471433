"""The controller's audit log over HTTP: /api/v1/audit."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import StreamingResponse

from guestwire.controller.api.doors import Doors
from guestwire.controller.api.paging import Listing, Page, listing, page
from guestwire.controller.audit.log import AuditLog
from guestwire.controller.store.audit_rows import AuditRow, Wanted
from guestwire.controller.users.person import Person
from guestwire.model.base import Model
from guestwire.protocol.trust import FOREVER

NDJSON = "application/x-ndjson"
_Text = Annotated[str | None, Query(max_length=256, pattern=r"^[^\x00]*$")]
_Time = Annotated[int | None, Query(ge=0, le=FOREVER, description="Unix milliseconds.")]


class AuditShown(Model):
    """A row. `outcome`: `ok`, or the code of what it was refused with. `person`: `controller` for what it did by itself, empty for
    somebody unknown. `hash`: SHA-256 over the row and the hash of the one before it."""

    seq: int
    at: int
    person: str
    person_id: str
    token_id: str
    address: str
    request_id: str
    action: str
    target: str
    outcome: str
    detail: dict[str, Any]
    hash: str


class AuditSigned(Model):
    """The last row that the controller has signed as the end of its log, and when. `verified`: the signature was checked, by the
    trust document of that site."""

    seq: int
    at: int
    principal: str
    site: str
    verified: bool


class AuditChecked(Model):
    """What a check of the whole log found. `rows`: how many there are, of which `oldest` is the first; those before it were pruned.
    `broken`: the first row that is not what it should be; null: every one is. `why`: what is wrong. `signed`: how far the
    controller's key vouches for it; null: it has no key."""

    rows: int
    hash: str
    broken: int | None
    oldest: int
    why: str | None
    signed: AuditSigned | None


async def wanted(
    person: _Text = None, action: _Text = None, target: _Text = None, since: _Time = None, until: _Time = None
) -> Wanted:
    """Which rows somebody wants: those of a person (by name), an action, a target; from `since` on, before `until`."""
    return Wanted(person, action, target, since, until)


def router(log: AuditLog, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/audit", tags=["audit"])

    @routes.get("", operation_id="listAudit", summary="What was done and refused, the newest first")
    async def list_audit(
        who: Annotated[Person, Depends(doors.person)], which: Annotated[Wanted, Depends(wanted)],
        page: Annotated[Page, Depends(page)],
    ) -> Listing[AuditShown]:  # fmt: skip
        after = page.after(int)
        rows = await log.newest(who, which, below=None if after is None else after[0], limit=page.fetch)
        return listing([_shown(row) for row in rows], page, lambda row: (row.seq,))

    @routes.get(
        "/export", operation_id="exportAudit", summary="Every row, oldest first, one JSON object a line",
        response_class=StreamingResponse, responses={200: {"content": {NDJSON: {"schema": {"type": "string"}}}}},
    )  # fmt: skip
    async def export_audit(
        who: Annotated[Person, Depends(doors.person)], which: Annotated[Wanted, Depends(wanted)]
    ) -> StreamingResponse:
        log.may_export(who)

        async def lines() -> AsyncIterator[str]:
            async for rows in log.export(who, which):
                yield "".join(json.dumps(_shown(row).model_dump(), separators=(",", ":")) + "\n" for row in rows)

        disposition = 'attachment; filename="audit.ndjson"'
        return StreamingResponse(lines(), media_type=NDJSON, headers={"Content-Disposition": disposition})

    @routes.get(
        "/check", operation_id="checkAudit", summary="Follow the log's chain of hashes, and check what was signed of it"
    )
    async def check_audit(who: Annotated[Person, Depends(doors.person)]) -> AuditChecked:
        found = await log.check(who)
        signed = None if found.signed is None else AuditSigned(**found.signed._asdict())
        return AuditChecked(
            rows=found.rows, hash=found.hash.hex(), broken=found.broken, oldest=found.oldest, why=found.why, signed=signed
        )  # fmt: skip

    return routes


def _shown(row: AuditRow) -> AuditShown:
    return AuditShown(
        seq=row.seq, at=row.at, person=row.person, person_id=row.person_id, token_id=row.token_id, address=row.address,
        request_id=row.request_id, action=row.action, target=row.target, outcome=row.outcome,
        detail=json.loads(row.detail), hash=row.hash.hex(),
    )  # fmt: skip
