"""The tasks without which a process of ours is not one: when such a task ends unasked, it ends too and is started again.

A component that lost its task in silence would go on answering from what it knew then. Nothing is repaired here: after
a restart the journal and the hypervisor say how things are.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

from guestwire.model.errors import GuestwireError

OnDefect = Callable[[str, BaseException], None]


class Vital:
    """Watches the tasks of one process. `on_defect` hears the name of each that ended unasked, and why."""

    def __init__(self, on_defect: OnDefect) -> None:
        self._on_defect = on_defect
        self._died = asyncio.Event()
        self.dead: str | None = None
        """The name of the first task that ended unasked."""

    def watch(self, *tasks: asyncio.Task[Any], may_return: bool = False) -> None:
        """The task's owner keeps it and ends it, by `cancel`. Any other end is a defect; `may_return`: an exception only."""
        for task in tasks:
            task.add_done_callback(self._may_have_returned if may_return else self._ended)

    async def until(self, stop: asyncio.Event) -> None:
        """Wait for `stop` or the death of a watched task; `check` says which it was."""
        waits = [asyncio.ensure_future(event.wait()) for event in (stop, self._died)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def check(self) -> None:
        """Raises GuestwireError INTERNAL when a watched task has died: for the end of the process."""
        if self.dead is not None:
            raise GuestwireError("INTERNAL", f"The task {self.dead} ended unasked.", detail={"task": self.dead})

    def _may_have_returned(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled() or task.exception() is not None:
            self._ended(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            if task.cancelling():
                return  # by its owner
            error: BaseException = asyncio.CancelledError("what it waited for was cancelled")
        else:
            error = task.exception() or RuntimeError("it returned")
        if self.dead is None:
            self.dead = task.get_name()
        self._died.set()
        self._on_defect(task.get_name(), error)


class OwnTask(ABC):
    """What works in the background, as a task of that name, from entering to leaving `async with` it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name=self._name)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def task(self) -> asyncio.Task[None]:
        """The task, while the block lasts; that it ends before is a defect."""
        assert self._task is not None
        return self._task

    @abstractmethod
    async def _run(self) -> None:
        """The work, without an end of its own."""


class VitalTask(OwnTask):
    """One that the process's `Vital` watches."""

    def __init__(self, vital: Vital, name: str) -> None:
        super().__init__(name)
        self._vital = vital

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._vital.watch(self.task)
        return self
