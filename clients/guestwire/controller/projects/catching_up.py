"""Keeps what is known of hosts with drafts up to what they report: whoever edits sees that their host has moved on."""

import asyncio
from collections.abc import Callable
from typing import Final

from guestwire.controller.host_ref import HostRef
from guestwire.controller.projects.host_reading import HostReading
from guestwire.controller.projects.keeping import DraftKeeping
from guestwire.controller.store import drafts
from guestwire.controller.store.database import Database
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError
from guestwire.sdk.bulk import each

EVERY_S: Final = 10.0
MOST: Final = 200
"""Hosts that are looked at in one round."""
AT_ONCE: Final = 4
PAUSE_MS: Final = 30_000
LONGEST_PAUSE_MS: Final = 900_000
"""Before a host is asked again that did not answer, or that goes on reporting something else."""


class CatchingUp(OwnTask):
    """`async with` it. `on_trouble` hears why the database took nothing; it is tried again."""

    def __init__(
        self,
        database: Database,
        hosts: HostReading,
        keeping: DraftKeeping,
        clock_ms: Callable[[], int],
        on_trouble: Callable[[GuestwireError], None],
    ) -> None:
        self._database = database
        self._hosts = hosts
        self._keeping = keeping
        self._clock_ms = clock_ms
        self._on_trouble = on_trouble
        self._later: dict[HostRef, tuple[int, int]] = {}
        """When a host may be asked again, and the pause before that."""
        super().__init__("projects-catching-up")

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except GuestwireError as err:
                self._on_trouble(err)
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Ask the hosts that have moved on. Raises what the database does."""
        async with self._database.read() as tx:
            outrun = await drafts.outrun(tx, MOST)
        now = self._clock_ms()
        self._later = {ref: later for ref, later in self._later.items() if ref in outrun}
        due = [ref for ref in outrun if self._later.get(ref, (now, 0))[0] <= now]
        for outcome in await each(due, self._asked, at_a_time=AT_ONCE):
            if outcome.error is not None:
                raise outcome.error

    async def _asked(self, ref: HostRef) -> None:
        pause = min(2 * self._later[ref][1], LONGEST_PAUSE_MS) if ref in self._later else PAUSE_MS
        self._later[ref] = self._clock_ms() + pause, pause
        try:
            await self._hosts.fetch(ref)
            await self._keeping.rejudge(ref)
        except GuestwireError as err:
            if err.code.startswith("DATABASE-"):
                raise
