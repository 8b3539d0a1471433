"""The agent itself: its process, its loop, its queues, what it was asked; and how the sampling fares.

What other parts of the agent count is read through `Reading`s: a row each, given by who composes the agent.
"""

import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from guestwire.agent.telemetry.loop_lag import LoopLag
from guestwire.agent.telemetry.request_counts import RequestCounts
from guestwire.agent.telemetry.sampler import Health
from guestwire.agent.telemetry.sources.source import Add, Source
from guestwire.protocol.metrics import METRICS
from guestwire.protocol.telemetry import TIERS

_HISTOGRAMS = ("guestwire_agent_loop_lag_seconds", "guestwire_agent_request_seconds")
PROCESS = (
    "guestwire_agent_start_time_seconds", "guestwire_agent_cpu_seconds_total", "guestwire_agent_resident_bytes",
    "guestwire_agent_requests_total", "guestwire_agent_refused_total",
    *(metric.name for metric in METRICS if metric.family in _HISTOGRAMS),
)  # fmt: skip
PARTS = (
    "guestwire_host_clock_synchronised", "guestwire_agent_lanes", "guestwire_agent_journal_waiting",
    "guestwire_agent_outbox_waiting", "guestwire_agent_notices_waiting", "guestwire_agent_notices_lost_total",
    "guestwire_agent_broker_connected", "guestwire_agent_broker_connections_total", "guestwire_agent_spool_bytes",
    "guestwire_agent_spool_batches", "guestwire_agent_spool_dropped_total",
    "guestwire_agent_spool_acknowledged_total", "guestwire_agent_spool_lag_seconds",
)  # fmt: skip
"""What readings give."""
SAMPLING = tuple(metric.name for metric in METRICS if metric.name.startswith("guestwire_telemetry_"))
_PAGE = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Reading:
    """One number that another part of the agent has: the metric (of PARTS), its labels, and how to read it without waiting.
    None: there is none now. A counter counts since the process began; one that is `lasting` outlives it."""

    metric: str
    labels: tuple[str, ...]
    read: Callable[[], float | None]
    lasting: bool = False


def agent_sources(
    *,
    began_ms: int,
    version: str,
    driver: str,
    lag: LoopLag,
    requests: RequestCounts,
    health: Health,
    readings: Sequence[Reading] = (),
    proc: Path = Path("/proc/self"),
) -> Sequence[Source]:
    """`began_ms`: when the process began, Unix ms."""

    async def process(add: Add) -> None:
        add("guestwire_agent_start_time_seconds", (), began_ms / 1000)
        add("guestwire_agent_cpu_seconds_total", (), time.process_time(), began_ms)
        add("guestwire_agent_resident_bytes", (), int((proc / "statm").read_bytes().split()[1]) * _PAGE)
        lag.seconds.sample(add, "guestwire_agent_loop_lag_seconds")
        requests.sample(add)

    async def others(add: Add) -> None:
        for reading in readings:
            add(reading.metric, reading.labels, reading.read(), 0 if reading.lasting else began_ms)

    async def rarely(add: Add) -> None:
        add("guestwire_agent_info", (version, driver), 1)
        add("guestwire_agent_open_files", (), len(os.listdir(proc / "fd")))  # noqa: PTH208 - of names alone

    async def sampling(add: Add) -> None:
        _sampling(add, health, began_ms)

    return (
        Source("agent", "normal", PROCESS, process),
        Source("agent-parts", "normal", PARTS, others),
        Source("agent-files", "slow", ("guestwire_agent_info", "guestwire_agent_open_files"), rarely),
        Source("telemetry", "normal", SAMPLING, sampling),
    )


def _sampling(add: Add, health: Health, began_ms: int) -> None:
    add("guestwire_telemetry_series", (), health.book.count)
    add("guestwire_telemetry_series_refused", (), health.book.refused)
    for tier in TIERS:
        counts = health.tiers[tier]
        add("guestwire_telemetry_ticks_total", (tier,), counts.ticks, began_ms)
        add("guestwire_telemetry_ticks_missed_total", (tier,), counts.missed, began_ms)
        add("guestwire_telemetry_tick_seconds_total", (tier,), counts.seconds, began_ms)
    for source, gave in health.sources.items():
        add("guestwire_telemetry_source_up", (source,), gave)
