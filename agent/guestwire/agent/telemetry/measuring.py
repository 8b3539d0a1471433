"""What a host measures, composed: the sources that its drivers have, and the sampler over them. Wiring and nothing else."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from guestwire.agent.audit import Log
from guestwire.agent.services.guest_table import GuestTable
from guestwire.agent.services.ports import Drivers
from guestwire.agent.telemetry.drafts import Batches
from guestwire.agent.telemetry.loop_lag import LoopLag
from guestwire.agent.telemetry.request_counts import RequestCounts
from guestwire.agent.telemetry.sampler import Sampler, SamplerSettings, health
from guestwire.agent.telemetry.sources.agent import Reading, agent_sources
from guestwire.agent.telemetry.sources.communication import communication_sources
from guestwire.agent.telemetry.sources.guests import guest_sources
from guestwire.agent.telemetry.sources.host import host_sources
from guestwire.link.vital import Vital
from guestwire.protocol.steps import Now


@dataclass(frozen=True, slots=True)
class MeasuringParts:
    """`began_ms`: when the agent's process began, Unix ms. `lag`: one for all hosts of a process, entered by who made it.
    `readings`: what other parts of the agent count. `phase`: when in its period a tier is sampled first."""

    settings: SamplerSettings
    drivers: Drivers
    table: GuestTable
    batches: Batches
    lag: LoopLag
    requests: RequestCounts
    version: str
    began_ms: int
    clock: Callable[[], Now]
    log: Log
    vital: Vital
    readings: Sequence[Reading] = ()
    phase: Callable[[float], float] = lambda period_s: random.uniform(0, period_s)


def measuring(parts: MeasuringParts) -> Sampler:
    """The sampler, to be entered. The agent's own series come first: they have their place whatever the limit."""
    drivers, about = parts.drivers, health(parts.settings, parts.log)
    sources = [
        *agent_sources(
            began_ms=parts.began_ms, version=parts.version, driver=drivers.guests.kind, lag=parts.lag,
            requests=parts.requests, health=about, readings=parts.readings,
        ),
        *(host_sources(drivers.host_metrics) if drivers.host_metrics is not None else ()),
        *guest_sources(parts.table, drivers.guest_metrics),
        *(communication_sources(drivers.comm) if drivers.comm is not None else ()),
    ]  # fmt: skip
    return Sampler(
        parts.settings, sources, parts.batches, health=about, clock=parts.clock, phase=parts.phase, log=parts.log,
        vital=parts.vital,
    )  # fmt: skip
