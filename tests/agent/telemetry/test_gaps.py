"""What is lost, in few ranges."""

from hypothesis import given
from hypothesis import strategies as st

from guestwire.agent.telemetry.gaps import MOST, Gaps, Lost


def lost(first: int, last: int) -> Lost:
    return Lost(first, last, first * 10, last * 10)


def between(numbers: frozenset[int], first: int, last: int) -> frozenset[int]:
    return numbers & frozenset(range(first, last + 1))


def nothing_held(_first: int, _last: int) -> int:
    return 0


def test_a_gap_is_widened_in_place() -> None:
    gaps = Gaps()
    gaps.add(lost(5, 9), nothing_held)
    gaps.add(lost(10, 12), nothing_held)
    gaps.add(lost(1, 2), nothing_held)
    assert list(gaps) == [lost(1, 2), lost(5, 12)]
    assert gaps.last == 12


def test_a_known_gap_is_no_gap_any_more_and_one_that_grew_meanwhile_is_told_in_part() -> None:
    gaps = Gaps((lost(5, 80),))
    assert gaps.remove(5, 60)
    assert [(one.first, one.last) for one in gaps] == [(61, 80)]
    assert not gaps.remove(5, 60)
    assert not gaps.remove(65, 66), "it would become two"
    assert gaps.remove(1, 99)
    assert (len(gaps), gaps.last) == (0, 0)


def test_when_there_are_too_many_those_grow_together_that_cost_least() -> None:
    held = {25: 1, 35: 0}
    gaps = Gaps()
    for first in range(10, 10 * (MOST + 1), 10):
        assert not gaps.add(lost(first, first + 4), nothing_held)
    given_up = gaps.add(lost(200, 200), lambda first, last: sum(held.get(n, 2) for n in range(first, last + 1)))
    assert given_up == ((35, 39, 8),)
    assert len(gaps) == MOST
    assert (30, 44) in [(one.first, one.last) for one in gaps]


@given(st.lists(st.tuples(st.integers(1, 200), st.integers(0, 6)), max_size=40), st.sets(st.integers(1, 210)))
def test_what_is_lost_stays_told_and_what_is_held_is_not(steps: list[tuple[int, int]], held: set[int]) -> None:
    gaps, gone = Gaps(), set[int]()
    for first, more in steps:
        numbers = set(range(first, first + more + 1))
        held -= numbers
        gone |= numbers
        there = frozenset(held)
        for begin, end, cost in gaps.add(
            lost(first, first + more), lambda a, b, there=there: len(between(there, a, b))
        ):
            given_up = between(there, begin, end)
            assert len(given_up) == cost > 0
            held -= given_up
            gone |= given_up
        assert len(gaps) <= MOST
        told = {n for one in gaps for n in range(one.first, one.last + 1)}
        assert gone <= told
        assert not told & held
        outside = {n for begin, end in gaps.outside(1, 220) for n in range(begin, end + 1)}
        assert outside == set(range(1, 221)) - told
