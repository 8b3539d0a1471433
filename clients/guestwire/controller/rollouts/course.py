"""One rollout under way: its values, what becomes of them by each action and each thing heard, and what of them changed since
it was last written down. No I/O, no clock: `running` keeps it in step with the database.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from guestwire.controller.host_ref import HostRef
from guestwire.controller.rollouts import engine, pace
from guestwire.controller.rollouts.settling import JobChange, settled
from guestwire.controller.rollouts.spec import RolloutSpec
from guestwire.controller.rollouts.standing import FAILED, UNTAKEN, RolloutState, Standing, Target
from guestwire.controller.rollouts.tally import counted
from guestwire.model.errors import GuestwireError

NOT_REACHED = "HOST-NOT-REACHED"
NO_APPROVAL = "APPROVAL-EXPIRED"
LEFT = "NOT-FOUND"
_AGAIN: frozenset[str] = (FAILED - {"indeterminate"}) | {"canceled", "skipped", "overdue"}
"""What a person may have tried again without naming the hosts: where nobody can tell what happened, they must look first."""


class TakenBack(NamedTuple):
    """A job that is to end without an effect, if it still can. `even_sent`: though a host may have it."""

    job: str
    even_sent: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """What to write down: the standing if it changed, targets that changed, the hosts that an action began (their jobs are to
    be made), and the jobs that are to be taken back."""

    standing: Standing | None
    targets: tuple[Target, ...]
    begun: tuple[Target, ...]
    taken_back: tuple["TakenBack", ...]

    @property
    def nothing(self) -> bool:
        return self.standing is None and not self.targets and not self.taken_back


class Course:
    """Whoever writes down what changed names the jobs that it made for the hosts that were begun (`named`)."""

    def __init__(self, spec: RolloutSpec, standing: Standing, targets: Iterable[Target]) -> None:
        self.spec = spec
        self.standing = standing
        self.targets = {target.host: target for target in targets}
        self._written = standing
        self._changed: set[HostRef] = set()
        self._begun: set[HostRef] = set()
        self._taken_back: list[TakenBack] = []

    # -- what is heard

    def job_changed(self, change: JobChange, now_ms: int) -> bool:
        """A job of it changed; whether that says anything new."""
        target = self.targets.get(change.host)
        if target is None:
            return False
        after = settled(self.spec, self.standing, target, change, now_ms)
        if after is target:
            return False
        self._set(after)
        return True

    def alarms(self, raised: Mapping[HostRef, str]) -> None:
        """Alarms of hosts, by text: of those that succeeded here they count as failures."""
        for host, text in raised.items():
            target = self.targets.get(host)
            if target is not None and target.state == "succeeded" and target.alarm is None:
                self._set(replace(target, alarm=text))

    def joined(self, hosts: Iterable[Target], now_ms: int) -> None:
        """Hosts that match now, while it takes hosts in. Who is a target already stays what it is; one that had left is planned
        again."""
        if not self.joining(now_ms):
            return
        for host in hosts:
            known = self.targets.get(host.host)
            if known is None or (known.state == "skipped" and known.code == LEFT):
                self._set(host)

    def joining(self, now_ms: int) -> bool:
        """Whether it takes in hosts that come to match."""
        until = self.standing.joining_until
        return self.standing.state in ("running", "paused") and until is not None and now_ms < until

    def left(self, hosts: Collection[HostRef]) -> None:
        """Hosts that match no longer: they do not take part, unless their turn has come."""
        for host in hosts:
            target = self.targets.get(host)
            if target is not None and target.state == "planned" and target.wave is None:
                text = "The host is not among the targets any more."
                self._set(replace(target, state="skipped", code=LEFT, message=text))

    def prepared(self, targets: Iterable[Target]) -> None:
        """Targets that were planned, approved, or refused before they began. Those that went on meanwhile are left alone."""
        for target in targets:
            if self.targets[target.host].state == "planned":
                self._set(target)

    def named(self, jobs: Mapping[HostRef, str]) -> None:
        """The jobs of hosts that were begun."""
        for host, job in jobs.items():
            self.targets[host] = replace(self.targets[host], job=job)

    def asked(self, approval_id: str, hosts: Iterable[HostRef]) -> None:
        """The approval that these wait for. Whoever writes down what changed asked for it."""
        for host in hosts:
            self.targets[host] = replace(self.targets[host], approval=approval_id)

    # -- what a person says

    def start(self, targets: Iterable[Target], now_ms: int) -> None:
        """Begin, with these hosts. Raises WRONG-STATE unless it is a draft."""
        self._need("draft", "start")
        for target in targets:
            self._set(target)
        until = now_ms + self.spec.open_s * 1000 if self.spec.continuous else None
        self.standing = replace(self.standing, state="running", started_at=now_ms, joining_until=until)

    def pause(self, reason: str) -> None:
        """Begin nothing more until `resume`. Raises WRONG-STATE unless it runs."""
        self._need("running", "pause")
        self._apply(engine.pause(reason, self.targets), 0)

    def resume(self, now_ms: int) -> None:
        """Go on. What failed so far pauses it no more; a wave that fell short is accepted. Raises WRONG-STATE unless it is
        paused."""
        self._need("paused", "resume")
        tally = counted(self.spec, self.standing, self.targets.values(), now_ms)
        wave = self.standing.wave
        verdict = None if wave is None else tally.wave.verdict(wave, self.spec.thresholds.success_percent)
        self.standing = replace(
            self.standing,
            state="running",
            reason="",
            excused=(tally.executed, tally.failed),
            accepted_wave=wave if verdict == "short" else self.standing.accepted_wave,
        )
        for target in self._planned():
            if target.wave is not None:
                self._set(replace(target, due_at=now_ms + self.spec.deadline_s * 1000))

    def abort(self, reason: str, now_ms: int) -> None:
        """End it: nothing more begins, what runs is waited for. Raises WRONG-STATE when it has ended."""
        self._need(("draft", "running", "paused"), "abort")
        self._apply(engine.abort(reason, self.targets), now_ms)

    def retriable(self, hosts: Collection[HostRef] | None) -> list[HostRef]:
        """What a person may have tried again: of these hosts, or (None) of all but those of which nobody can tell whether it
        happened."""
        may = _AGAIN if hosts is None else _AGAIN | {"indeterminate"}
        among = self.targets.keys() if hosts is None else self.targets.keys() & set(hosts)
        return sorted(host for host in among if self.targets[host].state in may or self.targets[host].alarm is not None)

    def retry(self, hosts: Mapping[HostRef, bool], now_ms: int) -> None:
        """Try these again, which are `retriable`; for each, whether it is ready. What is overdue is taken back first, for it may
        still run. Raises WRONG-STATE when it was aborted or not begun."""
        self._need(("running", "paused", "finished"), "retry")
        for target, ready in [(self.targets[host], ready) for host, ready in hosts.items()]:
            if target.state == "overdue" and target.job is not None:
                due_at = now_ms + self.spec.deadline_s * 1000
                self._take_back(replace(target, due_at=due_at), even_sent=True)
            else:
                self._set(self._fresh(target, now_ms, ready=ready))
        if hosts and self.standing.state == "finished":
            tally = counted(self.spec, self.standing, self.targets.values(), now_ms)
            excused = (tally.executed, tally.failed)
            wave = self.standing.wave
            self.standing = replace(self.standing, state="running", ended_at=None, excused=excused, accepted_wave=wave)

    def spec_changed(self, spec: RolloutSpec) -> None:
        """It goes on by another spec; how long it takes hosts in counts from its start."""
        self.spec = spec
        started = self.standing.started_at
        if spec.continuous and started is not None:
            self.standing = replace(self.standing, joining_until=started + spec.open_s * 1000)

    # -- going on

    def decide(self, now_ms: int, around: engine.Around) -> engine.Action | None:
        """The next action, which is not taken yet."""
        return engine.decide(self.spec, self.standing, self.targets, now_ms, around)

    def take(self, action: engine.Action, now_ms: int) -> None:
        """Take the action that was decided."""
        self._apply(action, now_ms)

    def recover(self) -> None:
        """After a restart: what was to be taken back and perhaps was not, is to be once more."""
        ended = self.standing.state in ("aborting", "aborted")
        for target in self.targets.values():
            if target.job is None:
                continue
            if target.again and target.under_way:
                self._taken_back.append(TakenBack(target.job, even_sent=target.state == "overdue"))
            elif ended and (target.state in UNTAKEN or target.state == "overdue"):
                self._taken_back.append(TakenBack(target.job, even_sent=True))

    def next_at(self, now_ms: int, around: engine.Around) -> int | None:
        """When `decide` may have something new though nothing is heard."""
        return engine.next_at(self.spec, self.standing, self.targets, now_ms, around)

    def take_changes(self) -> Changes:
        """What changed since it was last asked."""
        changes = Changes(
            standing=None if self.standing == self._written else self.standing,
            targets=tuple(self.targets[host] for host in sorted(self._changed)),
            begun=tuple(self.targets[host] for host in sorted(self._begun)),
            taken_back=tuple(self._taken_back),
        )
        self._written = self.standing
        self._changed.clear()
        self._begun.clear()
        self._taken_back.clear()
        return changes

    # -- what an action does

    def _apply(self, action: engine.Action, now_ms: int) -> None:
        match action:
            case engine.Start(hosts):
                self._start(hosts, now_ms)
            case engine.BeginWave(wave, hosts):
                self.standing = replace(self.standing, wave=wave, soak_until=None)
                for host in hosts:
                    due_at = now_ms + self.spec.deadline_s * 1000
                    self._set(replace(self.targets[host], wave=wave, due_at=due_at))
            case engine.Soak(until):
                self.standing = replace(self.standing, soak_until=until)
            case engine.Expire(hosts):
                for host in hosts:
                    self._expire(self.targets[host], now_ms)
            case engine.Pause(reason, hosts):
                self.standing = replace(self.standing, state="paused", reason=reason)
                for host in hosts:
                    self._take_back(self.targets[host], even_sent=False)
            case engine.Abort(reason, hosts):
                self._abort(reason, hosts, now_ms)
            case engine.Finish():
                ended: RolloutState = "aborted" if self.standing.state == "aborting" else "finished"
                self.standing = replace(self.standing, state=ended, ended_at=now_ms, soak_until=None)

    def _start(self, hosts: tuple[HostRef, ...], now_ms: int) -> None:
        for host in hosts:
            target = self.targets[host]
            self._set(
                replace(
                    target, state="queued", attempt=target.attempt + 1, tries=target.tries + 1, job=None, started_at=now_ms,
                    due_at=now_ms + self.spec.deadline_s * 1000, retry_at=None, reached=False, again=False, code=None,
                    message=None,
                )
            )  # fmt: skip
            self._begun.add(host)
        self.standing = replace(self.standing, starts=pace.noted(self.standing.starts, now_ms, len(hosts)))

    def _expire(self, target: Target, now_ms: int) -> None:
        if target.state == "overdue":
            self._set(replace(target, again=False))
            return
        if target.code is not None:
            self._set(
                replace(target, state="failed", settled_at=now_ms)
            )  # as it failed before it was to be tried again
            return
        planned = self.spec.project is None or target.plan_id is not None
        code, text = (
            (NO_APPROVAL, "Nobody approved it in time.")
            if planned
            else (NOT_REACHED, "The host was not there in time.")
        )
        self._set(replace(target, state="overdue", code=code, message=text, settled_at=now_ms, job=None, reached=False))

    def _abort(self, reason: str, hosts: tuple[HostRef, ...], now_ms: int) -> None:
        if self.standing.started_at is None:
            self.standing = replace(self.standing, state="aborted", reason=reason, ended_at=now_ms)
            return
        self.standing = replace(self.standing, state="aborting", reason=reason, soak_until=None)
        for host in hosts:
            self._take_back(self.targets[host], even_sent=True, again=False)
        for target in self._planned():
            self._set(replace(target, state="canceled", retry_at=None, settled_at=now_ms))

    def _take_back(self, target: Target, *, even_sent: bool, again: bool = True) -> None:
        if target.job is not None:
            self._taken_back.append(TakenBack(target.job, even_sent))
        self._set(replace(target, again=again))

    def _fresh(self, target: Target, now_ms: int, *, ready: bool) -> Target:
        return replace(
            target, state="planned", code=None, message=None, alarm=None, retry_at=None, settled_at=None, reached=False,
            again=False, tries=0, due_at=now_ms + self.spec.deadline_s * 1000, plan_id=None, plan_risk=None, approval=None,
            ready=ready,
        )  # fmt: skip

    def _planned(self) -> list[Target]:
        return [target for target in self.targets.values() if target.state == "planned"]

    def _set(self, target: Target) -> None:
        self.targets[target.host] = target
        self._changed.add(target.host)

    def _need(self, states: str | tuple[str, ...], what: str) -> None:
        allowed = (states,) if isinstance(states, str) else states
        if self.standing.state not in allowed:
            state = self.standing.state
            raise GuestwireError(
                "WRONG-STATE", f"The rollout is {state}: {what} takes one that is {' or '.join(allowed)}."
            )
