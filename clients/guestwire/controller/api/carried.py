"""What the frame has found out about a request, carried along in its ASGI scope from one part to the next."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from guestwire.controller.users.person import Asked, Person

UNSAFE: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""Methods that may change something."""
_KEY: Final = "guestwire"


@dataclass(slots=True)
class Carried:
    """`person`: who asks, once they are known. `session`: the secret of the session that they came with. `secret`: the answer
    has one in it, and is kept nowhere. `code`: of the error that was answered, empty for none. `action`: what is being
    done, as the API names it. `reads`: it changes nothing, though its method could: no audit row tells of it."""

    asked: Asked
    person: Person | None = None
    session: str | None = None
    body: bytes = b""
    secret: bool = False
    code: str = ""
    action: str = ""
    reads: bool = False


def carried(scope: MutableMapping[str, Any]) -> Carried:
    """What is known of a request so far."""
    found: Carried | None = scope.setdefault("state", {}).get(_KEY)
    if found is None:
        found = scope["state"][_KEY] = Carried(Asked())
    return found


def carry(scope: MutableMapping[str, Any], what: Carried) -> None:
    """Put it into a request's scope. What a server shares between requests there is left alone."""
    scope["state"] = {**scope.get("state", {}), _KEY: what}


def header(scope: MutableMapping[str, Any], name: bytes) -> str | None:
    """A header, where it was sent once; sent twice it is as good as none, for nobody knows which one others read."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if len(found) == 1 else None
