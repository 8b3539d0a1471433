"""The agent about itself."""

import os

from heard_telemetry import T0, Clock, KeptLog, sampled

from guestwire.agent.telemetry.loop_lag import LoopLag
from guestwire.agent.telemetry.request_counts import RequestCounts
from guestwire.agent.telemetry.sampler import SamplerSettings, health
from guestwire.agent.telemetry.sources.agent import Reading, agent_sources


async def test_the_agent_about_itself() -> None:
    lag, about = LoopLag(T0), health(SamplerSettings(), KeptLog())
    lag.seconds.observe(0.003)
    about.tiers["fast"].ticks, about.tiers["fast"].missed = 7, 1
    about.sources["comm"] = False
    waiting: list[int | None] = [3, None]
    readings = (
        Reading("guestwire_agent_lanes", ("running",), lambda: 2),
        Reading("guestwire_agent_outbox_waiting", (), lambda: waiting.pop(0)),
        Reading("guestwire_agent_notices_lost_total", (), lambda: 5),
        Reading("guestwire_agent_broker_connections_total", (), lambda: 99, lasting=True),
    )
    sources = agent_sources(
        began_ms=T0, version="0.1.0", driver="simulated", lag=lag, requests=RequestCounts(T0, Clock()), health=about,
        readings=readings,
    )  # fmt: skip
    values: dict[str, float] = {}
    starts: dict[str, int] = {}
    for source in sources:
        found = await sampled(source)
        values |= found.values
        starts |= found.starts
    assert values["guestwire_agent_start_time_seconds"] == T0 / 1000
    assert values["guestwire_agent_cpu_seconds_total"] > 0
    assert values["guestwire_agent_resident_bytes"] > 10 << 20
    assert 2 < values["guestwire_agent_open_files"] < os.sysconf("SC_OPEN_MAX")
    assert values['guestwire_agent_info{driver="simulated",version="0.1.0"}'] == 1
    assert values['guestwire_agent_loop_lag_seconds_bucket{le="0.002"}'] == 0
    assert values['guestwire_agent_loop_lag_seconds_bucket{le="0.005"}'] == 1
    assert values["guestwire_agent_request_seconds_count"] == 0
    assert values['guestwire_agent_lanes{state="running"}'] == 2
    assert values["guestwire_agent_outbox_waiting"] == 3
    assert values["guestwire_agent_notices_lost_total"] == 5
    assert values['guestwire_telemetry_ticks_total{tier="fast"}'] == 7
    assert values['guestwire_telemetry_ticks_missed_total{tier="fast"}'] == 1
    assert values['guestwire_telemetry_source_up{source="comm"}'] == 0
    assert values["guestwire_telemetry_series"] == 0
    assert starts.pop("guestwire_agent_broker_connections_total") == 0
    assert {since for name, since in starts.items() if "_total" in name or "_bucket" in name} == {T0}
    parts = next(source for source in sources if source.name == "agent-parts")
    assert "guestwire_agent_outbox_waiting" not in (await sampled(parts)).values, "nobody knows it now"
