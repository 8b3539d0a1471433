"""What a class of the spool has lost, as a few ranges that always fit into the room kept for them. Pure.

Numbers that are held never lie in one, because whoever acknowledges a gap acknowledges its numbers. When there would be more
ranges than fit, two grow together; if numbers that are held lie between them, those are given up.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from guestwire.protocol.number_ranges import Range

MOST: Final = 8
"""Ranges of one class of one log."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Numbers that are lost, and the times (Unix ms) between which they were said."""

    first: int
    last: int
    since: int
    until: int


class Gaps:
    """`held`: how many numbers of a range are held."""

    def __init__(self, lost: tuple[Lost, ...] = ()) -> None:
        self._lost: list[Lost] = sorted(lost, key=lambda one: one.first)

    def __iter__(self) -> Iterator[Lost]:
        return iter(tuple(self._lost))

    def __len__(self) -> int:
        return len(self._lost)

    @property
    def last(self) -> int:
        """The highest number that is lost; 0 where none is."""
        return self._lost[-1].last if self._lost else 0

    def outside(self, first: int, last: int) -> Iterator[Range]:
        """What of a range is not lost."""
        at = first
        for lost in self._lost:
            if lost.last < at or lost.first > last:
                continue
            if lost.first > at:
                yield at, lost.first - 1
            at = lost.last + 1
        if at <= last:
            yield at, last

    def add(self, new: Lost, held: Callable[[int, int], int]) -> tuple[tuple[int, int, int], ...]:
        """More is lost. What must be given up so that the gaps fit into their room: ranges (first, last), and how many numbers
        of each were held. They are in the gaps from now on."""
        touching = [one for one in self._lost if one.first <= new.last + 1 and new.first <= one.last + 1]
        for one in touching:
            new = _joined(one, new)
            self._lost.remove(one)
        self._lost.append(new)
        self._lost.sort(key=lambda one: one.first)
        given_up: list[tuple[int, int, int]] = []
        while len(self._lost) > MOST:
            costs = [held(one.last + 1, two.first - 1) for one, two in zip(self._lost, self._lost[1:], strict=False)]
            at = costs.index(min(costs))
            one, two = self._lost[at : at + 2]
            if costs[at]:
                given_up.append((one.last + 1, two.first - 1, costs[at]))
            self._lost[at : at + 2] = [_joined(one, two)]
        return tuple(given_up)

    def remove(self, first: int, last: int) -> bool:
        """The receiver knows of these numbers. Whether there was anything of them. A gap is not made two: one whose middle is
        known stays as it is, and says more than is lost."""
        kept: list[Lost] = []
        for lost in self._lost:
            if last < lost.first or first > lost.last or (lost.first < first and last < lost.last):
                kept.append(lost)
            elif first > lost.first:
                kept.append(replace(lost, last=first - 1))
            elif last < lost.last:
                kept.append(replace(lost, first=last + 1))
        changed = kept != self._lost
        self._lost = kept
        return changed


def _joined(one: Lost, two: Lost) -> Lost:
    return Lost(
        min(one.first, two.first), max(one.last, two.last), min(one.since, two.since), max(one.until, two.until)
    )
