"""What an agent does by the clock: judges the wall clock, keeps the time floor, settles when the journal was made, forgets old
jobs, looks whether the operating system waits for a boot."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from guestwire.agent import floor_note
from guestwire.agent.clock_skew import ClockSkew
from guestwire.agent.journal import Journal
from guestwire.agent.time_floor import TimeFloor
from guestwire.link.clock import now
from guestwire.link.vital import Vital, VitalTask
from guestwire.model.errors import GuestwireError
from guestwire.model.host import ClockQuality
from guestwire.protocol.executor import Executor

CLOCK_EVERY_S = 60.0
PRUNE_EVERY = 10
"""Rounds of the clock between two prunings, and between two looks at the host."""


class Housekeeping(VitalTask):
    """`async with` it. Pruning goes in pages, so no round holds up a command for long. `look` looks at the host, first at
    once. `clock` judges by `floor`, which is raised and kept here; `skewed` is told how far off the clock is."""

    def __init__(
        self,
        journal: Journal,
        executor: Executor,
        clock: Callable[[], ClockQuality],
        keep_jobs_s: float,
        vital: Vital,
        look: Callable[[], Awaitable[object]],
        *,
        floor: TimeFloor,
        skew: ClockSkew,
        skewed: Callable[[int], None],
    ) -> None:
        super().__init__(vital, "housekeeping")
        self._journal = journal
        self._executor = executor
        self._clock = clock
        self._quality: ClockQuality = "unknown"
        self._keep_ms = round(keep_jobs_s * 1000)
        self._look = look
        self._floor = floor
        self._skew = skew
        self._skewed = skewed

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        self._raise_floor()
        await floor_note.keep(self._floor, self._journal, by_ms=0)

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
        floor_note.raise_by(self._floor, self._executor.trust)
        self._quality = self._clock()
        self._executor.clock_synchronised = self._quality != "unsynchronised"
        if (skew_ms := self._skew.to_tell(now())) is not None:
            self._skewed(skew_ms)
        self._raise_floor()
        self._executor.floor_ms = self._floor.ms
        await floor_note.keep(self._floor, self._journal)
        if not self._executor.clock_synchronised:
            return
        try:
            settled = await self._journal.settle_created(now().wall_ms)
        except GuestwireError:  # a full disk: the next round tries again
            return
        if settled:
            self._executor.journal_created_ms = self._journal.created_ms

    def _raise_floor(self) -> None:
        if self._quality == "synchronised":
            self._floor.seen(now().wall_ms)

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
