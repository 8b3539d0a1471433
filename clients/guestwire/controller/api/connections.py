"""Connections over HTTP: /api/v1/connections. Files are named by their paths at the controller; no secret comes or goes here."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.paging import Listing, Page, listing, page
from guestwire.controller.config import Connection
from guestwire.controller.links.connections import Connections, ConnectionView
from guestwire.controller.users.person import Person

Name = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,36}$", description="The connection's name.", examples=["plant"])]


def router(connections: Connections, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/connections", tags=["connections"])

    @routes.get("", operation_id="listConnections", summary="The ways to sites and hosts, and how they fare")
    async def list_connections(
        person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)]
    ) -> Listing[ConnectionView]:
        begin = page.after(str)
        found = connections.page(person, begin[0] if begin else "", page.fetch)
        return listing(found, page, lambda one: (one.name,))

    @routes.get("/{name}", operation_id="getConnection", summary="A connection")
    async def get_connection(name: Name, person: Annotated[Person, Depends(doors.person)]) -> ConnectionView:
        return connections.show(person, name)

    @routes.post("", status_code=201, operation_id="addConnection", summary="Have a connection from now on")
    async def add_connection(
        body: Annotated[Connection, FROM_JSON], response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> ConnectionView:
        made = await connections.add(person, body)
        response.headers["Location"] = f"/api/v1/connections/{made.name}"
        return made

    @routes.get("/{name}/settings", operation_id="getConnectionSettings", summary="What a connection was made with")
    async def get_settings(name: Name, person: Annotated[Person, Depends(doors.person)]) -> Connection:
        return connections.settings(person, name)

    @routes.put("/{name}", operation_id="changeConnection", summary="Have a connection go another way")
    async def change_connection(
        name: Name, body: Annotated[Connection, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> ConnectionView:
        return await connections.change(person, name, body)

    @routes.delete("/{name}", status_code=204, operation_id="removeConnection", summary="End a connection")
    async def remove_connection(name: Name, person: Annotated[Person, Depends(doors.person)]) -> None:
        await connections.remove(person, name)

    return routes
