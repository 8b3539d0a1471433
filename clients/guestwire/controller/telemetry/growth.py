"""How counters grew, in steps of time. Pure.

Between two readings a counter grew by their difference; when it began anew in between, by what it had reached since, and by what
is known of before. The growth is spread evenly over the time between the readings. Over a silence it is not: how fast it grew
then nobody knows, and the growth itself counts where the next reading is.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from guestwire.controller.store.sample_reads import Point

SILENT_MS: Final = 5 * 60_000
"""Readings that are further apart than this, or than two steps, have a silence between them."""


class Grown(NamedTuple):
    """How much a counter grew in a step; and over how much time of it that is known, and how much it grew in that."""

    amount: float
    known: float = 0.0
    over_ms: float = 0.0

    def and_(self, other: "Grown") -> "Grown":
        return Grown(self.amount + other.amount, self.known + other.known, self.over_ms + other.over_ms)


def growth(readings: Iterable[Point], began: Sequence[int], since: int, until: int, step_ms: int) -> dict[int, Grown]:
    """By step (time // step_ms) from `since` up to `until`. `readings` in the order of their times, one or more before `since` if there
    are any; `began`: when the counter began anew, ascending."""
    found: dict[int, Grown] = {}
    silent = max(SILENT_MS, 2 * step_ms)
    last: Point | None = None
    for reading in readings:
        if last is not None and reading.time > last.time:
            amount = _amount(last, reading, _anew(began, last.time, reading.time))
            if reading.time - last.time <= silent:
                _spread(found, amount, last.time, reading.time, step_ms)
            else:
                _add(found, reading.time // step_ms, Grown(amount))
        last = reading
    first_step, end_step = since // step_ms, -(-until // step_ms)
    return {step: grown for step, grown in found.items() if first_step <= step < end_step}


def speeds(grown: dict[int, Grown]) -> dict[int, float]:
    """Per second; a step of which no time is known has none."""
    return {step: known * 1000 / over_ms for step, (_, known, over_ms) in grown.items() if over_ms}


def _anew(began: Sequence[int], after: int, until: int) -> bool:
    at = bisect_right(began, after)
    return at < len(began) and began[at] <= until


def _amount(last: Point, reading: Point, anew: bool) -> float:
    if not anew and reading.value >= last.value:
        return reading.value - last.value
    # what it reached before it began anew is the highest of its window, unless that is what it has reached since
    before = reading.high - last.value if reading.high > max(last.value, reading.value) else 0.0
    return before + max(reading.value, 0.0)


def _spread(found: dict[int, Grown], amount: float, since: int, until: int, step_ms: int) -> None:
    first, last = since // step_ms, (until - 1) // step_ms
    if first == last:
        _add(found, first, Grown(amount, amount, until - since))
        return
    per_ms = amount / (until - since)
    for step in range(first, last + 1):
        over = min(until, (step + 1) * step_ms) - max(since, step * step_ms)
        _add(found, step, Grown(per_ms * over, per_ms * over, over))


def _add(found: dict[int, Grown], step: int, grown: Grown) -> None:
    there = found.get(step)
    found[step] = grown if there is None else there.and_(grown)
