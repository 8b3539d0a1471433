"""What the database gave in parts becomes one value for each series and step. Pure."""

from collections.abc import Callable, Iterable
from typing import Final

from guestwire.controller.store.sample_reads import Bucket, What

Steps = dict[int, float]
"""Values by the numbers of their steps."""


class Folded:
    """Buckets of many series, folded as they come. Parts of one step come in any order, from any level."""

    def __init__(self, what: What) -> None:
        self._what = what
        self._found: dict[int, dict[int, tuple[float, int, int]]] = {}
        self.rows = 0

    def add(self, buckets: Iterable[Bucket]) -> None:
        fold = _FOLDS[self._what]
        found = self._found
        for series, step, value, n, time in buckets:
            steps = found.get(series)
            if steps is None:
                steps = found[series] = {}
            there = steps.get(step)
            steps[step] = (value, n, time) if there is None else fold(there, (value, n, time))
            self.rows += 1

    def steps(self, series: int) -> Steps:
        """What a series was in each step in which there is something of it."""
        steps = self._found.get(series, {})
        if self._what == "avg":
            return {step: total / n for step, (total, n, _) in steps.items()}
        return {step: float(value) for step, (value, _, _) in steps.items()}


_Part = tuple[float, int, int]


def _sum(one: _Part, two: _Part) -> _Part:
    return one[0] + two[0], one[1] + two[1], max(one[2], two[2])


def _low(one: _Part, two: _Part) -> _Part:
    return min(one[0], two[0]), one[1] + two[1], max(one[2], two[2])


def _high(one: _Part, two: _Part) -> _Part:
    return max(one[0], two[0]), one[1] + two[1], max(one[2], two[2])


def _later(one: _Part, two: _Part) -> _Part:
    return one if one[2] > two[2] else two


_FOLDS: Final[dict[What, Callable[[_Part, _Part], _Part]]] = {
    "avg": _sum, "sum": _sum, "count": _sum, "min": _low, "max": _high, "last": _later,
}  # fmt: skip
