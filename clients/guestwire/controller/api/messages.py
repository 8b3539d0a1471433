"""Messages and logs of hosts over HTTP, as the hosts have them: /api/v1/hosts/{site}/{host}/messages and .../log.

What a host shall forget is the operation `log-clear`, a job as any other.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import JSONResponse, PlainTextResponse, Response

from guestwire.controller.api.doors import Doors
from guestwire.controller.api.host_paths import Host
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.asking import Asking
from guestwire.controller.users.person import Person
from guestwire.protocol.json_bodies import to_json
from guestwire.protocol.operation_models import LogLines, LogQuery, MessageList, MessageQuery
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.trust import FOREVER

NDJSON = "application/x-ndjson"
_Level = Annotated[Literal["debug", "info", "warning", "error"], Query(description="This level and above.")]
_Time = Annotated[int | None, Query(ge=0, le=FOREVER, description="Unix milliseconds.")]
_Format = Annotated[Literal["json", "file"], Query(description="file: to be kept, a line each.")]
_FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {NDJSON: {"schema": {"type": "string"}}, "text/plain": {"schema": {"type": "string"}}}}
}


def router(asking: Asking, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/hosts/{site}/{host}", tags=["messages"])

    @routes.get(
        "/messages", operation_id="listMessages", summary="What the agent of a host said", response_model=MessageList,
        responses=_FILES,
    )  # fmt: skip
    async def list_messages(
        ref: Host, person: Annotated[Person, Depends(doors.person)], level: _Level = "info",
        after: Annotated[int | None, Query(ge=0, le=FOREVER, description="Those above this number; none: the newest.")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100, format: _Format = "json",
    ) -> Response:  # fmt: skip
        query = MessageQuery(level=level, after_seq=after or 0, newest=after is None, limit=limit)
        found = (await asking.read(person, ref, BY_NAME["message-list"], query)).reply
        assert isinstance(found, MessageList)
        if format == "file":
            return _file(ref, "messages.ndjson", [json.dumps(to_json(one)) for one in found.messages], NDJSON)
        return JSONResponse(to_json(found))

    @routes.get(
        "/log", operation_id="queryLog", summary="Lines of the log of a host's agent", response_model=LogLines,
        responses=_FILES,
    )  # fmt: skip
    async def query_log(
        ref: Host, person: Annotated[Person, Depends(doors.person)], level: _Level = "debug", since: _Time = None,
        until: _Time = None, lines: Annotated[int, Query(ge=1, le=2000)] = 200, format: _Format = "json",
        match: Annotated[str | None, Query(max_length=256, pattern=r"^[^\x00]*$")] = None,
    ) -> Response:  # fmt: skip
        query = LogQuery(level=level, since=since, until=until, lines=lines, match=match)
        found = (await asking.read(person, ref, BY_NAME["log-query"], query)).reply
        assert isinstance(found, LogLines)
        if format == "file":
            return _file(ref, "agent.log", found.lines, "text/plain")
        return JSONResponse(to_json(found))

    return routes


def _file(ref: HostRef, name: str, lines: Sequence[str], media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{ref.site}-{ref.host}-{name}"'}
    return PlainTextResponse("".join(f"{line}\n" for line in lines), media_type=media_type, headers=headers)
