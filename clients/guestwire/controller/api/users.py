"""Users over HTTP: /api/v1/users, /api/v1/users/me."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field

from guestwire.controller.api import etags
from guestwire.controller.api.bindings import BindingShown, BindingWritten, shown, written
from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.etags import if_match
from guestwire.controller.api.paging import Listing, Page, listing, page
from guestwire.controller.api.sessions import Password
from guestwire.controller.users.accounts import Account, Accounts, Changed
from guestwire.controller.users.names import NAME_PATTERN, Label, UserName
from guestwire.controller.users.person import Person
from guestwire.model.base import Document, Model

NamePath = Annotated[str, Path(pattern=NAME_PATTERN, description="The user's name.", examples=["anna"])]


class UserMade(Document):
    """A new user. `must_change`: they choose a password of their own when they log in first."""

    name: UserName = Field(examples=["bruno"])
    password: Password = Field(examples=["correct horse battery staple"], repr=False)
    label: Label = ""
    must_change: bool = True
    bindings: Annotated[tuple[BindingWritten, ...], Field(max_length=100)] = ()


class UserChanged(Document):
    """What is to be changed of a user; what is not named stays."""

    label: Label | None = None
    disabled: bool | None = None
    must_change: bool | None = None
    password: Password | None = Field(default=None, repr=False)


class OwnPassword(Document):
    """Another password for oneself."""

    old: Password
    new: Password


class UserShown(Model):
    """A user and their roles. `revision` is what the ETag has."""

    name: str
    id: str
    label: str
    disabled: bool
    must_change: bool
    created_at: int
    login_at: int | None
    revision: int
    bindings: tuple[BindingShown, ...]


class TokenUsed(Model):
    """The token that somebody came with. `bindings` null: it is for everything that its owner may."""

    id: str
    name: str
    bindings: tuple[BindingShown, ...] | None


class Me(Model):
    """Who asks, and what they may."""

    id: str
    name: str
    bindings: tuple[BindingShown, ...]
    token: TokenUsed | None
    must_change: bool
    way: Literal["session", "token"]


def router(accounts: Accounts, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/users", tags=["users"])
    _own(routes, accounts, doors)
    _others(routes, accounts, doors)
    return routes


def _own(routes: APIRouter, accounts: Accounts, doors: Doors) -> None:
    @routes.get("/me", operation_id="getMe", summary="Who one is here, and what one may")
    async def get_me(person: Annotated[Person, Depends(doors.person)]) -> Me:
        token = person.token
        used = None
        if token is not None:
            limits = None if token.bindings is None else tuple(shown(one) for one in token.bindings)
            used = TokenUsed(id=token.id, name=token.name, bindings=limits)
        return Me(
            id=person.id, name=person.name, bindings=tuple(shown(one) for one in person.bindings), token=used,
            must_change=person.must_change, way="session" if token is None else "token",
        )  # fmt: skip

    @routes.put("/me/password", status_code=204, operation_id="setOwnPassword", summary="Give oneself another password")
    async def set_own_password(
        body: Annotated[OwnPassword, FROM_JSON], person: Annotated[Person, Depends(doors.person)],
        session: Annotated[str | None, Depends(doors.session)],
    ) -> None:  # fmt: skip
        await accounts.set_own_password(person, body.old, body.new, session)


def _others(routes: APIRouter, accounts: Accounts, doors: Doors) -> None:
    @routes.get("", operation_id="listUsers", summary="All users, by name")
    async def list_users(
        person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)]
    ) -> Listing[UserShown]:
        after = page.after(str)
        several = await accounts.list(person, "" if after is None else after[0], page.fetch)
        return listing([_user(one) for one in several], page, lambda user: (user.name,))

    @routes.post("", status_code=201, operation_id="makeUser", summary="Make a user")
    async def make_user(
        body: Annotated[UserMade, FROM_JSON], response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> UserShown:
        account = await accounts.make(
            person, body.name, body.password, label=body.label, must_change=body.must_change,
            roles=tuple(written(one, f"bindings.{n}") for n, one in enumerate(body.bindings)),
        )  # fmt: skip
        response.headers["Location"] = f"/api/v1/users/{body.name}"
        return _tagged(response, account)

    @routes.get("/{name}", operation_id="getUser", summary="One user")
    async def get_user(
        name: NamePath, response: Response, person: Annotated[Person, Depends(doors.person)]
    ) -> UserShown:
        return _tagged(response, await accounts.get(person, name))

    @routes.patch("/{name}", operation_id="changeUser", summary="Change a user")
    async def change_user(
        name: NamePath, body: Annotated[UserChanged, FROM_JSON], response: Response,
        person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)],
    ) -> UserShown:  # fmt: skip
        values: dict[str, Any] = body.model_dump()
        return _tagged(response, await accounts.change(person, name, Changed(**values), revision))

    @routes.delete("/{name}", status_code=204, operation_id="removeUser", summary="Remove a user")
    async def remove_user(
        name: NamePath, person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)]
    ) -> None:
        await accounts.remove(person, name, revision)


def _tagged(response: Response, account: Account) -> UserShown:
    etags.show(response, account.user.revision)
    return _user(account)


def _user(account: Account) -> UserShown:
    user = account.user
    return UserShown(
        name=user.name, id=user.id, label=user.label, disabled=user.disabled, must_change=user.must_change,
        created_at=user.created_at, login_at=user.login_at, revision=user.revision,
        bindings=tuple(shown(one) for one in account.bindings),
    )  # fmt: skip
