"""Numbers that were received, as ranges; a million in a row cost as much as one. Pure.

`add` says what changed, in the words of a table whose rows are ranges with their first number as key.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

Range = tuple[int, int]
"""First and last, both of it."""


class Change(NamedTuple):
    """The range that is there now, and the firsts of those that went into it."""

    now: Range
    gone: tuple[int, ...]


class NumberRanges:
    """Disjoint ranges in ascending order; ranges that touch are one."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def __iter__(self) -> Iterator[Range]:
        return zip(self._firsts, self._lasts, strict=True)

    def __len__(self) -> int:
        """How many ranges; not how many numbers."""
        return len(self._firsts)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    @property
    def highest(self) -> int:
        """The highest number; 0 where there is none."""
        return self._lasts[-1] if self._lasts else 0

    def copy(self) -> "NumberRanges":
        made = NumberRanges()
        made._firsts, made._lasts = self._firsts.copy(), self._lasts.copy()
        return made

    def add(self, first: int, last: int) -> Change | None:
        """Put the numbers from `first` to `last` in. None: they were there."""
        begin = bisect_right(self._firsts, first) - 1
        if begin >= 0 and last <= self._lasts[begin]:
            return None
        if begin < 0 or self._lasts[begin] < first - 1:
            begin += 1
        end = bisect_right(self._firsts, last + 1)
        gone = tuple(self._firsts[begin:end])
        if gone:
            first, last = min(first, gone[0]), max(last, self._lasts[end - 1])
        self._firsts[begin:end] = [first]
        self._lasts[begin:end] = [last]
        return Change((first, last), tuple(one for one in gone if one != first))
