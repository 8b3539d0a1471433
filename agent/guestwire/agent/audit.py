"""What the agent makes of refused messages and defects: counted by the executor, said here, noticed at a bounded rate."""

from collections.abc import Callable
from typing import Protocol

from guestwire.agent.announcer import Announcer
from guestwire.model.errors import GuestwireError
from guestwire.protocol.buckets import Buckets

NOTICES_PER_S = 1.0
BURST = 5.0


class Log(Protocol):
    """The agent's log, as structlog gives it."""

    def info(self, event: str, **fields: object) -> object: ...

    def warning(self, event: str, **fields: object) -> object: ...

    def error(self, event: str, **fields: object) -> object: ...


class AuditTrail:
    """An Audit of link/serve. A flood of bad messages makes one notice and one log line a second for each client."""

    def __init__(self, log: Log, announcer: Announcer, mono: Callable[[], float]) -> None:
        self._log = log
        self._announcer = announcer
        self._mono = mono
        self._buckets = Buckets(NOTICES_PER_S, BURST)
        self._untold: dict[tuple[str, str], int] = {}

    def refused(self, code: str, client: str, *, audit: bool) -> None:
        if not audit:
            return
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
