"""How late the event loop comes to what is due: one measurement for all hosts of a process."""

import asyncio
from types import TracebackType
from typing import Final, Self

from guestwire.agent.telemetry.histogram import Histogram

EVERY_S: Final = 1.0
BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class LoopLag:
    """`async with` it: a timer looks every second how late it is itself."""

    def __init__(self, since_ms: int, *, every_s: float = EVERY_S) -> None:
        self.seconds = Histogram(BOUNDS, since_ms)
        self._every_s = every_s
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._arm()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._every_s
        self._timer = loop.call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        self.seconds.observe(max(0.0, asyncio.get_running_loop().time() - due))
        self._arm()
