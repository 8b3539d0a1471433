"""The life of a job: every event in every state by tables, and any order of them with a host that loses, delays and restarts."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs import events as e
from guestwire.controller.jobs import machine
from guestwire.controller.jobs.job import Job
from guestwire.controller.jobs.machine import ALWAYS, LONGEST_MESSAGE, Opening, after, todo
from guestwire.controller.jobs.states import AT_HOST, FINISHED, OUT, UNFINISHED, WAITING

T0 = 1_760_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
ID = "0190" + "0" * 28
AS = "controller:main"
JOB = Job("job-1", HostRef("plant", "press-4"), "guest-reset", 1, "ab" * 32, T0, T0 + HOUR)
SENT = replace(
    JOB, state="sent", request_id=ID, issuer=AS, attempts=1, first_sent_at=T0, sent_at=T0, expires_at=T0 + 30_000
)
ACCEPTED = replace(SENT, state="accepted", accepted_at=T0 + 100)
RUNNING = replace(ACCEPTED, state="running")
OVERDUE = replace(SENT, state="overdue")
DONE = e.Ended("succeeded", None, None, True)
BROKEN = e.Ended("failed", "WRONG-STATE", "It is off.", True)
GONE = e.NotAccepted("EXPIRED", "The host never accepted it.")


@pytest.mark.parametrize(
    "event", [e.Ended("failed", "X\0" * 99, "a\0b" * 9999, True), e.Silent("X\0" * 99, "a\0b" * 9999)]
)
def test_what_a_host_says_is_kept_as_every_database_takes_it(event: e.Event) -> None:
    job = after(SENT, event, T0)
    assert (job.code, job.message) == ("X" * 64, ("ab" * 9999)[:LONGEST_MESSAGE])


@pytest.mark.parametrize(
    ("job", "event", "state", "code"),
    [
        (replace(JOB, state="waiting-approval"), e.Approved(), "queued", None),
        (JOB, e.Approved(), "queued", None),
        (
            replace(JOB, state="waiting-approval"),
            e.Denied("rejected", "APPROVAL-REJECTED", "no"),
            "rejected",
            "APPROVAL-REJECTED",
        ),
        (JOB, e.Denied("canceled", "CANCELED", "over"), "canceled", "CANCELED"),
        (SENT, e.Denied("rejected", "APPROVAL-REJECTED", "no"), "sent", None),
        (JOB, e.Shut(), "waiting-window", None),
        (replace(JOB, state="waiting-window"), e.Opened(), "queued", None),
        (SENT, e.Shut(), "sent", None),
        (JOB, e.Sending(ID, T0 + 30_000, AS), "sent", None),
        (RUNNING, e.Sending(ID, T0 + 30_000, AS), "running", None),
        (SENT, e.AtHost("accepted"), "accepted", None),
        (SENT, e.AtHost("running"), "running", None),
        (RUNNING, e.AtHost("accepted"), "running", None),
        (OVERDUE, e.AtHost("running"), "overdue", None),
        (JOB, DONE, "succeeded", None),  # a proof that nothing was accepted was wrong: the host's word counts
        (SENT, DONE, "succeeded", None),
        (RUNNING, BROKEN, "failed", "WRONG-STATE"),
        (OVERDUE, DONE, "succeeded", None),
        (SENT, e.Silent("HOST-UNREACHABLE", "away"), "sent", "HOST-UNREACHABLE"),
        (SENT, e.Refused("KEY-UNKNOWN", "who?"), "rejected", "KEY-UNKNOWN"),
        (ACCEPTED, e.Refused("KEY-UNKNOWN", "who?"), "indeterminate", "INDETERMINATE"),
        (replace(SENT, expires_at=T0), GONE, "queued", "EXPIRED"),
        (SENT, GONE, "rejected", "EXPIRED"),  # it was still good by our clock: the clocks disagree
        (
            replace(SENT, sent_at=T0 - 20_000, expires_at=T0 + 10_000),
            GONE,
            "queued",
            "EXPIRED",
        ),  # it came late, and went late
        (ACCEPTED, GONE, "indeterminate", "INDETERMINATE"),
        (replace(SENT, expires_at=T0, first_sent_at=T0 - 2 * DAY), GONE, "indeterminate", "INDETERMINATE"),
        (replace(SENT, expires_at=T0, cancel_at=T0), GONE, "canceled", "CANCELED"),
        (replace(OVERDUE, expires_at=T0), GONE, "timed-out", "EXPIRED"),
        (replace(OVERDUE, expires_at=T0, accepted_at=T0), GONE, "indeterminate", "INDETERMINATE"),
        (JOB, e.DeadlinePassed(), "timed-out", "HOST-NOT-REACHED"),
        (replace(JOB, code="HOST-NOT-APPROVED", message="x"), e.DeadlinePassed(), "timed-out", "HOST-NOT-APPROVED"),
        (replace(JOB, state="waiting-window"), e.DeadlinePassed(), "timed-out", "DEADLINE"),
        (replace(JOB, state="waiting-approval"), e.DeadlinePassed(), "timed-out", "APPROVAL-EXPIRED"),
        (SENT, e.DeadlinePassed(), "overdue", None),
        (RUNNING, e.DeadlinePassed(), "overdue", None),
        (JOB, e.CancelAsked("ann"), "canceled", "CANCELED"),
        (replace(JOB, state="waiting-approval"), e.CancelAsked("ann"), "canceled", "CANCELED"),
        (RUNNING, e.CancelAsked("ann"), "running", None),
        (OVERDUE, e.GivenUp("ann"), "indeterminate", "INDETERMINATE"),
        (RUNNING, e.GivenUp("ann"), "running", None),
        (JOB, e.GivenUp("ann"), "queued", None),
    ],
)
def test_what_an_event_makes_of_a_job(job: Job, event: e.Event, state: str, code: str | None) -> None:
    changed = after(job, event, T0)
    assert (changed.state, changed.code) == (state, code)
    assert (changed.finished_at == T0) == (state in FINISHED)
    assert changed.revision == job.revision + (changed is not job)


@pytest.mark.parametrize("state", sorted(FINISHED))
@pytest.mark.parametrize(
    "event",
    [DONE, BROKEN, GONE, e.Approved(), e.Sending(ID, T0, AS), e.AtHost("running"), e.DeadlinePassed(), e.CancelAsked(None),
     e.Silent("X", "y"), e.Refused("X", "y"), e.HostCame(), e.Shut(), e.Opened(), e.Denied("canceled", "X", "y"), e.GivenUp("ann")],
    ids=lambda event: type(event).__name__,
)  # fmt: skip
def test_what_has_ended_stays_as_it_is(state: Any, event: e.Event) -> None:
    job = replace(RUNNING, state=state)
    assert after(job, event, T0 + 1) is job
    assert isinstance(todo(job, T0 + 1, there=True), machine.Nothing)


def test_the_request_id_is_made_once_and_so_is_the_principal_as_whom_it_goes() -> None:
    sent = after(JOB, e.Sending(ID, T0 + 30_000, AS), T0)
    again = after(replace(sent, next_at=T0 + 5), e.Sending(ID, T0 + 20_000, AS), T0 + 10)
    assert (again.request_id, again.attempts, again.first_sent_at, again.sent_at) == (ID, 2, T0, T0 + 10)
    assert again.issuer == AS
    assert again.expires_at == T0 + 30_000, "an earlier copy may be accepted for longer"
    assert again.next_at is None
    with pytest.raises(AssertionError):
        after(sent, e.Sending("ff" * 16, T0, AS), T0)
    with pytest.raises(AssertionError):
        after(sent, e.Sending(ID, T0, "local:1000"), T0)


@pytest.mark.parametrize(
    "job", [OVERDUE, replace(SENT, cancel_at=T0), replace(JOB, state="waiting-approval")], ids=lambda job: job.state
)
def test_nothing_is_sent_that_nobody_wants_sent(job: Job) -> None:
    with pytest.raises(AssertionError):
        after(job, e.Sending(ID, T0, AS), T0)


@pytest.mark.parametrize(
    ("job", "now", "there", "window", "next_"),
    [
        (JOB, T0, True, ALWAYS, machine.Send(30_000)),
        (JOB, T0, False, ALWAYS, machine.Wait(T0 + HOUR, host=True)),
        (JOB, T0 + HOUR - 10_000, True, ALWAYS, machine.Send(10_000)),
        (JOB, T0 + HOUR - 100, True, ALWAYS, machine.Wait(T0 + HOUR)),
        (JOB, T0 + HOUR, True, ALWAYS, machine.Apply(e.DeadlinePassed())),
        (replace(JOB, next_at=T0 + 5), T0, True, ALWAYS, machine.Wait(T0 + 5)),
        (replace(JOB, state="waiting-approval"), T0, True, ALWAYS, machine.Wait(T0 + HOUR)),
        (replace(JOB, not_before=T0 + 9), T0, True, ALWAYS, machine.Apply(e.Shut())),
        (replace(JOB, not_before=T0 + 9, state="waiting-window"), T0, True, ALWAYS, machine.Wait(T0 + 9)),
        (replace(JOB, not_before=T0 + 9, state="waiting-window"), T0 + 9, True, ALWAYS, machine.Apply(e.Opened())),
        (JOB, T0, True, Opening(None, T0 + 50), machine.Apply(e.Shut())),
        (replace(JOB, state="waiting-window"), T0, True, Opening(None, T0 + 50), machine.Wait(T0 + 50)),
        (replace(JOB, state="waiting-window"), T0, True, Opening(None), machine.Wait(T0 + HOUR)),
        (replace(JOB, state="waiting-window"), T0, True, Opening(T0 + 100), machine.Wait(T0 + 100)),
        (JOB, T0, True, Opening(T0 + 2_000), machine.Send(2_000)),
        (JOB, T0, False, Opening(T0 + 2_000), machine.Wait(T0 + 2_000, host=True)),
        (SENT, T0 + 1, True, ALWAYS, machine.Send(30_000)),
        (SENT, T0 + 1, False, ALWAYS, machine.Wait(T0 + HOUR, host=True)),
        (replace(SENT, next_at=T0 + 5), T0, True, ALWAYS, machine.Wait(T0 + 5)),
        (SENT, T0 + 1, True, Opening(None, T0 + 50), machine.Ask()),
        (RUNNING, T0 + 1, True, ALWAYS, machine.Send(30_000)),
        (replace(SENT, cancel_at=T0), T0 + 1, True, ALWAYS, machine.Cancel()),
        (replace(SENT, first_sent_at=T0 - 8 * DAY), T0 + 1, True, ALWAYS, machine.Ask()),
        (OVERDUE, T0 + DAY, True, ALWAYS, machine.Ask()),
        (OVERDUE, T0 + DAY, False, ALWAYS, machine.Wait(None, host=True)),
        (replace(OVERDUE, next_at=T0 + DAY + 5), T0 + DAY, True, ALWAYS, machine.Wait(T0 + DAY + 5)),
    ],
)
def test_what_comes_next(job: Job, now: int, there: bool, window: Opening, next_: machine.Todo) -> None:
    assert todo(job, now, there=there, window=window) == next_


def test_silence_is_followed_by_longer_and_longer_pauses() -> None:
    job, pauses = SENT, []
    for _ in range(9):
        job = after(job, e.Silent("HOST-UNREACHABLE", "away", spread=1.0), T0)
        assert job.next_at is not None
        pauses.append(job.next_at - T0)
    assert pauses == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]
    assert after(job, e.Silent("BUSY", "wait", 0.0, not_before=T0 + 90_000), T0).next_at == T0 + 90_000
    came = after(job, e.HostCame(), T0)
    assert (came.next_at, came.silent) == (None, 0)
    heard = after(job, e.AtHost("accepted"), T0)
    assert (heard.silent, heard.code) == (0, None)


def test_a_host_that_was_asked_is_asked_again_after_a_pause() -> None:
    first = after(OVERDUE, e.AtHost("running", asked=True, spread=1.0), T0)
    assert (first.state, first.accepted_at, first.next_at) == ("overdue", T0, T0 + 1_000)
    assert after(first, e.AtHost("running", asked=True, spread=1.0), T0).next_at == T0 + 2_000


def test_the_states_are_of_one_kind_each() -> None:
    assert not WAITING & OUT
    assert not UNFINISHED & FINISHED
    assert set(AT_HOST) == OUT - {"overdue"}


# -- any order of what can happen


@dataclass
class World:
    """One job and its host. The host obeys the protocol: it journals what it accepts, refuses copies out of time, answers job-get;
    it may forget nothing before a week is over. Copies under way are lost, delayed, and delivered again."""

    now: int = T0
    job: Job = JOB
    copies: list[int] = field(default_factory=list)
    there: bool = True
    journal: str | None = None
    effects: int = 0
    finals: int = 0
    ends: list[Job] = field(default_factory=list)

    def tell(self, event: e.Event) -> None:
        before = self.job
        self.job = after(before, event, self.now)
        if before.finished:
            assert self.job is before
        elif self.job.finished:
            self.ends.append(self.job)

    def drive(self, lost: bool, answered: bool) -> None:
        """One turn of the driver. `lost`: the request is under way still, for now; `answered`: what the host says comes back."""
        next_ = todo(self.job, self.now, there=self.there)
        match next_:
            case machine.Apply(event):
                self.tell(event)
            case machine.Send(accept_ms):
                assert self.now + accept_ms <= self.job.deadline_at
                self.tell(e.Sending(ID, self.now + accept_ms, AS))
                self.copies.append(self.now + accept_ms)
                if not lost:
                    self.deliver(len(self.copies) - 1)
                self.answer(answered and not lost)
            case machine.Ask() | machine.Cancel():
                if isinstance(next_, machine.Cancel) and self.journal == "accepted":
                    self.journal = "canceled"
                self.answer(answered, asked=True)
            case machine.Wait(until):
                if until is not None:
                    assert until > self.now

    def deliver(self, which: int) -> None:
        if self.journal is None and self.copies[which] > self.now:
            self.journal = "accepted"

    def work(self) -> None:
        if self.journal == "accepted":
            self.effects += 1
            self.journal = "succeeded"

    def answer(self, heard: bool, asked: bool = False) -> None:
        if not heard or not self.there:
            self.tell(e.Silent("HOST-UNREACHABLE", "nothing came"))
        elif self.journal is None:
            if asked and self.now >= (self.job.expires_at or 0):
                self.tell(GONE)
            else:
                self.tell(e.Silent("HOST-UNREACHABLE", "nothing there yet"))
        elif self.journal == "accepted":
            self.tell(e.AtHost("accepted", asked=asked))
        else:
            self.finals += 1
            self.tell(e.Ended(self.journal, None, None, True))  # type: ignore[arg-type]


STEP = st.one_of(
    st.tuples(st.just("drive"), st.booleans(), st.booleans()),
    st.tuples(st.just("drive"), st.booleans(), st.just(True)),
    st.tuples(st.just("time"), st.sampled_from([1, 1_100, 30_000, HOUR])),
    st.tuples(st.just("deliver"), st.integers(0, 2)),
    st.tuples(st.sampled_from(["work", "cancel", "come", "deliver"])),
    st.tuples(st.sampled_from(["leave", "come", "final", "refused"])),
)


@settings(max_examples=600, deadline=None)
@given(st.lists(STEP, max_size=25))
@example([("drive", True, True), ("cancel",), ("drive", False, True), ("deliver", 0), ("work",)])
@example([("drive", True, True), ("time", HOUR), ("drive", False, True), ("deliver", 0), ("work",)])
@example([("drive", False, False), ("time", HOUR), ("drive", False, True), ("work",), ("drive", False, True)])
@example(
    [("drive", True, True), ("leave",), ("time", 1_100), ("come",), ("drive", False, True), ("work",), ("deliver", 0)]
)
def test_whatever_happens_a_job_ends_and_nothing_is_done_twice(steps: list[tuple[Any, ...]]) -> None:
    world = World()
    for step in steps:
        match step:
            case ("drive", lost, answered):
                world.drive(lost, answered)
            case ("time", ms):
                world.now += ms
            case ("deliver", which) if which < len(world.copies):
                world.deliver(which)
            case ("deliver",) if world.copies:
                world.deliver(-1)
            case ("work",):
                world.work()
            case ("leave",):
                world.there = False
            case ("come",):
                world.there = True
                world.tell(e.HostCame())
            case ("cancel",):
                world.tell(e.CancelAsked("ann"))
            case ("final",) if world.journal in ("succeeded", "canceled"):
                world.tell(e.Ended(world.journal, None, None, True))  # the host sends it again by itself
            case ("refused",) if world.journal is None and world.copies and world.job.attempts == 1:
                world.copies.clear()  # the host would refuse every copy of it
                world.tell(e.Refused("KEY-UNKNOWN", "who?"))
        assert world.effects <= 1
    # from here on the host is there and everything comes through
    world.there = True
    world.now += 8 * HOUR
    for _ in range(40):
        world.work()
        if world.job.next_at is not None:
            world.now = max(world.now, world.job.next_at)
        world.drive(lost=False, answered=True)
    assert world.job.finished
    assert len(world.ends) == 1
    assert world.effects == (world.job.state == "succeeded"), "what the job says is what happened"
