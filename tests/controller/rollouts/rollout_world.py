"""A fleet without links for the engine of rollouts: jobs are entries of a dict, time is a number, every promise is checked at
every step.
"""

import json
from dataclasses import replace

from guestwire.controller.host_ref import HostRef
from guestwire.controller.rollouts import engine, views
from guestwire.controller.rollouts.course import Changes, Course
from guestwire.controller.rollouts.settling import JobChange
from guestwire.controller.rollouts.spec import RolloutSpec
from guestwire.controller.rollouts.standing import OPEN, SETTLED, UNTAKEN, Standing, Target
from guestwire.controller.store.rollouts import Rollout

START_MS = 1_800_000_000_000
NEXT = {"queued": "sent", "sent": "accepted", "accepted": "running", "running": "succeeded"}


def hosts(count, site="plant"):
    return [HostRef(site, f"h{number:04d}") for number in range(count)]


def spec(**fields):
    given = {"name": "test", "operation": "host-ping", "targets": {"selection": "all"}} | fields
    return RolloutSpec.model_validate_json(json.dumps(given))


class World:
    """One rollout over hosts that do what they are told. `database` is what a restart begins from."""

    def __init__(self, rollout, targets, *, reachable=lambda _host: True):
        self.now = START_MS
        self.rollout = rollout
        self.around = engine.Around(reachable=reachable)
        self.jobs = {}
        self.asked_back = set()
        self.started = []
        self.actions = []
        self.accepted = set()
        self.course = Course(rollout, Standing(), ())
        self.database = (Standing(), {})
        self.course.start([one if isinstance(one, Target) else Target(one) for one in targets], self.now)
        self.write()

    # -- the database

    def write(self) -> Changes:
        changes = self.course.take_changes()
        jobs = {target.host: f"{target.host}#{target.attempt}" for target in changes.begun}
        self.course.named(jobs)
        changed = [self.course.targets[target.host] for target in changes.targets]
        standing, targets = self.database
        self.database = (changes.standing or standing, targets | {t.host: t for t in changed})
        for host, job in jobs.items():
            assert job not in self.jobs, "a second job for the same attempt"
            assert not any(one.host == host and one.state in OPEN for one in self.jobs.values()), "two jobs at once"
            self.jobs[job] = JobChange("r", host, job, "queued")
        self.asked_back |= {one.job for one in changes.taken_back}
        return changes

    def restart(self):
        """Another controller goes on from what is in the database."""
        standing, targets = self.database
        assert (standing, targets) == (self.course.standing, self.course.targets)
        # the order in which a database gives them is its own
        self.course = Course(self.rollout, standing, (targets[host] for host in sorted(targets, reverse=True)))
        self.asked_back.clear()
        self.course.recover()
        self.write()

    # -- time and actions

    def settle(self):
        """Take every action there is now."""
        self.write()
        for _ in range(10_000):
            again = Course(self.rollout, *self.database_now())
            other = engine.decide(self.rollout, again.standing, again.targets, self.now, self.around)
            standing = self.course.standing
            action = self.step()
            assert action == other, "a controller that comes later decides otherwise"
            if action is None:
                break
            self.actions.append(action)
            self._check(action, standing)
            self.write()
        else:
            raise AssertionError("it never comes to rest")
        at = self.course.next_at(self.now, self.around)
        assert at is None or at > self.now
        return self

    def step(self):
        action = self.course.decide(self.now, self.around)
        if action is not None:
            self.course.take(action, self.now)
        return action

    def database_now(self):
        standing, targets = self.database
        return standing, tuple(targets.values())

    def pass_time(self, seconds):
        self.now += round(seconds * 1000)
        return self.settle()

    def _check(self, action, standing):
        targets = self.course.targets
        if not isinstance(action, engine.Start):
            return
        assert standing.state == "running", "only a running rollout begins hosts"
        assert self.around.window_open
        for host in action.hosts:
            self.started.append((self.now, host))
            assert targets[host].wave <= standing.wave
        rate = self.rollout.waves.rate(standing.wave)
        last_minute = [at for at, _ in self.started if self.now - 60_000 < at]
        assert rate is None or len(last_minute) <= rate, "more than the rate"
        self._check_canary(action, targets)
        self._check_thresholds(standing, targets)

    def _check_canary(self, action, targets):
        canaries = [t for t in targets.values() if t.wave == 0]
        later = [host for host in action.hosts if targets[host].wave > 0]
        if self.rollout.waves.canary is None or not later or 0 in self.accepted or any(t.attempt > 1 for t in canaries):
            return
        assert any(t.state == "succeeded" for t in canaries), "the canary goes first"

    def _check_thresholds(self, standing, targets):
        """By counting, and by nothing that the engine has."""
        limits = self.rollout.thresholds
        bad = [t for t in targets.values() if t.alarm or _failed(t, limits.count_unreached)]
        done = [t for t in targets.values() if t.state == "succeeded" or t in bad]
        if bad and limits.abort_percent is not None and len(done) >= limits.min_executed:
            assert len(bad) * 100 < limits.abort_percent * len(done), "begun beyond the threshold"
        if limits.abort_count is not None:
            assert len(bad) < limits.abort_count
        if limits.pause_count is not None:
            assert len(bad) - standing.excused[1] < limits.pause_count

    # -- jobs

    def open_jobs(self):
        return sorted(job for job, change in self.jobs.items() if change.state in OPEN or change.state == "overdue")

    def job(self, job, state, code=None):
        change = self.jobs[job]
        reached = change.reached or state in ("accepted", "running", "waiting-reboot")
        self.jobs[job] = change = replace(change, state=state, code=code, reached=reached)
        self.course.job_changed(change, self.now)
        self.write()

    def answer(self, host, state, code=None):
        """The host's present job ends so."""
        self.job(self.course.targets[host].job, state, code)
        return self

    def take_back(self):
        """What nobody has is cancelled as asked."""
        for job in sorted(self.asked_back):
            if self.jobs[job].state in (*UNTAKEN, "overdue") and not self.jobs[job].reached:
                self.job(job, "canceled", "CANCELED")
        self.asked_back.clear()
        return self

    def all_answer(self, state="succeeded", code=None):
        for job in self.open_jobs():
            self.job(job, state, code)
        return self

    def retry(self, *named):
        found = self.course.retriable(named or None)
        self.course.retry(dict.fromkeys(found, True), self.now)
        return len(found)

    # -- what is looked at

    @property
    def state(self):
        return self.course.standing.state

    @property
    def outcome(self):
        rollout = Rollout("r", self.rollout, "", "", 0, self.course.standing)
        return views.summary(rollout, views.counted(self.course.targets.values())).outcome

    def in_state(self, state):
        return sorted(t.host.host for t in self.course.targets.values() if t.state == state)

    @property
    def over(self):
        return self.state in ("finished", "aborted") and all(t.state in SETTLED for t in self.course.targets.values())


def _failed(target, unreached):
    if target.state in ("failed", "rejected", "indeterminate", "rolled-back"):
        return True
    return target.state in ("overdue", "timed-out") and not target.again and (target.reached or unreached)
