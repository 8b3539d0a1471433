"""Which gaps are to be told, and when: each as soon as it is known, again when it has grown, and again until it is acknowledged.
Sans-I/O: time is an argument, monotonic seconds."""

from collections.abc import Iterable, Iterator
from typing import Final

from guestwire.agent.telemetry.gaps import Lost
from guestwire.agent.telemetry.shipping import AGAIN_S, ClassOf

GROWN_S: Final = 5.0
"""A gap that grows is told so often at most."""


class GapTelling:
    """What was told of the gaps of one host."""

    def __init__(self) -> None:
        self._told: dict[ClassOf, dict[int, tuple[Lost, float]]] = {}

    def due(self, of: ClassOf, lost: Iterable[Lost], mono: float) -> Iterator[Lost]:
        """What is to be told now of the gaps of a class, all of which are given; it counts as told."""
        before = self._told.pop(of, {})
        told: dict[int, tuple[Lost, float]] = {}
        for one in lost:
            known = before.get(one.first)
            if known is None or mono - known[1] >= (AGAIN_S if known[0] == one else GROWN_S):
                told[one.first] = (one, mono)
                yield one
            else:
                told[one.first] = known
        if told:
            self._told[of] = told

    def forget(self, log: bytes) -> None:
        """A log is gone."""
        for of in [one for one in self._told if one[0] == log]:
            del self._told[of]
