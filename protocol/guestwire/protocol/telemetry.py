"""Telemetry: batches of samples in columns, what a receiver acknowledges, and what a host could not keep. Sans-I/O.

A batch is a signed statement of kind "telemetry" on the host's topic of its tier. It is numbered (log, seq) in its class;
`seq` counts without a gap within a log. What the metrics are is in `metrics`; where the host keeps batches until they are
acknowledged is the agent's. PROTOCOL, Telemetry and notices.
"""

import sys
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Final, Literal, NamedTuple, cast

from pydantic import Field, StringConstraints

from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operation_models import UpTo53Bits

STATEMENT_KIND: Final = "telemetry"
GAP_KIND: Final = "telemetry-gap"
"""Of the statement that tells a `Gap`; it goes by the topic of the tier `slow`."""
Tier = Literal["fast", "normal", "slow"]
TIERS: tuple[Tier, ...] = ("fast", "normal", "slow")
SpoolClass = Literal["audit", "alarm", "notice", "metric"]
SPOOL_CLASSES: tuple[SpoolClass, ...] = ("audit", "alarm", "notice", "metric")
"""Dearest first: a full spool drops from the last. Notices of the classes guest, comm and config are all `notice`."""
MAX_SAMPLES: Final = 4096
"""Points in time of one batch."""
MAX_COLUMNS: Final = 2048
MAX_SERIES_TEXT: Final = 512

Log = Annotated[bytes, Field(min_length=16, max_length=16)]
Kind = Literal["gauge", "counter"]
SeriesText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_SERIES_TEXT)]
ColumnRow = tuple[SeriesText, Kind, UpTo53Bits, Literal["d", "q"], bytes]
"""The series as Prometheus writes it (`name{label="value"}`, labels sorted; `metrics.series_text`), its kind, since when a
counter counts (Unix ms; 0 for a gauge), the type of its values and the values, little endian: d float64 (NaN: no sample at
that time), q int64 (ABSENT: none)."""
ABSENT: Final = -(1 << 63)
Seq = Annotated[int, Field(ge=1, le=1 << 53)]
SeqRange = tuple[Seq, Seq]
"""Numbers from the first to the last, both of them."""


class TelemetryBatch(Model):
    """Samples of one tier. `t0`: Unix ms of the first point in time; `dt`: little-endian uint32, ms after `t0`, ascending, one
    for each point. Every column has a value for each point. `coarse_ms`: how far apart the points are after the host had to
    make them fewer (each then stands for a minimum or a maximum); 0: as measured. `replaces`: the numbers that this batch stands
    for when several became one, its own the last of them: they count as come with it and are acknowledged with it. None of them
    ever left the host with another content."""

    log: Log
    seq: Seq
    tier: Tier
    t0: UpTo53Bits
    dt: Annotated[bytes, Field(max_length=4 * MAX_SAMPLES)]
    columns: Annotated[tuple[ColumnRow, ...], Field(max_length=MAX_COLUMNS)]
    coarse_ms: Annotated[int, Field(ge=0, le=86_400_000)] = 0
    replaces: SeqRange | None = None


class Gap(Model):
    """What the host's spool dropped: every number from `first` to `last` of that log and class, said between `since` and
    `until` (Unix ms). A few for each class at most, widened in place; acknowledged, like what it is about, by its numbers. Some of
    them may have come before, or may never have been given out: after a power cut a host cannot tell."""

    log: Log
    spool_class: SpoolClass
    first: Seq
    last: Seq
    since: UpTo53Bits
    until: UpTo53Bits


class TelemetryAck(Model):
    """Exactly these numbers of that log and class are in a database: the host may forget them."""

    log: Log
    spool_class: SpoolClass
    ranges: Annotated[tuple[SeqRange, ...], Field(min_length=1, max_length=256)]


class TelemetryAcked(Model):
    """How many the host has forgotten, and the numbers that it still holds of that class: `oldest` to `newest` (0: none)."""

    forgotten: int
    oldest: int
    newest: int


class Column(NamedTuple):
    """One series of a batch with its values, None-free: `times` in Unix ms beside `values`."""

    series: str
    kind: Kind
    start: int
    times: Sequence[int]
    values: Sequence[float]


def offsets(times: Sequence[int]) -> tuple[int, bytes]:
    """`t0` and `dt` of ascending times in Unix ms."""
    t0 = times[0] if times else 0
    return t0, _bytes(array("I", [time - t0 for time in times]))


def values(code: Literal["d", "q"], points: Sequence[float | None]) -> bytes:
    """A column's values; None: there is none at that time."""
    if code == "d":
        return _bytes(array("d", [float("nan") if point is None else point for point in points]))
    return _bytes(array("q", [ABSENT if point is None else int(point) for point in points]))


def times(batch: TelemetryBatch) -> list[int]:
    """The points in time of a batch, Unix ms. Raises MALFORMED."""
    found = cast("array[int]", unpacked("I", batch.dt))
    if any(later < earlier for earlier, later in pairwise(found)):
        raise GuestwireError("MALFORMED", "The times of a telemetry batch do not ascend.")
    t0 = batch.t0
    return [t0 + offset for offset in found]


def columns(batch: TelemetryBatch) -> list[Column]:
    """The columns of a batch without what is absent (infinite values count as absent). Raises MALFORMED for a column that
    has not a value for each time, or a series twice."""
    at = times(batch)
    made: list[Column] = []
    for series, kind, start, code, data in batch.columns:
        found = unpacked(code, data)
        if len(found) != len(at):
            raise GuestwireError("MALFORMED", f"{series}: {len(found)} values for {len(at)} times.")
        # value - value is 0 for what is finite: NaN is absent, and so is what no database sums
        if not (ABSENT in found if code == "q" else any(value - value != 0 for value in found)):
            made.append(Column(series, kind, start, at, found))
            continue
        kept = [
            (time, value)
            for time, value in zip(at, found, strict=True)
            if (value != ABSENT if code == "q" else value - value == 0)
        ]
        made.append(Column(series, kind, start, [time for time, _ in kept], [value for _, value in kept]))
    if len({column.series for column in made}) != len(made):
        raise GuestwireError("MALFORMED", "A telemetry batch has a series twice.")
    return made


def _bytes(found: "array[int] | array[float]") -> bytes:
    if sys.byteorder == "big":
        found.byteswap()
    return found.tobytes()


def unpacked(code: Literal["I", "d", "q"], data: bytes) -> "array[int] | array[float]":
    """Times or values as `offsets` and `values` packed them; what is absent is among them. Raises MALFORMED."""
    found: array[int] | array[float] = array(code)
    try:
        found.frombytes(data)
    except ValueError as err:
        raise GuestwireError("MALFORMED", "A column of a telemetry batch is cut off.") from err
    if sys.byteorder == "big":
        found.byteswap()
    return found
