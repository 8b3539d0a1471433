"""Areas, events, queues, locks and networks, as guestwire-comm counts them. While it is away nothing is known of them.

How long a signal takes to wake who waits for it is not among them: guestwire-comm does not see a guest wake.
"""

from collections.abc import Sequence

from guestwire.agent.services.communication import Communication
from guestwire.agent.telemetry.sources.source import Add, Source
from guestwire.protocol.comm_models import CommMetrics

_AREA = ("guestwire_area_size_bytes", "guestwire_area_attached")
_EVENT = (
    "guestwire_event_signals_total", "guestwire_event_denied_total", "guestwire_event_waiters", "guestwire_event_set",
)  # fmt: skip
_QUEUE = (
    "guestwire_queue_depth", "guestwire_queue_slots", "guestwire_queue_put_total", "guestwire_queue_taken_total",
    "guestwire_queue_refused_total",
)  # fmt: skip
_LOCK = ("guestwire_lock_held", "guestwire_lock_waiters", "guestwire_lock_acquisitions_total")
_PORT = (
    "guestwire_network_received_bytes_total", "guestwire_network_received_packets_total",
    "guestwire_network_sent_bytes_total", "guestwire_network_sent_packets_total",
    "guestwire_network_received_dropped_total", "guestwire_network_sent_dropped_total",
)  # fmt: skip
_GUEST = (
    "guestwire_comm_guest_requests_total", "guestwire_comm_guest_denied_total", "guestwire_comm_guest_throttled_total",
)  # fmt: skip
_PROCESS = (
    "guestwire_comm_attached", "guestwire_comm_region_bytes", "guestwire_comm_cpu_seconds_total",
    "guestwire_comm_resident_bytes",
)  # fmt: skip
_FILTERED = "guestwire_network_filtered_total"


def communication_sources(comm: Communication) -> Sequence[Source]:
    """One question for all, which leaves arbitrated events waiting for less than a millisecond; and one, more rarely, of the rules
    of networks."""

    async def counters(add: Add) -> None:
        found = await comm.metrics(filtered=False)
        _process(add, found)
        _rows(add, _AREA, 1, found.areas)
        for event in found.events:  # those that the kernel keeps alone are counted in memory that outlives the process
            _rows(add, _EVENT, 1, (event,), found.began_at if event[3] >= 0 else 0)
        _rows(add, _QUEUE, 1, found.queues)
        _rows(add, _LOCK, 1, found.locks)
        _rows(add, _PORT, 2, found.ports)
        _rows(add, _GUEST, 1, found.guests, found.began_at)

    async def filtered(add: Add) -> None:
        for network, packets in (await comm.metrics(filtered=True)).filtered:
            add(_FILTERED, (network,), packets)

    return (
        Source("comm", "normal", (*_AREA, *_EVENT, *_QUEUE, *_LOCK, *_PORT, *_GUEST, *_PROCESS), counters),
        Source("comm-rules", "slow", (_FILTERED,), filtered),
    )


def _rows(
    add: Add, metrics: Sequence[str], labels: int, rows: Sequence[tuple[str | int, ...]], since_ms: int = 0
) -> None:
    """Rows of so many labels, and a value for each metric; one below 0 is not known."""
    for row in rows:
        names = tuple(str(label) for label in row[:labels])
        for metric, value in zip(metrics, row[labels:], strict=True):
            if isinstance(value, int) and value >= 0:
                add(metric, names, value, since_ms)


def _process(add: Add, found: CommMetrics) -> None:
    add("guestwire_comm_attached", ("guest",), found.attached[0])
    add("guestwire_comm_attached", ("process",), found.attached[1])
    add("guestwire_comm_region_bytes", (), found.region_bytes)
    add("guestwire_comm_cpu_seconds_total", (), found.cpu_s, found.began_at)
    add("guestwire_comm_resident_bytes", (), found.resident_bytes)
