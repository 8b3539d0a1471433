"""How a rollout stands, and how each of its hosts does: what the database keeps of it. Values only.

A host's state is its job's, in the words of the protocol, with two before there is a job: `planned` (its turn has not come,
or it is to be tried again) and `skipped` (it cannot take part).
"""

from dataclasses import dataclass
from typing import Literal

from guestwire.controller.host_ref import HostRef
from guestwire.protocol.trust import Risk

RolloutState = Literal["draft", "running", "paused", "aborting", "aborted", "finished"]
"""aborting: nothing more is begun, and what runs is waited for."""
Outcome = Literal["succeeded", "partly", "failed"]
"""What became of it: every host succeeded, some, none. Hosts that were skipped or canceled do not count."""
TargetState = Literal[
    "planned", "skipped",
    "queued", "waiting-approval", "waiting-window", "sent", "accepted", "running", "waiting-reboot", "overdue",
    "succeeded", "failed", "canceled", "timed-out", "rejected", "indeterminate", "rolled-back",
]  # fmt: skip

UNBEGUN: frozenset[str] = frozenset({"queued", "waiting-approval", "waiting-window"})
"""The job is there and was sent to nobody."""
UNTAKEN: frozenset[str] = UNBEGUN | {"sent"}
"""The host has not said that it has the job."""
TAKEN: frozenset[str] = frozenset({"accepted", "running", "waiting-reboot"})
OPEN: frozenset[str] = UNTAKEN | TAKEN
FAILED: frozenset[str] = frozenset({"failed", "timed-out", "rejected", "indeterminate", "rolled-back"})
OUT: frozenset[str] = frozenset({"skipped", "canceled"})
"""Counts neither as done nor as failed."""
SETTLED: frozenset[str] = FAILED | OUT | {"succeeded", "overdue"}
"""A rollout waits for these no longer. An overdue one may still change: a late result wins."""
LIVE: frozenset[str] = frozenset({"running", "paused", "aborting"})
"""States of a rollout that goes on."""


@dataclass(frozen=True, slots=True)
class Target:
    """A host of a rollout. Times in Unix ms.

    `wave`: None until it is its turn. `attempt`: jobs made so far; `job`: the last. `due_at`: its deadline, once its wave has
    begun. `tries`: of those, the ones that count as attempts: not what was taken back, or made for a plan that was stale.
    `retry_at`: not before then again. `reached`: the host took the job. `again`: the job was taken back; when it ends
    canceled, the host is planned anew. `ready`: nothing is missing before it may begin (an approval, a plan). `approval`:
    that by whose mandate its job goes. `alarm`: what was raised about it after it succeeded. `plan_id`, `plan_risk`: what its
    host plans for a project."""

    host: HostRef
    state: TargetState = "planned"
    wave: int | None = None
    attempt: int = 0
    tries: int = 0
    job: str | None = None
    started_at: int | None = None
    due_at: int | None = None
    settled_at: int | None = None
    retry_at: int | None = None
    reached: bool = False
    again: bool = False
    ready: bool = True
    approval: str | None = None
    alarm: str | None = None
    code: str | None = None
    message: str | None = None
    plan_id: str | None = None
    plan_risk: Risk | None = None

    @property
    def under_way(self) -> bool:
        """Whether something is still to come of its job. One that is overdue is waited for only while it is taken back."""
        return self.state in OPEN or self.again

    @property
    def unreached(self) -> bool:
        """Whether its time passed before the host was there."""
        return self.state in ("overdue", "timed-out") and not self.reached

    @property
    def failing(self) -> bool:
        """Whether it speaks against going on. One that was never reached is asked about apart."""
        failed = self.state in FAILED or self.state == "overdue"
        return (failed and not self.unreached) or self.alarm is not None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a rollout stands. `reason`: why it is paused or was aborted. `wave`: the one under way; None: none has begun.
    `soak_until`: until then that wave is watched. `accepted_wave`: a person went on although that wave fell short.
    `excused`: hosts done and failed when a person last went on, which pause it no more. `starts`: when how many hosts were
    begun, as far back as the rate looks. `joining_until`: until then a continuous rollout takes hosts in."""

    state: RolloutState = "draft"
    reason: str = ""
    wave: int | None = None
    soak_until: int | None = None
    accepted_wave: int | None = None
    excused: tuple[int, int] = (0, 0)
    starts: tuple[tuple[int, int], ...] = ()
    joining_until: int | None = None
    started_at: int | None = None
    ended_at: int | None = None

    @property
    def live(self) -> bool:
        return self.state in LIVE


DRAFT = Standing()
