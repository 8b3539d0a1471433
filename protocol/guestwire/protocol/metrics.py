"""The catalogue of metrics, and how a series is written. Pure.

Names, units and labels are Prometheus' conventions: base units, counters end in `_total`, a histogram is its `_bucket`, `_sum`
and `_count`, each a counter. The text of a series has neither the site nor the host: who received it adds those, from the
topic that it verified. Nothing is measured here, and nothing is put into batches (`telemetry`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from guestwire.model.errors import GuestwireError
from guestwire.protocol.telemetry import MAX_SERIES_TEXT, Kind, Tier

PREFIX: Final = "guestwire_"
MAX_LABELS: Final = 8
MAX_NAME: Final = 128
RESERVED: Final = frozenset({"site", "host"})
"""Labels that no series of a host carries."""

Unit = Literal["seconds", "bytes", "celsius", "load", "count", "state"]
"""`state`: 0 or 1. Seconds, degrees and loads are float64, the others are int64."""

_NAME = re.compile(rf"{PREFIX}[a-z0-9_]{{1,{MAX_NAME - len(PREFIX)}}}")
_LABEL = re.compile(r"[a-z][a-z0-9_]{0,31}")
_PAIR = re.compile(r'([a-z][a-z0-9_]{0,31})="((?:[^"\\]|\\[\\"])+)"')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ESCAPED = re.compile(r'\\([\\"])')


@dataclass(frozen=True, slots=True)
class Metric:
    """A row. `labels` in the order in which who measures gives them. `family`: what the rows of one histogram have in common;
    empty for what is none."""

    name: str
    kind: Kind
    unit: Unit
    labels: tuple[str, ...]
    tier: Tier
    summary: str
    family: str = ""

    @property
    def code(self) -> Literal["d", "q"]:
        """The type of its values in a batch."""
        return "d" if self.unit in ("seconds", "celsius", "load") else "q"


def series_text(name: str, labels: Mapping[str, str]) -> str:
    """`name{label="value",...}` with the labels sorted; `name` where there are none. Raises ValueError for what no series may
    be: another prefix, a label that is reserved, a value that is empty or has control characters, too many, too long."""
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name of a metric")
    if len(labels) > MAX_LABELS:
        raise ValueError(f"{name}: {len(labels)} labels")
    pairs = []
    for label in sorted(labels):
        value = labels[label]
        if _LABEL.fullmatch(label) is None or label in RESERVED:
            raise ValueError(f"{name}: {label!r} is no label")
        if not value or _CONTROL.search(value):
            raise ValueError(f"{name}: {value!r} is no value of {label}")
        escaped = value.replace("\\", r"\\").replace('"', r"\"")
        pairs.append(f'{label}="{escaped}"')
    text = f"{name}{{{','.join(pairs)}}}" if pairs else name
    if len(text) > MAX_SERIES_TEXT:
        raise ValueError(f"{name}: the series takes {len(text)} characters")
    return text


def parse_series(text: str) -> tuple[str, dict[str, str]]:
    """The name and the labels of a series. Only what `series_text` writes is one: every series has one text. The name need not
    be in the catalogue: a newer host has more. Raises MALFORMED."""
    name, brace, rest = text.partition("{")
    if len(text) > MAX_SERIES_TEXT or _NAME.fullmatch(name) is None or (brace and not rest.endswith("}")):
        raise _malformed(text)
    labels: dict[str, str] = {}
    if brace:
        last = ""
        for label, value in _pairs(text, rest[:-1]):
            if label <= last or label in RESERVED or len(labels) == MAX_LABELS or _CONTROL.search(value):
                raise _malformed(text)
            labels[label] = _ESCAPED.sub(r"\1", value)
            last = label
    return name, labels


def _pairs(text: str, rest: str) -> Iterator[tuple[str, str]]:
    at = 0
    while True:
        found = _PAIR.match(rest, at)
        if found is None:
            raise _malformed(text)
        yield found[1], found[2]
        at = found.end()
        if at == len(rest):
            return
        if rest[at] != ",":
            raise _malformed(text)
        at += 1


def _malformed(text: str) -> GuestwireError:
    return GuestwireError("MALFORMED", f'{text[:80]!r} is no series: name{{label="value",...}}, labels sorted.')


def _histogram(family: str, labels: tuple[str, ...], tier: Tier, summary: str) -> tuple[Metric, Metric, Metric]:
    """Of seconds. Buckets are cumulative; `le` comes last."""
    return (
        Metric(f"{family}_bucket", "counter", "count", (*labels, "le"), tier, summary, family),
        Metric(f"{family}_sum", "counter", "seconds", labels, tier, summary, family),
        Metric(f"{family}_count", "counter", "count", labels, tier, summary, family),
    )


METRICS: Final[tuple[Metric, ...]] = (
    # -- the host's processors
    Metric("guestwire_host_cpu_seconds_total", "counter", "seconds", ("mode",), "fast",
           "Time of all CPUs, by what they did: user, nice, system, guest, irq, softirq, steal, iowait, idle. They add up."),
    Metric("guestwire_cpu_busy_seconds_total", "counter", "seconds", ("cpu",), "fast",
           "Time that a CPU was not idle."),
    Metric("guestwire_cpu_guest_seconds_total", "counter", "seconds", ("cpu",), "fast",
           "Time that a CPU ran guests; part of its busy time."),
    Metric("guestwire_cpu_interrupts_total", "counter", "count", ("cpu", "kind"), "normal",
           "Interrupts of a CPU: device, timer, reschedule, call, tlb, other."),
    # -- the host
    Metric("guestwire_host_boot_time_seconds", "gauge", "seconds", (), "normal", "When the host booted, in Unix seconds."),
    Metric("guestwire_host_clock_synchronised", "gauge", "state", (), "normal", "Whether the host's clock can be believed."),
    Metric("guestwire_host_load", "gauge", "load", ("window",), "normal", "Load average over 1m, 5m and 15m."),
    Metric("guestwire_host_processes", "gauge", "count", ("state",), "normal",
           "Threads that run or want to (running), and that wait for a disk (blocked)."),
    Metric("guestwire_host_context_switches_total", "counter", "count", (), "normal", "Context switches of all CPUs."),
    Metric("guestwire_host_forks_total", "counter", "count", (), "normal", "Processes and threads that were made."),
    Metric("guestwire_host_memory_bytes", "gauge", "bytes", (), "normal", "Memory that the kernel has."),
    Metric("guestwire_host_memory_available_bytes", "gauge", "bytes", (), "normal",
           "Memory that programs can still have without swapping."),
    Metric("guestwire_host_memory_free_bytes", "gauge", "bytes", (), "normal", "Memory that nobody uses for anything."),
    Metric("guestwire_host_memory_cached_bytes", "gauge", "bytes", (), "normal", "Memory that holds contents of files."),
    Metric("guestwire_host_memory_dirty_bytes", "gauge", "bytes", (), "normal", "Memory that waits to be written to disks."),
    Metric("guestwire_host_swap_bytes", "gauge", "bytes", (), "normal", "Swap space."),
    Metric("guestwire_host_swap_free_bytes", "gauge", "bytes", (), "normal", "Swap space that is free."),
    Metric("guestwire_host_pressure_seconds_total", "counter", "seconds", ("resource", "stall"), "normal",
           "Time that some or all (full) tasks waited for cpu, memory, io or irq."),
    Metric("guestwire_disk_read_bytes_total", "counter", "bytes", ("device",), "normal", "Bytes read from a disk."),
    Metric("guestwire_disk_written_bytes_total", "counter", "bytes", ("device",), "normal", "Bytes written to a disk."),
    Metric("guestwire_disk_reads_total", "counter", "count", ("device",), "normal", "Reads that a disk completed."),
    Metric("guestwire_disk_writes_total", "counter", "count", ("device",), "normal", "Writes that a disk completed."),
    Metric("guestwire_disk_read_seconds_total", "counter", "seconds", ("device",), "normal", "Time that its reads took."),
    Metric("guestwire_disk_write_seconds_total", "counter", "seconds", ("device",), "normal", "Time that its writes took."),
    Metric("guestwire_disk_busy_seconds_total", "counter", "seconds", ("device",), "normal",
           "Time in which a disk had something to do."),
    Metric("guestwire_interface_received_bytes_total", "counter", "bytes", ("device",), "normal",
           "Bytes that a network adapter of the host received."),
    Metric("guestwire_interface_sent_bytes_total", "counter", "bytes", ("device",), "normal", "Bytes that it sent."),
    Metric("guestwire_interface_received_packets_total", "counter", "count", ("device",), "normal", "Packets it received."),
    Metric("guestwire_interface_sent_packets_total", "counter", "count", ("device",), "normal", "Packets it sent."),
    Metric("guestwire_interface_received_errors_total", "counter", "count", ("device",), "normal",
           "Packets it received damaged."),
    Metric("guestwire_interface_received_dropped_total", "counter", "count", ("device",), "normal",
           "Packets it received and dropped."),
    Metric("guestwire_interface_sent_dropped_total", "counter", "count", ("device",), "normal",
           "Packets it was to send and dropped."),
    Metric("guestwire_filesystem_bytes", "gauge", "bytes", ("path",), "slow", "Size of the file system that a folder is on."),
    Metric("guestwire_filesystem_available_bytes", "gauge", "bytes", ("path",), "slow",
           "What is free of it for the agent and for guests' disks."),
    Metric("guestwire_temperature_celsius", "gauge", "celsius", ("sensor",), "slow", "What a sensor of the host says."),
    # -- NUMA nodes
    Metric("guestwire_node_memory_bytes", "gauge", "bytes", ("node",), "normal", "Memory of a NUMA node."),
    Metric("guestwire_node_memory_free_bytes", "gauge", "bytes", ("node",), "normal", "Memory of a node that is free."),
    Metric("guestwire_node_hugepages", "gauge", "count", ("node", "page_bytes"), "normal",
           "Huge pages of a size on a node."),
    Metric("guestwire_node_hugepages_free", "gauge", "count", ("node", "page_bytes"), "normal",
           "Those that no guest has."),
    Metric("guestwire_node_page_allocations_total", "counter", "count", ("node", "result"), "slow",
           "Pages given: hit (here as wanted), miss (here, wanted elsewhere), foreign (wanted here, given elsewhere), local, "
           "other (to programs on this node, on other nodes)."),
    # -- guests
    Metric("guestwire_guest_info", "gauge", "state", ("guest", "id", "kind", "uuid"), "slow", "Always 1."),
    Metric("guestwire_guest_state", "gauge", "state", ("guest", "state"), "normal", "1 for the state that a guest is in."),
    Metric("guestwire_guest_start_time_seconds", "gauge", "seconds", ("guest",), "normal",
           "When the guest was turned on, in Unix seconds."),
    Metric("guestwire_guest_cpu_seconds_total", "counter", "seconds", ("guest",), "fast",
           "Time of CPUs that a guest took: its vCPUs and what works for it."),
    Metric("guestwire_guest_memory_bytes", "gauge", "bytes", ("guest",), "normal", "Memory that a guest has been given."),
    Metric("guestwire_guest_memory_resident_bytes", "gauge", "bytes", ("guest",), "normal",
           "What its process takes of the host's memory, huge pages left out."),
    Metric("guestwire_guest_memory_unused_bytes", "gauge", "bytes", ("guest",), "normal",
           "What the guest itself does not use, where it says so."),
    Metric("guestwire_guest_memory_usable_bytes", "gauge", "bytes", ("guest",), "normal",
           "What the guest could still use without swapping, where it says so."),
    Metric("guestwire_guest_major_faults_total", "counter", "count", ("guest",), "normal",
           "How often the guest waited for a page from its disk, where it says so."),
    Metric("guestwire_guest_disk_read_bytes_total", "counter", "bytes", ("guest", "device"), "normal",
           "Bytes that a guest read from a disk of its."),
    Metric("guestwire_guest_disk_written_bytes_total", "counter", "bytes", ("guest", "device"), "normal",
           "Bytes that it wrote."),
    Metric("guestwire_guest_disk_reads_total", "counter", "count", ("guest", "device"), "normal", "Its reads."),
    Metric("guestwire_guest_disk_writes_total", "counter", "count", ("guest", "device"), "normal", "Its writes."),
    Metric("guestwire_guest_disk_flushes_total", "counter", "count", ("guest", "device"), "normal", "Its flushes."),
    Metric("guestwire_guest_disk_read_seconds_total", "counter", "seconds", ("guest", "device"), "normal",
           "Time that its reads took."),
    Metric("guestwire_guest_disk_write_seconds_total", "counter", "seconds", ("guest", "device"), "normal",
           "Time that its writes took."),
    Metric("guestwire_guest_disk_flush_seconds_total", "counter", "seconds", ("guest", "device"), "normal",
           "Time that its flushes took."),
    Metric("guestwire_guest_disk_capacity_bytes", "gauge", "bytes", ("guest", "device"), "normal",
           "The size of a disk as its guest sees it."),
    Metric("guestwire_guest_disk_allocated_bytes", "gauge", "bytes", ("guest", "device"), "normal",
           "What its image takes on the host."),
    Metric("guestwire_guest_interface_received_bytes_total", "counter", "bytes", ("guest", "device"), "normal",
           "Bytes that a guest received by a network card of its (net0 is the first)."),
    Metric("guestwire_guest_interface_sent_bytes_total", "counter", "bytes", ("guest", "device"), "normal",
           "Bytes that it sent."),
    Metric("guestwire_guest_interface_received_packets_total", "counter", "count", ("guest", "device"), "normal",
           "Packets that it received."),
    Metric("guestwire_guest_interface_sent_packets_total", "counter", "count", ("guest", "device"), "normal",
           "Packets that it sent."),
    Metric("guestwire_guest_interface_received_dropped_total", "counter", "count", ("guest", "device"), "normal",
           "Packets for it that were dropped: it did not take them in time."),
    Metric("guestwire_guest_interface_sent_dropped_total", "counter", "count", ("guest", "device"), "normal",
           "Packets of it that were dropped."),
    # -- vCPUs
    Metric("guestwire_vcpu_cpu_seconds_total", "counter", "seconds", ("guest", "vcpu"), "fast",
           "Time that a vCPU ran on a CPU of the host."),
    Metric("guestwire_vcpu_wait_seconds_total", "counter", "seconds", ("guest", "vcpu"), "fast",
           "Time that it could have run and had no CPU: what the guest sees as stolen."),
    Metric("guestwire_vcpu_runs_total", "counter", "count", ("guest", "vcpu"), "fast",
           "How often it was put on a CPU: a vCPU that nobody disturbs stays where it is."),
    Metric("guestwire_vcpu_halted", "gauge", "state", ("guest", "vcpu"), "normal",
           "Whether it slept when it was looked at: it waits for an interrupt, or is paused."),
    # -- communication between guests
    Metric("guestwire_area_size_bytes", "gauge", "bytes", ("area",), "normal", "Size of a memory area."),
    Metric("guestwire_area_attached", "gauge", "count", ("area",), "normal", "Guests that run and have it plugged."),
    Metric("guestwire_event_signals_total", "counter", "count", ("event",), "normal", "How often an event was signalled."),
    Metric("guestwire_event_denied_total", "counter", "count", ("event",), "normal",
           "How often somebody wanted what it may not with it."),
    Metric("guestwire_event_waiters", "gauge", "count", ("event",), "normal", "Waits for it at this moment."),
    Metric("guestwire_event_set", "gauge", "state", ("event",), "normal",
           "Whether it is set; none of an event whose state the kernel keeps alone."),
    Metric("guestwire_queue_depth", "gauge", "count", ("queue",), "normal", "Messages that wait in a queue."),
    Metric("guestwire_queue_slots", "gauge", "count", ("queue",), "normal", "Messages that all its rings hold."),
    Metric("guestwire_queue_put_total", "counter", "count", ("queue",), "normal", "Messages that were put into it."),
    Metric("guestwire_queue_taken_total", "counter", "count", ("queue",), "normal", "Messages that were taken."),
    Metric("guestwire_queue_refused_total", "counter", "count", ("queue",), "normal", "Messages that it had no room for."),
    Metric("guestwire_lock_held", "gauge", "state", ("lock",), "normal", "Whether somebody holds a lock."),
    Metric("guestwire_lock_waiters", "gauge", "state", ("lock",), "normal", "Whether somebody waits for it."),
    Metric("guestwire_lock_acquisitions_total", "counter", "count", ("lock",), "normal", "How often it was taken."),
    Metric("guestwire_network_received_bytes_total", "counter", "bytes", ("network", "member"), "normal",
           "Bytes that a member of a virtual network received."),
    Metric("guestwire_network_sent_bytes_total", "counter", "bytes", ("network", "member"), "normal", "Bytes that it sent."),
    Metric("guestwire_network_received_packets_total", "counter", "count", ("network", "member"), "normal",
           "Packets that it received."),
    Metric("guestwire_network_sent_packets_total", "counter", "count", ("network", "member"), "normal",
           "Packets that it sent."),
    Metric("guestwire_network_received_dropped_total", "counter", "count", ("network", "member"), "normal",
           "Packets for it that it did not take in time."),
    Metric("guestwire_network_sent_dropped_total", "counter", "count", ("network", "member"), "normal",
           "Packets of it that the host could not take."),
    Metric("guestwire_network_filtered_total", "counter", "count", ("network",), "slow",
           "Packets that the air gap, the isolation and the access list of a network kept back."),
    Metric("guestwire_comm_guest_requests_total", "counter", "count", ("guest",), "normal",
           "What a guest asked of guestwire-comm; what took it long counts as several."),
    Metric("guestwire_comm_guest_denied_total", "counter", "count", ("guest",), "normal", "What it was denied."),
    Metric("guestwire_comm_guest_throttled_total", "counter", "count", ("guest",), "normal",
           "How often it was made to wait, because it asked too fast."),
    Metric("guestwire_comm_attached", "gauge", "count", ("kind",), "normal", "Guests and processes that are attached."),
    Metric("guestwire_comm_region_bytes", "gauge", "bytes", (), "normal", "What all regions take at most."),
    Metric("guestwire_comm_cpu_seconds_total", "counter", "seconds", (), "normal", "Processor time of guestwire-comm."),
    Metric("guestwire_comm_resident_bytes", "gauge", "bytes", (), "normal", "Memory of guestwire-comm, its regions included."),
    # -- the agent
    Metric("guestwire_agent_info", "gauge", "state", ("version", "driver"), "slow", "Always 1."),
    Metric("guestwire_agent_start_time_seconds", "gauge", "seconds", (), "normal",
           "When the agent's process began, in Unix seconds."),
    Metric("guestwire_agent_cpu_seconds_total", "counter", "seconds", (), "normal", "Processor time of the agent."),
    Metric("guestwire_agent_resident_bytes", "gauge", "bytes", (), "normal", "Memory of the agent."),
    Metric("guestwire_agent_open_files", "gauge", "count", (), "slow", "Files that the agent has open."),
    *_histogram("guestwire_agent_loop_lag_seconds", (), "normal", "How late the agent's event loop comes to what is due."),
    *_histogram("guestwire_agent_request_seconds", (), "normal",
                "How long requests took, from their acceptance to their final answer."),
    Metric("guestwire_agent_requests_total", "counter", "count", ("operation", "outcome"), "normal",
           "Requests that have their final answer: ok, or the kind of the error."),
    Metric("guestwire_agent_refused_total", "counter", "count", ("code",), "normal",
           "Messages that were refused before they became requests."),
    Metric("guestwire_agent_lanes", "gauge", "count", ("state",), "normal",
           "Commands that run, wait for their lane, or are hung in a call of the hypervisor."),
    Metric("guestwire_agent_journal_waiting", "gauge", "count", (), "normal", "Journal entries that wait for a commit."),
    Metric("guestwire_agent_outbox_waiting", "gauge", "count", (), "normal",
           "Final answers that the broker has not confirmed."),
    Metric("guestwire_agent_notices_waiting", "gauge", "count", (), "normal", "Notices that the broker has not confirmed."),
    Metric("guestwire_agent_notices_lost_total", "counter", "count", (), "normal", "Notices that were dropped."),
    Metric("guestwire_agent_broker_connected", "gauge", "state", (), "normal", "Whether the agent has a broker."),
    Metric("guestwire_agent_broker_connections_total", "counter", "count", (), "normal", "Connections that it made to one."),
    Metric("guestwire_agent_spool_bytes", "gauge", "bytes", ("class",), "normal",
           "What waits on disk until a controller has it."),
    Metric("guestwire_agent_spool_batches", "gauge", "count", ("class",), "normal", "How many batches and notices that is."),
    Metric("guestwire_agent_spool_dropped_total", "counter", "count", ("class",), "normal",
           "Those that were dropped because the spool was full."),
    Metric("guestwire_agent_spool_acknowledged_total", "counter", "count", ("class",), "normal",
           "Those that a controller has acknowledged."),
    Metric("guestwire_agent_spool_lag_seconds", "gauge", "seconds", ("class",), "normal",
           "How old the oldest of them is."),
    # -- the measuring itself
    Metric("guestwire_telemetry_source_up", "gauge", "state", ("source",), "normal",
           "Whether a source of metrics gave any when it was asked last."),
    Metric("guestwire_telemetry_series", "gauge", "count", (), "normal", "Series that this host has."),
    Metric("guestwire_telemetry_series_refused", "gauge", "count", (), "normal",
           "Series that it would have beyond the limit."),
    Metric("guestwire_telemetry_ticks_total", "counter", "count", ("tier",), "normal", "How often a tier was sampled."),
    Metric("guestwire_telemetry_ticks_missed_total", "counter", "count", ("tier",), "normal",
           "How often it was not, because sampling or the loop came too late."),
    Metric("guestwire_telemetry_tick_seconds_total", "counter", "seconds", ("tier",), "normal",
           "Time from a tick until its last source had answered."),
)  # fmt: skip

BY_NAME: Final[Mapping[str, Metric]] = {metric.name: metric for metric in METRICS}
