"""Who asks: a person as a request found them. Values only; how somebody proves who they are is `signing_in`'s matter."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from guestwire.controller.host_ref import HostRef, host_ref
from guestwire.model.errors import GuestwireError
from guestwire.protocol.ids import is_slug

Role = Literal["observer", "operator", "engineer", "admin"]
ROLES: tuple[Role, ...] = ("observer", "operator", "engineer", "admin")
"""Each may do what those before it may."""
EVERYWHERE = "*"
LONGEST_SCOPE = 128


def reaches(role: Role, needed: Role) -> bool:
    """Whether who has `role` may do what takes `needed`."""
    return ROLES.index(role) >= ROLES.index(needed)


class Binding(NamedTuple):
    """A role on some hosts. `scope`: "*", "site:SITE", "group:GROUP" or "host:SITE/HOST"."""

    role: Role
    scope: str


@dataclass(frozen=True, slots=True)
class TokenUse:
    """The token that a request came with. `bindings`: what it is for, which never exceeds what its owner may; None: for all
    that its owner may."""

    id: str
    name: str
    bindings: tuple[Binding, ...] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """How a request came, for the audit log. `request_id`: the one that its answer bears as X-Request-Id."""

    address: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who proved who they are. `id` is for ever theirs, `name` what people call them. `token` None: they came with
    a session of their own."""

    id: str
    name: str
    bindings: tuple[Binding, ...] = ()
    token: TokenUse | None = None
    asked: Asked = Asked()
    must_change: bool = False
    """They may do nothing but give themselves another password."""


def binding(role: str, scope: str, field: str = "scope") -> Binding:
    """A binding that somebody wrote. A group gives no role above engineer: who labels hosts decides who is in it, and
    engineers label hosts. Raises INVALID-BODY."""
    if role not in ROLES:
        raise GuestwireError(
            "INVALID-BODY", f"{role[:40]!r} is no role: write one of {', '.join(ROLES)}.", field="role"
        )
    if not _is_scope(scope):
        text = f"{scope[:100]!r} is no scope: write *, site:SITE, group:GROUP or host:SITE/HOST."
        raise GuestwireError("INVALID-BODY", text, field=field)
    if role == "admin" and scope.startswith("group:"):
        text = "A group gives no role above engineer: bind an admin to hosts, to a site or to everything."
        raise GuestwireError("INVALID-BODY", text, field="role")
    return Binding(role, scope)


def host_of(scope: str) -> HostRef | None:
    """The host of a scope "host:SITE/HOST"."""
    kind, _, name = scope.partition(":")
    return host_ref(name) if kind == "host" else None


def _is_scope(scope: str) -> bool:
    if scope == EVERYWHERE:
        return True
    if len(scope) > LONGEST_SCOPE:
        return False
    kind, _, name = scope.partition(":")
    if kind == "host":
        site, slash, host = name.partition("/")
        return bool(slash) and is_slug(site) and is_slug(host)
    return kind in ("site", "group") and is_slug(name)
