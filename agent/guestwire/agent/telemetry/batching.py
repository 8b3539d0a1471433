"""Samples become batches in columns. Sans-I/O: time is an argument, and what is full is returned.

A batch grows by points: every series has one value for each. It ends when it is old enough, when another point would make it
larger than a frame, when the wall clock goes back, and when a counter began anew: a column counts since one time. What is too
large with one point alone is parted by columns.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from struct import Struct
from typing import Final

from guestwire.agent.telemetry.drafts import BatchDraft
from guestwire.agent.telemetry.series_book import Key, SeriesBook
from guestwire.protocol.metrics import Metric
from guestwire.protocol.telemetry import ABSENT, MAX_COLUMNS, MAX_SAMPLES, ColumnRow, Tier, offsets, values

LIMIT: Final = 44 << 10
"""Bytes of a batch's body: with its signature and its topic it is one frame."""
_LONGEST_MS: Final = (1 << 32) - 1
_BATCH_BYTES: Final = 160
_COLUMN_BYTES: Final = 40
"""What a batch and a column take besides their times, values and text, at most."""
_ONE: Final[Mapping[str, Callable[[float], bytes]]] = {"d": Struct("<d").pack, "q": Struct("<q").pack}
"""One value. While somebody takes telemetry a batch has one point, every second."""


class _Column:
    """One series in the batch that grows. `values` end with the last one that there was: points after it have none. `start`
    holds for the points before the last, `next_start` from the last on. `last` was its value at `seen_ms`."""

    __slots__ = ("bytes", "counter", "last", "metric", "next_start", "seen_ms", "start", "text", "values", "whole")

    def __init__(self, metric: Metric, text: str, start: int, seen_ms: int) -> None:
        self.metric = metric
        self.text = text
        self.counter = metric.kind == "counter"
        self.whole = metric.code == "q"
        self.bytes = len(text.encode()) + _COLUMN_BYTES
        self.start = self.next_start = start
        self.last: float = 0
        self.seen_ms = seen_ms
        self.values: list[float | None] = []

    def cut(self, points: int) -> ColumnRow | None:
        """Take the first so many points away, as a row; None: it had no value in them."""
        found = self.values
        if not found:
            return None
        metric, start = self.metric, self.start if self.counter else 0
        self.start = self.next_start
        if points == len(found) == 1:
            self.values = []
            return self.text, metric.kind, start, metric.code, _ONE[metric.code](found[0] or 0)
        first, self.values = found[:points], found[points:]
        if self.values and all(value is None for value in first):
            return None
        first += [None] * (points - len(first))
        return self.text, metric.kind, start, metric.code, values(metric.code, first)


class TierBatch:
    """The batch of one tier. For each point: `begin`, any number of `add`, `end`; `flush` at the end of all."""

    def __init__(self, tier: Tier, book: SeriesBook, *, limit: int = LIMIT) -> None:
        self._tier = tier
        self._book = book
        self._limit = limit
        self._times: list[int] = []
        self._columns: dict[Key, _Column] = {}
        self._column_bytes = 0
        self._cut_before_last = False
        self.samples = 0
        """Values that were taken, ever."""

    def begin(self, wall_ms: int) -> list[BatchDraft]:
        """A point in time, Unix ms; the batch that cannot have it."""
        times = self._times
        ended = bool(times) and (wall_ms <= times[-1] or wall_ms - times[0] > _LONGEST_MS or len(times) == MAX_SAMPLES)
        drafts = self.flush() if ended else []
        self._times.append(wall_ms)
        self._book.begin(self._tier)
        return drafts

    def add(self, metric: str, labels: tuple[str, ...], value: float | None, since_ms: int = 0) -> None:
        """One value of the point. `labels` in the order of the catalogue; `since_ms`: since when a counter counts. What is None,
        not finite, below 0 in a counter or beyond 63 bits is no value."""
        if value is None or value - value != 0:
            return
        key = (metric, labels)
        at = self._times[-1]
        column = self._columns.get(key)
        if column is None:
            admitted = self._book.admit(key, self._tier)
            if admitted is None:
                return
            column = self._columns[key] = _Column(*admitted, since_ms, at)
            self._column_bytes += column.bytes
        if (column.whole and not ABSENT < value < -ABSENT) or (column.counter and value < 0):
            return
        if column.whole:
            value = int(value)
        if column.counter:
            self._counts(column, value, since_ms, at)
        points = len(self._times)
        kept = column.values
        if len(kept) < points:
            kept.extend([None] * (points - 1 - len(kept)))
            kept.append(value)
            self.samples += 1
        else:
            kept[-1] = value

    def _counts(self, column: _Column, value: float, since_ms: int, at: int) -> None:
        """Since when? A counter began anew where it says that it began after it was seen last, and where it went back without a
        word: then some time after that. Another start before that is the clock's doing."""
        if value < column.last or since_ms > column.seen_ms:
            column.next_start = max(since_ms, column.seen_ms)
            if column.values:
                self._cut_before_last = True
            else:
                column.start = column.next_start
        column.last, column.seen_ms = value, at

    def end(self, *, every_ms: int, keep_ms: int) -> list[BatchDraft]:
        """The point is complete; what is ready. Points come every `every_ms`; no value is to wait longer than `keep_ms`."""
        self._book.end()
        drafts: list[BatchDraft] = []
        points = len(self._times)
        if points > 1 and (self._cut_before_last or self._bytes(points) > self._limit):
            drafts += self._cut(points - 1)
        self._cut_before_last = False
        age = self._times[-1] - self._times[0]
        if age + every_ms >= keep_ms or self._bytes(len(self._times)) > self._limit:
            drafts += self.flush()
        return drafts

    def flush(self) -> list[BatchDraft]:
        """All there is. Series that had no value in it are forgotten."""
        drafts = self._cut(len(self._times)) if self._times else []
        self._cut_before_last = False
        return drafts

    def _bytes(self, points: int) -> int:
        return _BATCH_BYTES + 4 * points + self._column_bytes + 8 * points * len(self._columns)

    def _cut(self, points: int) -> list[BatchDraft]:
        """The first points as batches; what comes after them stays."""
        taken, self._times = self._times[:points], self._times[points:]
        t0, dt = offsets(taken)
        rows: list[tuple[ColumnRow, int]] = []
        silent: list[Key] = []
        for key, column in self._columns.items():
            row = column.cut(points)
            if row is not None:
                rows.append((row, column.bytes + 8 * points))
            elif not column.values:
                silent.append(key)
        for key in silent:
            self._column_bytes -= self._columns.pop(key).bytes
            self._book.forget()
        return [BatchDraft(self._tier, t0, dt, part) for part in self._parts(rows, _BATCH_BYTES + 4 * points)]

    def _parts(self, rows: Iterable[tuple[ColumnRow, int]], empty: int) -> Iterator[tuple[ColumnRow, ...]]:
        """As many as a frame holds at a time. A row comes with the bytes that it takes; `empty`: those of a batch without any."""
        part: list[ColumnRow] = []
        size = empty
        for row, takes in rows:
            if part and (size + takes > self._limit or len(part) == MAX_COLUMNS):
                yield tuple(part)
                part, size = [], empty
            part.append(row)
            size += takes
        if part:
            yield tuple(part)
