"""What is in a batch, as the controller goes through it: blocks of series that have a value at each of the same times. Pure.

Nearly every batch is one block, and is read and looked at in one piece, not series by series: a fleet sends a hundred thousand
samples a second. Which series a text is, and where a block is stored, is `batch_rows`' matter.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from guestwire.protocol.telemetry import ABSENT, ColumnRow, Kind, TelemetryBatch, columns, times, unpacked

LARGEST: Final = 1e300
"""A value beyond it would make the sum of a window infinite."""


class Head(NamedTuple):
    """A series of a block. `start`: since when a counter counts, Unix ms; 0: it is a gauge, or that is not known."""

    text: str
    kind: Kind
    start: int


class Block(NamedTuple):
    """`times`: Unix ms, at least one. `values`: those of the first series at all times, then those of the second, and so on."""

    heads: Sequence[Head]
    times: Sequence[int]
    values: Sequence[float]

    def alone(self) -> "list[Block]":
        """Each series for itself."""
        n = len(self.times)
        return [
            Block((head,), self.times, self.values[at * n : (at + 1) * n]) for at, head in enumerate(self.heads)
        ]  # fmt: skip


class Read(NamedTuple):
    """`unsound`: how many series have a value that cannot be summed up; they are in no block."""

    blocks: Sequence[Block]
    unsound: int = 0


def read(batch: TelemetryBatch) -> Read:
    """What is in a batch. Raises MALFORMED as `protocol.telemetry.columns` does."""
    at = times(batch)
    values = _whole(batch.columns, len(at)) if at else None
    if values is not None:
        heads = [Head(text, kind, start) for code in _CODES for text, kind, start, of, _ in batch.columns if of == code]
        if len({head.text for head in heads}) == len(heads):
            return Read((Block(heads, at, values),))
    return _by_series(batch)


_CODES: Final[tuple[Literal["d", "q"], ...]] = ("d", "q")


def _whole(rows: Sequence[ColumnRow], n: int) -> list[float] | None:
    """The values of all series, those of floats first, where there is one of each at each time and all can be summed up."""
    found: list[float] = []
    for code in _CODES:
        data = [row[4] for row in rows if row[3] == code]
        if not data:
            continue
        if set(map(len, data)) != {8 * n}:
            return None
        values = unpacked(code, b"".join(data))
        if not (_integers(values) if code == "q" else _sound(values)):
            return None
        found += values
    return found or None


def _by_series(batch: TelemetryBatch) -> Read:
    blocks: list[Block] = []
    unsound = 0
    for column in columns(batch):
        if not column.times:
            continue
        if _sound(column.values):
            head = Head(column.series, column.kind, column.start)
            blocks.append(Block((head,), column.times, column.values))
        else:
            unsound += 1
    return Read(blocks, unsound)


def _integers(values: Sequence[float]) -> bool:
    return ABSENT not in values


def _sound(values: Sequence[float]) -> bool:
    """Whether all are there and can be summed up: what is absent or infinite makes the sum neither."""
    total = sum(values)
    return total - total == 0 and max(values) <= LARGEST and min(values) >= -LARGEST
