"""What the parts of one host count, for the sampler: a row for each number. Wiring and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from guestwire.agent.announcer import Announcer
from guestwire.agent.broker_link import BrokerLink
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.lane_gate import LaneGate
from guestwire.agent.outbox import Outbox
from guestwire.agent.telemetry.sources.agent import Reading
from guestwire.agent.telemetry.spool import Spool
from guestwire.model.host import ClockQuality
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import SPOOL_CLASSES, SpoolClass


@dataclass(frozen=True, slots=True)
class Counting:
    """Parts of the agent that count. `link` None: there is no broker."""

    quality: Callable[[], ClockQuality]
    lanes: LaneGate
    writer: JournalWriter
    outbox: Outbox
    announcer: Announcer
    link: BrokerLink | None
    spool: Spool
    clock: Callable[[], Now]


def readings(of: Counting) -> Sequence[Reading]:
    """The rows, in the order of the catalogue."""
    lanes = of.lanes.lanes
    rows = [
        Reading("guestwire_host_clock_synchronised", (), lambda: of.quality() != "unsynchronised"),
        Reading("guestwire_agent_lanes", ("running",), lambda: lanes.running),
        Reading("guestwire_agent_lanes", ("waiting",), lambda: lanes.waiting),
        Reading("guestwire_agent_lanes", ("hung",), lambda: sum(1 for _ in lanes.hung())),
        Reading("guestwire_agent_journal_waiting", (), lambda: of.writer.waiting),
        Reading("guestwire_agent_outbox_waiting", (), lambda: of.outbox.waiting),
        Reading("guestwire_agent_notices_waiting", (), lambda: of.announcer.waiting_notices),
        Reading("guestwire_agent_notices_lost_total", (), lambda: of.announcer.lost_notices),
        Reading("guestwire_agent_broker_connected", (), lambda: of.announcer.brokered),
    ]
    if (link := of.link) is not None:
        rows.append(Reading("guestwire_agent_broker_connections_total", (), lambda: link.epoch, lasting=True))
    return (*rows, *(row for name in SPOOL_CLASSES for row in _of_class(of.spool, name, of.clock)))


def _of_class(spool: Spool, name: SpoolClass, clock: Callable[[], Now]) -> Sequence[Reading]:
    def lag_s() -> float:
        oldest_at = spool.stats(name).oldest_at
        return max(0.0, (clock().wall_ms - oldest_at) / 1000) if oldest_at else 0.0

    return (
        Reading("guestwire_agent_spool_bytes", (name,), lambda: spool.stats(name).room),
        Reading("guestwire_agent_spool_batches", (name,), lambda: spool.stats(name).held),
        Reading("guestwire_agent_spool_dropped_total", (name,), lambda: spool.stats(name).lost),
        Reading("guestwire_agent_spool_acknowledged_total", (name,), lambda: spool.stats(name).acknowledged),
        Reading("guestwire_agent_spool_lag_seconds", (name,), lag_s),
    )
