"""What several ask for at the same time is done as one: who comes first does it for all who have come meanwhile.

It has no task of its own, and what waits is bounded by those who wait for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import islice
from typing import Final, Generic, TypeVar

from guestwire.controller.links.uncut import uncut
from guestwire.model.errors import GuestwireError

K = TypeVar("K")
V = TypeVar("V")
R = TypeVar("R")
GATHER_S: Final = 0.05
"""How long the first one waits for others."""
MOST: Final = 100
"""Done as one."""


class _Asked(Generic[K, V, R]):
    """By one caller: what, and what came of it."""

    __slots__ = ("error", "key", "result", "value")

    def __init__(self, key: K, value: V) -> None:
        self.key = key
        self.value = value
        self.result: R | None = None
        self.error: Exception | None = None


class Together(Generic[K, V, R]):
    """`work` does it: a result for each key, which is raised where it is an error. What `work` raises is everybody's; unless it is
    no GuestwireError: then each is done by itself, so that one that is broken undoes no other."""

    def __init__(
        self, work: Callable[[Mapping[K, V]], Awaitable[Mapping[K, R | GuestwireError]]], gather_s: float = GATHER_S
    ) -> None:
        self._work = work
        self._gather_s = gather_s
        self._turn = asyncio.Lock()
        self._waiting: dict[_Asked[K, V, R], None] = {}

    async def done(self, key: K, value: V) -> R:
        """The result. A caller that is cancelled while it waits takes its wish back."""
        mine = _Asked[K, V, R](key, value)
        self._waiting[mine] = None
        try:
            async with self._turn:
                if mine in self._waiting:
                    await asyncio.sleep(self._gather_s)
                while mine in self._waiting:
                    await uncut(self._all(self._next()))
        finally:
            self._waiting.pop(mine, None)
        if mine.error is not None:
            raise mine.error
        assert mine.result is not None
        return mine.result

    def _next(self) -> list[_Asked[K, V, R]]:
        """Those who came first; of the same key one after the other."""
        first: dict[K, _Asked[K, V, R]] = {}
        for asked in islice(self._waiting, MOST):
            first.setdefault(asked.key, asked)
        for asked in first.values():
            del self._waiting[asked]
        return list(first.values())

    async def _all(self, group: list[_Asked[K, V, R]]) -> None:
        try:
            results = await self._work({asked.key: asked.value for asked in group})
        except Exception as err:  # noqa: BLE001 - told to each who waits
            if len(group) > 1 and not isinstance(err, GuestwireError):
                for asked in group:
                    await self._all([asked])
                return
            for asked in group:
                asked.error = err
            return
        for asked in group:
            result = results[asked.key]
            if isinstance(result, GuestwireError):
                asked.error = result
            else:
                asked.result = result
