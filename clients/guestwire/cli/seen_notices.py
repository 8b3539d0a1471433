"""Which notices were shown already: a host says one again until a controller has it, a broker may deliver twice, and a hostile one
whatever was ever said. By log, class and number; bounded.
"""

from collections import OrderedDict
from typing import Final

MOST_LOGS: Final = 8192
MOST_MISSING: Final = 32
"""Ranges of numbers that were passed over, of one class of one log; older ones count as shown."""


class _Log:
    """The newest number of one class of one log, and the ranges before it that were not shown."""

    __slots__ = ("missing", "newest")

    def __init__(self, newest: int) -> None:
        self.newest = newest
        self.missing: list[tuple[int, int]] = []


class SeenNotices:
    """What one viewer has shown. What was said before the first that it saw is the past, and counts as shown."""

    def __init__(self) -> None:
        self._logs: OrderedDict[tuple[str, bytes, str], _Log] = OrderedDict()

    def fresh(self, host: str, log: bytes, spool_class: str, seq: int) -> bool:
        """Whether it was not shown before; it counts as shown from now on."""
        key = (host, log, spool_class)
        known = self._logs.get(key)
        if known is None:
            self._logs[key] = _Log(seq)
            if len(self._logs) > MOST_LOGS:
                self._logs.popitem(last=False)
            return True
        self._logs.move_to_end(key)
        if seq > known.newest:
            if seq > known.newest + 1:
                known.missing = [*known.missing[1 - MOST_MISSING :], (known.newest + 1, seq - 1)]
            known.newest = seq
            return True
        for at, (first, last) in enumerate(known.missing):
            if first <= seq <= last:
                parts = [(first, seq - 1), (seq + 1, last)]
                known.missing[at : at + 1] = [part for part in parts if part[0] <= part[1]]
                return True
        return False
