"""A notice is shown once, in whatever order it comes."""

from hypothesis import given
from hypothesis import strategies as st

from guestwire.cli.seen_notices import MOST_LOGS, MOST_MISSING, SeenNotices

LOG = bytes(16)


def shown(numbers: list[int]) -> list[int]:
    seen = SeenNotices()
    return [seq for seq in numbers if seen.fresh("h1", LOG, "notice", seq)]


def test_repeats_are_not_shown_and_late_ones_are() -> None:
    assert shown([5, 6, 6, 5, 9, 7, 7, 8, 9, 10]) == [5, 6, 9, 7, 8, 10]


def test_what_was_before_the_first_is_the_past() -> None:
    assert shown([100, 1, 2, 99, 101]) == [100, 101]


def test_hosts_logs_and_classes_count_for_themselves() -> None:
    seen = SeenNotices()
    keys = [("h1", LOG, "notice"), ("h2", LOG, "notice"), ("h1", b"n" * 16, "notice"), ("h1", LOG, "alarm")]
    assert all(seen.fresh(*key, 3) for key in keys)
    assert not any(seen.fresh(*key, 3) for key in keys)


def test_memory_is_bounded() -> None:
    seen = SeenNotices()
    for n in range(MOST_LOGS + 1):
        seen.fresh(f"h{n}", LOG, "notice", 1)
    assert not seen.fresh(f"h{MOST_LOGS}", LOG, "notice", 1)
    assert seen.fresh("h0", LOG, "notice", 1), "the first was forgotten"
    numbers = list(range(1, 4 * MOST_MISSING, 2))
    assert shown([*numbers, 2, numbers[-1] - 1]) == [*numbers, numbers[-1] - 1]


@given(st.lists(st.integers(1, 30), max_size=60))
def test_none_is_shown_twice(numbers: list[int]) -> None:
    found = shown(numbers)
    assert len(found) == len(set(found))
    if numbers:
        assert set(found) == {seq for seq in numbers if seq >= numbers[0]}
