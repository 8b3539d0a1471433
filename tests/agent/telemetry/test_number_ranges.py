"""Ranges of numbers against plain sets."""

from hypothesis import given
from hypothesis import strategies as st

from guestwire.agent.telemetry.number_ranges import NumberRanges, count

RANGES = st.tuples(st.integers(1, 40), st.integers(0, 12)).map(lambda one: (one[0], one[0] + one[1]))


@given(st.lists(st.tuples(st.booleans(), RANGES), max_size=30), RANGES)
def test_they_are_the_set_that_they_stand_for(
    steps: list[tuple[bool, tuple[int, int]]], asked: tuple[int, int]
) -> None:
    found, plain = NumberRanges(), set[int]()
    for add, (first, last) in steps:
        numbers = range(first, last + 1)
        if add:
            found.add(first, last)
            plain.update(numbers)
        else:
            found.remove(first, last)
            plain.difference_update(numbers)
    spread = [number for first, last in found for number in range(first, last + 1)]
    assert spread == sorted(plain), "disjoint and ascending"
    assert all(later > earlier + 1 for (_, earlier), (later, _) in zip(found, list(found)[1:], strict=False)), "joined"
    assert {number for number in range(60) if number in found} == plain
    wanted = set(range(asked[0], asked[1] + 1))
    assert {n for first, last in found.within(*asked) for n in range(first, last + 1)} == plain & wanted
    assert {n for first, last in found.missing(*asked) for n in range(first, last + 1)} == wanted - plain
    assert count(found) == len(plain)


def test_a_range_that_ends_before_it_begins_is_none() -> None:
    found = NumberRanges([(5, 4)])
    found.add(3, 9)
    found.remove(6, 5)
    assert list(found) == [(3, 9)]
