"""The host: its processors, memory, disks, adapters, NUMA nodes, sensors."""

from collections.abc import Sequence

from guestwire.agent.services.ports import HostMetrics
from guestwire.agent.telemetry.sources.source import Add, Source
from guestwire.model.usage import HostLoad

TIMES = (
    "guestwire_host_cpu_seconds_total", "guestwire_cpu_busy_seconds_total", "guestwire_cpu_guest_seconds_total",
)  # fmt: skip
MEMORY = {
    "total": "guestwire_host_memory_bytes",
    "available": "guestwire_host_memory_available_bytes",
    "free": "guestwire_host_memory_free_bytes",
    "cached": "guestwire_host_memory_cached_bytes",
    "dirty": "guestwire_host_memory_dirty_bytes",
    "swap": "guestwire_host_swap_bytes",
    "swap_free": "guestwire_host_swap_free_bytes",
}
DISK = {
    "read_bytes": "guestwire_disk_read_bytes_total",
    "written_bytes": "guestwire_disk_written_bytes_total",
    "reads": "guestwire_disk_reads_total",
    "writes": "guestwire_disk_writes_total",
    "read_s": "guestwire_disk_read_seconds_total",
    "write_s": "guestwire_disk_write_seconds_total",
}
ADAPTER = {
    "received_bytes": "guestwire_interface_received_bytes_total",
    "sent_bytes": "guestwire_interface_sent_bytes_total",
    "received_packets": "guestwire_interface_received_packets_total",
    "sent_packets": "guestwire_interface_sent_packets_total",
    "received_errors": "guestwire_interface_received_errors_total",
    "received_dropped": "guestwire_interface_received_dropped_total",
    "sent_dropped": "guestwire_interface_sent_dropped_total",
}
WINDOWS = ("1m", "5m", "15m")
LOAD = (
    "guestwire_host_boot_time_seconds", "guestwire_host_load", "guestwire_host_processes",
    "guestwire_host_context_switches_total", "guestwire_host_forks_total", "guestwire_host_pressure_seconds_total",
    "guestwire_disk_busy_seconds_total", "guestwire_node_memory_bytes", "guestwire_node_memory_free_bytes",
    "guestwire_node_hugepages", "guestwire_node_hugepages_free", *MEMORY.values(), *DISK.values(), *ADAPTER.values(),
)  # fmt: skip
CONDITION = (
    "guestwire_temperature_celsius", "guestwire_filesystem_bytes", "guestwire_filesystem_available_bytes",
    "guestwire_node_page_allocations_total",
)  # fmt: skip


def host_sources(metrics: HostMetrics) -> Sequence[Source]:
    """What the operating system says."""

    async def times(add: Add) -> None:
        found = await metrics.times()
        since = found.since_ms
        for mode, seconds in found.modes.items():
            add("guestwire_host_cpu_seconds_total", (mode,), seconds, since)
        for one in found.cpus:
            labels = (str(one.cpu),)
            add("guestwire_cpu_busy_seconds_total", labels, one.busy_s, since)
            add("guestwire_cpu_guest_seconds_total", labels, one.guest_s, since)

    async def load(add: Add) -> None:
        found = await metrics.load()
        _machine(add, found)
        _devices(add, found)
        _nodes(add, found)

    async def interrupts(add: Add) -> None:
        found = await metrics.interrupts()
        for kind, cpus in found.counts.items():
            for cpu, count in cpus.items():
                add("guestwire_cpu_interrupts_total", (str(cpu), kind), count, found.since_ms)

    async def condition(add: Add) -> None:
        found = await metrics.condition()
        for sensor, degrees in found.temperatures.items():
            add("guestwire_temperature_celsius", (sensor,), degrees)
        for path, (size, free) in found.filesystems.items():
            add("guestwire_filesystem_bytes", (path,), size)
            add("guestwire_filesystem_available_bytes", (path,), free)
        for node, results in found.allocations.items():
            for result, pages in results.items():
                add("guestwire_node_page_allocations_total", (str(node), result), pages, found.since_ms)

    return (
        Source("host-times", "fast", TIMES, times),
        Source("host-load", "normal", LOAD, load),
        Source("host-interrupts", "normal", ("guestwire_cpu_interrupts_total",), interrupts),
        Source("host-condition", "slow", CONDITION, condition),
    )


def traffic(add: Add, names: dict[str, str], labels: tuple[str, ...], of: object, since_ms: int) -> None:
    """The fields of one value under their metrics' names."""
    for field, metric in names.items():
        add(metric, labels, getattr(of, field), since_ms)


def _machine(add: Add, found: HostLoad) -> None:
    since = found.since_ms
    add("guestwire_host_boot_time_seconds", (), since / 1000)
    for kind, size in found.memory.items():
        add(MEMORY[kind], (), size)
    for window, load in zip(WINDOWS, found.load, strict=True):
        add("guestwire_host_load", (window,), load)
    add("guestwire_host_processes", ("running",), found.running)
    add("guestwire_host_processes", ("blocked",), found.blocked)
    add("guestwire_host_context_switches_total", (), found.context_switches, since)
    add("guestwire_host_forks_total", (), found.forks, since)
    for pressure in found.pressure:
        labels = (pressure.resource, pressure.stall)
        add("guestwire_host_pressure_seconds_total", labels, pressure.seconds, since)


def _devices(add: Add, found: HostLoad) -> None:
    for disk in found.disks:
        labels = (disk.traffic.device,)
        traffic(add, DISK, labels, disk.traffic, found.since_ms)
        add("guestwire_disk_busy_seconds_total", labels, disk.busy_s, found.since_ms)
    for adapter in found.adapters:
        traffic(add, ADAPTER, (adapter.device,), adapter, found.since_ms)


def _nodes(add: Add, found: HostLoad) -> None:
    for node in found.nodes:
        labels = (str(node.node),)
        add("guestwire_node_memory_bytes", labels, node.total)
        add("guestwire_node_memory_free_bytes", labels, node.free)
        for size, (pages, free) in node.pages.items():
            add("guestwire_node_hugepages", (*labels, str(size)), pages)
            add("guestwire_node_hugepages_free", (*labels, str(size)), free)
