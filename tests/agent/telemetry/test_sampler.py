"""Tiers are sampled in their own time, each source within its own, and what fails leaves a hole, not a zero."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from heard_telemetry import T0, Clock, HeardBatches, KeptLog
from hypothesis import given
from hypothesis import strategies as st

from guestwire.agent.telemetry.sampler import (
    Health,
    Sampler,
    SamplerSettings,
    TierSampler,
    health,
    next_due,
)
from guestwire.agent.telemetry.sources.source import Add, Source
from guestwire.link.clock import now
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.protocol.metrics import BY_NAME, METRICS
from guestwire.protocol.steps import Now

DEPTH = "guestwire_queue_depth"
RUNS = "guestwire_vcpu_runs_total"
INFO = "guestwire_agent_info"


def source(read: Callable[[Add], Awaitable[None]], name: str = "queues", metric: str = DEPTH) -> Source:
    return Source(name, BY_NAME[metric].tier, (metric,), read)


class Bench:
    """A tier sampler with everything that it needs."""

    def __init__(self, sources: Sequence[Source], settings: SamplerSettings | None = None) -> None:
        self.clock, self.log, self.batches = Clock(), KeptLog(), HeardBatches()
        self.died: list[str] = []
        self.settings = settings or SamplerSettings()
        self.health = health(self.settings, self.log)
        self.vital = Vital(lambda name, _: self.died.append(name))
        self.tier = TierSampler(
            "normal", self.settings, sources, self.batches, health=self.health, clock=self.clock, phase_s=0.0,
            log=self.log, vital=self.vital,
        )  # fmt: skip


def sampler(
    sources: Sequence[Source], settings: SamplerSettings, batches: HeardBatches, about: Health | None = None,
    phase: Callable[[float], float] = lambda _: 0.0, clock: Callable[[], Now] = now,
) -> Sampler:  # fmt: skip
    log = KeptLog()
    return Sampler(
        settings, sources, batches, health=about or health(settings, log), clock=clock, phase=phase, log=log,
        vital=Vital(lambda _name, _error: None),
    )  # fmt: skip


async def test_a_tick_samples_all_sources_at_one_time() -> None:
    async def one(add: Add) -> None:
        add(DEPTH, ("a",), 1)

    async def other(add: Add) -> None:
        await asyncio.sleep(0)
        add(DEPTH, ("b",), 2)

    bench = Bench([source(one), source(other, "others")])
    await bench.tier.tick()
    assert sorted(bench.batches.samples()) == [
        ('guestwire_queue_depth{queue="a"}', T0, 1),
        ('guestwire_queue_depth{queue="b"}', T0, 2),
    ]
    assert bench.health.tiers["normal"].ticks == 1
    assert bench.health.sources == {"queues": True, "others": True}


async def test_values_wait_for_others_only_while_nobody_takes_them() -> None:
    async def depth(add: Add) -> None:
        add(DEPTH, ("a",), 1)

    bench = Bench([source(depth)], SamplerSettings(normal_s=2.0, live_s=1.0, idle_s=6.0))
    bench.batches.taken = False
    for _ in range(2):
        await bench.tier.tick()
        bench.clock.move(2.0)
    assert bench.batches.drafts == []
    bench.batches.taken = True
    await bench.tier.tick()
    assert [time - T0 for _, time, _ in bench.batches.samples()] == [0, 2000, 4000]


@pytest.mark.parametrize("error", [GuestwireError("DRIVER-LOST"), OSError("gone"), ZeroDivisionError("a defect")])
async def test_a_source_that_fails_leaves_a_hole_and_the_others_go_on(error: Exception) -> None:
    failing = [error, error, None, error]

    async def fails(add: Add) -> None:
        if (err := failing.pop(0)) is not None:
            raise err
        add(DEPTH, ("a",), 1)

    async def works(add: Add) -> None:
        add(DEPTH, ("b",), 2)

    bench = Bench([source(fails), source(works, "others")])
    up = []
    for _ in range(4):
        await bench.tier.tick()
        up.append(bench.health.sources["queues"])
        bench.clock.move(10)
    assert up == [False, False, True, False]
    assert [time - T0 for series, time, _ in bench.batches.samples() if '"a"' in series] == [20_000]
    assert [time - T0 for series, time, _ in bench.batches.samples() if '"b"' in series] == [0, 10_000, 20_000, 30_000]
    level = "error" if isinstance(error, ZeroDivisionError) else "warning"
    assert [(said, fields["source"]) for said, _, fields in bench.log.said] == [
        (level, "queues"), ("info", "queues"), (level, "queues"),
    ]  # fmt: skip
    assert bench.died == []


async def test_a_source_that_hangs_holds_up_its_tier_for_a_part_of_a_period() -> None:
    late: list[Add] = []

    async def hangs(add: Add) -> None:
        late.append(add)
        await asyncio.Event().wait()

    async def works(add: Add) -> None:
        add(DEPTH, ("b",), 2)

    bench = Bench([source(hangs), source(works, "others")], SamplerSettings(normal_s=0.05, live_s=0.0))
    async with asyncio.timeout(5):
        await bench.tier.tick()
    assert bench.health.sources == {"queues": False, "others": True}
    assert bench.log.said[0][2]["code"] == "TimeoutError"
    assert bench.batches.last() == {'guestwire_queue_depth{queue="b"}': 2}


async def test_what_was_sampled_last_is_handed_on_at_the_end() -> None:
    async def depth(add: Add) -> None:
        add(DEPTH, ("a",), 1)

    bench = Bench([source(depth)], SamplerSettings(normal_s=3600, idle_s=86_400))
    bench.batches.taken = False
    async with bench.tier:
        async with asyncio.timeout(5):
            while bench.health.tiers["normal"].ticks == 0:
                await asyncio.sleep(0)
        assert bench.batches.drafts == []
    assert bench.batches.samples() == [('guestwire_queue_depth{queue="a"}', T0, 1)]
    assert bench.died == []


async def test_tiers_run_by_themselves_until_the_end() -> None:
    async def depth(add: Add) -> None:
        add(DEPTH, ("a",), 1)

    async def runs(add: Add) -> None:
        add(RUNS, ("g", "0"), 1)

    settings = SamplerSettings(fast_s=0.002, normal_s=0.01, live_s=0.0)
    about = health(settings, KeptLog())
    batches = HeardBatches()
    async with sampler([source(depth), source(runs, "vcpus", RUNS)], settings, batches, about), asyncio.timeout(10):
        while about.tiers["fast"].ticks < 5 or about.tiers["normal"].ticks < 2:
            batches.heard.clear()
            await batches.heard.wait()
    ended = len(batches.drafts)
    assert {tier for tier, _ in batches.drafts} == {"fast", "normal"}
    await asyncio.sleep(0)
    assert len(batches.drafts) == ended
    assert about.tiers["slow"].ticks == 0


async def test_ticks_that_came_too_late_are_counted_and_not_made_up_for() -> None:
    clock = Clock()
    ticked = asyncio.Event()

    async def slow(add: Add) -> None:
        add(DEPTH, ("a",), 1)
        clock.move(0.035)  # while it is sampled three and a half periods pass
        ticked.set()

    settings = SamplerSettings(normal_s=0.01, live_s=0.0)
    about = health(settings, KeptLog())
    async with sampler([source(slow)], settings, HeardBatches(), about, clock=clock), asyncio.timeout(10):
        await ticked.wait()
        await asyncio.sleep(0)
    counts = about.tiers["normal"]
    assert counts.missed == 2 * counts.ticks
    assert counts.seconds == pytest.approx(0.035 * counts.ticks)


async def test_two_points_are_never_of_one_moment() -> None:
    """One that came nearly a period too late would have the next one right behind it, in the same millisecond."""
    ticked = asyncio.Event()

    async def depth(add: Add) -> None:
        add(DEPTH, ("a",), 1)
        ticked.set()

    settings = SamplerSettings(normal_s=1.0, live_s=0.0)
    about = health(settings, KeptLog())
    late = sampler([source(depth)], settings, HeardBatches(), about, phase=lambda _: -0.999, clock=Clock())
    async with late, asyncio.timeout(10):
        await ticked.wait()
        await asyncio.sleep(0)
    counts = about.tiers["normal"]
    assert (counts.ticks, counts.missed) == (1, 1)


PERIODS = st.floats(0.01, 3600)


@given(PERIODS, st.floats(0, 1e6), st.floats(0, 30), st.floats(0, 30))
def test_when_the_next_tick_is_due(period_s: float, due: float, late: float, took: float) -> None:
    """On the grid, as soon as it can be, never two within half a period, and none made up for. `late`, `took`: in periods."""
    began = due + late * period_s
    now_s = began + took * period_s
    following, left_out = next_due(due, period_s, began, now_s)
    begins = max(following, now_s)
    assert following == pytest.approx(due + (1 + left_out) * period_s)
    assert left_out >= 0
    assert begins - began > period_s * (0.5 - 1e-6)  # of seconds that are no whole numbers
    assert now_s - following < period_s * (1 + 1e-6)
    if left_out:  # the one before would have been too late or too soon
        before = following - period_s
        assert before + period_s <= now_s * (1 + 1e-9) or max(before, now_s) - began < period_s * (0.5 + 1e-6)


@pytest.mark.parametrize(
    ("began", "now_s", "following"),
    [
        (10.0, 10.0, (11.0, 0)),
        (10.0, 10.9, (11.0, 0)),
        (10.0, 11.4, (11.0, 0)),  # a part of a period late: at once
        (10.0, 12.3, (12.0, 1)),  # the one in between is left out
        (10.4, 10.4, (11.0, 0)),
        (10.6, 10.6, (12.0, 1)),  # 0.4 s after that one would be too soon
        (10.6, 11.2, (11.0, 0)),
        (15.7, 15.7, (17.0, 6)),
    ],
)
def test_ticks_by_the_clock(began: float, now_s: float, following: tuple[float, int]) -> None:
    assert next_due(10.0, 1.0, began, now_s) == following


async def test_only_what_is_wanted_is_asked() -> None:
    asked = []

    def asks(name: str) -> Callable[[Add], Awaitable[None]]:
        async def read(add: Add) -> None:
            asked.append(name)

        return read

    sources = [source(asks("queues")), source(asks("vcpus"), "vcpus", RUNS), source(asks("agent"), "agent", INFO)]
    settings = SamplerSettings(tiers=("fast", "normal"), without=("guestwire_vcpu_*",))
    made = sampler(sources, settings, HeardBatches())
    assert set(made.tiers) == {"normal"}
    await made.tiers["normal"].tick()
    assert asked == ["queues"]


def test_which_metrics_are_enabled() -> None:
    every = frozenset(metric.name for metric in METRICS)
    assert SamplerSettings().enabled() == every
    assert SamplerSettings(tiers=("slow",)).enabled() == {metric.name for metric in METRICS if metric.tier == "slow"}
    some = SamplerSettings(metrics=("guestwire_queue_*", "guestwire_lock_held"), without=("*_total",)).enabled()
    assert some == {"guestwire_queue_depth", "guestwire_queue_slots", "guestwire_lock_held"}


async def test_tiers_of_many_hosts_do_not_begin_together() -> None:
    async def depth(add: Add) -> None: ...

    phases: list[float] = []

    def phase(period_s: float) -> float:
        phases.append(period_s)
        return 0.0

    sampler([source(depth), source(depth, "vcpus", RUNS)], SamplerSettings(), HeardBatches(), phase=phase)
    assert phases == [1.0, 10.0]


async def test_the_limit_of_series_is_said_once() -> None:
    async def many(add: Add) -> None:
        for n in range(10):
            add(DEPTH, (f"q{n}",), n)

    bench = Bench([source(many)], SamplerSettings(series=4))
    for _ in range(3):
        await bench.tier.tick()
        bench.clock.move(10)
    assert len(bench.batches.last()) == 4
    assert (bench.health.book.count, bench.health.book.refused) == (4, 6)
    assert [(level, fields["limit"]) for level, _, fields in bench.log.said] == [("warning", 4)]
