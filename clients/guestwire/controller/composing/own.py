"""What the controller's parts count, for /metrics."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from guestwire.controller.composing.base import VERSION, Base
from guestwire.controller.composing.hosts import HostSide
from guestwire.controller.composing.work import JobSide
from guestwire.controller.fleet import exposed_states
from guestwire.controller.jobs.states import UNFINISHED
from guestwire.controller.own_metrics import Own, OwnMetrics
from guestwire.controller.telemetry import exposition
from guestwire.controller.text_format import Pieces, Which


def own_metrics(base: Base, side: HostSide, work: JobSide) -> OwnMetrics:
    """How the controller itself does."""

    def about() -> Iterable[Own]:
        yield Own("info", "gauge", "The version of the controller.", ("version", "name", "database"), {
            (VERSION, base.settings.controller.name, base.database.dialect): 1.0
        })  # fmt: skip

    def hosts() -> Iterable[Own]:
        states: Counter[tuple[str, ...]] = Counter()
        for known in side.core.registry:
            states[known.ref.site, known.state, known.approval] += 1
        yield Own("hosts", "gauge", "Hosts by site, state and approval.", ("site", "state", "approval"), states)
        links = Counter[tuple[str, ...]]((one.connection.name, one.state) for one in side.links)
        yield Own("links", "gauge", "Connections by state.", ("connection", "state"), links)
        for name, counts, summary in (
            ("statements_heard_total", side.tallies.heard, "Statements that were believed."),
            ("statements_refused_total", side.tallies.refused, "Messages that were not believed, by code."),
            ("statements_dropped_total", side.tallies.dropped, "Statements that nobody had room for."),
        ):
            label = "code" if "refused" in name else "kind"
            yield Own(name, "counter", summary, (label,), {(key,): count for key, count in counts.items()})

    def telemetry() -> Iterable[Own]:
        ingest, acknowledging = side.telemetry.ingest, side.telemetry.acknowledging
        for name, value, summary in (
            ("telemetry_batches_total", ingest.counts.batches, "Batches that were stored."),
            ("telemetry_samples_total", ingest.counts.samples, "Samples that were stored."),
            ("telemetry_batches_again_total", ingest.counts.again, "Batches that were there already."),
            ("telemetry_gaps_total", ingest.counts.gaps, "Gaps that hosts have told."),
            ("telemetry_refused_total", ingest.refused, "Batches for which there was no room."),
            ("telemetry_dropped_total", ingest.dropped, "Batches that could not be stored, through a defect."),
            ("telemetry_commits_total", ingest.commits, "Transactions of telemetry."),
            ("telemetry_acknowledged_total", acknowledging.told, "Acknowledgements that hosts took."),
        ):
            yield Own(name, "counter", summary, (), {(): value})
        yield Own("telemetry_waiting_bytes", "gauge", "What waits to be stored.", (), {(): ingest.waiting_bytes})
        yield Own("telemetry_series", "gauge", "Series that are known.", (), {(): len(side.telemetry.known.by_id)})
        stored = 1.0 if ingest.failure is None else 0.0
        yield Own("telemetry_storing", "gauge", "Whether the database takes telemetry.", (), {(): stored})

    def jobs() -> Iterable[Own]:
        states = Counter[tuple[str, ...]](dict.fromkeys(((state,) for state in sorted(UNFINISHED)), 0))
        states.update((job.state,) for job in work.ledger.all())
        yield Own("jobs", "gauge", "Jobs that have not ended, by state.", ("state",), states)

    return OwnMetrics((about, hosts, telemetry, jobs))


def told_of_hosts(base: Base, side: HostSide) -> Sequence[Pieces]:
    """How hosts do: whether they are there, and what they measured."""
    registry = side.core.registry

    def states(which: Which) -> Iterator[str]:
        return exposed_states.pieces(registry, which)

    def series(which: Which) -> Iterator[str]:
        return exposition.pieces(side.telemetry.known, registry.present, base.clock().wall_ms, which)

    return states, series
