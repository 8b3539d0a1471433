"""Sets of numbers kept as ranges: what was received, what was acknowledged, what is held. Pure.

A million numbers in a row cost as much as one. Not a place for what the numbers mean.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

Range = tuple[int, int]
"""First and last, both of it."""


class Change(NamedTuple):
    """What `add` changed, in the words of a table whose rows are ranges with their first number as key: the range that is there
    now, and the firsts of those that went into it."""

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
        return zip(tuple(self._firsts), tuple(self._lasts), strict=True)

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
        """Another one, which goes its own way."""
        made = NumberRanges()
        made._firsts, made._lasts = self._firsts.copy(), self._lasts.copy()
        return made

    def add(self, first: int, last: int) -> Change | None:
        """Put the numbers from `first` to `last` in. None: they were there, or `last` is below `first`."""
        begin = bisect_right(self._firsts, first) - 1
        if last < first or (begin >= 0 and last <= self._lasts[begin]):
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

    def remove(self, first: int, last: int) -> None:
        """Take the numbers from `first` to `last` out."""
        begin = bisect_left(self._lasts, first)
        end = bisect_right(self._firsts, last)
        if last < first or begin >= end:
            return
        left = [(self._firsts[begin], first - 1)] if self._firsts[begin] < first else []
        right = [(last + 1, self._lasts[end - 1])] if self._lasts[end - 1] > last else []
        kept = left + right
        self._firsts[begin:end] = [one for one, _ in kept]
        self._lasts[begin:end] = [one for _, one in kept]

    def within(self, first: int, last: int) -> Iterator[Range]:
        """The ranges, cut to what lies between `first` and `last`."""
        begin = bisect_left(self._lasts, first)
        end = bisect_right(self._firsts, last)
        for at in range(begin, end):
            yield max(first, self._firsts[at]), min(last, self._lasts[at])

    def missing(self, first: int, last: int) -> Iterator[Range]:
        """The ranges between `first` and `last` that are not in it."""
        at = first
        for begin, end in self.within(first, last):
            if begin > at:
                yield at, begin - 1
            at = end + 1
        if at <= last:
            yield at, last


def count(ranges: Iterable[Range]) -> int:
    """How many numbers are in ranges that do not overlap."""
    return sum(last - first + 1 for first, last in ranges)
