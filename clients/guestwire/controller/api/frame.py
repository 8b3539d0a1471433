"""The outermost part of the API: every request gets an id, a time within which it is answered, and an answer, whatever happens; every
answer gets the headers that keep browsers from doing what nobody asked for.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from guestwire.controller.api import problems
from guestwire.controller.api.carried import Carried, carry, header
from guestwire.controller.api.limits import Limits, Rates
from guestwire.controller.api.origins import Names
from guestwire.controller.dashboard.content import PLACE
from guestwire.controller.logs import Log
from guestwire.controller.users.person import Asked
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.steps import Now

PROBES: Final = frozenset({"/healthz", "/readyz"})
"""Asked by machines that know an address and no name."""
FETCHES: Final = frozenset({"GET", "HEAD"})
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer that does not have its own."""
STRICT_TRANSPORT: Final = "max-age=31536000"


class Frame:
    """Around everything else."""

    def __init__(
        self, app: ASGIApp, names: Names, limits: Limits, rates: Rates, log: Log, clock: Callable[[], Now]
    ) -> None:
        self._app = app
        self._names = names
        self._limits = limits
        self._rates = rates
        self._log = log
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        request_id = ids.text(ids.request_id(self._clock().wall_ms))
        known = Carried(Asked(client[0][:64] if client else "", request_id))
        carry(scope, known)
        if scope["type"] == "http":
            await self._answered(scope, receive, _Sending(send, known, secure=self._names.secure))
        else:
            await self._connected(scope, receive, send, known)

    async def _answered(self, scope: Scope, receive: Receive, sending: "_Sending") -> None:
        known = sending.known
        try:
            async with asyncio.timeout(self._limits.request_s) as deadline:
                sending.on_start = lambda: deadline.reschedule(
                    asyncio.get_running_loop().time() + self._limits.stream_s
                )
                self._let_in(scope, known)
                await self._app(scope, receive, sending)
        except GuestwireError as err:
            await self._refused(err, scope, receive, sending)
        except TimeoutError:
            self._log.warning(
                "request took too long", method=scope["method"], path=scope["path"], request=known.asked.request_id
            )
            await self._refused(GuestwireError("REQUEST-TIMEOUT"), scope, receive, sending)
        except Exception as err:  # noqa: BLE001 - the entry point of every request: a defect is answered, and logged
            self._incident(err, scope, known)
            about = {"incident": known.asked.request_id}
            await self._refused(GuestwireError("DEFECT", detail=about), scope, receive, sending)

    async def _connected(self, scope: Scope, receive: Receive, send: Send, known: Carried) -> None:
        """A WebSocket: refused before it is accepted, or a matter of its own, refusals included: a browser tells a page nothing of one that
        was not accepted."""
        try:
            self._let_in(scope, known)
            await self._app(scope, receive, send)
        except GuestwireError as err:
            await send({"type": "websocket.close", "code": 1008, "reason": err.code})
        except Exception as err:
            self._incident(err, scope, known)
            raise

    def _let_in(self, scope: Scope, known: Carried) -> None:
        if scope["path"].startswith(PLACE) and scope.get("method") in FETCHES:
            self._rates.file(known.asked.address)
        else:
            self._rates.address(known.asked.address)
        if scope["path"] not in PROBES:
            self._names.check_host(header(scope, b"host"))
        if not scope["path"].isprintable() or b"%00" in scope["query_string"] or not scope["query_string"].isascii():
            raise GuestwireError("MALFORMED", "The address has characters that none may have.")

    def _incident(self, error: Exception, scope: Scope, known: Carried) -> None:
        method = scope.get("method", "WEBSOCKET")
        self._log.error(
            "request failed", incident=known.asked.request_id, method=method, path=scope["path"], exc_info=error
        )

    async def _refused(self, error: GuestwireError, scope: Scope, receive: Receive, sending: "_Sending") -> None:
        """Answer with an error; where an answer has begun already the connection is cut, so that nobody takes half for all."""
        if sending.started:
            raise ConnectionAbortedError(
                f"the answer to {sending.known.asked.request_id} cannot be finished: {error.code}"
            )
        sending.on_start = _nothing
        await problems.answer(error, sending.known)(scope, receive, sending)


class _Sending:
    """The way of an answer: what it gets on it, and whether it has begun."""

    def __init__(self, send: Send, known: Carried, *, secure: bool) -> None:
        self._send = send
        self._secure = secure
        self.known = known
        self.started = False
        self.on_start: Callable[[], None] = _nothing

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.on_start()
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if self._secure:
                headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
            headers["X-Request-Id"] = self.known.asked.request_id
        await self._send(message)


def _nothing() -> None:
    return
