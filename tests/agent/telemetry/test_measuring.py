"""A host measured as a whole: everything that its drivers have, in the batches that a controller reads."""

import asyncio
import time
from pathlib import Path

from heard_telemetry import HeardBatches, KeptLog
from tests.support.comm_process import CommProcess, comm_fixtures, document

from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.services.guest_table import GuestTable
from guestwire.agent.services.ports import Drivers, Resynced
from guestwire.agent.telemetry.loop_lag import LoopLag
from guestwire.agent.telemetry.measuring import MeasuringParts, measuring
from guestwire.agent.telemetry.request_counts import RequestCounts
from guestwire.agent.telemetry.sampler import SamplerSettings, health
from guestwire.agent.telemetry.sources.agent import agent_sources
from guestwire.agent.telemetry.sources.communication import communication_sources
from guestwire.agent.telemetry.sources.guests import guest_sources
from guestwire.agent.telemetry.sources.host import host_sources
from guestwire.comm.client import CommClient
from guestwire.link.clock import now
from guestwire.link.vital import Vital
from guestwire.model.areas import MemoryArea
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES
from guestwire.protocol.metrics import BY_NAME, METRICS, parse_series

comm, client = comm_fixtures(document("g1", areas=(MemoryArea(name="shared", size=65536),)))
SETTINGS = SamplerSettings(fast_s=0.05, normal_s=0.2, slow_s=0.3, live_s=0.0)


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_everything_is_measured_and_a_guest_that_is_gone_ends_its_series(
    comm: CommProcess, client: CommClient, tmp_path: Path
) -> None:
    table, batches, log, began, died = GuestTable(), HeardBatches(), KeptLog(), wall_ms(), []
    one = Guest(name="g1", id="GUEST0001", uuid="00000000-0000-4000-8000-000000000001", memory_mib=256)
    async with SimulatedHost(MACHINES["4-core"], tmp_path, clock=wall_ms) as host, LoopLag(began, every_s=0.01) as lag:
        await host.define(one)
        await host.start(one.uuid or "")
        table.apply(Resynced(1, tuple(await host.list())), wall_ms())
        drivers = Drivers(
            host, host, host.images, host.control, host.values, client, host.guest_metrics, host.host_metrics
        )
        parts = MeasuringParts(
            settings=SETTINGS, drivers=drivers, table=table, batches=batches, lag=lag, requests=RequestCounts(began, now),
            version="0.1.0", began_ms=began, clock=now, log=log, vital=Vital(lambda name, error: died.append((name, error))),
            phase=lambda _: 0.0,
        )  # fmt: skip
        wanted = {
            "guestwire_host_cpu_seconds_total", "guestwire_vcpu_cpu_seconds_total", "guestwire_guest_state",
            "guestwire_area_attached", "guestwire_agent_loop_lag_seconds_bucket", "guestwire_temperature_celsius",
            "guestwire_telemetry_source_up",
        }  # fmt: skip
        async with measuring(parts), asyncio.timeout(30):
            while not wanted <= {parse_series(series)[0] for series in batches.last()}:
                batches.heard.clear()
                await batches.heard.wait()
            assert any("g1" in series for series in batches.last())
            await host.destroy(one.uuid or "")
            await host.undefine(one.uuid or "")
            table.apply(Resynced(1, ()), wall_ms())
            gone_at = wall_ms()
            while {tier for tier, draft in batches.drafts if draft.t0 > gone_at} != {"fast", "normal", "slow"}:
                batches.heard.clear()
                await batches.heard.wait()
        assert not [s for s, at, _ in batches.samples() if at > gone_at and 'guest="g1"' in s and "_comm_" not in s]
    assert died == []
    assert [said for said in log.said if said[0] == "error"] == []
    for series in batches.last():
        name, labels = parse_series(series)
        assert set(labels) == set(BY_NAME[name].labels)


async def test_every_metric_of_the_catalogue_has_its_source(client: CommClient) -> None:
    async with SimulatedHost(MACHINES["4-core"], clock=wall_ms) as host:
        about = health(SETTINGS, KeptLog())
        sources = [
            *agent_sources(
                began_ms=0,
                version="0.1.0",
                driver="simulated",
                lag=LoopLag(0),
                requests=RequestCounts(0, now),
                health=about,
            ),
            *host_sources(host.host_metrics),
            *guest_sources(GuestTable(), host.guest_metrics),
            *communication_sources(client),
        ]
    given = [(name, source.tier) for source in sources for name in source.metrics]
    assert sorted(given) == sorted((metric.name, metric.tier) for metric in METRICS)
    assert len({source.name for source in sources}) == len(sources)


async def test_a_host_with_few_drivers_is_measured_all_the_same() -> None:
    table, batches, began = GuestTable(), HeardBatches(), wall_ms()
    async with SimulatedHost(MACHINES["4-core"], clock=wall_ms) as host:
        parts = MeasuringParts(
            settings=SETTINGS, drivers=Drivers(host, host, host.images, host.control, host.values), table=table,
            batches=batches, lag=LoopLag(began), requests=RequestCounts(began, now), version="0.1.0", began_ms=began, clock=now,
            log=KeptLog(), vital=Vital(lambda _name, _error: None),
        )  # fmt: skip
        made = measuring(parts)
        assert set(made.tiers) == {"normal", "slow"}
        await made.tiers["normal"].tick()
    up = {series for series, value in batches.last().items() if "source_up" in series and not value}
    assert up == set()
    assert "guestwire_agent_resident_bytes" in batches.last()
