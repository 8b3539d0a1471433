"""Tasks that must not end while the controller runs: that one ends is a defect, and whoever started the process starts it again."""

import asyncio
from collections.abc import Callable
from typing import Any

from guestwire.model.errors import GuestwireError


class Vital:
    """Watches tasks. `said` hears what ended, once, before the controller ends."""

    def __init__(self, said: Callable[[str, BaseException | None], None]) -> None:
        self._said = said
        self._ended = asyncio.Event()
        self._leaving = False

    def watch(self, *tasks: "asyncio.Task[Any]") -> None:
        """From now on these must go on."""
        for task in tasks:
            task.add_done_callback(self._done)

    async def until(self, stop: asyncio.Event) -> None:
        """Until the controller shall end. Raises INTERNAL when a task ended before."""
        waits = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(self._ended.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not stop.is_set():
            raise GuestwireError("INTERNAL", "A part of the controller ended unasked: its log says which, and why.")
        self._leaving = True

    def _done(self, task: "asyncio.Task[Any]") -> None:
        if self._leaving or task.cancelled():
            return
        self._said(task.get_name(), task.exception())
        self._ended.set()
