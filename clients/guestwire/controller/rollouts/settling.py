"""What a change of a job means for its host in a rollout. No I/O.

The host's state is the job's; only two things are decided here: whether a failure is tried again, and that a job which was
taken back leaves its host planned.
"""

from dataclasses import dataclass, replace

from guestwire.controller.host_ref import HostRef
from guestwire.controller.rollouts.spec import RolloutSpec
from guestwire.controller.rollouts.standing import FAILED, SETTLED, TAKEN, Standing, Target, TargetState
from guestwire.model.errors import BY_CODE

STALE = "PLAN-STALE"
REPLANS = 2
"""How often a host is planned anew because it changed after its plan was made; no attempt is counted for that."""
LONGEST_MESSAGE = 500
_SAID: frozenset[str] = TAKEN | (FAILED - {"timed-out"}) | {"succeeded"}
"""States that only a host's own word brings about."""


@dataclass(frozen=True, slots=True)
class JobChange:
    """How a job of a rollout stands now. `reached`: the host said that it has it. `code`, `message`: the error it ended with,
    or the last trouble there was."""

    rollout: str
    host: HostRef
    job: str
    state: TargetState
    code: str | None = None
    message: str | None = None
    reached: bool = False


def settled(spec: RolloutSpec, standing: Standing, target: Target, change: JobChange, now_ms: int) -> Target:
    """The target after the change; the same object when it says nothing new."""
    if change.job != target.job:
        return target
    done = change.state in SETTLED
    code, message = (change.code, _cut(change.message)) if done else (None, None)
    if (change.state, code) == (target.state, target.code):
        return target
    reached = target.reached or change.reached or change.state in _SAID
    goes_on = standing.state in ("running", "paused")
    if goes_on and change.state == "canceled" and target.again:
        return _planned(target, tries=target.tries - 1, code=None, message=None, retry_at=None)
    if goes_on and change.state in FAILED and target.state not in SETTLED:
        said = {"code": code, "message": message}
        if code == STALE and target.attempt - target.tries < REPLANS:
            return _planned(_unplanned(target), tries=target.tries - 1, retry_at=None, **said)
        if reached and _can_help(spec, code) and target.tries < spec.attempts.most:
            return _planned(_unplanned(target), retry_at=now_ms + spec.attempts.after_s * 1000, **said)
    return replace(
        target,
        state=change.state,
        code=code,
        message=message,
        reached=reached,
        settled_at=now_ms if done else None,
        again=target.again and not (done and change.state != "overdue"),
    )


def _can_help(spec: RolloutSpec, code: str | None) -> bool:
    """Whether the error says that sending again can help, in a way that the spec has tried again."""
    row = BY_CODE.get(code or "")
    return row is not None and row.retry.value in spec.attempts.when


def _planned(target: Target, **fields: object) -> Target:
    return replace(target, state="planned", again=False, reached=False, settled_at=None, **fields)  # type: ignore[arg-type]


def _unplanned(target: Target) -> Target:
    """A plan is for one attempt: the host may have changed."""
    if target.plan_id is None:
        return target
    return replace(target, plan_id=None, plan_risk=None, approval=None, ready=False)


def _cut(message: str | None) -> str | None:
    return None if message is None else message[:LONGEST_MESSAGE]
