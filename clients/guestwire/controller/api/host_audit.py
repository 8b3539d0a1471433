"""The audit logs of hosts over HTTP: /api/v1/hosts/{site}/{host}/audit."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from guestwire.controller.api.doors import Doors
from guestwire.controller.api.paging import Listing, Page, listing, page
from guestwire.controller.audit.host_logs import HostLogs
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.host_audit import HostLog, HostRow, Wanted
from guestwire.controller.users.person import Person
from guestwire.model.base import Model
from guestwire.protocol.packing import PackingError, unpack
from guestwire.protocol.trust import FOREVER

_Slug = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,36}$", examples=["plant"])]
_Text = Annotated[str | None, Query(max_length=128, pattern=r"^[^\x00]*$")]
_Time = Annotated[int | None, Query(ge=0, le=FOREVER, description="Unix milliseconds.")]
_LogName = Annotated[
    str | None, Query(pattern=r"^[0-9a-f]{32}$", description="Which log, where a host had several; none: its newest.")
]


class HostRowShown(Model):
    """A row of a host's log. `said`: what it says. `row`: its exact bytes, `hash`: of it and the row before it. `mark`: `broken` where
    it does not follow from that one, `unsigned` where the host did not sign the end that it leads to, else empty."""

    log: str
    seq: int
    at: int
    said: dict[str, Any]
    row: str
    hash: str
    mark: str


class HostLogShown(Model):
    """A host's log, as far as it was collected: rows `first` to `seq`. `trouble`: what was found wrong with it last."""

    log: str
    first: int
    seq: int
    hash: str
    began_at: int
    collected_at: int
    acknowledged: int
    trouble: str
    trouble_seq: int | None
    trouble_at: int | None


class HostLogList(Model):
    """Every log of one host, the newest first: there are few."""

    items: tuple[HostLogShown, ...]


async def wanted(
    operation: _Text = None, principal: _Text = None, code: _Text = None, since: _Time = None, until: _Time = None
) -> Wanted:
    """Which rows somebody wants: those of an operation, a principal, with a code; from `since` on, before `until`."""
    return Wanted(operation, principal, code, since, until)


def router(logs: HostLogs, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/hosts/{site}/{host}/audit", tags=["audit"])

    @routes.get("", operation_id="listHostAudit", summary="What a host was asked, by whom, and what came of it")
    async def list_host_audit(
        site: _Slug, host: _Slug, person: Annotated[Person, Depends(doors.person)],
        which: Annotated[Wanted, Depends(wanted)], page: Annotated[Page, Depends(page)], log: _LogName = None,
    ) -> Listing[HostRowShown]:  # fmt: skip
        after = page.after(int)
        name = None if log is None else bytes.fromhex(log)
        below = None if after is None else after[0]
        rows = await logs.newest(person, HostRef(site, host), name, which, below=below, limit=page.fetch)
        return listing([_row(row) for row in rows], page, lambda row: (row.seq,))

    @routes.get("/logs", operation_id="listHostAuditLogs", summary="How far a host's logs were collected")
    async def list_host_audit_logs(
        site: _Slug, host: _Slug, person: Annotated[Person, Depends(doors.person)]
    ) -> HostLogList:
        return HostLogList(items=tuple(_log(one) for one in await logs.logs(person, HostRef(site, host))))

    return routes


def _row(row: HostRow) -> HostRowShown:
    try:
        said = _plain(unpack(row.row))
    except PackingError:
        said = None
    return HostRowShown(
        log=row.log.hex(), seq=row.seq, at=row.at, said=said if type(said) is dict else {}, row=row.row.hex(),
        hash=row.hash.hex(), mark=row.mark,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """A value of a row as JSON has it; bytes in hexadecimal."""
    match value:
        case bytes():
            return value.hex()
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def _log(one: HostLog) -> HostLogShown:
    return HostLogShown(
        log=one.log.hex(), first=one.first, seq=one.seq, hash=one.hash.hex(), began_at=one.began_at,
        collected_at=one.collected_at, acknowledged=one.acknowledged, trouble=one.trouble,
        trouble_seq=one.trouble_seq, trouble_at=one.trouble_at,
    )  # fmt: skip
