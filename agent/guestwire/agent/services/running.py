"""What an operation with an effect is given to run with: progress, cancellation between steps, and a mark around the
calls into a driver, during which nobody can say whether the effect happened."""

from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from guestwire.model.errors import GuestwireError
from guestwire.protocol.operation_models import Progress
from guestwire.protocol.steps import Call

_T = TypeVar("_T")
EffectStep = Literal["effect-started", "effect-done"]


class Running:
    """One run of one command. `again`: it may have run before a crash, so what it finds done already is its own work.
    `patient`: it was taken up again at the agent's start, and may wait for the hypervisor to come up."""

    __slots__ = ("_effect", "_report", "again", "call", "cancel_requested", "effects", "outstanding", "patient")

    def __init__(
        self,
        call: Call,
        *,
        again: bool = False,
        patient: bool = False,
        report: Callable[[Progress], None] = lambda _: None,
        effect: Callable[[EffectStep], None] = lambda _: None,
    ) -> None:
        self.call = call
        self.again = again
        self.patient = patient
        self.outstanding = 0
        self.effects = 0
        """How many driver calls were begun, whatever became of them."""
        self.cancel_requested = False
        self._report = report
        self._effect = effect

    def progress(self, step: str, percent: int | None = None, message: str = "") -> None:
        """A step begins: tell the client (at most once a second, whatever the operation says). Raises CANCELED when
        somebody cancelled the job."""
        self.checkpoint()
        self._report(Progress(percent=percent, step=step, message=message))

    async def effect(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Make a driver call that changes the host. While it is outstanding the job cannot be cancelled, and a deadline
        that passes leaves it INDETERMINATE. Raises CANCELED, and makes no call, when somebody cancelled the job before."""
        self.checkpoint()
        self._effect("effect-started")
        self.outstanding += 1
        self.effects += 1
        try:
            result = await call()
        finally:
            self.outstanding -= 1
        self._effect("effect-done")
        return result

    def checkpoint(self) -> None:
        """Between two steps. Raises CANCELED when somebody cancelled the job."""
        if self.cancel_requested:
            raise GuestwireError("CANCELED")
