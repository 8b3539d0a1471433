"""What the controller answers of users, their roles, tokens and keys, as far as clients read it. Shapes only; times in Unix ms."""

from pydantic import Field

from guestwire.sdk.controller_models import Answered


class Role(Answered):
    """A role on some hosts."""

    role: str
    scope: str


class User(Answered):
    """A user, with their roles."""

    name: str
    id: str
    label: str = ""
    disabled: bool
    must_change: bool
    created_at: int
    login_at: int | None = None
    revision: int
    bindings: tuple[Role, ...] = ()


class Token(Answered):
    """A token for programs. `token`: its text, only of a new one. `bindings` None: for all that its owner may."""

    id: str
    name: str
    bindings: tuple[Role, ...] | None = None
    created_at: int
    expires_at: int | None = None
    used_at: int | None = None
    used_from: str | None = None
    token: str | None = Field(default=None, repr=False)


class Session(Answered):
    """Where a user is logged in with a browser."""

    id: str
    name: str
    created_at: int
    used_at: int
    expires_at: int
    address: str = ""
    agent: str = ""


class InTrust(Answered):
    """As whom a site knows a key."""

    site: str
    principal: str
    role: str | None = None
    risk: int


class EnrolledKey(Answered):
    """A signing key of a user."""

    id: str
    label: str
    enrolled_at: int
    revoked_at: int | None = None
    in_trust: tuple[InTrust, ...] = ()
