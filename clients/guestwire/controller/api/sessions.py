"""Log-ins of people at browsers: /api/v1/sessions, and the first administrator: /api/v1/bootstrap."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field, StringConstraints

from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.carried import header
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.gate import COOKIE, CSRF_COOKIE, cookie_name
from guestwire.controller.store.sessions import Session
from guestwire.controller.users import names
from guestwire.controller.users.first_admin import FirstAdmin
from guestwire.controller.users.names import UserName
from guestwire.controller.users.passwords import LONGEST
from guestwire.controller.users.person import Asked, Person
from guestwire.controller.users.signing_in import LoggedIn, SigningIn
from guestwire.model.base import Document, Model

Password = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]


class LogIn(Document):
    """Who logs in."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(examples=["anna"])
    password: Password = Field(examples=["correct horse battery staple"], repr=False)


class FirstUser(Document):
    """The first administrator. `token`: what the controller printed when it started."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(repr=False)
    name: UserName = Field(examples=["anna"])
    password: Password = Field(examples=["correct horse battery staple"], repr=False)


class SessionShown(Model):
    """A session. `current`: the one that asks. `csrf`: what the header X-Guestwire-Csrf has in its requests; only told where it
    is the current one. `must_change`: another password is to be chosen first."""

    id: str
    name: str
    created_at: int
    used_at: int
    expires_at: int
    address: str
    agent: str
    current: bool
    csrf: str | None = None
    must_change: bool = False


class Sessions(Model):
    """All sessions of one person: there are few."""

    items: tuple[SessionShown, ...]


class Made(Model):
    """The user that was made."""

    name: str
    id: str


def router(signing_in: SigningIn, first: FirstAdmin, doors: Doors, *, secure: bool) -> APIRouter:
    """`secure`: the cookies are for TLS alone."""
    routes = APIRouter(tags=["sessions"])
    session_cookie = cookie_name(COOKIE, secure=secure)
    csrf_cookie = cookie_name(CSRF_COOKIE, secure=secure)

    def set_cookies(response: Response, made: LoggedIn) -> None:
        seconds = (made.session.expires_at - made.session.created_at) // 1000
        for name, value, hidden in (
            (session_cookie, made.secret, True),
            (csrf_cookie, names.csrf_of(made.secret), False),
        ):
            response.set_cookie(
                name, value, max_age=seconds, path="/", secure=secure, httponly=hidden, samesite="strict"
            )

    def forget_cookies(response: Response) -> None:
        for name in (session_cookie, csrf_cookie):
            response.delete_cookie(name, path="/", secure=secure, samesite="strict")

    @routes.post("/sessions", status_code=201, operation_id="logIn", summary="Log in")
    async def log_in(
        body: Annotated[LogIn, FROM_JSON], request: Request, response: Response,
        asked: Annotated[Asked, Depends(doors.asked)],
    ) -> SessionShown:  # fmt: skip
        agent = header(request.scope, b"user-agent") or ""
        made = await signing_in.log_in(body.name, body.password, asked, agent)
        set_cookies(response, made)
        return _shown(made.session, made.person, made.secret)

    @routes.get("/sessions", operation_id="listSessions", summary="One's own sessions")
    async def list_sessions(
        person: Annotated[Person, Depends(doors.person)], secret: Annotated[str | None, Depends(doors.session)]
    ) -> Sessions:
        several = await signing_in.sessions_of(person)
        return Sessions(items=tuple(_shown(one, person, secret) for one in several))

    @routes.delete("/sessions/current", status_code=204, operation_id="logOut", summary="Log out")
    async def log_out(
        response: Response, person: Annotated[Person, Depends(doors.person)],
        secret: Annotated[str | None, Depends(doors.session)],
    ) -> None:  # fmt: skip
        forget_cookies(response)
        if secret is not None:
            await signing_in.log_out(person, secret)

    @routes.delete("/sessions/{id}", status_code=204, operation_id="endSession", summary="End a session of one's own")
    async def end_session(
        id: Annotated[str, Path(pattern=names.ID_PATTERN)], person: Annotated[Person, Depends(doors.person)]
    ) -> None:
        await signing_in.end_one(person, id)

    @routes.post("/bootstrap", status_code=201, operation_id="makeFirstUser", summary="Make the first administrator")
    async def make_first_user(body: Annotated[FirstUser, FROM_JSON]) -> Made:
        account = await first.make(body.token, body.name, body.password)
        return Made(name=account.user.name, id=account.user.id)

    return routes


def _shown(session: Session, person: Person, secret: str | None) -> SessionShown:
    current = secret is not None and session.hash == names.digest(secret)
    return SessionShown(
        id=session.id, name=person.name, created_at=session.created_at, used_at=session.used_at,
        expires_at=session.expires_at, address=session.address, agent=session.agent, current=current,
        csrf=names.csrf_of(secret) if current and secret is not None else None, must_change=person.must_change,
    )  # fmt: skip
