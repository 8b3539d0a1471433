"""A batch as the database takes it: numbers of series instead of texts, columns one below the other. Pure.

Which series a text is, it is told; so is what has to be added to the times.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from guestwire.controller.store.levels import BLOCK, RAW
from guestwire.controller.store.samples import Rows
from guestwire.controller.telemetry.series import Series
from guestwire.protocol.telemetry import Column

LARGEST: Final = 1e300
"""A value beyond it would make the sum of a window infinite."""


class Last(NamedTuple):
    """The newest sample of a series in a batch. `rate`: how fast a counter grew, per second; None: that cannot be told."""

    series: Series
    time: int
    value: float
    rate: float | None
    began: int


@dataclass(slots=True)
class Gathered:
    """What the batches of one transaction put into the database."""

    rows: Rows = field(default_factory=Rows)
    again: Rows = field(default_factory=Rows)
    """Samples that may be there already: of batches that the host made coarser after it had sent them."""
    due: set[tuple[int, int]] = field(default_factory=set)
    """(slot, block) that have to be rolled up."""
    began: list[tuple[int, int]] = field(default_factory=list)
    last: dict[int, Last] = field(default_factory=dict)
    """By the number of the series."""
    refused: int = 0
    """Columns that could not be taken."""

    def add(self, columns: list[Column], offset_ms: int, coarse: bool, find: Callable[[str], Series | None]) -> None:
        """The columns of a batch. `find`: the series of a text; None: it is refused."""
        rows = self.again if coarse else self.rows
        shared: object = None
        times: list[int] = []
        slots: list[int] = []
        blocks: set[int] = set()
        touched: set[int] = set()
        for column in columns:
            series = find(column.series)
            if series is None or not _sound(column):
                self.refused += 1
                continue
            if not column.times:
                continue
            if column.times is not shared:
                shared = column.times
                times = [time + offset_ms for time in column.times] if offset_ms else list(column.times)
                slots = [time // RAW.slot_ms for time in times]
                touched.update(slots)
            rows.slots += slots
            rows.times += times
            rows.series += [series.id] * len(times)
            rows.values.extend(column.values)
            blocks.add(series.id // BLOCK)
            self._note(series, times, column, offset_ms)
        self.due.update((slot, block) for slot in touched for block in blocks)

    def _note(self, series: Series, times: list[int], column: Column, offset_ms: int) -> None:
        before = self.last.get(series.id)
        began = max(0, column.start + offset_ms) if column.start else 0
        known = before.began if before is not None else series.began
        if began and began > known:
            self.began.append((series.id, began))
        newest = before.time if before is not None else series.time
        if times[-1] < newest:
            return
        at, value = (before.time, before.value) if before is not None else (series.time, series.value)
        if len(times) > 1:
            at, value = times[0], column.values[0]
        rate = None
        if series.kind == "counter" and at and times[-1] > at and (began <= at or not began):
            grown = column.values[-1] - value
            rate = grown * 1000 / (times[-1] - at) if grown >= 0 else None
        self.last[series.id] = Last(series, times[-1], column.values[-1], rate, max(began, known))


def _sound(column: Column) -> bool:
    """Whether its values can be summed up."""
    return not column.values or (max(column.values) <= LARGEST and min(column.values) >= -LARGEST)
