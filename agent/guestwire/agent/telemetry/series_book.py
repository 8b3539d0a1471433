"""Which series a host has, and at most how many: one that nothing was said of any more makes room. Sans-I/O.

A limit keeps what a project or a guest can make in numbers (events, disks) from filling the host's disk and the controller's
database. Those that are there stay: who comes beyond the limit is refused, and counted.
"""

from collections.abc import Callable, Collection, Mapping

from guestwire.protocol.metrics import BY_NAME, Metric, series_text
from guestwire.protocol.telemetry import Tier

Key = tuple[str, tuple[str, ...]]
"""A metric's name, and the values of its labels in the order of the catalogue."""


class SeriesBook:
    """Of all tiers of one host. `enabled`: the names of the metrics that are wanted. `full(limit)` is told when the first series
    is refused, and again only after there was room for all in between."""

    def __init__(self, limit: int, enabled: Collection[str], full: Callable[[int], None]) -> None:
        self._limit = limit
        self._metrics: Mapping[str, Metric] = {name: BY_NAME[name] for name in enabled}
        self._full = full
        self._refused: dict[Tier, int] = {}
        self._told = False
        self.count = 0

    @property
    def refused(self) -> int:
        """How many series were refused when each tier was sampled last."""
        return sum(self._refused.values())

    def wants(self, metric: str) -> bool:
        return metric in self._metrics

    def admit(self, key: Key, tier: Tier) -> tuple[Metric, str] | None:
        """A series that is not there yet: its metric and its text; it has a place now. None: its metric is not wanted, it has no
        text (`metrics.series_text`), or there is no place."""
        metric = self._metrics.get(key[0])
        if metric is None:
            return None
        if self.count >= self._limit:
            self._refused[tier] = self._refused.get(tier, 0) + 1
            if not self._told:
                self._told = True
                self._full(self._limit)
            return None
        labels = dict(zip(metric.labels, key[1], strict=True))
        try:
            text = series_text(metric.name, labels)
        except ValueError:
            self._refused[tier] = self._refused.get(tier, 0) + 1
            return None
        self.count += 1
        return metric, text

    def forget(self) -> None:
        """A series is gone."""
        self.count -= 1

    def begin(self, tier: Tier) -> None:
        """The tier is sampled (again)."""
        self._refused[tier] = 0

    def end(self) -> None:
        """A tier was sampled."""
        self._told = self._told and self.count >= self._limit
