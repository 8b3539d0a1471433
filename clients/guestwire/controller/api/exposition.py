"""/metrics: everything that a Prometheus scrapes, for this machine or for who brings the token."""

import asyncio
import hmac
import ipaddress
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse

from guestwire.controller.api.host_paths import SLUG
from guestwire.controller.own_metrics import OwnMetrics
from guestwire.controller.text_format import CONTENT_TYPE, Pieces, Which
from guestwire.model.errors import GuestwireError

PATH = "/metrics"
_MOST = 256
_Names = list[Annotated[str, Query(pattern=SLUG)]] | None
_Sites = Annotated[_Names, Query(max_length=_MOST, description="Only hosts of these sites, nothing of the controller.")]
_Hosts = Annotated[_Names, Query(max_length=_MOST, description="Only hosts of these names, nothing of the controller.")]
_Part = Annotated[
    Literal["all", "hosts", "controller"], Query(description="What is told: of hosts, of the controller.")
]


def router(own: OwnMetrics, hosts: Sequence[Pieces], token: Callable[[], str | None]) -> APIRouter:
    """`hosts`: what is told of hosts. `token`: what a scraper must bring, as it is now; None: only this machine may scrape."""
    routes = APIRouter(tags=["health"])

    async def text(which: Which, part: str) -> AsyncIterator[str]:
        if part != "hosts" and which.all:
            yield own.text()
        for told in hosts if part != "controller" else ():
            for piece in told(which):
                if piece:
                    yield piece
                await asyncio.sleep(0)  # a hundred thousand series take half a second: others get a turn

    @routes.get(
        PATH, operation_id="scrape", summary="Every series as it is now, and how the controller does, for Prometheus",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )  # fmt: skip
    async def scrape(
        request: Request, site: _Sites = None, host: _Hosts = None, part: _Part = "all"
    ) -> StreamingResponse:
        _check(request, token())
        which = Which(frozenset(site or ()), frozenset(host or ()))
        return StreamingResponse(text(which, part), media_type=CONTENT_TYPE)

    return routes


def _check(request: Request, token: str | None) -> None:
    """Raises UNAUTHENTICATED."""
    if token is not None:
        scheme, _, brought = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(brought.strip().encode(), token.encode()):
            return
        raise GuestwireError("UNAUTHENTICATED", "A scraper brings the token of metrics.token_file.")
    forwarded = any(name in request.headers for name in ("x-forwarded-for", "forwarded"))
    if forwarded or request.client is None or not _loopback(request.client.host):  # a proxy here asks for somebody else
        raise GuestwireError("UNAUTHENTICATED", "Only this machine may scrape; give metrics.token_file for others.")


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
