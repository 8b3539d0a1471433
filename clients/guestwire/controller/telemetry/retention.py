"""Removes what is older than it is kept: in the background, a little at a time, and nothing that is not rolled up yet."""

import asyncio
from collections.abc import Callable
from typing import Final

from guestwire.controller.store import expiry, gap_rows, received_rows, series_rows
from guestwire.controller.store.database import Database
from guestwire.controller.store.levels import HOUR, LEVELS
from guestwire.controller.telemetry.host_clock import OLDEST_MS
from guestwire.controller.telemetry.pieces import Kept
from guestwire.controller.telemetry.received import Received
from guestwire.controller.telemetry.series import KnownSeries, day_of
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

LOOK_S: Final = 60.0
BREATH_S: Final = 0.05
"""Between two stretches: others write, too."""


class Retention(OwnTask):
    """Works from entering to leaving `async with` it."""

    def __init__(
        self,
        database: Database,
        known: KnownSeries,
        received: Received,
        kept: Kept,
        clock: Callable[[], Now],
        look_s: float = LOOK_S,
        breath_s: float = BREATH_S,
    ) -> None:
        self._database = database
        self._known = known
        self._received = received
        self._kept = kept
        self._clock = clock
        self._look_s = look_s
        self._breath_s = breath_s
        self._day = 0
        super().__init__("telemetry-retention")
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
        """Remove all that is too old. Raises DATABASE-UNAVAILABLE, DATABASE-FULL; what is removed by then stays removed."""
        now_ms = self._clock().wall_ms
        for level in LEVELS:
            while True:
                async with self._database.write() as tx:
                    if not await expiry.expire(tx, level, now_ms - self._kept[level.name]):
                        break
                await asyncio.sleep(self._breath_s)
        if day_of(now_ms) != self._day:
            await self._once_a_day(now_ms)
            self._day = day_of(now_ms)

    async def _once_a_day(self, now_ms: int) -> None:
        """What there is little of: series of which nothing is left, gaps, starts of counters, logs of spools that are gone."""
        oldest = now_ms - self._kept[HOUR.name]
        gone = [one for one in self._known.by_id.values() if one.seen_day < day_of(oldest) - 1]
        idle = self._received.idle(now_ms - 2 * OLDEST_MS)
        async with self._database.write() as tx:
            await series_rows.remove(tx, [one.id for one in gone])
            await series_rows.forget_starts(tx, oldest)
            await gap_rows.forget(tx, oldest)
            for key in idle:
                await received_rows.forget(tx, key)
        for one in gone:
            self._known.remove(one)
        for key in idle:
            self._received.forget(key)
