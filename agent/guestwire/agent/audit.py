"""What the agent makes of requests that are refused or only read, and of defects: kept in the audit log, said in the agent's
own, and noticed at a bounded rate."""

from collections.abc import Callable
from typing import Protocol

from guestwire.agent.announcer import Announcer
from guestwire.agent.audit_rows import refused, way
from guestwire.agent.audit_schema import Fields
from guestwire.link.serve import audited
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.audit import clipped, target
from guestwire.protocol.buckets import Buckets
from guestwire.protocol.envelope import EnvelopeError, decode
from guestwire.protocol.packing import PackingError, unpack
from guestwire.protocol.steps import Call, Inbound, Now

NOTICES_PER_S = 1.0
BURST = 5.0
LOOKED_INTO = 4096
"""Bytes of a refused body that are read to see what it was about."""


class Log(Protocol):
    """The agent's log, as structlog gives it."""

    def info(self, event: str, **fields: object) -> object: ...

    def warning(self, event: str, **fields: object) -> object: ...

    def error(self, event: str, **fields: object) -> object: ...


class Rows(Protocol):
    """What keeps the rows (an AuditWriting)."""

    def refused(self, code: str, client: str, fields: Callable[[], Fields]) -> None: ...

    def counted(self, code: str, client: str) -> None: ...

    def read(self, principal: str, operation: str, way: str, outcome: str, at: Now) -> None: ...


class AuditTrail:
    """An Audit of link/serve. A flood of bad messages makes one notice and one log line a second for each client."""

    def __init__(self, log: Log, announcer: Announcer, rows: Rows, mono: Callable[[], float]) -> None:
        self._log = log
        self._announcer = announcer
        self._rows = rows
        self._mono = mono
        self._buckets = Buckets(NOTICES_PER_S, BURST)
        self._untold: dict[tuple[str, str], int] = {}

    def refused(self, code: str, inbound: Inbound, *, audit: bool) -> None:
        """A message that was not believed, or could not be taken."""
        client = clipped(inbound.client)
        if not audit:
            self._rows.counted(code, client)
            return
        self._rows.refused(code, client, lambda: said(inbound))
        self._tell(code, client)

    def not_taken(self, call: Call, code: str) -> None:
        """A request that passed every check and was not taken."""
        if not audited(code):
            self._rows.counted(code, call.client)
            return
        self._rows.refused(code, call.client, lambda: refused(call))
        self._tell(code, call.client)

    def turned_away(self, code: str, client: str) -> None:
        """A connection straight to the host that was ended; `client` may be an address, before more is known."""
        client = clipped(client)
        self._rows.refused(code, client, lambda: {"way": "tcp"})
        self._tell(code, client)

    def answered(self, call: Call, code: str | None, at: Now) -> None:
        """A read has its answer."""
        self._rows.read(call.issuer, call.operation.name, way(call), code or "ok", at)

    def _tell(self, code: str, client: str) -> None:
        key = (code, client)
        if len(self._untold) > 1024:
            self._untold.clear()
        count = self._untold.get(key, 0) + 1
        if self._buckets[key].take(self._mono()):
            self._untold[key] = count
            return
        self._untold.pop(key, None)
        self._log.warning("message refused", code=code, client=client, count=count)
        self._announcer.notice("audit", event="refused", code=code, client=client, count=count)

    def defect(self, operation: str, error: BaseException) -> None:
        self._log.error("operation failed with a defect", operation=operation, exc_info=error)

    def storage(self, error: GuestwireError) -> None:
        """The journal took nothing: at a bounded rate, for a full disk meets every command."""
        if self._buckets["storage"].take(self._mono()) == 0:
            self._log.error("the journal took no entry", code=error.code, reason=error.message)
            self._announcer.notice("alarm", event="journal", text=error.message, code=error.code, remedy=error.remedy)


def said(inbound: Inbound) -> Fields:
    """What a message says of itself, for its row: nobody vouches for it, so its issuer is what it `claims` and no principal."""
    row = {"operation": clipped(inbound.operation), "way": inbound.way}
    if inbound.uid is not None:  # for whom the kernel vouches
        row |= {"principal": f"local:{inbound.uid}", "way": "socket"}
    try:
        envelope = decode(inbound.payload)
    except EnvelopeError as err:
        return row if err.request_id is None else {**row, "request": ids.text(err.request_id)}
    header = envelope.header
    keys = tuple(key.hex() for key, _ in envelope.signatures)
    return {
        **row, "request": ids.text(header.request_id), "claims": clipped(header.issuer), **({"keys": keys} if keys else {}),
        **_named(envelope.body),
    }  # fmt: skip


def _named(body: bytes) -> Fields:
    if len(body) > LOOKED_INTO:
        return {}
    try:
        named = unpack(body)
    except PackingError:
        return {}
    about = target(named) if type(named) is dict else ""
    return {"target": about} if about else {}
