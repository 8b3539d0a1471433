"""What the controller answers of telemetry, as far as clients read it. Shapes only; times in Unix ms."""

from guestwire.sdk.controller_models import Answered


class MetricName(Answered):
    """A metric of which there are series."""

    name: str
    kind: str
    unit: str
    summary: str
    labels: tuple[str, ...]
    series: int


class Series(Answered):
    """A series, or several that became one, with its points."""

    labels: dict[str, str]
    points: tuple[tuple[int, float], ...]


class MetricAnswer(Answered):
    """History in steps of `step` ms."""

    name: str
    aggregate: str
    level: str
    start: int
    end: int
    step: int
    series: tuple[Series, ...]


class GapSeen(Answered):
    """Telemetry that a host has lost, or that nobody could read."""

    site: str
    host: str
    since: int
    until: int
    why: str
    spool_class: str
    numbers: int
    text: str = ""


class ClockSeen(Answered):
    """A host whose clock was wrong, by so much."""

    site: str
    host: str
    offset_ms: int
    at: int


class GapAnswer(Answered):
    """What is missing, and whose clocks were wrong."""

    gaps: tuple[GapSeen, ...]
    clocks: tuple[ClockSeen, ...] = ()


class TopRow(Answered):
    """One of the highest."""

    labels: dict[str, str]
    value: float
    series: int
    time: int
