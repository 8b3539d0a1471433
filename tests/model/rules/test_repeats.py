"""What must be unique and is not."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from guestwire.model.rules.repeats import Repeat, repeats


def test_each_after_the_first_is_told_with_the_first() -> None:
    keyed = [("a", "1"), ("b", "2"), ("a", "3"), ("a", "4")]
    assert list(repeats(keyed)) == [Repeat("a", "3", "1"), Repeat("a", "4", "1")]


@given(st.lists(st.integers(0, 5)))
def test_there_are_as_many_as_are_too_many(keys: list[int]) -> None:
    found = Counter(again.key for again in repeats((key, str(place)) for place, key in enumerate(keys)))
    assert found == Counter(keys) - Counter(set(keys))
