"""Moments to look again: one for each, in order, and no heap of those that count no more."""

from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.jobs.timers import SPARE, Timers


def test_each_comes_once_at_its_last_moment() -> None:
    timers = Timers()
    for work, at in (("a", 5), ("b", 3), ("a", 9), ("c", 4), ("c", 4)):
        timers.set(work, at)
    timers.drop("b")
    timers.drop("nobody")
    assert timers.next_at() == 4
    assert timers.due(4) == ["c"]
    assert timers.due(8) == []
    assert timers.due(9) == ["a"]
    assert (timers.next_at(), len(timers)) == (None, 0)


def test_what_is_put_off_again_and_again_takes_no_room() -> None:
    timers = Timers()
    for at in range(10 * SPARE):
        timers.set("a", at)
    assert len(timers._heap) <= SPARE + 2
    assert timers.due(10 * SPARE) == ["a"]


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.one_of(st.none(), st.integers(0, 50)))), st.integers(0, 50))
def test_it_is_a_table_of_moments(steps: list[tuple[str, int | None]], now: int) -> None:
    timers, table = Timers(), dict[str, int]()
    for work, at in steps:
        if at is None:
            timers.drop(work)
            table.pop(work, None)
        else:
            timers.set(work, at)
            table[work] = at
    assert timers.next_at() == min(table.values(), default=None)
    assert sorted(timers.due(now)) == sorted(work for work, at in table.items() if at <= now)
    assert timers.next_at() == min((at for at in table.values() if at > now), default=None)
