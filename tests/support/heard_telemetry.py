"""Ends of telemetry for tests: a log that is kept, a clock that is set, batches that are read as a receiver reads them."""

import asyncio
from dataclasses import dataclass, field

from guestwire.agent.telemetry.drafts import BatchDraft
from guestwire.agent.telemetry.sources.source import Source
from guestwire.protocol.metrics import BY_NAME, series_text
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import Tier, columns

T0 = 1_700_000_000_000


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.at = Now(T0, 100.0)

    def __call__(self) -> Now:
        return self.at

    def move(self, seconds: float) -> None:
        self.at = Now(self.at.wall_ms + round(seconds * 1000), self.at.mono + seconds)


class KeptLog:
    """(level, event, fields) of all that was said."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.said.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.said.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.said.append(("error", event, fields))


@dataclass
class HeardBatches:
    """A Batches that keeps what it is given; `heard` is set by each."""

    taken: bool = True
    drafts: list[tuple[Tier, BatchDraft]] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, tier: Tier, batch: BatchDraft) -> None:
        self.drafts.append((tier, batch))
        self.heard.set()

    def live(self) -> bool:
        return self.taken

    def samples(self) -> list[tuple[str, int, float]]:
        """(series, time, value)"""
        return [
            (column.series, time, value)
            for _, draft in self.drafts
            for column in columns(draft.numbered(bytes(16), 1))
            for time, value in zip(column.times, column.values, strict=True)
        ]

    def last(self) -> dict[str, float]:
        """The last value of each series."""
        return {series: value for series, _, value in self.samples()}


@dataclass
class Sampled:
    """What a source said: values and starts by series."""

    values: dict[str, float] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)


async def sampled(source: Source) -> Sampled:
    """Ask a source once. Everything that it gives must be in the catalogue, of its tier, and among what it says that it gives;
    no series twice."""
    found = Sampled()

    def add(metric: str, labels: tuple[str, ...], value: float | None, since_ms: int = 0) -> None:
        row = BY_NAME[metric]
        assert metric in source.metrics, metric
        assert row.tier == source.tier, metric
        text = series_text(metric, dict(zip(row.labels, labels, strict=True)))
        assert text not in found.values, text
        if value is not None:
            if row.code == "q":
                assert isinstance(value, int), (text, value)
            found.values[text] = value
            found.starts[text] = since_ms

    await source.read(add)
    return found
