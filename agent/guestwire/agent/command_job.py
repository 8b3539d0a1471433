"""A command on its way: how its operation runs, who hears of it, and how it ends."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from guestwire.agent.journal_schema import FinalState
from guestwire.agent.lane_gate import LanePass
from guestwire.agent.services.running import Running
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Call


@dataclass(frozen=True, slots=True)
class Command:
    """How an operation with an effect runs: its lanes (may raise NOT-FOUND) and its handler. `probe`, for a `once`
    operation, tells after a crash whether the effect happened: True, False, or None when nothing can tell."""

    lanes: Callable[[Call], tuple[str, ...]]
    run: Callable[[Running], Awaitable[Model]]
    probe: Callable[[Call], Awaitable[bool | None]] | None = None


class Reports(Protocol):
    """Hears how commands go."""

    def job_changed(self) -> None: ...

    def defect(self, operation: str, error: BaseException) -> None: ...

    def storage(self, error: GuestwireError) -> None:
        """The journal did not take an entry or a result."""
        ...

    def not_taken(self, call: Call, code: str) -> None:
        """A request was refused and is not in the journal."""
        ...

    def waiting(self, call: Call) -> None:
        """A call runs on: its client is to be told `accepted`."""
        ...

    def ended(self, call: Call, code: str | None) -> None:
        """A command's result is stored; the code of its error, or None."""
        ...


@dataclass(slots=True)
class Job:
    """One command on its way."""

    call: Call
    seq: int
    running: Running
    ticket: LanePass | None
    """None for an operation without a lane: cancelling must not wait behind what it is to cancel."""
    task: asyncio.Task[None] | None = None
    run_task: asyncio.Task[Model] | None = None
    reported_at: float = float("-inf")


STATES: Mapping[str, FinalState] = {
    "CANCELED": "CANCELED",
    "TIMED-OUT": "TIMED-OUT",
    "DEADLINE": "TIMED-OUT",
    "INDETERMINATE": "INDETERMINATE",
    "ROLLED-BACK": "ROLLED-BACK",
}


def once_begun(job: Job) -> bool:
    """Whether the effect of a `once` operation may have happened: then it is neither cancelled nor said not to be."""
    return job.call.operation.effect == "once" and job.running.effects > 0
