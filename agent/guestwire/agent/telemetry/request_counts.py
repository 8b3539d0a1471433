"""Requests by what came of them, and how long they took.

Hears of reads and refusals where the audit trail hears of them (`CountedAudit`), and of commands where their results are stored
(`RequestCounts.ended`). Counts; decides and says nothing.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from guestwire.agent.telemetry.histogram import Histogram
from guestwire.agent.telemetry.sources.source import Add
from guestwire.link.serve import Audit
from guestwire.model.errors import BY_CODE
from guestwire.protocol.steps import Call, Inbound, Now

BOUNDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds: from a read in memory to a guest that takes its time to shut down."""


class RequestCounts:
    """Of one host, since `since_ms`. Operations, kinds of errors and codes are tables: there are not more counters than
    these have rows."""

    def __init__(self, since_ms: int, clock: Callable[[], Now]) -> None:
        self.seconds = Histogram(BOUNDS, since_ms)
        self._since_ms = since_ms
        self._clock = clock
        self._ended: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[str] = Counter()

    def ended(self, call: Call, code: str | None) -> None:
        """A request has its final answer; the code of its error, or None."""
        self._ended[call.operation.name, "ok" if code is None else BY_CODE[code].kind.value.lower()] += 1
        took_ms = self._clock().wall_ms - call.accepted_ms
        if took_ms >= 0:  # the clock was not put back meanwhile
            self.seconds.observe(took_ms / 1000)

    def refused(self, code: str) -> None:
        """A message did not become a request."""
        self._refused[code] += 1

    def sample(self, add: Add) -> None:
        """Their rows of the catalogue."""
        for (operation, outcome), count in self._ended.items():
            add("guestwire_agent_requests_total", (operation, outcome), count, self._since_ms)
        for code, count in self._refused.items():
            add("guestwire_agent_refused_total", (code,), count, self._since_ms)
        self.seconds.sample(add, "guestwire_agent_request_seconds")


class CountedAudit:
    """An Audit of link/serve in front of another one."""

    def __init__(self, audit: Audit, counts: RequestCounts) -> None:
        self._audit = audit
        self._counts = counts
        self.defect = audit.defect

    def refused(self, code: str, inbound: Inbound, *, audit: bool) -> None:
        self._counts.refused(code)
        self._audit.refused(code, inbound, audit=audit)

    def answered(self, call: Call, code: str | None, at: Now) -> None:
        self._counts.ended(call, code)
        self._audit.answered(call, code, at)
