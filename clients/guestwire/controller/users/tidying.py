"""What is over is forgotten: sessions, tokens, idempotency keys. Nothing rests on it: each is judged by its time when it is used."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from guestwire.controller.logs import Log
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError

Forget = Callable[[], Awaitable[int]]
"""Forgets what is over; how many there were."""
EVERY_S = 3600.0
FIRST_S = 60.0


class Tidying(OwnTask):
    """Has each forget once an hour, as long as its block lasts. A database that cannot be asked is asked again the next time."""

    def __init__(
        self, several: tuple[Forget, ...], log: Log, *, every_s: float = EVERY_S, first_s: float = FIRST_S
    ) -> None:
        self._several = several
        self._log = log
        self._every_s = every_s
        self._first_s = first_s
        super().__init__("tidying")

    async def _run(self) -> None:
        await asyncio.sleep(self._first_s)
        while True:
            for forget in self._several:
                try:
                    await forget()
                except GuestwireError as err:
                    self._log.warning("what is over is not forgotten", reason=err.code)
            await asyncio.sleep(self._every_s * random.uniform(0.9, 1.1))
