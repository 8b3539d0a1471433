"""The API as one application: the routers of all subjects, in one frame.

The order of the frame's parts, from the outside: id, time limit and headers (`frame`), the dashboard's page and files, audit of refusals
(`noting`), who it is (`gate`), the body (`limits`), idempotency keys, the routers.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from guestwire.controller.api import openapi, problems
from guestwire.controller.api.bodies import FromJson
from guestwire.controller.api.frame import Frame
from guestwire.controller.api.gate import Gate, Identities
from guestwire.controller.api.idempotency import Idempotency
from guestwire.controller.api.limits import Bodies, Limits, Rates
from guestwire.controller.api.noting import Noting
from guestwire.controller.dashboard.assets import Assets
from guestwire.controller.dashboard.serving import Dashboard
from guestwire.controller.logs import Log
from guestwire.controller.store.database import Database
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

PREFIX: Final = "/api/v1"
DESCRIPTION: Final = """Look after hosts, their guests, configuration, jobs and telemetry.

Errors are problems (RFC 9457); programs go by `code`. Lists come in pages: give `next` as `cursor`. What has an ETag is changed with
`If-Match`. Times are Unix milliseconds, bytes lowercase hexadecimal."""
TAGS: Final = (
    ("sessions", "Logging in and out"),
    ("users", "Users and their roles"),
    ("tokens", "Tokens for programs"),
    ("keys", "Signing keys of people"),
    ("audit", "What was done, and by whom"),
    ("health", "For whoever supervises the controller"),
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the API is made of. `routers` are put below /api/v1, `outside` (/healthz, /metrics) are not. `open_too`: (method, path) of
    what looks itself after who asks. `tags`: more of them, with what they are about. `dashboard`: its files; None: there is none."""

    identities: Identities
    database: Database
    log: Log
    clock: Callable[[], Now]
    routers: tuple[APIRouter, ...]
    outside: tuple[APIRouter, ...] = ()
    open_too: frozenset[tuple[str, str]] = frozenset()
    limits: Limits = field(default_factory=Limits)
    tags: tuple[tuple[str, str], ...] = ()
    version: str = "1"
    dashboard: Assets | None = None


def application(parts: Parts) -> FastAPI:
    """The application over its parts. Raises ValueError for a router with a body that is not marked FROM_JSON, or with an operation that
    has no id, or one that another has."""
    rates = Rates(parts.limits, lambda: parts.clock().mono)
    methods = _checked(parts)
    app = FastAPI(
        title="Guestwire controller",
        version=parts.version,
        description=DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        openapi_tags=[{"name": name, "description": about} for name, about in (*TAGS, *parts.tags)],
        exception_handlers={
            GuestwireError: problems.on_guestwire_error,
            RequestValidationError: problems.on_validation_error,
            HTTPException: partial(problems.on_http_exception, methods=methods),
        },
        middleware=[
            Middleware(Frame, parts.identities.names, parts.limits, rates, parts.log, parts.clock),
            *([] if parts.dashboard is None else [Middleware(Dashboard, parts.dashboard)]),
            Middleware(Noting, parts.database, parts.log, parts.clock),
            Middleware(Gate, parts.identities, rates, parts.open_too),
            Middleware(Bodies, parts.limits),
            Middleware(Idempotency, parts.database, parts.clock),
        ],
    )
    for router in parts.routers:
        app.include_router(router, prefix=PREFIX)
    for router in parts.outside:
        app.include_router(router)
    made: dict[str, Any] = {}

    def described() -> dict[str, Any]:
        if not made:
            made.update(openapi.document(app))
        return made

    app.openapi = described  # type: ignore[method-assign]
    return app


def warmed(app: FastAPI) -> FastAPI:
    """The same, with all that is otherwise made on first use, in the middle of a request: the document, and with it our models."""
    with warnings.catch_warnings():
        # pydantic warns of how FastAPI names its fields
        warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)
        app.openapi()
    return app


def _checked(parts: Parts) -> Mapping[str, frozenset[str]]:
    """What can be done to the path of each route. Raises ValueError: see `application`."""
    known: set[str] = set()
    methods: dict[str, frozenset[str]] = {}
    for route in (one for router in (*parts.routers, *parts.outside) for one in router.routes):
        if not isinstance(route, APIRoute):
            continue
        here = frozenset(route.methods or ())
        methods[route.path] = methods.get(route.path, frozenset()) | here
        where = f"{','.join(sorted(here))} {route.path}"
        if route.operation_id is None or route.operation_id in known:
            raise ValueError(f"{where}: its operation id is missing, or another operation's: {route.operation_id}")
        known.add(route.operation_id)
        for body in route.dependant.body_params:
            if not any(isinstance(one, FromJson) for one in body.field_info.metadata):
                raise ValueError(f"{where}: its body is not marked FROM_JSON")
    return methods
