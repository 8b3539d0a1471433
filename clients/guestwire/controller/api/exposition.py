"""/metrics: everything that a Prometheus scrapes, for this machine or for who brings the token."""

import asyncio
import hmac
import ipaddress
from collections.abc import AsyncIterator, Callable

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from guestwire.controller.own_metrics import OwnMetrics
from guestwire.controller.telemetry import exposition
from guestwire.controller.telemetry.series import KnownSeries
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

PATH = "/metrics"


def router(own: OwnMetrics, known: KnownSeries, clock: Callable[[], Now], token: Callable[[], str | None]) -> APIRouter:
    """`token`: what a scraper must bring, as it is now; None: only this machine may scrape."""
    routes = APIRouter(tags=["health"])

    async def text() -> AsyncIterator[str]:
        yield own.text()
        for piece in exposition.pieces(known, clock().wall_ms):
            yield piece
            await asyncio.sleep(0)  # a hundred thousand series take half a second: others get a turn

    @routes.get(
        PATH, operation_id="scrape", summary="Every series as it is now, and how the controller does, for Prometheus",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )  # fmt: skip
    async def scrape(request: Request) -> StreamingResponse:
        _check(request, token())
        return StreamingResponse(text(), media_type=exposition.CONTENT_TYPE)

    return routes


def _check(request: Request, token: str | None) -> None:
    """Raises UNAUTHENTICATED."""
    if token is not None:
        scheme, _, brought = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(brought.strip().encode(), token.encode()):
            return
        raise GuestwireError("UNAUTHENTICATED", "A scraper brings the token of metrics.token_file.")
    if request.client is None or not _loopback(request.client.host):
        raise GuestwireError("UNAUTHENTICATED", "Only this machine may scrape; give metrics.token_file for others.")


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
