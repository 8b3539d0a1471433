"""Lanes: never two in one, first come first served, nobody waits for ever, and everything bounded."""

from collections import defaultdict

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from guestwire.agent.lanes import Full, Granted, Lanes, Queued

LATER = 10_000


def _granted(answer: Granted | Queued | Full) -> int:
    assert isinstance(answer, Granted)
    return answer.ticket


def _queued(answer: Granted | Queued | Full) -> int:
    assert isinstance(answer, Queued)
    return answer.ticket


def test_one_lane_is_first_come_first_served() -> None:
    lanes = Lanes()
    first = _granted(lanes.enter(("a",), LATER))
    assert lanes.enter(("a",), LATER) == Queued(2, 0)
    assert lanes.enter(("a",), LATER) == Queued(3, 1)
    assert lanes.leave(first) == (2,)
    assert lanes.leave(2) == (3,)
    assert lanes.leave(3) == ()
    assert lanes.leave(3) == ()
    assert list(lanes.held()) == []


def test_different_lanes_run_side_by_side_up_to_the_limit() -> None:
    lanes = Lanes(max_running=2)
    first = _granted(lanes.enter(("a",), LATER))
    _granted(lanes.enter(("b",), LATER))
    third = _queued(lanes.enter(("c",), LATER))
    assert lanes.leave(first) == (third,)


def test_a_job_on_several_lanes_waits_for_all_and_is_not_passed_by() -> None:
    lanes = Lanes()
    on_b = _granted(lanes.enter(("b",), LATER))
    both = _queued(lanes.enter(("a", "b"), LATER))
    after = _queued(lanes.enter(("a",), LATER))
    assert lanes.leave(on_b) == (both,)
    assert lanes.leave(both) == (after,)


def test_one_that_stops_waiting_lets_the_next_through() -> None:
    lanes = Lanes()
    _granted(lanes.enter(("b",), LATER))
    both = _queued(lanes.enter(("a", "b"), LATER))
    after = _queued(lanes.enter(("a",), LATER))
    assert lanes.leave(both) == (after,)


def test_full_queue_is_busy_but_not_for_recovery() -> None:
    lanes = Lanes(max_queued=1)
    _granted(lanes.enter(("a",), LATER))
    _queued(lanes.enter(("a",), LATER))
    assert isinstance(lanes.enter(("a",), LATER), Full)
    _queued(lanes.enter(("a",), LATER, forced=True))
    _granted(lanes.enter(("b",), LATER))


def test_a_hung_job_keeps_its_lane_and_gives_its_place() -> None:
    lanes = Lanes(max_running=1)
    hung = _granted(lanes.enter(("a",), LATER))
    same = _queued(lanes.enter(("a",), LATER))
    other = _queued(lanes.enter(("b",), LATER))
    assert lanes.hang(hung) == (other,)
    assert list(lanes.hung()) == ["a"]
    assert lanes.leave(other) == ()
    assert lanes.leave(hung) == (same,)
    assert list(lanes.hung()) == []


def test_only_what_runs_can_hang() -> None:
    lanes = Lanes()
    running = _granted(lanes.enter(("a",), LATER))
    waiting = _queued(lanes.enter(("a",), LATER))
    with pytest.raises(ValueError):
        lanes.hang(waiting)
    lanes.hang(running)
    with pytest.raises(ValueError):
        lanes.hang(running)


def test_start_by_passes_in_the_queue() -> None:
    lanes = Lanes()
    assert lanes.next_deadline_ms() is None
    _granted(lanes.enter(("a",), 5))
    late = _queued(lanes.enter(("a",), 20))
    soon = _queued(lanes.enter(("a",), 10))
    assert lanes.next_deadline_ms() == 10
    assert lanes.overdue(9) == ()
    assert lanes.overdue(10) == (soon,)
    assert lanes.overdue(30) == (late, soon)


def test_a_job_without_a_lane_still_counts() -> None:
    lanes = Lanes(max_running=1)
    first = _granted(lanes.enter((), LATER))
    second = _queued(lanes.enter((), LATER))
    assert lanes.leave(first) == (second,)


NAMES = st.lists(st.sampled_from("abcde"), min_size=0, max_size=3, unique=True).map(lambda names: tuple(sorted(names)))


class LanesMachine(RuleBasedStateMachine):
    """Any interleaving of entering, leaving, cancelling and hanging."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes(max_running=3, max_queued=6)
        self.jobs: dict[int, tuple[str, ...]] = {}
        self.running: set[int] = set()
        self.hung: set[int] = set()
        self.waiting: list[int] = []

    def _grant(self, tickets: tuple[int, ...]) -> None:
        for ticket in tickets:
            older = self.waiting[: self.waiting.index(ticket)]
            mine = set(self.jobs[ticket])
            assert not any(mine & set(self.jobs[other]) for other in older), "passed by an older job of its lane"
            self.waiting.remove(ticket)
            self.running.add(ticket)

    @rule(names=NAMES, forced=st.booleans())
    def enter(self, names: tuple[str, ...], forced: bool) -> None:
        answer = self.lanes.enter(names, LATER, forced=forced)
        if isinstance(answer, Full):
            assert len(self.waiting) >= 6
            assert not forced
            return
        self.jobs[answer.ticket] = names
        self.waiting.append(answer.ticket)
        if isinstance(answer, Granted):
            self._grant((answer.ticket,))

    @precondition(lambda self: self.running or self.hung)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.running | self.hung)))
        self.running.discard(ticket)
        self.hung.discard(ticket)
        self._grant(self.lanes.leave(ticket))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(ticket)
        self._grant(self.lanes.leave(ticket))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def hang(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.running)))
        self.running.discard(ticket)
        self.hung.add(ticket)
        self._grant(self.lanes.hang(ticket))

    @invariant()
    def never_two_in_one_lane(self) -> None:
        holders: dict[str, int] = defaultdict(int)
        for ticket in self.running | self.hung:
            for name in self.jobs[ticket]:
                holders[name] += 1
        assert all(count == 1 for count in holders.values())
        assert set(self.lanes.held()) == set(holders)
        assert len(self.running) <= 3
        assert (self.lanes.running, self.lanes.waiting) == (len(self.running), len(self.waiting))

    @invariant()
    def whoever_can_run_does(self) -> None:
        """With a free place, the first waiting job all of whose lanes are free and unclaimed would be running."""
        if len(self.running) == 3:
            return
        claimed = {name for ticket in self.running | self.hung for name in self.jobs[ticket]}
        for ticket in self.waiting:
            assert claimed & set(self.jobs[ticket]), "could run, but waits"
            claimed |= set(self.jobs[ticket])

    def teardown(self) -> None:
        """No deadlock: once everything that runs ends, everything that waits gets its turn."""
        while self.running or self.hung:
            ticket = min(self.running | self.hung)
            self.running.discard(ticket)
            self.hung.discard(ticket)
            self._grant(self.lanes.leave(ticket))
        assert not self.waiting
        assert not self.lanes._lanes


TestLanesMachine = LanesMachine.TestCase
TestLanesMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
