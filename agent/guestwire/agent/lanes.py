"""Who may run now: one lane per guest, area, network and for the host itself.

Decides only; time is an argument and nobody waits in here (lane_gate does). A job takes all its lanes at once or none,
when it is the first in line in each of them: so no two jobs share a lane, each lane is first come first served, and
the oldest waiting job can always run next, which excludes deadlock and starvation. PROTOCOL "Life of a request".
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_RETRY_AFTER_MS: Final = 500


@dataclass(frozen=True, slots=True)
class Granted:
    """The job may run; `leave(ticket)` when its last driver call has really ended."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Queued:
    """The job waits; `position` others are before it in the longest of its lines."""

    ticket: int
    position: int


@dataclass(frozen=True, slots=True)
class Full:
    """The host has as much work as it takes: BUSY, the same request again after `retry_after_ms`."""

    retry_after_ms: int


@dataclass(slots=True)
class _Job:
    ticket: int
    lanes: tuple[str, ...]
    start_by_ms: int
    running: bool = False
    hung: bool = False


@dataclass(slots=True)
class _Lane:
    holder: int | None = None
    line: deque[int] = field(default_factory=deque)


class Lanes:
    """The lanes of one host. A lane exists while somebody holds it or waits for it.

    At most `max_running` jobs run at once and `max_queued` wait. Times are monotonic ms of the
    caller's choice.
    """

    def __init__(self, *, max_running: int = 4, max_queued: int = 64) -> None:
        if max_running < 1 or max_queued < 0:
            raise ValueError("max_running must be at least 1 and max_queued at least 0")
        self._max_running = max_running
        self._max_queued = max_queued
        self._lanes: dict[str, _Lane] = {}
        self._jobs: dict[int, _Job] = {}
        self._waiting: dict[int, _Job] = {}  # oldest first
        self._running = 0
        self._last_ticket = 0

    @property
    def running(self) -> int:
        """Jobs that run and are not hung."""
        return self._running

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def held(self) -> Iterator[str]:
        """The lanes that somebody holds."""
        return (name for name, lane in self._lanes.items() if lane.holder is not None)

    def hung(self) -> Iterator[str]:
        """The lanes whose holder was given up while its driver call is still out."""
        return (name for job in self._jobs.values() if job.hung for name in job.lanes)

    def enter(self, lanes: tuple[str, ...], start_by_ms: int, *, forced: bool = False) -> Granted | Queued | Full:
        """Ask for `lanes` (in any order, none twice). `forced` is recovery's: it waits even in a full queue."""
        if self._may_run(lanes):
            job = self._new_job(lanes, start_by_ms)
            self._grant(job)
            return Granted(job.ticket)
        if len(self._waiting) >= self._max_queued and not forced:
            return Full(_RETRY_AFTER_MS)
        job = self._new_job(lanes, start_by_ms)
        self._waiting[job.ticket] = job
        for name in lanes:
            self._lane(name).line.append(job.ticket)
        return Queued(job.ticket, max((len(self._lanes[name].line) for name in lanes), default=1) - 1)

    def leave(self, ticket: int) -> tuple[int, ...]:
        """The job has ended, or no longer waits: the tickets that may run now, oldest first. Unknown ones: none."""
        job = self._jobs.pop(ticket, None)
        if job is None:
            return ()
        if job.running:
            for name in job.lanes:
                self._lanes[name].holder = None
                self._forget_if_empty(name)
            self._running -= not job.hung
        else:
            del self._waiting[ticket]
            for name in job.lanes:
                self._lanes[name].line.remove(ticket)
                self._forget_if_empty(name)
        return self._grant_waiting()

    def hang(self, ticket: int) -> tuple[int, ...]:
        """Give the running job up (INDETERMINATE) while a driver call of it is out: its lanes stay held until `leave`,
        its place among the running goes to the tickets in the answer."""
        job = self._jobs[ticket]
        if not job.running or job.hung:
            raise ValueError(f"ticket {ticket} does not run")
        job.hung = True
        self._running -= 1
        return self._grant_waiting()

    def is_waiting(self, ticket: int) -> bool:
        return ticket in self._waiting

    def overdue(self, now_ms: int) -> tuple[int, ...]:
        """Waiting tickets whose `start_by` has passed: end them (DEADLINE) and `leave` each."""
        return tuple(job.ticket for job in self._waiting.values() if job.start_by_ms <= now_ms)

    def next_deadline_ms(self) -> int | None:
        """When `overdue` will next have something to say; None while nobody waits."""
        return min((job.start_by_ms for job in self._waiting.values()), default=None)

    def _new_job(self, lanes: tuple[str, ...], start_by_ms: int) -> _Job:
        self._last_ticket += 1
        job = _Job(self._last_ticket, lanes, start_by_ms)
        self._jobs[job.ticket] = job
        return job

    def _lane(self, name: str) -> _Lane:
        return self._lanes.setdefault(name, _Lane())

    def _forget_if_empty(self, name: str) -> None:
        lane = self._lanes[name]
        if lane.holder is None and not lane.line:
            del self._lanes[name]

    def _may_run(self, lanes: tuple[str, ...]) -> bool:
        """Whether a newcomer may run at once: a lane that exists has a holder or a line, and neither is passed by."""
        return self._running < self._max_running and not any(name in self._lanes for name in lanes)

    def _grant(self, job: _Job) -> None:
        job.running = True
        self._running += 1
        for name in job.lanes:
            self._lane(name).holder = job.ticket

    def _grant_waiting(self) -> tuple[int, ...]:
        granted: list[int] = []
        if self._running < self._max_running:
            for job in tuple(self._waiting.values()):
                if not all(self._is_first(job.ticket, name) for name in job.lanes):
                    continue
                for name in job.lanes:
                    self._lanes[name].line.popleft()
                del self._waiting[job.ticket]
                self._grant(job)
                granted.append(job.ticket)
                if self._running == self._max_running:
                    break
        return tuple(granted)

    def _is_first(self, ticket: int, name: str) -> bool:
        lane = self._lanes[name]
        return lane.holder is None and lane.line[0] == ticket
