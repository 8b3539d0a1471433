"""What a router asks of whoever comes in.

Before a request reaches a router, the frame (`frame`) has seen to it: the size and soundness of its body, who sends it (nobody
comes in without being known, but to what `gate.OPEN` lists), CSRF, rate limits, idempotency keys, and the audit
row of what is refused. A router takes the person, the page and the revision that it needs, and nothing else:

    def router(service: Groups, doors: Doors) -> APIRouter:
        routes = APIRouter(prefix="/groups", tags=["groups"])

        @routes.get("", operation_id="listGroups")
        async def list_groups(
            person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)]
        ) -> Listing[Group]:
            rows = await service.list(person, after=page.after(str), limit=page.fetch)
            return listing(rows, page, lambda group: (group.name,))

        @routes.put("/{name}", operation_id="putGroup")
        async def put_group(
            name: Name, body: Annotated[GroupBody, FROM_JSON], response: Response,
            person: Annotated[Person, Depends(doors.person)], revision: Annotated[int, Depends(if_match)],
        ) -> Group:
            group = await service.put(person, name, body, revision)    # raises REVISION-STALE
            etags.show(response, group.revision)
            return group

        return routes

Every body is marked FROM_JSON (`bodies` says why). Prefixes are without /api/v1: the application puts it before them. Parameters of paths and queries have bounds (`Path`,
`Query` with max_length and pattern; times as `Time` here): a database takes no text with NUL and no integer of 65 bits. What the
person may do is the service's to ask (`Access.require`), and so is the audit row of what it did, in its own transaction.

No `from __future__ import annotations` in a module with a router: FastAPI reads the annotations where they stand.
"""

from typing import Annotated

from fastapi import Query, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from guestwire.controller.api.carried import carried
from guestwire.controller.api.gate import COOKIE, CSRF_HEADER
from guestwire.controller.users.person import Asked, Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.trust import FOREVER

Time = Annotated[int, Query(ge=0, le=FOREVER, description="Unix milliseconds.")]

_TOKEN = HTTPBearer(scheme_name="token", description="An API token: `gwt_...`.", auto_error=False)
_SESSION = APIKeyCookie(
    name=COOKIE,
    scheme_name="session",
    description=f"A session (POST /api/v1/sessions). Changes need the header {CSRF_HEADER} too.",
    auto_error=False,
)


class Doors:
    """The dependencies that routers share. What they hand out, the frame has found out before."""

    async def person(
        self,
        request: Request,
        _token: Annotated[HTTPAuthorizationCredentials | None, Security(_TOKEN)],
        _session: Annotated[str | None, Security(_SESSION)],
    ) -> Person:
        """Who asks. Raises UNAUTHENTICATED."""
        person = carried(request.scope).person
        if person is None:
            raise GuestwireError("UNAUTHENTICATED")
        return person

    async def asked(self, request: Request) -> Asked:
        """How a request came, where nobody need be known."""
        return carried(request.scope).asked

    async def session(self, request: Request) -> str | None:
        """The secret of the session that the person came with; None: they came with a token."""
        return carried(request.scope).session

    async def secret(self, request: Request) -> None:
        """For an answer with a secret in it: it is kept nowhere, for an idempotency key neither."""
        carried(request.scope).secret = True

    async def reads(self, request: Request) -> None:
        """For a POST that changes nothing, and for what a page notes for whoever looks at it: it leaves no audit row, unless it is
        refused to somebody."""
        carried(request.scope).reads = True
