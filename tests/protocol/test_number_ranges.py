"""Ranges of numbers against plain sets."""

from hypothesis import given
from hypothesis import strategies as st

from guestwire.protocol.number_ranges import NumberRanges, count

RANGE = st.tuples(st.integers(1, 40), st.integers(0, 12)).map(lambda one: (one[0], one[0] + one[1]))
RANGES = st.lists(RANGE, max_size=30)


@given(st.lists(st.tuples(st.booleans(), RANGE), max_size=30), RANGE)
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
    assert found.highest == max(plain, default=0)
    wanted = set(range(asked[0], asked[1] + 1))
    assert {n for first, last in found.within(*asked) for n in range(first, last + 1)} == plain & wanted
    assert {n for first, last in found.missing(*asked) for n in range(first, last + 1)} == wanted - plain
    assert count(found) == len(plain)


def test_a_range_that_ends_before_it_begins_is_none() -> None:
    found = NumberRanges([(5, 4)])
    found.add(3, 9)
    assert found.add(12, 10) is None
    found.remove(6, 5)
    assert list(found) == [(3, 9)]


@given(RANGES)
def test_what_is_added_changes_a_table(added: list[tuple[int, int]]) -> None:
    ranges, numbers = NumberRanges(), set[int]()
    table: dict[int, int] = {}
    for first, last in added:
        change = ranges.add(first, last)
        new = set(range(first, last + 1))
        assert (change is None) == (new <= numbers)
        numbers |= new
        if change is not None:
            for gone in change.gone:
                del table[gone]
            table[change.now[0]] = change.now[1]
        assert sorted(table.items()) == list(ranges)


@given(RANGES, RANGES)
def test_a_copy_goes_its_own_way(before: list[tuple[int, int]], after: list[tuple[int, int]]) -> None:
    ranges = NumberRanges(before)
    kept = list(ranges)
    copy = ranges.copy()
    for first, last in after:
        copy.add(first, last)
    assert list(ranges) == kept
    assert list(copy) == list(NumberRanges(before + after))
    assert len(copy) == len(list(copy))
