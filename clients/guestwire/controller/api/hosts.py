"""The fleet over HTTP: /api/v1/hosts. The ETag of a host is the revision of what people say of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from guestwire.controller.api import etags
from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.etags import if_match
from guestwire.controller.api.host_paths import Host
from guestwire.controller.api.paging import Listing, Page, cursor, page
from guestwire.controller.fleet.hosts import Hosts, LetIn
from guestwire.controller.fleet.people import HostWords
from guestwire.controller.fleet.registry import Approval
from guestwire.controller.fleet.selection import LONGEST
from guestwire.controller.fleet.views import HostDetail, HostSummary
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.host_queries import SORTS, Sort
from guestwire.controller.store.host_tables import DocumentKind
from guestwire.controller.users.person import Person
from guestwire.model.base import Document, Model

Q = Annotated[
    str,
    Query(
        max_length=LONGEST,
        description='Which hosts: `site=plant label.line=3 state=online agent<0.2 guest=rtlinux "free text"`; with '
        "`=`, `!=`, `<`, `<=`, `>`, `>=`, `has`, `and`, `or`, `not` and parentheses.",
        examples=["site=plant state=online"],
    ),
]
SortText = Annotated[
    str,
    Query(pattern=f"^-?({'|'.join(SORTS)})$", description="In which order; with a minus sign in front the other way."),
]


class HostDocument(Model):
    """What a host said, and when that was heard, Unix ms. Bytes are in hexadecimal."""

    heard_at: int
    document: dict[str, Any]


class HostsToLetIn(Document):
    """Which hosts are let in, of those that wait for it; an empty selection is all of them. Some hundred at a time: ask again while
    the answer says that some are left."""

    selection: Annotated[str, Field(max_length=LONGEST, examples=["site=plant label.line=3"])]


def sort_of(text: str) -> Sort:
    """The order that somebody asked for."""
    return Sort(text.removeprefix("-"), text.startswith("-"))


def after(page: Page, sort: Sort) -> tuple[str | int, ...] | None:
    """Where a page begins. Raises CURSOR-INVALID for a cursor of another order."""
    match sort.by:
        case "host":
            return page.after(str, str)
        case "heard":
            return page.after(int, str, str)
        case _:
            return page.after(str, str, str)


def router(hosts: Hosts, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/hosts", tags=["hosts"])
    _listed(routes, hosts, doors)
    _said(routes, hosts, doors)
    _changed(routes, hosts, doors)
    _documents(routes, hosts, doors)
    return routes


def _listed(routes: APIRouter, hosts: Hosts, doors: Doors) -> None:
    @routes.get("", operation_id="listHosts", summary="Hosts by selection")
    async def list_hosts(
        person: Annotated[Person, Depends(doors.person)],
        page: Annotated[Page, Depends(page)],
        q: Q = "",
        sort: SortText = "host",
    ) -> Listing[HostSummary]:
        order = sort_of(sort)
        found, keys = await hosts.find(person, q, order, after(page, order), page.fetch)
        following = cursor(keys[page.limit - 1]) if len(found) > page.limit else None
        return Listing(items=tuple(found[: page.limit]), next=following)


def _said(routes: APIRouter, hosts: Hosts, doors: Doors) -> None:
    @routes.get("/{site}/{host}", operation_id="getHost", summary="A host")
    async def get_host(ref: Host, response: Response, person: Annotated[Person, Depends(doors.person)]) -> HostDetail:
        found = await hosts.show(person, ref)
        etags.show(response, found.revision)
        return found

    @routes.patch("/{site}/{host}", operation_id="changeHost", summary="Say what a host is called")
    async def change_host(
        ref: Host,
        body: Annotated[HostWords, FROM_JSON],
        response: Response,
        person: Annotated[Person, Depends(doors.person)],
        revision: Annotated[int, Depends(if_match)],
    ) -> HostDetail:
        found = await hosts.change(person, ref, body, revision)
        etags.show(response, found.revision)
        return found

    @routes.delete("/{site}/{host}", status_code=204, operation_id="forgetHost", summary="Forget a host that is gone")
    async def forget_host(ref: Host, person: Annotated[Person, Depends(doors.person)]) -> None:
        await hosts.forget(person, ref)


def _changed(routes: APIRouter, hosts: Hosts, doors: Doors) -> None:
    async def decide(person: Person, ref: HostRef, approval: Approval, response: Response) -> HostDetail:
        found = await hosts.decide(person, ref, approval)
        etags.show(response, found.revision)
        return found

    @routes.post("/approve", operation_id="approveHosts", summary="Let in hosts of a selection")
    async def approve_hosts(
        body: Annotated[HostsToLetIn, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> LetIn:
        return await hosts.let_in(person, body.selection)

    @routes.post("/{site}/{host}/approve", operation_id="approveHost", summary="Let a host in")
    async def approve_host(
        ref: Host, response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> HostDetail:
        return await decide(person, ref, "approved", response)

    @routes.post("/{site}/{host}/reject", operation_id="rejectHost", summary="Turn a host away")
    async def reject_host(
        ref: Host, response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> HostDetail:
        return await decide(person, ref, "rejected", response)

    @routes.post(
        "/{site}/{host}/refresh",
        operation_id="refreshHost",
        summary="Read anew what a host has",
        dependencies=[Depends(doors.reads)],
    )
    async def refresh_host(ref: Host, person: Annotated[Person, Depends(doors.person)]) -> HostDocument:
        document = await hosts.refresh(person, ref)
        return HostDocument(heard_at=document["read_at"], document=document)


def _documents(routes: APIRouter, hosts: Hosts, doors: Doors) -> None:
    async def shown(person: Person, ref: HostRef, kind: DocumentKind) -> HostDocument:
        heard_at, document = await hosts.document(person, ref, kind)
        return HostDocument(heard_at=heard_at, document=document)

    @routes.get("/{site}/{host}/reported", operation_id="getReported", summary="What a host reported last")
    async def get_reported(ref: Host, person: Annotated[Person, Depends(doors.person)]) -> HostDocument:
        return await shown(person, ref, "reported")

    @routes.get("/{site}/{host}/capabilities", operation_id="getCapabilities", summary="What a host understands")
    async def get_capabilities(ref: Host, person: Annotated[Person, Depends(doors.person)]) -> HostDocument:
        return await shown(person, ref, "capabilities")

    @routes.get("/{site}/{host}/inventory", operation_id="getInventory", summary="What a host has, as it was read last")
    async def get_inventory(ref: Host, person: Annotated[Person, Depends(doors.person)]) -> HostDocument:
        return await shown(person, ref, "inventory")
