"""Pages of what somebody may see."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.controller.projects import listing

numbers = st.sets(st.integers(0, 60))


@settings(deadline=None)
@given(numbers, numbers, st.integers(1, 10), st.integers(1, 7))
async def test_pages_hold_all_that_is_seen_in_order(there: set[int], hidden: set[int], limit: int, chunk: int) -> None:
    async def read(after: int | None, many: int) -> Sequence[int]:
        return sorted(one for one in there if after is None or one > after)[:many]

    found: list[int] = []
    after: int | None = None
    while page := await listing.visible_page(read, after, limit, lambda one: one, lambda one: one not in hidden, chunk):
        assert len(page) <= limit
        found += page
        after = page[-1]
    assert found == sorted(there - hidden)
