"""Ours and a peer in turn, slice by slice, so that a drift of the machine meets both alike: the ratio of each run, and the
median of these."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from children import Child
from rows import Row, median
from settings import Settings

SLICES = 5
SLICE_S = 0.1
TRIED = 100
"""How often the work is done to find out how long it takes."""
TRIES = 3
"""The shortest counts: one that was interrupted would make slices too short, and mostly waking up."""


class Pair:
    """Two ends (pair.h, pairs.py) behind one child. `what`: the unit it is measured in."""

    def __init__(self, command: Sequence[str]) -> None:
        self._child = Child(command, "free")
        self._count = 0

    def __enter__(self) -> "Pair":
        try:
            self._child.answer()
        except BaseException:
            self._child.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._child.end()

    def calibrate(self, seconds: float) -> None:
        """So that a slice lasts about so long."""
        count = TRIED
        while (took := min(self._seconds(count) for _ in range(TRIES))) < seconds / 4:
            count *= 4
        self._count = max(1, round(count * seconds / took))

    def each_us(self) -> float:
        """Microseconds that one of a slice took."""
        return self._seconds(self._count) / self._count * 1e6

    def _seconds(self, count: int) -> float:
        return float(self._child.order({"count": count}, 120)["seconds"])


@dataclass(frozen=True, slots=True)
class PairedRow(Row):
    """A row whose ratio is the median of the runs' own."""

    paired: float = 0.0

    @property
    def ratio(self) -> float | None:
        return self.paired


@dataclass(frozen=True, slots=True)
class Measured:
    """Microseconds of each run (for `times`: seconds)."""

    ours: Sequence[float]
    peer: Sequence[float]

    def trips(self, bench: str, what: str, target: float | None = None) -> Row:
        """How long one takes: at most `target` times the peer's."""
        return self._row(bench, what, "us", "<=", target, [o / p for o, p in self._both()])

    def times(self, bench: str, what: str, target: float | None = None) -> Row:
        """As `trips`, in seconds."""
        return self._row(bench, what, "s", "<=", target, [o / p for o, p in self._both()])

    def rates(self, bench: str, what: str, unit: str, target: float | None = None) -> Row:
        """How many in a second: at least `target` times the peer's."""
        return self._row(bench, what, unit, ">=", target, [p / o for o, p in self._both()])

    def _both(self) -> Sequence[tuple[float, float]]:
        return tuple(zip(self.ours, self.peer, strict=True))

    def _row(
        self, bench: str, what: str, unit: str, sense: Literal[">=", "<="], target: float | None, ratios: list[float]
    ) -> Row:
        ours, peer = median(self.ours), median(self.peer)
        if sense == ">=":
            ours, peer = 1e6 / ours, 1e6 / peer
        print(f"{bench}: {what}: ratios {', '.join(f'{one:.2f}' for one in sorted(ratios))}", file=sys.stderr)
        return PairedRow(bench, what, ours, unit, peer, sense, target, paired=median(ratios))


def measured(ours: Pair, peer: Pair, settings: Settings) -> Measured:
    for pair in (ours, peer):
        pair.calibrate(settings.seconds(SLICE_S))
    runs = []
    for _ in range(settings.runs):
        slices = [(ours.each_us(), peer.each_us()) for _ in range(SLICES)]
        runs.append([median(one) for one in zip(*slices, strict=True)])
    return Measured([run[0] for run in runs], [run[1] for run in runs])
