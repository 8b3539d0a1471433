"""Nobody comes in without being known, but to what is open: who sends a request, by token or by session, and whether they meant to.

What they may do is asked where it is done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from guestwire.controller.api.carried import UNSAFE, Carried, carried, header
from guestwire.controller.api.limits import Rates
from guestwire.controller.api.origins import Names, check_csrf, cookies
from guestwire.controller.users.person import Person
from guestwire.controller.users.signing_in import SigningIn
from guestwire.controller.users.tokens import Tokens
from guestwire.model.errors import GuestwireError

COOKIE: Final = "guestwire_session"
CSRF_COOKIE: Final = "guestwire_csrf"
CSRF_HEADER: Final = "X-Guestwire-Csrf"
OPEN: Final = frozenset({
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/api/v1/openapi.json"),
    ("POST", "/api/v1/sessions"),
    ("POST", "/api/v1/bootstrap"),
})  # fmt: skip
"""What everybody may ask. Each of them looks after itself."""
UNTIL_CHANGED: Final = frozenset({
    ("GET", "/api/v1/users/me"),
    ("PUT", "/api/v1/users/me/password"),
    ("DELETE", "/api/v1/sessions/current"),
})  # fmt: skip
"""What somebody may ask who is to choose another password first."""


def cookie_name(name: str, *, secure: bool) -> str:
    """A cookie's name: over TLS a browser takes one with the prefix from this very server alone (RFC 6265bis)."""
    return f"__Host-{name}" if secure else name


@dataclass(frozen=True, slots=True)
class Identities:
    """Who comes with what."""

    sessions: SigningIn
    tokens: Tokens
    names: Names

    async def identify(self, headers: Mapping[bytes, str], known: Carried, *, note: bool = True) -> Person | None:
        """Who sends a request with these headers (in small letters); None: it has nothing to know anybody by. A token goes before a
        session. `note`: they are used; else it is only looked whether they still count. Raises UNAUTHENTICATED for a token or session that does not count."""
        authorization = headers.get(b"authorization")
        if authorization is not None:
            scheme, _, text = authorization.partition(" ")
            bearer = scheme.lower() == "bearer"
            person = await self.tokens.person(text.strip(), known.asked, note=note) if bearer else None
            if person is None:
                raise GuestwireError("UNAUTHENTICATED", "The token is unknown, was revoked, or has expired.")
            return person
        secret = cookies(headers.get(b"cookie")).get(cookie_name(COOKIE, secure=self.names.secure))
        if secret is None:
            return None
        person = await self.sessions.person(secret, known.asked, note=note)
        if person is None:
            raise GuestwireError("UNAUTHENTICATED", "The session is over: log in again.")
        known.session = secret
        return person


class Gate:
    """The part of the frame that knows people."""

    def __init__(
        self, app: ASGIApp, identities: Identities, rates: Rates, open_too: frozenset[tuple[str, str]] = frozenset()
    ) -> None:
        self._app = app
        self._identities = identities
        self._rates = rates
        self._open = OPEN | open_too

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            known = carried(scope)
            asked = (scope["method"], scope["path"])
            if asked in self._open:
                if scope["method"] in UNSAFE:
                    self._check_origin(scope)
            else:
                await self._known(scope, known, asked)
        await self._app(scope, receive, send)

    async def _known(self, scope: Scope, known: Carried, asked: tuple[str, str]) -> None:
        names = (b"authorization", b"cookie")
        headers = {name: value for name in names if (value := header(scope, name)) is not None}
        person = await self._identities.identify(headers, known)
        if person is None:
            raise GuestwireError("UNAUTHENTICATED")
        if known.session is not None and scope["method"] in UNSAFE:
            self._check_origin(scope)
            check_csrf(header(scope, CSRF_HEADER.lower().encode()), known.session)
        known.person = person
        self._rates.person(person)
        if person.must_change and person.token is None and asked not in UNTIL_CHANGED:
            raise GuestwireError("PASSWORD-EXPIRED")

    def _check_origin(self, scope: Scope) -> None:
        self._identities.names.check_origin(
            header(scope, b"origin"), header(scope, b"host"), header(scope, b"sec-fetch-site")
        )
