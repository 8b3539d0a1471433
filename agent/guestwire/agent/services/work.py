"""What work that changes the host runs with: the `Running` of a client's command, or the agent's own, such as autostart.

Services that do the same for both take a `Work`.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

_T = TypeVar("_T")


class Work(Protocol):
    """One run of one piece of work; `running.Running` says what each member promises."""

    @property
    def again(self) -> bool: ...

    @property
    def patient(self) -> bool: ...

    def progress(self, step: str, percent: int | None = None, message: str = "") -> None: ...

    async def effect(self, call: Callable[[], Awaitable[_T]]) -> _T: ...

    def checkpoint(self) -> None: ...


class OwnWork:
    """Work that the agent does unasked: nobody hears of its progress and nobody cancels it; it waits for the hypervisor
    to come up."""

    again = False
    patient = True

    def progress(self, step: str, percent: int | None = None, message: str = "") -> None:
        """Nobody asked."""

    async def effect(self, call: Callable[[], Awaitable[_T]]) -> _T:
        return await call()

    def checkpoint(self) -> None:
        """Whoever owns the work ends it by cancelling its task."""


class Part:
    """One guest's share of work on many: its steps are told under the guest's name, with how much of all is done."""

    def __init__(self, work: Work, name: str, percent: Callable[[], int]) -> None:
        self._work = work
        self._name = name
        self._percent = percent
        self.again = work.again
        self.patient = work.patient

    def progress(self, step: str, percent: int | None = None, message: str = "") -> None:
        self._work.progress(self._name, self._percent(), f"{step}: {message}" if message else step)

    async def effect(self, call: Callable[[], Awaitable[_T]]) -> _T:
        return await self._work.effect(call)

    def checkpoint(self) -> None:
        self._work.checkpoint()
