"""What the host says, under the names of the catalogue: a simulated machine, and this one."""

from pathlib import Path

from heard_telemetry import T0, Clock, sampled

from guestwire.agent.drivers.linux.host_metrics import LinuxHostMetrics
from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.services.ports import HostMetrics
from guestwire.agent.telemetry.sources.host import host_sources
from guestwire.model.machines import MACHINES
from guestwire.protocol.metrics import parse_series

EVERYWHERE = {
    'guestwire_host_cpu_seconds_total{mode="idle"}', 'guestwire_cpu_busy_seconds_total{cpu="0"}',
    "guestwire_host_boot_time_seconds", "guestwire_host_memory_bytes", "guestwire_host_memory_available_bytes",
    'guestwire_host_load{window="15m"}', 'guestwire_host_processes{state="running"}',
    'guestwire_host_processes{state="blocked"}',
    'guestwire_node_memory_bytes{node="0"}', 'guestwire_cpu_interrupts_total{cpu="0",kind="timer"}',
    'guestwire_filesystem_available_bytes{path="/"}',
}  # fmt: skip


async def everything(metrics: HostMetrics) -> tuple[dict[str, float], dict[str, int]]:
    values: dict[str, float] = {}
    starts: dict[str, int] = {}
    for source in host_sources(metrics):
        found = await sampled(source)
        assert found.values, source.name
        values |= found.values
        starts |= found.starts
    return values, starts


async def test_a_simulated_machine() -> None:
    clock = Clock()
    host = SimulatedHost(MACHINES["64-thread-4-node"], clock=lambda: clock().wall_ms)
    async with host:
        clock.move(3600)
        values, starts = await everything(host.host_metrics)
        given = {parse_series(series)[0] for series in values}
        assert given == {name for source in host_sources(host.host_metrics) for name in source.metrics}
    assert values.keys() >= EVERYWHERE
    assert values['guestwire_node_hugepages{node="3",page_bytes="2097152"}'] == 0
    assert values['guestwire_temperature_celsius{sensor="package 0"}'] > 20
    assert values['guestwire_disk_read_bytes_total{device="sda"}'] > 0
    assert values['guestwire_interface_sent_bytes_total{device="eth0"}'] > 0
    assert values['guestwire_interface_sent_bytes_total{device="eth1"}'] == 0, "there is no cable in it"
    assert values['guestwire_host_pressure_seconds_total{resource="cpu",stall="some"}'] > 0
    assert values['guestwire_node_page_allocations_total{node="0",result="hit"}'] > 0
    spent = sum(value for name, value in values.items() if name.startswith("guestwire_host_cpu_seconds_total"))
    assert round(spent) == 64 * 3600
    assert {starts[name] for name in values if "_total" in name} == {T0}
    assert values["guestwire_host_boot_time_seconds"] == T0 / 1000


async def test_this_machine() -> None:
    metrics = LinuxHostMetrics(folders=[Path("/")])
    values, starts = await everything(metrics)
    metrics.close()
    assert values.keys() >= EVERYWHERE
    boot_ms = round(values["guestwire_host_boot_time_seconds"] * 1000)
    assert {starts[name] for name in values if "_total" in name} == {boot_ms}
