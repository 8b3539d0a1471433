"""Fewer points for the same time: of each stretch of time the least and the greatest value of every series stay, in the order in
which they came. Pure.

A counter keeps its first and its last value that way. What has one value in a stretch keeps it, at its time. Not a place for which
batches are made coarser, nor for their numbers.
"""

from typing import Final, Literal, NamedTuple

from guestwire.agent.telemetry.batching import LIMIT
from guestwire.agent.telemetry.drafts import BatchDraft
from guestwire.protocol.telemetry import Column, ColumnRow, Kind, TelemetryBatch, Tier, columns, offsets, values

STRETCHES_MS: Final = (10_000, 60_000, 600_000, 3_600_000)
"""How long the stretches are, the first time and each time after it."""
_LONGEST_MS: Final = (1 << 32) - 1
_BATCH_BYTES: Final = 160
_COLUMN_BYTES: Final = 40

Code = Literal["d", "q"]
Coded = tuple[Column, Code]
"""A column, and of which type its values are."""


class _Extremes(NamedTuple):
    """Of one series in one stretch: the first of the two values, the second, and their times (Unix ms)."""

    first: float
    first_at: int
    second: float
    second_at: int


class _Series:
    """One series with its extremes by stretch."""

    __slots__ = ("code", "extremes", "kind", "start")

    def __init__(self, kind: Kind, start: int, code: Code) -> None:
        self.kind = kind
        self.start = start
        self.code = code
        self.extremes: dict[int, _Extremes] = {}


class _Growing:
    """The batch of one tier that grows. `double`: the stretches in which some series has two values."""

    def __init__(self, stretch_ms: int, limit: int) -> None:
        self._stretch_ms = stretch_ms
        self._limit = limit
        self._series: dict[str, _Series] = {}
        self._text_bytes = 0
        self._stretches: dict[int, int] = {}
        self._double: set[int] = set()
        self._coarse_ms = 0

    def fits(self, found: list[Coded]) -> bool:
        """Whether these columns can be joined to what is there: a series counts since one time, and is of one kind."""
        for column, code in found:
            known = self._series.get(column.series)
            if known is not None and (known.kind, known.start, known.code) != (column.kind, column.start, code):
                return False
            if column.times and self._stretches:
                earliest, latest = min(self._stretches), max(self._stretches)
                if max(column.times[-1], latest) - min(column.times[0], earliest) > _LONGEST_MS - self._stretch_ms:
                    return False
        return True

    def add(self, found: list[Coded], coarse_ms: int) -> None:
        self._coarse_ms = max(self._coarse_ms, coarse_ms)
        for column, code in found:
            series = self._series.get(column.series)
            if series is None:
                series = self._series[column.series] = _Series(column.kind, column.start, code)
                self._text_bytes += len(column.series.encode()) + _COLUMN_BYTES
            self._take(series, column)

    def _take(self, series: _Series, column: Column) -> None:
        times, found = column.times, column.values
        at = 0
        while at < len(times):
            stretch = times[at] - times[at] % self._stretch_ms
            end = at + 1
            while end < len(times) and times[end] < stretch + self._stretch_ms:
                end += 1
            part = found[at:end]
            least, greatest = min(part), max(part)
            least_at, greatest_at = times[at + part.index(least)], times[at + part.index(greatest)]
            self._extend(series, stretch, least, least_at, greatest, greatest_at, several=end - at > 1)
            at = end

    def _extend(
        self, series: _Series, stretch: int, least: float, least_at: int, greatest: float, greatest_at: int, *,
        several: bool,
    ) -> None:  # fmt: skip
        self._stretches.setdefault(stretch, least_at)
        known = series.extremes.get(stretch)
        if known is not None:
            several = True
            for value, value_at in ((known.first, known.first_at), (known.second, known.second_at)):
                if value < least or (value == least and value_at < least_at):
                    least, least_at = value, value_at
                if value > greatest or (value == greatest and value_at < greatest_at):
                    greatest, greatest_at = value, value_at
        if several:
            self._double.add(stretch)
        if least_at <= greatest_at:
            series.extremes[stretch] = _Extremes(least, least_at, greatest, greatest_at)
        else:
            series.extremes[stretch] = _Extremes(greatest, greatest_at, least, least_at)

    @property
    def size(self) -> int:
        points = len(self._stretches) + len(self._double)
        return _BATCH_BYTES + self._text_bytes + points * (4 + 8 * len(self._series))

    @property
    def full(self) -> bool:
        return self.size > self._limit

    def drafts(self, tier: Tier) -> list[BatchDraft]:
        """What has grown, in batches that are small enough."""
        if not self._series:
            return []
        times: list[int] = []
        for stretch in sorted(self._stretches):
            times += (
                (stretch, stretch + self._stretch_ms // 2) if stretch in self._double else (self._stretches[stretch],)
            )
        t0, dt = offsets(times)
        coarse_ms = max(self._coarse_ms, self._stretch_ms // 2 if self._double else 0)
        fixed, each = _BATCH_BYTES + 4 * len(times), 8 * len(times) + _COLUMN_BYTES
        parts: list[list[ColumnRow]] = [[]]
        room = self._limit - fixed
        for text, series in self._series.items():
            size = each + len(text.encode())
            if size > room and parts[-1]:
                parts.append([])
                room = self._limit - fixed
            room -= size
            parts[-1].append((text, series.kind, series.start, series.code, self._points(series)))
        return [BatchDraft(tier, t0, dt, tuple(part), coarse_ms) for part in parts]

    def _points(self, series: _Series) -> bytes:
        points: list[float | None] = []
        for stretch in sorted(self._stretches):
            found = series.extremes.get(stretch)
            if stretch not in self._double:
                points.append(None if found is None else found.first)
            elif found is None:
                points += (None, None)
            else:
                points += (found.first, found.second)
        return values(series.code, points)


class Coarsener:
    """Batches go in, in the order of their numbers; fewer and coarser ones come out. `level`: how often what comes out was made
    coarser, the first time 1."""

    def __init__(self, level: int, *, limit: int = LIMIT) -> None:
        self._stretch_ms = STRETCHES_MS[level - 1]
        self._limit = limit
        self._growing: dict[Tier, _Growing] = {}

    def add(self, batch: TelemetryBatch) -> list[BatchDraft]:
        """Batches that are complete with this one. Raises MALFORMED."""
        codes = {row[0]: row[3] for row in batch.columns}
        found = [(column, codes[column.series]) for column in columns(batch)]
        growing = self._growing.get(batch.tier)
        drafts: list[BatchDraft] = []
        if growing is not None and (growing.full or not growing.fits(found)):
            drafts = growing.drafts(batch.tier)
            growing = None
        if growing is None:
            growing = self._growing[batch.tier] = _Growing(self._stretch_ms, self._limit)
        growing.add(found, batch.coarse_ms)
        return drafts

    def flush(self) -> list[BatchDraft]:
        """What is left."""
        growing, self._growing = self._growing, {}
        return [draft for tier, one in growing.items() for draft in one.drafts(tier)]
