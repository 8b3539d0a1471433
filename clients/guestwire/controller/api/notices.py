"""Notices over HTTP: /api/v1/notices."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from guestwire.controller.api.doors import Doors
from guestwire.controller.api.host_paths import Host
from guestwire.controller.api.paging import Listing, Page, listing, page
from guestwire.controller.host_ref import host_ref
from guestwire.controller.notices.reading import Notices
from guestwire.controller.store.notices import NoticeFilter, NoticeRow
from guestwire.controller.users.person import Person
from guestwire.model.base import Model
from guestwire.protocol.notices import NoticeClass
from guestwire.protocol.trust import FOREVER

NDJSON = "application/x-ndjson"
_Time = Annotated[int | None, Query(ge=0, le=FOREVER, description="Unix milliseconds, of when the host said it.")]
_Event = Annotated[str, Query(pattern=r"^[a-z0-9-]{1,64}$")]
_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {NDJSON: {"schema": {"type": "string"}}}}}


class NoticeShown(Model):
    """A notice. `at`: when the host said it; `came_at`: when it came. `said`: all that it says."""

    id: int
    site: str
    host: str
    notice_class: NoticeClass
    at: int
    came_at: int
    event: str
    said: dict[str, Any]


class Cleared(Model):
    """How many were forgotten."""

    cleared: int


async def wanted(
    host: Annotated[str | None, Query(max_length=80, description="SITE/HOST", examples=["plant/h1"])] = None,
    notice_class: Annotated[tuple[NoticeClass, ...], Query(alias="class", max_length=5)] = (),
    event: Annotated[tuple[_Event, ...], Query(max_length=32)] = (),
    since: _Time = None,
    until: _Time = None,
) -> NoticeFilter:
    """Which notices are asked for. Raises INVALID-BODY."""
    return NoticeFilter(None if host is None else host_ref(host), notice_class, event, since, until)


def router(notices: Notices, doors: Doors) -> APIRouter:
    routes = APIRouter(tags=["notices"])

    @routes.get("/notices", operation_id="listNotices", summary="What hosts said by themselves, the newest first")
    async def list_notices(
        person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)],
        which: Annotated[NoticeFilter, Depends(wanted)],
    ) -> Listing[NoticeShown]:  # fmt: skip
        after = page.after(int)
        found = await notices.page(person, which, None if after is None else after[0], page.fetch)
        return listing([_shown(row) for row in found], page, lambda one: (one.id,))

    @routes.get(
        "/notices/export", operation_id="exportNotices", summary="The same as a file, a line each",
        response_class=StreamingResponse, responses=_FILE,
    )  # fmt: skip
    async def export_notices(
        person: Annotated[Person, Depends(doors.person)], which: Annotated[NoticeFilter, Depends(wanted)]
    ) -> StreamingResponse:
        headers = {"Content-Disposition": 'attachment; filename="notices.ndjson"'}
        return StreamingResponse(_lines(notices, person, which), media_type=NDJSON, headers=headers)

    @routes.delete(
        "/hosts/{site}/{host}/notices", operation_id="clearNotices", summary="Forget what a host has said until now"
    )
    async def clear_notices(ref: Host, person: Annotated[Person, Depends(doors.person)]) -> Cleared:
        return Cleared(cleared=await notices.clear(person, ref))

    return routes


async def _lines(notices: Notices, person: Person, which: NoticeFilter) -> AsyncIterator[bytes]:
    async for row in notices.export(person, which):
        yield json.dumps(_shown(row).model_dump(mode="json"), separators=(",", ":")).encode() + b"\n"


def _shown(row: NoticeRow) -> NoticeShown:
    return NoticeShown.model_validate({
        "id": row.id, "site": row.host.site, "host": row.host.host, "notice_class": row.notice_class, "at": row.at,
        "came_at": row.came_at, "event": row.event, "said": row.document,
    })  # fmt: skip
