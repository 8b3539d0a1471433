"""The audit rows that no service writes: of requests that were refused before one looked at them, or by one, and of changes that left
no row by oversight. A flood of refusals leaves few rows, with how many more there were.
"""

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from guestwire.controller.api.carried import UNSAFE, Carried, carried
from guestwire.controller.logs import Log
from guestwire.controller.store import audit_rows
from guestwire.controller.store.audit_rows import OK, AuditEntry
from guestwire.controller.store.database import Database
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.buckets import Buckets
from guestwire.protocol.steps import Now

RATE, BURST = 0.2, 30.0
"""Rows of refusals by address: per second, and at once."""
REFUSED: Final = frozenset({401, 403})
"""Noted whatever was asked; other refusals where something was to be changed."""
BY_THEMSELVES: Final = frozenset({"LOGIN-REFUSED"})
"""Refusals that have a row already."""


class Noting:
    """Notes what nobody else did."""

    def __init__(self, app: ASGIApp, database: Database, log: Log, clock: Callable[[], Now]) -> None:
        self._app = app
        self._database = database
        self._log = log
        self._clock = clock
        self._buckets = Buckets(RATE, BURST, 4096)
        self._unnoted: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        known = carried(scope)
        try:
            await self._app(scope, receive, watched)
        except GuestwireError as err:
            known.code = err.code
            await self._note(scope, known, 403 if err.code in ("UNAUTHENTICATED", "DENIED") else 400)
            raise
        if scope["type"] == "websocket":
            status = 403 if known.code else 200
        await self._note(scope, known, status)

    async def _note(self, scope: Scope, known: Carried, status: int) -> None:
        method = scope.get("method", "GET")
        unsafe = method in UNSAFE and not known.reads
        refused = status >= 400
        if not unsafe and status not in REFUSED:
            return
        if known.code in BY_THEMSELVES:
            return
        detail: dict[str, object] = {"method": method, "path": scope["path"][:256]}
        if refused:
            if self._buckets[known.asked.address].take(self._clock().mono):
                self._count(known.asked.address)
                return
            if more := self._unnoted.pop(known.asked.address, 0):
                detail["more"] = more
        person = known.person or Person("", "", asked=known.asked)
        outcome = (known.code or str(status)) if refused else OK
        action = _action(scope) if known.code != "METHOD-REFUSED" else method.lower()
        entry = AuditEntry(self._clock().wall_ms, person, action, scope["path"], outcome, detail)
        try:
            if not refused:
                async with self._database.read() as tx:
                    if await audit_rows.noted(tx, known.asked.request_id) is not None:
                        return
            async with self._database.write() as tx:
                await audit_rows.add(tx, entry)
        except GuestwireError as err:  # the database is away: whoever asked has their answer, the log keeps this
            self._log.error("not in the audit log", reason=err.code, outcome=outcome, **detail)

    def _count(self, address: str) -> None:
        if address in self._unnoted or len(self._unnoted) < 4096:
            self._unnoted[address] = self._unnoted.get(address, 0) + 1


def _action(scope: Scope) -> str:
    """What was asked for: the operation's id, where it got that far."""
    operation = getattr(scope.get("route"), "operation_id", None)
    return operation if isinstance(operation, str) else str(scope.get("method", "connect")).lower()
