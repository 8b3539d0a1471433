"""A rollout from its start to its end, whatever hosts, people and clocks do meanwhile: ten thousand steps, every promise checked
at each.
"""

from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from rollout_world import World, hosts, spec

from guestwire.controller.rollouts import engine
from guestwire.controller.rollouts.standing import OPEN, SETTLED, Target

H = hosts(14)
SHARE = st.one_of(
    st.builds(lambda n: {"count": n}, st.integers(1, 6)), st.builds(lambda n: {"percent": n}, st.integers(1, 60))
)
CANARY = st.one_of(st.none(), SHARE, st.just({"hosts": ["plant/h0002", "plant/h0005"]}))
PERCENT = st.one_of(st.none(), st.integers(1, 100))
COUNT = st.one_of(st.none(), st.integers(1, 5))
SPECS = st.fixed_dictionaries({
    "waves": st.one_of(
        st.fixed_dictionaries({"canary": CANARY, "size": st.one_of(st.none(), SHARE)}),
        st.fixed_dictionaries({
            "canary": CANARY, "size": st.one_of(st.none(), SHARE), "base_rate": st.integers(1, 40),
            "factor": st.sampled_from([1, 1.5, 3]),
        }),
    ),
    "thresholds": st.fixed_dictionaries({
        "success_percent": st.integers(1, 100), "pause_percent": PERCENT, "pause_count": COUNT, "abort_percent": PERCENT,
        "abort_count": COUNT, "min_executed": st.integers(1, 5), "count_unreached": st.booleans(),
    }),
    "attempts": st.fixed_dictionaries({"most": st.integers(1, 3), "after_s": st.sampled_from([0, 30])}),
    "soak_s": st.sampled_from([0, 0, 100]),
    "deadline_s": st.sampled_from([100, 3600]),
    "patience_s": st.sampled_from([10, 200]),
    "mode": st.sampled_from(["snapshot", "snapshot", "continuous"]),
    "open_s": st.just(600),
})  # fmt: skip
WORDS = st.sampled_from(
    [("succeeded", None)] * 4
    + [("failed", "DEADLINE"), ("failed", "INTERNAL"), ("rejected", "DENIED"), ("rolled-back", "ROLLED-BACK")]
    + [("overdue", None), ("timed-out", "HOST-NOT-REACHED"), ("indeterminate", "INDETERMINATE")]
)
ON = {"queued": "sent", "sent": "accepted", "accepted": "running", "running": "waiting-reboot"}


class Rollouts(RuleBasedStateMachine):
    @initialize(fields=SPECS, away=st.sets(st.sampled_from(H)), held=st.sets(st.sampled_from(H), max_size=3))
    def begin(self, fields, away, held):
        targets = [Target(host, ready=host not in held) for host in H[:10]]
        self.world = World(spec(**fields), targets, reachable=lambda host: host not in away).settle()

    # -- hosts

    @rule(data=st.data(), word=WORDS)
    def a_job_ends(self, data, word):
        if jobs := self.world.open_jobs():
            state, code = word
            job = data.draw(st.sampled_from(jobs))
            if self.world.jobs[job].state == "overdue" and state == "timed-out":
                return
            self.world.job(job, state, code)
            self.world.settle()

    @rule(data=st.data())
    def a_job_goes_on(self, data):
        if jobs := [job for job in self.world.open_jobs() if self.world.jobs[job].state in ON]:
            job = data.draw(st.sampled_from(jobs))
            self.world.job(job, ON[self.world.jobs[job].state])
            self.world.settle()

    @rule()
    def what_was_taken_back_ends(self):
        self.world.take_back().settle()

    @rule(host=st.sampled_from(H))
    def an_alarm(self, host):
        self.world.course.alarms({host: "trouble"})
        self.world.settle()

    # -- time and the world

    @rule(seconds=st.sampled_from([0.1, 5, 5, 20, 70, 700]))
    def time_passes(self, seconds):
        self.world.pass_time(seconds)

    @rule(is_open=st.booleans())
    def the_window(self, is_open):
        around = replace(
            self.world.around, window_open=is_open, window_changes_at=None if is_open else self.world.now + 1
        )
        self.world.around = around
        self.world.settle()

    @rule(host=st.sampled_from(H))
    def an_approval(self, host):
        target = self.world.course.targets.get(host)
        if target is not None and not target.ready:
            self.world.course.prepared([replace(target, ready=True)])
            self.world.settle()

    @precondition(lambda self: self.world.course.spec.continuous)
    @rule(joining=st.sets(st.sampled_from(H)), leaving=st.sets(st.sampled_from(H)))
    def hosts_come_and_go(self, joining, leaving):
        if self.world.course.standing.live:
            self.world.course.left(leaving)
            self.world.course.joined([Target(host) for host in sorted(joining)], self.world.now)
            self.world.settle()

    @rule()
    def the_controller_is_killed(self):
        self.world.restart()

    # -- people

    @precondition(lambda self: self.world.state == "running")
    @rule()
    def somebody_pauses(self):
        self.world.course.pause("by hand")
        assert isinstance(self.world.course.standing.reason, str)
        self.world.settle()

    @precondition(lambda self: self.world.state == "paused")
    @rule()
    def somebody_goes_on(self):
        self.world.accepted.add(self.world.course.standing.wave)
        self.world.course.resume(self.world.now)
        self.world.settle()

    @precondition(lambda self: self.world.state in ("running", "paused"))
    @rule(chance=st.integers(0, 9))
    def somebody_aborts(self, chance):
        if chance == 0:
            self.world.course.abort("by hand", self.world.now)
            self.world.settle()

    @precondition(lambda self: self.world.state in ("running", "paused", "finished"))
    @rule(host=st.one_of(st.none(), st.sampled_from(H)))
    def somebody_tries_again(self, host):
        self.world.accepted.add(self.world.course.standing.wave)
        self.world.retry(*(() if host is None else (host,)))
        self.world.settle()

    # -- what always holds

    @invariant()
    def states_fit_together(self):
        if not hasattr(self, "world"):
            return
        targets = self.world.course.targets.values()
        if self.world.state in ("aborting", "aborted"):
            assert not self.world.in_state("planned")
        if self.world.state == "aborted":
            assert all(target.state in SETTLED for target in targets)
        for target in targets:
            assert (target.wave is None) <= (target.job is None)
            assert target.attempt >= target.tries >= 0
            assert (target.state in OPEN) <= (target.job is not None)

    def teardown(self):
        """Whatever happened: with hosts that answer, a window that opens and people who go on, it ends."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.around = replace(world.around, window_open=True, window_changes_at=None)
        for _ in range(300):
            if world.over:
                break
            if world.state == "paused":
                world.accepted.add(world.course.standing.wave)
                world.course.resume(world.now)
            for job in world.open_jobs():
                if world.jobs[job].state != "overdue":
                    world.job(job, "succeeded")
            world.take_back().pass_time(60)
        assert world.over, (world.state, {t.state for t in world.course.targets.values()})
        assert isinstance(world.actions[-1], engine.Finish) or world.state in ("finished", "aborted")


Rollouts.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestRollouts = Rollouts.TestCase
