"""Finds out that a database takes what is written again, when nobody writes: whoever supervises the controller may have sent everybody
elsewhere because it did not.
"""

import asyncio
from typing import Final

from sqlalchemy import text

from guestwire.controller.store.database import Database
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError

EVERY_S: Final = 5.0
# what changes nothing and is written all the same
_TRIES: Final = {"sqlite": "PRAGMA user_version = 0", "postgresql": "SELECT pg_current_xact_id()"}


class Recovering(OwnTask):
    """Tries now and then while its block lasts, as long as `database.failure` says that something did not commit."""

    def __init__(self, database: Database, every_s: float = EVERY_S) -> None:
        self._database = database
        self._every_s = every_s
        super().__init__("database-recovering")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self.look()

    async def look(self) -> None:
        """Try once, where there is reason to."""
        if self._database.failure is None:
            return
        try:
            async with self._database.write() as tx:
                await tx.execute(text(_TRIES[self._database.dialect]))
        except GuestwireError:
            return  # which `failure` says
