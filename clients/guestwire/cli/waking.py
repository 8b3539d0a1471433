"""When to look again at what a controller has: woken by its stream, or where there is none every few seconds, which is said once.

What is looked at, and how it is written, is the caller's.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from guestwire.cli.failures import remark
from guestwire.cli.settings import Settings
from guestwire.model.errors import GuestwireError

if TYPE_CHECKING:
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_stream import Heard

ASKED_S = 2.0
"""How often it is looked where nothing wakes."""
AT_LEAST_S = 10.0
"""How often it is looked in any case: ages are shown, and what is shown need not be all that changes."""
SHARE = 4
"""So many times as long as a look takes it is not looked."""
PAUSE_S = 0.25
"""Between two looks at least."""
BOUND = 1000
"""Of what was heard and not taken; then it is said that something was missed."""

T = TypeVar("T")


class Waking:
    """Wakes whoever watches. One task hears the stream, and ends with the block of `waking`."""

    def __init__(self, settings: Settings, *, streams: bool) -> None:
        self._settings = settings
        self.streams = streams
        """Whether the stream wakes."""
        self._some = asyncio.Event()
        self._away = False
        self._heard: list[Heard] = []
        self.missed = False
        """Whether something was said that `wait` has not given."""

    async def wait(self, took_s: float = 0.0) -> "list[Heard]":
        """Wait until something may be another thing, and give what was said of it. `took_s`: how long the last look took; between two looks
        is a multiple of that, so that a long list which always changes is no burden to the controller."""
        await asyncio.sleep(max(PAUSE_S, SHARE * took_s))
        try:
            async with asyncio.timeout(AT_LEAST_S if self.streams else ASKED_S - PAUSE_S):
                await self._some.wait()
        except TimeoutError:
            pass
        self._some.clear()
        heard, self._heard = self._heard, []
        return heard

    async def look(self, fetch: Callable[[], Awaitable[T]]) -> T | None:
        """What `fetch` gives. None: the controller does not answer, which is said once, as is that it does again. Raises what else
        `fetch` raises."""
        try:
            found = await fetch()
        except GuestwireError as err:
            if err.code != "CONTROLLER-UNREACHABLE":
                raise
            self._lost()
            return None
        self._back()
        return found

    async def hear(self, controller: "Controller", kinds: Sequence[str]) -> None:
        """Follow the stream, until cancelled or until there is none to be had."""
        try:
            async with aclosing(controller.changes(*kinds)) as stream:
                async for heard in stream:
                    self._take(heard)
        except GuestwireError as err:
            remark(self._settings, f"{err.message} Asking every {ASKED_S:g} s instead.")
            self.streams = False
            self.missed = True
            self._some.set()

    def _lost(self) -> None:
        if not self._away:
            remark(self._settings, "the connection to the controller is lost; trying again")
        self._away = True

    def _back(self) -> None:
        if self._away:
            remark(self._settings, "connected again")
        self._away = False

    def _take(self, heard: "Heard") -> None:
        if heard.cut is not None:
            self._lost()
        elif heard.ready:
            self._back()
        self.missed = self.missed or heard.anew or len(self._heard) >= BOUND
        if len(self._heard) < BOUND:
            self._heard.append(heard)
        self._some.set()


@asynccontextmanager
async def waking(controller: "Controller", settings: Settings, *kinds: str) -> AsyncIterator[Waking]:
    """Woken by changes of those kinds; by none: every few seconds."""
    made = Waking(settings, streams=bool(kinds))
    task = asyncio.create_task(made.hear(controller, kinds)) if kinds else None
    try:
        yield made
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
