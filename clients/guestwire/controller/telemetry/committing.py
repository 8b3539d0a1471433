"""A harvest goes into the database, whole or not at all."""

from guestwire.controller.store import (
    due_rows,
    gap_rows,
    partitions,
    samples,
    series_rows,
    telemetry_hosts,
)
from guestwire.controller.store.database import Database
from guestwire.controller.store.levels import MINUTE, RAW
from guestwire.controller.telemetry.gathering import Harvest


class Committing:
    """Writes harvests, one at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._parts: set[int] = set()

    async def commit(self, harvest: Harvest, now_ms: int) -> None:
        """Everything of it is in the database, or nothing. Raises DATABASE-UNAVAILABLE, DATABASE-FULL."""
        gathered = harvest.gathered
        await self._make_parts(
            {partitions.number(RAW, RAW.slot(minute * MINUTE.width_ms)) for minute, _ in gathered.due}
        )
        try:
            async with self._database.append() as tx:
                await harvest.staged.write(tx, now_ms)
                await samples.add(tx, gathered.rows)
                await samples.add_missing(tx, gathered.again)
                await due_rows.touch(tx, MINUTE, gathered.due)
                if gathered.began:
                    await series_rows.began(tx, sorted(gathered.began))
                for gap in harvest.gaps:
                    await gap_rows.add(tx, gap)
                if rows := harvest.rows_to_store():
                    await telemetry_hosts.put(tx, rows)
                if gathered.unseen:
                    await series_rows.seen(tx, sorted(set(gathered.unseen)), harvest.day)
        except BaseException:
            self._parts.clear()  # one may have been dropped meanwhile
            raise
        harvest.keep()

    async def _make_parts(self, wanted: set[int]) -> None:
        """The partitions that rows go to; known ones are not asked for again."""
        if self._database.dialect == "sqlite" or wanted <= self._parts:
            return
        async with self._database.write() as tx:
            await partitions.make(tx, RAW, wanted)
        self._parts |= wanted
