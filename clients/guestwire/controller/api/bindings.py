"""Roles over HTTP: /api/v1/users/{name}/bindings."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field, StringConstraints

from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.users.accounts import Accounts
from guestwire.controller.users.names import NAME_PATTERN
from guestwire.controller.users.person import LONGEST_SCOPE, Binding, Person, Role, binding
from guestwire.model.base import Document, Model

_NamePath = Annotated[str, Path(pattern=NAME_PATTERN, description="The user's name.", examples=["anna"])]


_SCOPE = r"^(\*|(site|group):[a-z0-9-]{1,36}|host:[a-z0-9-]{1,36}/[a-z0-9-]{1,36})$"
ScopeText = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_SCOPE), Field(json_schema_extra={"pattern": _SCOPE})
]
"""Told as a pattern, and judged by `binding`, which says what is wrong in words."""


class BindingWritten(Document):
    """A role on some hosts. `scope`: `*`, `site:SITE`, `group:GROUP` or `host:SITE/HOST`."""

    role: Role = Field(examples=["operator"])
    scope: ScopeText = Field(examples=["site:plant"])


class BindingShown(Model):
    """A role on some hosts."""

    role: str
    scope: str


class Bindings(Model):
    """Every role of one user: there are few."""

    items: tuple[BindingShown, ...]


def shown(one: Binding) -> BindingShown:
    """A role as it is told."""
    return BindingShown(role=one.role, scope=one.scope)


def written(one: BindingWritten, field: str) -> Binding:
    """A role that somebody wrote. Raises INVALID-BODY, which names the place below `field`."""
    return binding(one.role, one.scope, f"{field}.scope" if field else "scope")


def router(accounts: Accounts, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/users/{name}/bindings", tags=["users"])

    @routes.get("", operation_id="listBindings", summary="The roles of a user")
    async def list_bindings(name: _NamePath, person: Annotated[Person, Depends(doors.person)]) -> Bindings:
        account = await accounts.get(person, name)
        return Bindings(items=tuple(shown(one) for one in account.bindings))

    @routes.post("", operation_id="giveRole", summary="Give a user a role")
    async def give_role(
        name: _NamePath, body: Annotated[BindingWritten, FROM_JSON], person: Annotated[Person, Depends(doors.person)]
    ) -> Bindings:
        account = await accounts.give(person, name, written(body, ""))
        return Bindings(items=tuple(shown(one) for one in account.bindings))

    @routes.delete("", operation_id="takeRole", summary="Take a role from a user")
    async def take_role(
        name: _NamePath, role: Annotated[Role, Query()],
        scope: Annotated[str, Query(min_length=1, max_length=LONGEST_SCOPE, json_schema_extra={"pattern": _SCOPE})],
        person: Annotated[Person, Depends(doors.person)],
    ) -> Bindings:  # fmt: skip
        account = await accounts.take(person, name, binding(role, scope))
        return Bindings(items=tuple(shown(one) for one in account.bindings))

    return routes
