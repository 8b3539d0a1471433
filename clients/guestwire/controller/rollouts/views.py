"""Rollouts as people see them over the API and on the feed: models, and how they are made from what is stored."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from guestwire.controller.rollouts.spec import RolloutSpec
from guestwire.controller.rollouts.standing import OPEN, Outcome, RolloutState, Target, TargetState
from guestwire.controller.store.rollouts import Rollout
from guestwire.model.base import Model

Doing = Literal["", "beginning", "waiting", "soaking", "joining"]
Counts = Mapping[int | None, Counter[str]]
"""Targets by wave and state; `alarmed` is a state of its own here: succeeded, and an alarm came."""


class WaveView(Model):
    """A wave; 0 is the canary. `wave` null: hosts whose turn has not come. `counts`: hosts by state; `alarmed`: those that
    succeeded and of which an alarm was raised afterwards."""

    wave: int | None
    hosts: int
    counts: dict[str, int]


class RolloutSummary(Model):
    """A rollout in a list. Times in Unix ms. `doing`: while it runs, what it is about: beginning hosts, waiting for them,
    watching a wave (soaking), waiting for hosts to come to match (joining). `rate`: hosts per minute of the present wave, null:
    all at once. `next_at`: when it goes on by itself. `done`: hosts of which nothing more is expected."""

    id: str
    name: str
    operation: str | None
    project: str | None
    project_revision: int | None
    mode: str
    state: RolloutState
    reason: str
    doing: Doing
    outcome: Outcome | None
    hosts: int
    done: int
    counts: dict[str, int]
    wave: int | None
    rate: int | None
    next_at: int | None
    soak_until: int | None
    joining_until: int | None
    person: str
    created_at: int
    started_at: int | None
    ended_at: int | None
    revision: int


class RolloutDetail(RolloutSummary):
    """A rollout, with what was asked and every wave that has begun. `revision` counts what people changed of `spec`."""

    spec: RolloutSpec
    waves: tuple[WaveView, ...]


class TargetView(Model):
    """A host of a rollout. Times in Unix ms. `wave` null: its turn has not come. `code`, `message`: why it failed or takes no
    part, or what its last attempt ended with. `ready` false: an approval is waited for (`approval_id`), or its plan."""

    site: str
    host: str
    state: TargetState
    wave: int | None
    attempt: int
    job_id: str | None
    approval_id: str | None
    ready: bool
    reached: bool
    alarm: str | None
    code: str | None
    message: str | None
    plan_id: str | None
    risk: int | None
    started_at: int | None
    due_at: int | None
    retry_at: int | None
    settled_at: int | None


def counted(targets: Iterable[Target]) -> dict[int | None, Counter[str]]:
    """Targets as the database counts them."""
    found: dict[int | None, Counter[str]] = {}
    for target in targets:
        alarmed = target.alarm is not None and target.state == "succeeded"
        found.setdefault(target.wave, Counter())["alarmed" if alarmed else target.state] += 1
    return found


def summary(rollout: Rollout, counts: Counts) -> RolloutSummary:
    """A rollout in a list."""
    return RolloutSummary.model_construct(**_summary(rollout, counts))


def detail(rollout: Rollout, counts: Counts) -> RolloutDetail:
    """A rollout with its waves."""
    waves = tuple(
        WaveView(wave=wave, hosts=states.total(), counts=dict(sorted(states.items())))
        for wave, states in sorted(counts.items(), key=lambda pair: (pair[0] is None, pair[0] or 0))
    )
    return RolloutDetail.model_construct(**_summary(rollout, counts), spec=rollout.spec, waves=waves)


def target_view(target: Target) -> TargetView:
    """A host of a rollout."""
    return TargetView.model_construct(
        site=target.host.site, host=target.host.host, state=target.state, wave=target.wave, attempt=target.attempt,
        job_id=target.job, approval_id=target.approval, ready=target.ready, reached=target.reached, alarm=target.alarm,
        code=target.code, message=target.message, plan_id=target.plan_id, risk=target.plan_risk,
        started_at=target.started_at, due_at=target.due_at, retry_at=target.retry_at, settled_at=target.settled_at,
    )  # fmt: skip


def _summary(rollout: Rollout, counts: Counts) -> dict[str, Any]:
    spec, standing = rollout.spec, rollout.standing
    states: Counter[str] = sum(counts.values(), Counter())
    left = states["planned"] + sum(states[state] for state in OPEN)
    project = spec.project
    return {
        "id": rollout.id, "name": spec.name, "operation": spec.operation,
        "project": None if project is None else project.name,
        "project_revision": None if project is None else project.revision,
        "mode": spec.mode, "state": standing.state, "reason": standing.reason,
        "doing": _doing(rollout, counts, left), "outcome": outcome(rollout, states),
        "hosts": states.total(), "done": states.total() - left, "counts": dict(sorted(states.items())),
        "wave": standing.wave, "rate": None if standing.wave is None else spec.waves.rate(standing.wave),
        "next_at": rollout.next_at if standing.live else None, "soak_until": standing.soak_until,
        "joining_until": standing.joining_until, "person": rollout.person, "created_at": rollout.created_at,
        "started_at": standing.started_at, "ended_at": standing.ended_at, "revision": rollout.spec_revision,
    }  # fmt: skip


def outcome(rollout: Rollout, states: Counter[str]) -> Outcome | None:
    """What became of a rollout that has finished; None: it has not."""
    if rollout.standing.state != "finished":
        return None
    took_part = states.total() - states["skipped"] - states["canceled"]
    if states["succeeded"] == took_part and (took_part or not states.total()):
        return "succeeded"
    return "partly" if states["succeeded"] else "failed"


def _doing(rollout: Rollout, counts: Counts, left: int) -> Doing:
    standing = rollout.standing
    if standing.state != "running":
        return ""
    if left == 0:
        return "joining"
    if standing.soak_until is not None and rollout.next_at is not None and rollout.next_at <= standing.soak_until:
        return "soaking"
    begun = (states for wave, states in counts.items() if wave is not None)
    return "beginning" if any(states["planned"] for states in begun) or standing.wave is None else "waiting"
