"""Whom to give a trust document, over a fleet that is a table: what is asked, how often, and that everybody has it in the end."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.sdk.trust_spread import AT_ONCE, AWAY_AGAIN_S, AWAY_AT_ONCE, REFUSED_AGAIN_S, Job, Revision, TrustSpread

NEW: Revision = (5, 2)


@dataclass
class Fleet:
    """Hosts with the revision that each has; `away` ones do not answer, `refusing` ones say no to what is given."""

    has: dict[str, Revision]
    away: set[str] = field(default_factory=set)
    refusing: set[str] = field(default_factory=set)
    spread: TrustSpread = field(default_factory=TrustSpread)
    asked: list[Job] = field(default_factory=list)
    now: float = 0.0

    def newest(self, revision: Revision = NEW) -> None:
        self.spread.newest(revision, self.has, self.now)

    def end(self, job: Job) -> None:
        self.asked.append(job)
        if job.host in self.away:
            self.spread.failed(job, "HOST-UNREACHABLE", self.now)
        elif job.give and job.host in self.refusing:
            self.spread.failed(job, "TRUST-INVALID", self.now)
        else:
            if job.give:
                self.has[job.host] = job.revision
            self.spread.answered(job, self.has[job.host], self.now)

    def run(self, until_s: float) -> list[Job]:
        """Jobs end at once; gives those until then."""
        before = len(self.asked)
        for _ in range(10_000):
            jobs = self.spread.jobs(self.now)
            for job in jobs:
                self.end(job)
            if jobs:
                continue
            at = self.spread.next_at()
            if at is None or at > until_s:
                self.now = until_s
                return self.asked[before:]
            self.now = max(at, self.now)
        raise AssertionError("it never rests")

    def comes_up(self, host: str, epoch: int) -> None:
        self.away.discard(host)
        self.spread.heard(host, epoch, self.now, there=True)


def fleet(count: int, has: Revision = (4, 2)) -> Fleet:
    made = Fleet({f"h{number}": has for number in range(count)})
    made.newest()
    for host in made.has:
        made.spread.heard(host, 1, made.now, there=True)
    return made


@pytest.mark.parametrize(
    ("has", "gives"),
    [((5, 2), 0), ((6, 2), 0), ((5, 9), 0), ((4, 2), 1), ((5, 1), 1), ((0, 0), 1)],
    ids=str,
)
def test_a_host_is_asked_and_given_what_it_lacks(has: Revision, gives: int) -> None:
    one = fleet(1, has)
    assert [job.give for job in one.run(1000)] == [False] + [True] * gives
    assert one.spread.standing().missing == {}
    assert one.spread.settled


def test_of_a_large_fleet_so_many_at_once_and_each_once() -> None:
    large = fleet(500)
    first = large.spread.jobs(0)
    assert (len(first), large.spread.jobs(0)) == (AT_ONCE, ())
    for job in first:
        large.end(job)
    large.run(3600)
    assert len(large.asked) == 1000, "asked once, given once, and then left alone"
    large.newest((6, 2))
    assert len(large.run(7200)) == 500, "who has what is known: nobody is asked again"
    assert len(large.spread.standing().have) == 500


def test_a_host_that_comes_up_is_asked_once() -> None:
    one = fleet(2)
    one.run(100)
    one.comes_up("h1", 2)
    assert [(job.host, job.give) for job in one.run(200)] == [("h1", False)]
    for _ in range(3):
        one.spread.heard("h1", 2, one.now, there=True)
    assert one.run(300) == []
    one.has["h1"] = (3, 0)  # its disk is an old one
    one.comes_up("h1", 3)
    assert [job.give for job in one.run(400)] == [False, True]


def test_hosts_that_are_away_cost_those_that_are_there_nothing() -> None:
    large = fleet(500)
    large.away = {host for host in large.has if host != "h499"}
    for host in large.away:
        large.spread.heard(host, 1, 0, there=False)
    first = large.spread.jobs(0)
    assert [job.host for job in first if job.there] == ["h499"]
    assert len(first) == 1 + AWAY_AT_ONCE
    assert not any(job.give for job in first), "it is not sent where nobody takes it"


def test_a_host_that_is_away_is_tried_now_and_then_and_at_once_when_it_is_heard() -> None:
    one = fleet(1)
    one.away = {"h0"}
    tries = one.run(600)
    assert 600 / AWAY_AGAIN_S - 1 <= len(tries) <= 600 / AWAY_AGAIN_S + 2
    assert not any(job.give for job in tries)
    assert one.spread.standing().missing == {"h0": "HOST-UNREACHABLE"}
    one.comes_up("h0", 2)
    assert [job.give for job in one.run(600)] == [False, True]
    assert one.spread.standing().missing == {}


def test_a_host_that_was_asked_while_it_came_up_does_not_wait() -> None:
    one = fleet(1)
    [job] = one.spread.jobs(0)
    one.spread.heard("h0", 2, 1, there=True)
    one.spread.failed(job, "HOST-UNREACHABLE", 2)
    assert [job.there for job in one.spread.jobs(2)] == [True]


def test_a_host_that_refuses_is_tried_more_and_more_seldom_whatever_it_says() -> None:
    one = fleet(1)
    one.refusing = {"h0"}
    tries = []
    for at in range(0, 3600, 30):
        one.spread.heard("h0", 1, one.now, there=True)  # a heartbeat
        tries += one.run(at)
    assert len([job for job in tries if job.give]) <= 3600 / REFUSED_AGAIN_S + 10
    assert one.spread.standing().missing == {"h0": "TRUST-INVALID"}
    assert one.spread.settled


def test_a_host_that_lies_is_not_asked_without_end() -> None:
    one = fleet(1)
    one.spread.answered(one.spread.jobs(0)[0], (1, 0), 0)
    for _ in range(20):
        for job in one.spread.jobs(0):
            one.spread.answered(job, (1, 0), 0)  # it took it, it says, and has the old one
    assert one.spread.jobs(0) == ()
    assert "h0" in one.spread.standing().missing


def test_a_host_that_is_no_more_is_forgotten() -> None:
    one = fleet(2)
    jobs = one.spread.jobs(0)
    del one.has["h1"]
    one.newest((6, 0))
    for job in jobs:
        one.spread.answered(job, (5, 2), 0)
    assert one.spread.hosts == {"h0"}
    one.spread.heard("h1", 9, 0, there=True)
    one.run(100)
    assert one.spread.standing() == ((6, 0), {"h0"}, {})


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["up", "down", "newer", "time"])), max_size=30))
def test_whatever_happens_everybody_who_is_there_has_the_newest_in_the_end(course: list[tuple[int, str]]) -> None:
    one, epoch, revision = fleet(5), 1, 5
    for number, what in course:
        host = f"h{number}"
        epoch += 1
        match what:
            case "up":
                one.comes_up(host, epoch)
            case "down":
                one.away.add(host)
            case "newer":
                revision += 1
                one.newest((revision, 2))
            case _:
                one.run(one.now + 7)
    one.run(one.now + 1000)
    assert set(one.spread.standing().missing) <= one.away
    assert {one.has[host] for host in one.has.keys() - one.away} <= {(revision, 2)}
