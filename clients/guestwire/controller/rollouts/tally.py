"""The hosts of a rollout, counted: what thresholds and waves are judged by. One pass over all of them, no I/O."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from guestwire.controller.rollouts.spec import RolloutSpec, Thresholds, share_of
from guestwire.controller.rollouts.standing import OUT, Standing, Target

CANARY = 0
"""The wave of those that go first."""
Verdict = Literal["passed", "open", "short"]
_SLOW = frozenset({"queued", "sent"})


@dataclass(slots=True)
class WaveTally:
    """One wave. `ok` and `bad` are done; `holding` are waited for; `late` are not (the host is not there), though they may
    come; who is out counts nowhere."""

    ok: int = 0
    bad: int = 0
    holding: int = 0
    late: int = 0

    def verdict(self, wave: int, success_percent: float) -> Verdict:
        """passed: enough have succeeded; short: enough cannot succeed any more. A canary passes with one success at least."""
        least = 1 if wave == CANARY else 0
        if self.ok >= max(least, share_of(success_percent, self.ok + self.bad + self.holding)):
            return "passed"
        hoped = self.ok + self.holding + self.late
        return "short" if hoped < max(least, share_of(success_percent, hoped + self.bad)) else "open"


@dataclass(slots=True)
class Tally:
    """All hosts. `planned`: to be begun, of which `fresh` never were and `unassigned` are in no wave yet; `open`: their jobs go
    on; `executed`: done, of which `failed` did so."""

    total: int = 0
    planned: int = 0
    fresh: int = 0
    unassigned: int = 0
    open: int = 0
    executed: int = 0
    failed: int = 0
    wave: WaveTally = field(default_factory=WaveTally)


def counted(spec: RolloutSpec, standing: Standing, targets: Iterable[Target], now_ms: int) -> Tally:
    """The hosts as they are now; the wave is the one under way."""
    tally = Tally()
    wave = tally.wave
    unreached_fails = spec.thresholds.count_unreached
    for target in targets:
        state = target.state
        mine = target.wave is not None and target.wave == standing.wave
        tally.total += state != "skipped"
        if state == "planned" or target.under_way:
            if state == "planned":
                tally.planned += 1
                tally.fresh += target.tries == 0
                tally.unassigned += target.wave is None
            else:
                tally.open += 1
            if mine:
                late = late_at(spec, target)
                if late is not None and late <= now_ms:
                    wave.late += 1
                else:
                    wave.holding += 1
        elif target.failing or (unreached_fails and target.unreached):
            tally.executed += 1
            tally.failed += 1
            wave.bad += mine
        elif state == "succeeded":
            tally.executed += 1
            wave.ok += mine
        else:
            assert state in OUT or target.unreached
    return tally


def late_at(spec: RolloutSpec, target: Target) -> int | None:
    """When the wave waits no longer for this one; None: it waits as long as it takes, because the host has its job, or a
    person or a window is waited for."""
    if target.state in _SLOW and target.started_at is not None:
        return target.started_at + spec.patience_s * 1000
    unplanned = target.state == "planned" and not target.ready and spec.project is not None and target.plan_id is None
    if unplanned and target.due_at is not None:
        return target.due_at - (spec.deadline_s - min(spec.patience_s, spec.deadline_s)) * 1000
    return None


def over(percent: float | None, count: int | None, executed: int, failed: int, limits: Thresholds) -> bool:
    """Whether so many failures are too many."""
    if failed <= 0:
        return False
    if count is not None and failed >= count:
        return True
    return percent is not None and executed >= limits.min_executed and failed * 100 >= percent * executed
