"""Work of a driver in the background. A driver knows of nobody who would hear of its death: it must outlive its own defects."""

import asyncio
from abc import ABC, abstractmethod
from typing import Self


class Background(ABC):
    """What works as a task of that name from entering to leaving `async with` it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name=self._name)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @abstractmethod
    async def _run(self) -> None:
        """The work, without an end of its own."""
