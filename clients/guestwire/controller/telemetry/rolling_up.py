"""Rolls up what is due, level after level: in the background, a little at a time.

What is due is in the database, so this can stop at any moment and goes on where it was. Newest windows come first: what is looked at
is not held up by what comes late.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

from guestwire.controller.store import due_rows, expiry, partitions
from guestwire.controller.store.database import Database
from guestwire.controller.store.due_rows import Due
from guestwire.controller.store.levels import LEVELS, Level, above, below
from guestwire.controller.store.rollup_rows import roll_up
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

LOOK_S: Final = 5.0
GRACE_MS: Final = 15_000
"""After the end of a window its samples are still on their way."""
BLOCKS_ONCE: Final = 64
"""Of one transaction: four thousand series. Others wait for their turn to write meanwhile."""


class RollingUp(OwnTask):
    """Works from entering to leaving `async with` it."""

    def __init__(
        self, database: Database, clock: Callable[[], Now], look_s: float = LOOK_S, grace_ms: int = GRACE_MS
    ) -> None:
        self._database = database
        self._clock = clock
        self._look_s = look_s
        self._grace_ms = grace_ms
        super().__init__("telemetry-roll-up")
        self.windows = 0
        """Blocks of windows that were rolled up."""
        self.failure: GuestwireError | None = None

    async def _run(self) -> None:
        while True:
            try:
                await self.catch_up()
                self.failure = None
            except GuestwireError as err:
                self.failure = err
            await asyncio.sleep(self._look_s)

    async def catch_up(self) -> None:
        """Roll up all that is due. Raises DATABASE-UNAVAILABLE, DATABASE-FULL; what was done by then stays done."""
        for level in LEVELS[1:]:
            while await self._some(level):
                pass

    async def _some(self, level: Level) -> bool:
        """A transaction's worth of one level; whether there was any."""
        ended = (self._clock().wall_ms - self._grace_ms) // level.width_ms
        async with self._database.read() as tx:
            due = await due_rows.first(tx, level, ended, BLOCKS_ONCE)
        if not due:
            return False
        upper = above(level)
        windows = {window: list(blocks) for window, blocks in groupby(due, key=lambda one: one.window)}
        async with self._database.write() as tx:
            marks = await expiry.marks(tx)
            slots = {level.slot(window * level.width_ms) for window in windows}
            await partitions.make(tx, level, {partitions.number(level, slot) for slot in slots})
            for window, blocks in windows.items():
                source = below(level)
                late = source.slot(window * level.width_ms) < marks.get(source.name, 0)
                for first, end in _runs(blocks):
                    await roll_up(tx, level, window, first, end, late=late)
            if upper is not None:
                times = upper.width_ms // level.width_ms
                await due_rows.touch(tx, upper, {(one.window // times, one.block) for one in due})
            await due_rows.done(tx, level, due)
        self.windows += len(due)
        return True


def _runs(due: Sequence[Due]) -> Iterator[tuple[int, int]]:
    """Blocks that follow one another: (first, end)."""
    for _, run in groupby(enumerate(due), key=lambda pair: pair[1].block - pair[0]):
        blocks = [one.block for _, one in run]
        yield blocks[0], blocks[-1] + 1
