"""Guests and their vCPUs. While the hypervisor does not answer nothing is known of them: no sample, not a zero."""

from collections.abc import Collection, Sequence
from typing import get_args

from guestwire.agent.services.guest_table import GuestTable, Row
from guestwire.agent.services.ports import ON, GuestMetrics
from guestwire.agent.telemetry.sources.host import traffic
from guestwire.agent.telemetry.sources.source import Add, Source
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import GuestState
from guestwire.model.usage import GuestUsage

STATES: tuple[str, ...] = get_args(GuestState)
TIMES = (
    "guestwire_guest_cpu_seconds_total", "guestwire_vcpu_cpu_seconds_total", "guestwire_vcpu_wait_seconds_total",
    "guestwire_vcpu_runs_total",
)  # fmt: skip
DISK = {
    "read_bytes": "guestwire_guest_disk_read_bytes_total",
    "written_bytes": "guestwire_guest_disk_written_bytes_total",
    "reads": "guestwire_guest_disk_reads_total",
    "writes": "guestwire_guest_disk_writes_total",
    "flushes": "guestwire_guest_disk_flushes_total",
    "read_s": "guestwire_guest_disk_read_seconds_total",
    "write_s": "guestwire_guest_disk_write_seconds_total",
    "flush_s": "guestwire_guest_disk_flush_seconds_total",
    "capacity": "guestwire_guest_disk_capacity_bytes",
    "allocated": "guestwire_guest_disk_allocated_bytes",
}
CARD = {
    "received_bytes": "guestwire_guest_interface_received_bytes_total",
    "sent_bytes": "guestwire_guest_interface_sent_bytes_total",
    "received_packets": "guestwire_guest_interface_received_packets_total",
    "sent_packets": "guestwire_guest_interface_sent_packets_total",
    "received_dropped": "guestwire_guest_interface_received_dropped_total",
    "sent_dropped": "guestwire_guest_interface_sent_dropped_total",
}
MEMORY = {
    "assigned": "guestwire_guest_memory_bytes",
    "resident": "guestwire_guest_memory_resident_bytes",
    "unused": "guestwire_guest_memory_unused_bytes",
    "usable": "guestwire_guest_memory_usable_bytes",
    "major_faults": "guestwire_guest_major_faults_total",
}
USAGE = (
    "guestwire_guest_start_time_seconds", "guestwire_vcpu_halted", *MEMORY.values(), *DISK.values(), *CARD.values(),
)  # fmt: skip


def guest_sources(table: GuestTable, metrics: GuestMetrics | None) -> Sequence[Source]:
    """Of the guests of this host; those that other hosts have on the same hypervisor are theirs to tell of."""

    async def states(add: Add) -> None:
        for row in _ours(table):
            name = row.guest.name
            for state in STATES:
                add("guestwire_guest_state", (name, state), state == row.status.state)

    async def info(add: Add) -> None:
        for row in _ours(table):
            guest = row.guest
            add("guestwire_guest_info", (guest.name, guest.id or "none", guest.kind, guest.uuid or "none"), 1)

    told = (
        Source("guest-states", "normal", ("guestwire_guest_state",), states),
        Source("guest-info", "slow", ("guestwire_guest_info",), info),
    )
    return told if metrics is None else (*told, *_measured(table, metrics))


def _measured(table: GuestTable, metrics: GuestMetrics) -> Sequence[Source]:
    async def times(add: Add) -> None:
        names = _running(table)
        for found in await metrics.times(names.keys()) if names else ():
            name, since = names[found.uuid], found.since_ms
            add("guestwire_guest_cpu_seconds_total", (name,), found.cpu_s, since)
            for vcpu in found.vcpus:
                labels = (name, str(vcpu.number))
                add("guestwire_vcpu_cpu_seconds_total", labels, vcpu.cpu_s, since)
                add("guestwire_vcpu_wait_seconds_total", labels, vcpu.wait_s, since)
                add("guestwire_vcpu_runs_total", labels, vcpu.runs, since)

    async def usage(add: Add) -> None:
        names = _running(table)
        for found in await metrics.usage(names.keys()) if names else ():
            _usage(add, names[found.uuid], found)

    return (
        Source("guest-times", "fast", TIMES, times),
        Source("guest-usage", "normal", USAGE, usage),
    )


def _usage(add: Add, name: str, found: GuestUsage) -> None:
    since = found.since_ms
    add("guestwire_guest_start_time_seconds", (name,), since / 1000)
    for number, halted in (found.halted or {}).items():
        add("guestwire_vcpu_halted", (name, str(number)), halted)
    if found.memory is not None:
        traffic(add, MEMORY, (name,), found.memory, since)
    for disk in found.disks:
        traffic(add, DISK, (name, disk.device), disk, since)
    for card in found.cards:
        traffic(add, CARD, (name, card.device), card, since)


def _ours(table: GuestTable) -> Collection[Row]:
    if not table.connected:
        raise GuestwireError("DRIVER-LOST")
    return [row for row in table.rows() if not row.observed.of_other]


def _running(table: GuestTable) -> dict[str, str]:
    """The names of the guests that have a process, by uuid."""
    return {row.uuid: row.guest.name for row in _ours(table) if row.observed.state in ON}
