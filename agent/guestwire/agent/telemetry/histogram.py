"""A histogram as Prometheus has it: cumulative counters, of which a receiver may miss some and lose nothing. Sans-I/O."""

from bisect import bisect_left
from collections.abc import Sequence

from guestwire.agent.telemetry.sources.source import Add


class Histogram:
    """Counts values by their bucket since `since_ms` (Unix ms). `bounds`: the upper bounds, ascending; what is above the last
    is counted too."""

    __slots__ = ("_bounds", "_counts", "_names", "since_ms", "total")

    def __init__(self, bounds: Sequence[float], since_ms: int) -> None:
        self._bounds = tuple(bounds)
        self._names = (*(f"{bound:g}" for bound in bounds), "+Inf")
        self._counts = [0] * len(self._names)
        self.since_ms = since_ms
        self.total = 0.0

    @property
    def count(self) -> int:
        return sum(self._counts)

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def sample(self, add: Add, family: str) -> None:
        """Its rows of the catalogue."""
        so_far = 0
        for name, count in zip(self._names, self._counts, strict=True):
            so_far += count
            add(f"{family}_bucket", (name,), so_far, self.since_ms)
        add(f"{family}_sum", (), self.total, self.since_ms)
        add(f"{family}_count", (), so_far, self.since_ms)
