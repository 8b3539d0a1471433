"""When sessions and tokens were used last: written now and then, and never at the cost of the request that uses them.

How exactly it is known, and what follows from it, is theirs.
"""

from collections.abc import Awaitable, Callable, Hashable
from typing import Final

from guestwire.controller.store.database import Database, Tx
from guestwire.model.errors import GuestwireError
from guestwire.protocol.buckets import Buckets
from guestwire.protocol.steps import Now

USED_EVERY_MS: Final = 60_000
"""How exactly the last use is known: a request need not write."""
AT_ONCE: Final = 4096
"""Sessions or tokens whose last note is remembered."""


class Uses:
    """One for sessions, one for tokens."""

    def __init__(self, database: Database, clock: Callable[[], Now]) -> None:
        self._database = database
        self._clock = clock
        self._turns = Buckets(1000 / USED_EVERY_MS, 1, AT_ONCE)

    async def note(self, which: Hashable, write: Callable[[Tx, int], Awaitable[None]]) -> None:
        """Let `write` note the time (Unix ms), unless it was tried a short while ago. What the database does not take is left out:
        who reads needs no room on a disk."""
        at = self._clock()
        if self._turns[which].take(at.mono):
            return
        try:
            async with self._database.write() as tx:
                await write(tx, at.wall_ms)
        except GuestwireError:
            return
