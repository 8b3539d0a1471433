"""What has no effect and is audited all the same: refused messages, one row each or counted; reads, counted by the minute.

Rows gather here for a moment and go to the log together. A disk that takes nothing is tried again; meanwhile what is too
much to keep is counted, so nothing is ever left out in silence. PROTOCOL "Audit".
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from guestwire.agent.audit_log import AuditLog
from guestwire.agent.audit_schema import Fields
from guestwire.agent.audit_tally import (
    COUNT_FIRST_S,
    COUNT_LONGEST_S,
    MOST_READS,
    MOST_REFUSALS,
    OTHERS,
    Count,
    OwnRows,
    Pace,
    Tally,
)
from guestwire.link.vital import Vital, VitalTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

READS_EVERY_S: Final = 60.0
GATHER_S: Final = 0.2
"""Between two commits of refused messages."""
AGAIN_S: Final = 5.0
"""Until a disk that took nothing is tried again."""
PRUNE_EVERY_S: Final = 3600.0
MOST_ROWS: Final = 512
"""Rows that wait for a disk; beyond that refused messages are counted."""

Refusals = tuple[str, str]
"""Code and client."""
Reads = tuple[str, str, str, str]
"""Principal, operation, way, and `ok` or a code."""


class AuditWriting(VitalTask):
    """`async with` it, after the journal is open and before anything is received: leaving writes what is pending.
    `prune(now_ms)` is awaited every hour."""

    def __init__(
        self,
        log: AuditLog,
        clock: Callable[[], Now],
        vital: Vital,
        prune: Callable[[int], Awaitable[None]],
        left: Callable[[int], None],
        *,
        gather_s: float = GATHER_S,
    ) -> None:
        """`left` hears at the end how many rows the disk did not take."""
        super().__init__(vital, "audit")
        self._log = log
        self._clock = clock
        self._prune = prune
        self._left = left
        self._gather_s = gather_s
        self._own = OwnRows()
        self._rows: list[tuple[int, Fields]] = []
        self._refusals: Tally[Refusals] = Tally(MOST_REFUSALS, lambda key: (key[0], OTHERS))
        self._reads: Tally[Reads] = Tally(MOST_READS, lambda key: (OTHERS, "", key[2], key[3]))
        self._refusals_pace = Pace(COUNT_FIRST_S, COUNT_LONGEST_S)
        self._reads_pace = Pace(READS_EVERY_S, READS_EVERY_S)
        self._news = asyncio.Event()
        self._prune_at = clock().mono

    async def __aexit__(self, *exc: object) -> None:
        await super().__aexit__(*exc)
        rows = [*self._rows, *self._counts(float("inf"))]
        try:
            await self._written(rows)
        except GuestwireError:
            self._left(len(rows))

    # -- from the link and the pipeline; these never wait

    def refused(self, code: str, client: str, fields: Callable[[], Fields]) -> None:
        """A message that was refused. `fields` makes its row, if it gets one."""
        at = self._clock()
        if len(self._rows) < MOST_ROWS and self._own.take(client, at.mono):
            self._rows.append((at.wall_ms, {"what": "refused", "code": code, **fields(), "client": client}))
            self._news.set()
        else:
            self._count(code, client, at)

    def counted(self, code: str, client: str) -> None:
        """A message that was refused and needs no row of its own."""
        self._count(code, client, self._clock())

    def _count(self, code: str, client: str, at: Now) -> None:
        self._refusals.add((code, client), at.wall_ms)
        if self._refusals_pace.begin(at.mono):
            self._news.set()

    def read(self, principal: str, operation: str, way: str, outcome: str, at: Now) -> None:
        """A read that was answered: `ok`, or with a code."""
        self._reads.add((principal, operation, way, outcome), at.wall_ms)
        if self._reads_pace.begin(at.mono):
            self._news.set()

    # -- the task

    async def _run(self) -> None:
        while True:
            self._news.clear()
            if not self._rows:
                await self._due()
            pause_s = await self._round()
            await asyncio.sleep(pause_s)

    async def _due(self) -> None:
        """Wait for news, or until something that is known is due."""
        at = min(self._refusals_pace.due, self._reads_pace.due, self._prune_at) - self._clock().mono
        try:
            async with asyncio.timeout(max(0.0, at)):
                await self._news.wait()
        except TimeoutError:
            return

    async def _round(self) -> float:
        """Write what is due; how long to wait before more is written."""
        at = self._clock()
        try:
            await self._written([*self._rows, *self._counts(at.mono)])
            if at.mono >= self._prune_at:
                self._prune_at = at.mono + PRUNE_EVERY_S
                await self._prune(at.wall_ms)
        except GuestwireError:  # a full disk; the journal's own users say so
            return AGAIN_S
        return self._gather_s

    async def _written(self, rows: list[tuple[int, Fields]]) -> None:
        """Write rows; those that the disk does not take wait again, and counts are counted again."""
        self._rows = []
        if not rows:
            return
        try:
            await self._log.extend(rows)
        except GuestwireError:
            self._rows = [*(row for row in rows if row[1]["what"] == "refused"), *self._rows]
            for _, fields in rows:
                self._count_again(fields)
            raise

    def _count_again(self, fields: Fields) -> None:
        mono = self._clock().mono
        match fields["what"]:
            case "refusals":
                self._refusals.put_back((fields["code"], fields["client"]), _counted(fields))
                self._refusals_pace.begin(mono)
            case "reads":
                key = (fields["principal"], fields["operation"], fields["way"], fields["code"])
                self._reads.put_back(key, _counted(fields))
                self._reads_pace.begin(mono)

    def _counts(self, mono: float) -> list[tuple[int, Fields]]:
        """The rows of the counts that are due by then."""
        rows: list[tuple[int, Fields]] = []
        if self._refusals and self._refusals_pace.due <= mono:
            self._refusals_pace.done(mono)
            rows += [
                (count.last_ms, {"what": "refusals", "code": code, "client": client, **_numbers(count)})
                for (code, client), count in self._refusals.take().items()
            ]
        if self._reads and self._reads_pace.due <= mono:
            self._reads_pace.done(mono)
            rows += [
                (count.last_ms, {
                    "what": "reads", "principal": principal, "operation": operation, "way": way, "code": outcome,
                    **_numbers(count),
                })
                for (principal, operation, way, outcome), count in self._reads.take().items()
            ]  # fmt: skip
        return rows


def _numbers(count: Count) -> Mapping[str, int]:
    return {"count": count.number, "from": count.first_ms, "to": count.last_ms}


def _counted(fields: Fields) -> Count:
    return Count(fields["count"], fields["from"], fields["to"])
