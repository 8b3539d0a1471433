"""What comes next in a rollout: its spec, the state of every host and the time in, one action out. No I/O, no clock.

The same input gives the same action, so that a controller which was killed goes on where it was. Thresholds come first: an
action that begins hosts is never given beyond one. What an action does to the values is `course`'s matter.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from guestwire.controller.host_ref import HostRef
from guestwire.controller.rollouts.pace import budget, more_at
from guestwire.controller.rollouts.spec import RolloutSpec
from guestwire.controller.rollouts.standing import OPEN, UNBEGUN, UNTAKEN, Standing, Target
from guestwire.controller.rollouts.tally import CANARY, Tally, counted, late_at, over

AT_ONCE = 1_000
"""Hosts that one action begins, at most: each action is one transaction."""
Targets = Mapping[HostRef, Target]


def _always(_host: HostRef) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Around:
    """What is asked of the world at a moment: whether the maintenance window is open and when that changes (None: never),
    and which hosts are there."""

    window_open: bool = True
    window_changes_at: int | None = None
    reachable: Callable[[HostRef], bool] = _always


@dataclass(frozen=True, slots=True)
class Start:
    """Begin these hosts now."""

    hosts: tuple[HostRef, ...]


@dataclass(frozen=True, slots=True)
class BeginWave:
    """These hosts are the wave now under way."""

    wave: int
    hosts: tuple[HostRef, ...]


@dataclass(frozen=True, slots=True)
class Soak:
    """Watch the wave until then."""

    until: int


@dataclass(frozen=True, slots=True)
class Expire:
    """These waited until their deadline for their plan, their approval, or that their job is taken back."""

    hosts: tuple[HostRef, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """Begin nothing more. `take_back`: hosts whose jobs were sent to nobody yet."""

    reason: str
    take_back: tuple[HostRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Abort:
    """Begin nothing more, ever. `take_back`: hosts that have not said that they have their job."""

    reason: str
    take_back: tuple[HostRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Finish:
    """There is nothing left to do or to wait for."""


Action = Start | BeginWave | Soak | Expire | Pause | Abort | Finish


def decide(spec: RolloutSpec, standing: Standing, targets: Targets, now_ms: int, around: Around) -> Action | None:
    """The next action; None: nothing before `next_at`, or before something changes."""
    if not standing.live:
        return None
    tally = counted(spec, standing, targets.values(), now_ms)
    if standing.state == "aborting":
        return Finish() if tally.open == 0 else None
    limits = spec.thresholds
    if over(limits.abort_percent, limits.abort_count, tally.executed, tally.failed, limits):
        return abort(f"{tally.failed} of {tally.executed} hosts failed", targets)
    if tally.planned == 0 and tally.open == 0 and not _joining(standing, now_ms):
        return Finish()
    if standing.state == "paused":
        return None
    executed, failed = tally.executed - standing.excused[0], tally.failed - standing.excused[1]
    if over(limits.pause_percent, limits.pause_count, max(executed, failed), failed, limits):
        return pause(f"{failed} of {max(executed, failed)} hosts failed", targets)
    if expired := _expired(standing, targets, now_ms):
        return Expire(expired)
    return _wave_goes_on(spec, standing, targets, tally, now_ms, around)


def pause(reason: str, targets: Targets) -> Pause:
    """Pausing takes back what was sent to nobody, so that nothing begins of itself meanwhile."""
    return Pause(reason, tuple(sorted(t.host for t in targets.values() if t.state in UNBEGUN and not t.again)))


def abort(reason: str, targets: Targets) -> Abort:
    """Aborting takes back what no host has; what runs is left to end."""
    return Abort(reason, tuple(sorted(t.host for t in targets.values() if t.state in UNTAKEN or t.state == "overdue")))


def _joining(standing: Standing, now_ms: int) -> bool:
    return standing.joining_until is not None and now_ms < standing.joining_until


def _expired(standing: Standing, targets: Targets, now_ms: int) -> tuple[HostRef, ...]:
    return tuple(
        sorted(t.host for t in targets.values() if _waits(standing, t) and t.due_at is not None and t.due_at <= now_ms)
    )


def _waits(standing: Standing, target: Target) -> bool:
    """Whether its turn has come, and something is missing before it may begin."""
    if target.state == "overdue":
        return target.again
    return target.state == "planned" and not target.ready and _its_turn(standing, target)


def _its_turn(standing: Standing, target: Target) -> bool:
    return standing.wave is not None and target.wave is not None and target.wave <= standing.wave


def _wave_goes_on(
    spec: RolloutSpec, standing: Standing, targets: Targets, tally: Tally, now_ms: int, around: Around
) -> Action | None:
    if standing.wave is None:
        if tally.unassigned == 0 or not around.window_open:
            return None
        return _next_wave(spec, standing, targets, tally, around)
    if around.window_open and (begun := _startable(spec, standing, targets, now_ms)):
        return Start(begun)
    verdict = tally.wave.verdict(standing.wave, spec.thresholds.success_percent)
    if standing.accepted_wave == standing.wave:
        verdict = "passed"
    if verdict == "short" and (tally.fresh or _joining(standing, now_ms)):
        return pause(_fell_short(spec, standing.wave, tally), targets)
    if verdict != "passed" or tally.unassigned == 0:
        return None
    if standing.soak_until is None and spec.soak_s:
        return Soak(now_ms + spec.soak_s * 1000)
    if (standing.soak_until is not None and now_ms < standing.soak_until) or not around.window_open:
        return None
    return _next_wave(spec, standing, targets, tally, around)


def _startable(spec: RolloutSpec, standing: Standing, targets: Targets, now_ms: int) -> tuple[HostRef, ...]:
    assert standing.wave is not None
    free = min(AT_ONCE, budget(standing.starts, spec.waves.rate(standing.wave), now_ms))
    if free == 0:
        return ()
    found = sorted((t.wave or 0, t.host) for t in _turns(standing, targets.values()) if (t.retry_at or 0) <= now_ms)
    return tuple(host for _, host in found[:free])


def _turns(standing: Standing, targets: Iterable[Target]) -> Iterable[Target]:
    """Those that may begin, but for the rate and the time they wait after a failure."""
    return (t for t in targets if t.state == "planned" and t.ready and _its_turn(standing, t))


def _next_wave(spec: RolloutSpec, standing: Standing, targets: Targets, tally: Tally, around: Around) -> BeginWave:
    waves = spec.waves
    waiting = [t.host for t in targets.values() if t.state == "planned" and t.wave is None]
    if standing.wave is None and waves.canary is not None:
        if waves.canary.hosts:
            return BeginWave(CANARY, tuple(sorted(set(waiting).intersection(waves.canary.named))))
        number, size = CANARY, waves.canary.of(tally.total)
    else:
        number = 1 if standing.wave is None else standing.wave + 1
        size = len(waiting) if waves.size is None else waves.size.of(tally.total)
    # who is there goes before who is not: a wave of absent hosts would prove nothing
    waiting.sort(key=lambda host: (not around.reachable(host), host))
    return BeginWave(number, tuple(waiting[:size]))


def _fell_short(spec: RolloutSpec, wave: int, tally: Tally) -> str:
    name = "the canary" if wave == CANARY else f"wave {wave}"
    done = tally.wave.ok + tally.wave.bad
    return f"{tally.wave.ok} of {done} hosts of {name} succeeded, and {spec.thresholds.success_percent:g} % are needed"


def next_at(spec: RolloutSpec, standing: Standing, targets: Targets, now_ms: int, around: Around) -> int | None:
    """When `decide` may have something new though nothing else changed; None: never."""
    if not standing.live or standing.state == "aborting":
        return None
    times = [standing.joining_until or 0]
    if standing.state == "running":
        times.append(standing.soak_until or 0)
        if around.window_changes_at is not None:
            times.append(around.window_changes_at)
        rate = None if standing.wave is None else spec.waves.rate(standing.wave)
        free_at = more_at(standing.starts, rate, now_ms)
        for target in targets.values():
            if target.state in OPEN:
                times.append(late_at(spec, target) or 0)
            elif target.state == "overdue" and target.again:
                times.append(target.due_at or 0)
            elif target.state == "planned" and _its_turn(standing, target):
                if target.ready:
                    times.append(max(free_at, target.retry_at or 0))
                else:
                    times += (target.due_at or 0, late_at(spec, target) or 0)
    return min((at for at in times if at > now_ms), default=None)
