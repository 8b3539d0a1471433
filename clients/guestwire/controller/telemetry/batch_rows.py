"""Blocks of batches as the database takes them: numbers of series instead of texts, columns one below the other. Pure.

Which series a text is, it is told; so is what has to be added to the times.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from guestwire.controller.store.levels import BLOCK, MINUTE
from guestwire.controller.store.samples import Rows
from guestwire.controller.telemetry.reading import Block
from guestwire.controller.telemetry.series import Series


class Newest(NamedTuple):
    """The first and the newest sample of each series of a block. `starts`: since when counters count, Unix ms; 0: not known."""

    series: Sequence[Series]
    starts: Sequence[int]
    since: int
    until: int
    firsts: Sequence[float]
    lasts: Sequence[float]

    def keep(self) -> None:
        """From now on they are known, unless what is known is newer."""
        since, until, several = self.since, self.until, self.until > self.since
        for one, began, first, last in zip(self.series, self.starts, self.firsts, self.lasts, strict=True):
            if until < one.time:
                continue
            at, value = (since, first) if several else (one.time, one.value)
            rate = 0.0
            if one.kind == "counter" and at and until > at and began <= at and last >= value:
                rate = (last - value) * 1000 / (until - at)
            one.time, one.value, one.rate = until, last, rate
            if began > one.began:
                one.began = began


@dataclass(slots=True)
class Gathered:
    """What the batches of one transaction put into the database."""

    rows: Rows = field(default_factory=Rows)
    again: Rows = field(default_factory=Rows)
    """Samples that may be there already: of batches that the host made coarser after it had sent them."""
    due: set[tuple[int, int]] = field(default_factory=set)
    """(minute, block of series) that have to be rolled up."""
    began: set[tuple[int, int]] = field(default_factory=set)
    """(series, Unix ms): counters that began anew."""
    newest: list[Newest] = field(default_factory=list)
    """In the order in which they came."""
    unseen: list[int] = field(default_factory=list)
    """Series of which this is the first sample of the day."""
    refused: int = 0
    """Series that could not be taken."""

    def add(self, block: Block, offset_ms: int, coarse: bool, by_text: Mapping[str, Series], day: int) -> None:
        """A block of a batch. `by_text`: the series of its host; one that is not among them is refused."""
        found = [one for head in block.heads if (one := by_text.get(head.text)) is not None]
        if len(found) < len(block.heads):
            self._add_those_known(block, offset_ms, coarse, by_text, day)
            return
        times = [time + offset_ms for time in block.times] if offset_ms else block.times
        ids = [one.id for one in found]
        (self.again if coarse else self.rows).add(ids, times, block.values)
        blocks = {number // BLOCK for number in ids}
        self.due.update((window, one) for window in {time // MINUTE.width_ms for time in times} for one in blocks)
        self.unseen += [one.id for one in found if one.seen_day != day]
        starts = [max(0, head.start + offset_ms) if head.start else 0 for head in block.heads]
        self.began.update((one.id, start) for one, start in zip(found, starts, strict=True) if start > one.began)
        n = len(times)
        self.newest.append(Newest(found, starts, times[0], times[-1], block.values[::n], block.values[n - 1 :: n]))

    def _add_those_known(
        self, block: Block, offset_ms: int, coarse: bool, by_text: Mapping[str, Series], day: int
    ) -> None:
        for one in block.alone():
            if one.heads[0].text in by_text:
                self.add(one, offset_ms, coarse, by_text, day)
            else:
                self.refused += 1
