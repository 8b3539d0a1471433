"""The site's service as an ASGI application: POST /enrol, POST /renew, GET /trust, GET /healthz.

It reads at most one small request at a time from each peer, within a deadline; a peer that is refused too often is not looked
at. What it answers, and to whom, is in the log before it is answered. It decides nothing itself: `Authority` does.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from guestwire.model.error_codes.row import Kind
from guestwire.model.errors import GuestwireError
from guestwire.protocol.buckets import Buckets
from guestwire.protocol.enrolment import MAX_REQUEST_BYTES, Admission, EnrolRequest, Refusal, RenewRequest
from guestwire.protocol.signing import key_id
from guestwire.protocol.trust_file import in_words
from guestwire.site.authority import Authority
from guestwire.site.service_log import ServiceLog

BODY_DEADLINE_S = 10.0
TURN_DEADLINE_S = 15.0
FAILURE_RATE, FAILURE_BURST = 1 / 30, 10.0
"""Refusals per second and peer address, and how many at once, before it is not looked at."""
REQUEST_RATE, REQUEST_BURST = 5.0, 60.0
_R = TypeVar("_R", bound=BaseModel)

_STATUS = {
    Kind.INVALID: HTTPStatus.BAD_REQUEST,
    Kind.AUTH: HTTPStatus.FORBIDDEN,
    Kind.DENIED: HTTPStatus.FORBIDDEN,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.TIMEOUT: HTTPStatus.GONE,
    Kind.BUSY: HTTPStatus.TOO_MANY_REQUESTS,
}

_OPEN = ("ENROLMENT-", "HOST-ID-CONFLICT", "KEY-UNKNOWN", "CERTIFICATE-INVALID", "EXISTS", "THROTTLED", "BUSY")

Said = Callable[[str], object]


def _silent(_line: str) -> None:
    return


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """What the service is made of. `clock_ms`: Unix ms; `mono`: monotonic seconds; `said` hears what a person should."""

    authority: Authority
    log: ServiceLog
    clock_ms: Callable[[], int]
    mono: Callable[[], float]
    said: Said = _silent
    failures: Buckets = field(default_factory=lambda: Buckets(FAILURE_RATE, FAILURE_BURST, 4096))
    requests: Buckets = field(default_factory=lambda: Buckets(REQUEST_RATE, REQUEST_BURST, 4096))


def application(parts: ServiceParts) -> Starlette:
    """The application over its parts."""
    service = _Service(parts)
    return Starlette(
        routes=[
            Route("/enrol", service.enrol, methods=["POST"]),
            Route("/renew", service.renew, methods=["POST"]),
            Route("/trust", service.trust, methods=["GET"]),
            Route("/healthz", service.health, methods=["GET"]),
        ]
    )


class _Asked(NamedTuple):
    """Who asked for what, for the log."""

    peer: str
    what: str
    about: dict[str, object]


class _Service:
    def __init__(self, parts: ServiceParts) -> None:
        self._parts = parts
        self._turn = asyncio.Lock()  # the authority has one caller at a time

    async def enrol(self, request: Request) -> Response:
        return await self._decided(request, "enrol", EnrolRequest, self._parts.authority.enrol)

    async def renew(self, request: Request) -> Response:
        return await self._decided(request, "renew", RenewRequest, self._parts.authority.renew)

    async def trust(self, request: Request) -> Response:
        asked = _Asked(_peer(request), "trust", {})
        if (refused := self._throttled(asked)) is not None:
            return refused
        try:
            trust = await asyncio.to_thread(self._parts.authority.trust)
        except GuestwireError as err:
            return await self._refused(asked, err)
        etag = f'"{in_words(trust.revision)}"'
        if etag in [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag})
        await self._note(asked, "ok")
        return Response(trust.data, media_type="text/plain; charset=utf-8", headers={"ETag": etag})

    async def health(self, request: Request) -> Response:
        del request
        return JSONResponse({"ok": True})

    async def _decided(
        self, request: Request, what: str, model: type[_R], decide: Callable[[_R], Admission]
    ) -> Response:
        asked = _Asked(_peer(request), what, {})
        if (refused := self._throttled(asked)) is not None:
            return refused
        try:
            async with asyncio.timeout(BODY_DEADLINE_S):
                body = await _body(request)
            wanted = _read(model, body)
        except (TimeoutError, ClientDisconnect):
            return await self._refused(
                asked, GuestwireError("ENROLMENT-REFUSED", "The request did not come whole in time.")
            )
        except GuestwireError as err:
            return await self._refused(asked, err)
        asked = asked._replace(about=_about(wanted))
        try:
            admission = await self._in_turn(lambda: decide(wanted))
        except GuestwireError as err:
            return await self._refused(asked, err)
        await self._note(asked, "ok")
        return Response(admission.model_dump_json(), media_type="application/json")

    async def _in_turn(self, decide: Callable[[], Admission]) -> Admission:
        try:
            async with asyncio.timeout(TURN_DEADLINE_S):
                await self._turn.acquire()
        except TimeoutError:
            raise GuestwireError("BUSY", "The service has too much to do.", after_ms=5000) from None
        try:
            return await asyncio.to_thread(
                decide
            )  # which waits for nothing but the site's lock, and that has a deadline
        except OSError as err:
            raise GuestwireError("SYSTEM-REFUSED", f"The site's directory: {err}") from err
        finally:
            self._turn.release()

    def _throttled(self, asked: _Asked) -> Response | None:
        """A peer that asks too often is not read, and not in the log: its refusals before are."""
        mono = self._parts.mono()
        failed = self._parts.failures.known(asked.peer)
        after = max(failed.wait_ms(mono) if failed is not None else 0, self._parts.requests[asked.peer].take(mono))
        return _answer(GuestwireError("THROTTLED", after_ms=after)) if after else None

    async def _refused(self, asked: _Asked, err: GuestwireError) -> Response:
        self._parts.failures[asked.peer].take(self._parts.mono())
        await self._note(asked, err.code, reason=err.message)
        host = asked.about.get("host", "-")
        self._parts.said(f"{asked.what} refused: {err.code}: host {host}, from {asked.peer}: {err.message}")
        return _answer(err)

    async def _note(self, asked: _Asked, outcome: str, **more: object) -> None:
        write = self._parts.log.write
        await asyncio.to_thread(write, self._parts.clock_ms(), asked.peer, asked.what, outcome, **asked.about, **more)
        if outcome == "ok" and asked.what != "trust":
            self._parts.said(f"{asked.what}: host {asked.about['host']}, key {asked.about['key']}, from {asked.peer}")


async def _body(request: Request) -> bytes:
    """Raises ENROLMENT-REFUSED as soon as it is too large."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MAX_REQUEST_BYTES:
            raise GuestwireError("ENROLMENT-REFUSED", f"A request is {MAX_REQUEST_BYTES} bytes at most.")
    return bytes(data)


def _read(model: type[_R], body: bytes) -> _R:
    try:
        return model.model_validate_json(body)
    except ValidationError as err:
        first = err.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise GuestwireError("ENROLMENT-REFUSED", f"The request is not well formed: {place[:100]}.") from None


def _about(wanted: BaseModel) -> dict[str, object]:
    assert isinstance(wanted, EnrolRequest | RenewRequest)
    return {"site": wanted.site, "host": wanted.host, "key": key_id(bytes.fromhex(wanted.public_key)).hex()}


def _peer(request: Request) -> str:
    return request.client.host if request.client is not None else "-"


def _answer(err: GuestwireError) -> Response:
    if not err.code.startswith(_OPEN):  # what is wrong with the site's files is no peer's business
        err = GuestwireError("INTERNAL", "The site's service cannot do that now: its log says why.")
    status = _STATUS.get(err.kind, HTTPStatus.INTERNAL_SERVER_ERROR)
    refusal = Refusal(code=err.code, message=err.message, after_ms=err.after_ms)
    headers = {} if err.after_ms is None else {"Retry-After": str(-(-err.after_ms // 1000))}
    return Response(refusal.model_dump_json(), status_code=status, media_type="application/json", headers=headers)
