"""Samples the sources, each tier in its own time, and hands the batches on.

A tier has a task: a source that hangs holds up its own tier for a part of a period at most, and no other. A tick that came too
late is left out, not made up for: counters lose nothing by it. So is one that would come right behind the one before.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Self

from guestwire.agent.audit import Log
from guestwire.agent.telemetry.batching import TierBatch
from guestwire.agent.telemetry.drafts import BatchDraft, Batches
from guestwire.agent.telemetry.series_book import SeriesBook
from guestwire.agent.telemetry.sources.source import Add, Source
from guestwire.link.vital import Vital, VitalTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.metrics import BY_NAME
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import TIERS, Tier

PATIENCE = 0.8
"""What part of a period the sources may take."""
MOST_S = 10.0
"""How long they may take at most."""


@dataclass(frozen=True, slots=True)
class SamplerSettings:
    """The section [telemetry], as far as sampling goes. Periods in seconds. `tiers`: those that are sampled. `metrics`: names of
    those that are, shell patterns; `without`: of these, those that are not. `series`: how many the host may have at most. `live_s`
    and `idle_s`: how long a value waits for others of its batch while somebody takes telemetry, and while nobody does."""

    fast_s: float = 1.0
    normal_s: float = 10.0
    slow_s: float = 60.0
    tiers: tuple[Tier, ...] = TIERS
    metrics: tuple[str, ...] = ("*",)
    without: tuple[str, ...] = ()
    series: int = 4000
    live_s: float = 1.0
    idle_s: float = 10.0

    def period_s(self, tier: Tier) -> float:
        return {"fast": self.fast_s, "normal": self.normal_s, "slow": self.slow_s}[tier]

    def enabled(self) -> frozenset[str]:
        """The names of the metrics that are sampled."""

        def matches(name: str, patterns: Sequence[str]) -> bool:
            return any(fnmatchcase(name, pattern) for pattern in patterns)

        return frozenset(
            name
            for name, metric in BY_NAME.items()
            if metric.tier in self.tiers and matches(name, self.metrics) and not matches(name, self.without)
        )


@dataclass(slots=True)
class TierCounts:
    """How the sampling of a tier fares."""

    ticks: int = 0
    missed: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of the sampling itself. `sources`: whether each gave something when it was asked last."""

    book: SeriesBook
    tiers: dict[Tier, TierCounts] = field(default_factory=lambda: {tier: TierCounts() for tier in TIERS})
    sources: dict[str, bool] = field(default_factory=dict)


def next_due(due: float, period_s: float, began: float, now_s: float) -> tuple[float, int]:
    """When the next tick is due, and how many are left out before it. `due`: when the last one was; `began`: when it began; monotonic
    seconds.

    One that is less than a period late comes at once, but never within half a period of the last one: two in one millisecond are one
    sample of a series, told twice.
    """
    left_out = max(0, int((now_s - due) / period_s) - 1)
    while max(due + (1 + left_out) * period_s, now_s) < began + period_s / 2:
        left_out += 1
    return due + (1 + left_out) * period_s, left_out


class TierSampler(VitalTask):
    """One tier. `async with` it: it samples from then on, first after `phase_s`. What is left is handed on at the end."""

    def __init__(
        self, tier: Tier, settings: SamplerSettings, sources: Sequence[Source], batches: Batches, *, health: Health,
        clock: Callable[[], Now], phase_s: float, log: Log, vital: Vital,
    ) -> None:  # fmt: skip
        super().__init__(vital, f"telemetry-{tier}")
        self._tier = tier
        self._settings = settings
        self._period_s = settings.period_s(tier)
        self._sources = sources
        self._batches = batches
        self._health = health
        self._clock = clock
        self._phase_s = phase_s
        self._log = log
        self._batch = TierBatch(tier, health.book)

    async def __aexit__(self, *exc: object) -> None:
        await super().__aexit__(*exc)
        self._hand_on(self._batch.flush())

    async def tick(self) -> float:
        """Sample once, now; when that was, monotonic seconds."""
        began = self._clock()
        self._hand_on(self._batch.begin(began.wall_ms))
        await self._ask_all(self._batch.add)
        live = self._batches.live()
        keep_s = self._settings.live_s if live else self._settings.idle_s
        self._hand_on(self._batch.end(every_ms=round(self._period_s * 1000), keep_ms=round(keep_s * 1000)))
        counts = self._health.tiers[self._tier]
        counts.ticks += 1
        counts.seconds += self._clock().mono - began.mono
        return began.mono

    async def _run(self) -> None:
        due = self._clock().mono + self._phase_s
        while True:
            await asyncio.sleep(max(0.0, due - self._clock().mono))
            began = await self.tick()
            due, left_out = next_due(due, self._period_s, began, self._clock().mono)
            self._health.tiers[self._tier].missed += left_out

    async def _ask_all(self, add: Add) -> None:
        """At once: the point is one moment. Most answer without waiting."""
        within_s = min(self._period_s * PATIENCE, MOST_S)
        if len(self._sources) == 1:
            await self._ask(self._sources[0], add, within_s)
            return
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                group.create_task(self._ask(source, add, within_s))

    async def _ask(self, source: Source, add: Add, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                await source.read(add)
        except (GuestwireError, OSError) as err:  # a TimeoutError is an OSError
            code = err.code if isinstance(err, GuestwireError) else type(err).__name__
            self._gave(source, False, code=code, reason=str(err))
        except Exception as err:  # noqa: BLE001 - the entry point of every source: the others go on
            self._gave(source, False, exc_info=err)
        else:
            self._gave(source, True)

    def _gave(self, source: Source, something: bool, **why: object) -> None:
        """Said once when a source falls silent, and once when it is there again."""
        before = self._health.sources.get(source.name, True)
        self._health.sources[source.name] = something
        if something and not before:
            self._log.info("metrics are there again", source=source.name)
        elif before and not something:
            say = self._log.error if "exc_info" in why else self._log.warning
            say("a source gives no metrics", source=source.name, **why)

    def _hand_on(self, drafts: Sequence[BatchDraft]) -> None:
        for draft in drafts:
            self._batches.put(self._tier, draft)


class Sampler:
    """All tiers of one host. `async with` it. `phase(period_s)`: when in its period a tier is sampled first, so that many hosts
    are not sampled, and do not send, at once."""

    def __init__(
        self, settings: SamplerSettings, sources: Sequence[Source], batches: Batches, *, health: Health,
        clock: Callable[[], Now], phase: Callable[[float], float], log: Log, vital: Vital,
    ) -> None:  # fmt: skip
        self.tiers: dict[Tier, TierSampler] = {}
        for tier in settings.tiers:
            asked = [one for one in sources if one.tier == tier and any(map(health.book.wants, one.metrics))]
            if asked:
                self.tiers[tier] = TierSampler(
                    tier, settings, asked, batches, health=health, clock=clock,
                    phase_s=phase(settings.period_s(tier)), log=log, vital=vital,
                )  # fmt: skip
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for tier in self.tiers.values():
            await self._open.enter_async_context(tier)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()


def health(settings: SamplerSettings, log: Log) -> Health:
    """What a sampler keeps of itself. It is made before the sources: one of them tells it."""

    def full(limit: int) -> None:
        log.warning(
            "the limit of series is reached: what comes beyond it is not measured",
            limit=limit,
            setting="telemetry.series",
        )

    return Health(SeriesBook(settings.series, settings.enabled(), full))
