"""Finds out that a database takes what is written again, when nobody writes: whoever supervises the controller may have sent everybody
elsewhere because it did not.
"""

import asyncio
from typing import Final, Self

from sqlalchemy import text

from guestwire.controller.store.database import Database
from guestwire.model.errors import GuestwireError

EVERY_S: Final = 5.0
# what changes nothing and is written all the same
_TRIES: Final = {"sqlite": "PRAGMA user_version = 0", "postgresql": "SELECT pg_current_xact_id()"}


class Recovering:
    """Tries now and then while its block lasts, as long as `database.failure` says that something did not commit."""

    def __init__(self, database: Database, every_s: float = EVERY_S) -> None:
        self._database = database
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="database-recovering")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def task(self) -> "asyncio.Task[None]":
        """What must not end while the controller runs."""
        assert self._task is not None
        return self._task

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
