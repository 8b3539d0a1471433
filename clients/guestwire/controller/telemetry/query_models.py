"""What can be asked of history, and what the answer looks like. Values only."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from guestwire.controller.telemetry.selectors import LONGEST
from guestwire.model.base import Document, Model
from guestwire.protocol.telemetry import Kind, SpoolClass
from guestwire.protocol.trust import FOREVER

Aggregate = Literal["avg", "min", "max", "last", "sum", "count", "rate", "increase"]
Across = Literal["sum", "avg", "min", "max", "count"]
MOST_POINTS: Final = 11_000
"""Of one series."""
MOST_SERIES: Final = 500
LEAST_STEP_MS: Final = 1_000
MOST_BY: Final = 8

SelectorText = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST, pattern=r"^[^\x00]*$")]
LabelName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,63}$")]
TimeMs = Annotated[int, Field(ge=0, le=FOREVER)]

USUAL_ACROSS: Final[Mapping[Aggregate, Across]] = {
    "avg": "avg", "last": "avg", "min": "min", "max": "max",
    "sum": "sum", "count": "sum", "rate": "sum", "increase": "sum",
}  # fmt: skip


class MetricQuery(Document):
    """The series of `selector` from `start` to `end` (Unix ms) in steps of `step` ms. `aggregate`: what a series was in one step;
    rate (per second) and increase are for counters. `by`: the series that agree in these labels become one; null: each for itself,
    empty: all become one. `across`: how; null: as it suits the aggregate."""

    selector: SelectorText
    start: TimeMs
    end: TimeMs
    step: Annotated[int, Field(ge=LEAST_STEP_MS, le=366 * 86_400_000)]
    aggregate: Aggregate = "avg"
    by: Annotated[tuple[LabelName, ...], Field(max_length=MOST_BY)] | None = None
    across: Across | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError("end is after start")
        return self


class SeriesAnswer(Model):
    """A series, or several that became one: `labels` are those that it has then. `points`: (time, value), the time being when the
    step begins; a step in which there was nothing has no point."""

    labels: dict[str, str]
    points: tuple[tuple[int, float], ...]


class GapShown(Model):
    """Telemetry that a host has lost, or that nobody could read: `numbers` batches or notices between `since` and `until`. What there
    is of that time is not all there was."""

    site: str
    host: str
    since: int
    until: int
    why: Literal["dropped", "unreadable"]
    spool_class: SpoolClass
    numbers: int
    told_at: int
    text: str


class ClockShown(Model):
    """A host whose clock was wrong: its times were shifted by `offset_ms`, last at `at`. Where its samples lie in time is an estimate."""

    site: str
    host: str
    offset_ms: int
    at: int


class MetricAnswer(Model):
    """`level`: what was read, the coarsest (raw, minute, quarter, hour); `step` may be longer than was asked for where only roll-ups
    are left of that time. `start` and `end` are those of the steps."""

    name: str
    kind: Kind | None
    aggregate: Aggregate
    level: str
    start: int
    end: int
    step: int
    series: tuple[SeriesAnswer, ...]
    gaps: tuple[GapShown, ...]
    clocks: tuple[ClockShown, ...]


class MetricName(Model):
    """A metric of which there are series. `unit` and `summary` are empty where this version does not know it."""

    name: str
    kind: Kind
    unit: str
    summary: str
    labels: tuple[str, ...]
    series: int


class SeriesShown(Model):
    """A series as it is now. `value` and `time` null: nothing came for five minutes, or since the controller was started. `began`: since
    when a counter counts; 0: that is not known, or it is a gauge."""

    id: int
    site: str
    host: str
    name: str
    labels: dict[str, str]
    kind: Kind
    time: int | None
    value: float | None
    began: int


class TopRow(Model):
    """One of the highest. `value`: the newest of a gauge, how fast a counter grows per second. `series`: of how many it was made."""

    labels: dict[str, str]
    value: float
    series: int
    time: int


class TopAnswer(Model):
    name: str
    kind: Kind | None
    rows: tuple[TopRow, ...]
