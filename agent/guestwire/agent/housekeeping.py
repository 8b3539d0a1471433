"""What an agent does by the clock: judges the wall clock, settles when the journal was made, forgets old jobs, looks whether
the operating system waits for a boot."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from guestwire.agent.journal import Journal
from guestwire.agent.vital import Vital, VitalTask
from guestwire.link.clock import now
from guestwire.model.errors import GuestwireError
from guestwire.model.host import ClockQuality
from guestwire.protocol.executor import Executor

CLOCK_EVERY_S = 60.0
PRUNE_EVERY = 10
"""Rounds of the clock between two prunings, and between two looks at the host."""


class Housekeeping(VitalTask):
    """`async with` it. Pruning goes in pages, so no round holds up a command for long. `look` looks at the host, first at
    once."""

    def __init__(
        self,
        journal: Journal,
        executor: Executor,
        clock: Callable[[], ClockQuality],
        keep_jobs_s: float,
        vital: Vital,
        look: Callable[[], Awaitable[object]],
    ) -> None:
        super().__init__(vital, "housekeeping")
        self._journal = journal
        self._executor = executor
        self._clock = clock
        self._keep_ms = round(keep_jobs_s * 1000)
        self._look = look

    async def _run(self) -> None:
        while True:
            await self.look()
            for _ in range(PRUNE_EVERY):
                await self.judge_clock()
                await asyncio.sleep(CLOCK_EVERY_S)
            await self.prune()

    async def look(self) -> None:
        with suppress(GuestwireError):  # the next round tries again
            await self._look()

    async def judge_clock(self) -> None:
        """Tell the executor whether the clock can be trusted; once it can, since when the journal is complete."""
        self._executor.clock_synchronised = self._clock() != "unsynchronised"
        if not self._executor.clock_synchronised:
            return
        try:
            settled = await self._journal.settle_created(now().wall_ms)
        except GuestwireError:  # a full disk: the next round tries again
            return
        if settled:
            self._executor.journal_created_ms = self._journal.created_ms

    async def prune(self) -> int:
        """Forget what is old enough; how many."""
        total = 0
        try:
            while count := await self._journal.prune(now().wall_ms, self._keep_ms, self._executor.clock_synchronised):
                total += count
                self._executor.watermark_ms = self._journal.watermark_ms
        except GuestwireError:  # a full disk: the next round tries again
            return total
        return total
