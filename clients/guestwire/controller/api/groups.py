"""Groups over HTTP: /api/v1/groups."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from guestwire.controller.api import etags
from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.etags import if_match
from guestwire.controller.api.hosts import SortText, after, sort_of
from guestwire.controller.api.paging import Listing, Page, cursor, listing, page
from guestwire.controller.fleet.groups import Group, Groups, GroupWords
from guestwire.controller.fleet.hosts import Hosts
from guestwire.controller.fleet.views import HostSummary
from guestwire.controller.users.person import Person
from guestwire.sdk.contexts import Slug

Name = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,36}$", description="The group's name.", examples=["line-3"])]


class GroupMade(GroupWords):
    """A group to be made, with its name."""

    name: Slug


def router(groups: Groups, hosts: Hosts, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/groups", tags=["groups"])
    _looked_at(routes, groups, hosts, doors)
    _changed(routes, groups, doors)
    return routes


def _looked_at(routes: APIRouter, groups: Groups, hosts: Hosts, doors: Doors) -> None:
    @routes.get("", operation_id="listGroups", summary="Groups")
    async def list_groups(
        person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)]
    ) -> Listing[Group]:
        begin = page.after(str)
        found = await groups.page(person, begin[0] if begin else "", page.fetch)
        return listing(found, page, lambda group: (group.name,))

    @routes.get("/{name}", operation_id="getGroup", summary="A group")
    async def get_group(name: Name, response: Response, person: Annotated[Person, Depends(doors.person)]) -> Group:
        found = await groups.show(person, name)
        etags.show(response, found.revision)
        return found

    @routes.get("/{name}/hosts", operation_id="listGroupHosts", summary="The hosts of a group")
    async def list_group_hosts(
        name: Name,
        person: Annotated[Person, Depends(doors.person)],
        page: Annotated[Page, Depends(page)],
        sort: SortText = "host",
    ) -> Listing[HostSummary]:
        order = sort_of(sort)
        found, keys = await hosts.find(person, f"group={name}", order, after(page, order), page.fetch)
        following = cursor(keys[page.limit - 1]) if len(found) > page.limit else None
        return Listing(items=tuple(found[: page.limit]), next=following)


def _changed(routes: APIRouter, groups: Groups, doors: Doors) -> None:
    @routes.post("", status_code=201, operation_id="makeGroup", summary="Make a group")
    async def make_group(
        body: Annotated[GroupMade, FROM_JSON], response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> Group:
        made = await groups.add(person, body.name, body)
        etags.show(response, made.revision)
        response.headers["Location"] = f"/api/v1/groups/{made.name}"
        return made

    @routes.put("/{name}", operation_id="putGroup", summary="Change a group")
    async def put_group(
        name: Name,
        body: Annotated[GroupWords, FROM_JSON],
        response: Response,
        person: Annotated[Person, Depends(doors.person)],
        revision: Annotated[int, Depends(if_match)],
    ) -> Group:
        found = await groups.put(person, name, body, revision)
        etags.show(response, found.revision)
        return found

    @routes.delete("/{name}", status_code=204, operation_id="removeGroup", summary="Remove a group")
    async def remove_group(
        name: Name, person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)]
    ) -> None:
        await groups.remove(person, name, revision)
