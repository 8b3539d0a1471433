"""Numbers as ranges, against a set."""

from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.telemetry.number_ranges import NumberRanges

RANGES = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 6)).map(lambda pair: (pair[0], sum(pair))), max_size=30)


@given(RANGES)
def test_it_is_a_set_and_its_changes_are_a_table(added: list[tuple[int, int]]) -> None:
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
    assert {number for number in range(50) if number in ranges} == numbers
    assert ranges.highest == max(numbers, default=0)
    assert all(last + 1 < first for (_, last), (first, _) in zip(ranges, list(ranges)[1:], strict=False))


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
