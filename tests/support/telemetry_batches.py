"""Batches as hosts send them, for the tests of who receives them, and a clock that stands still."""

from collections.abc import Mapping, Sequence

from guestwire.controller.host_ref import HostRef
from guestwire.controller.users.person import Binding, Person
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import ColumnRow, Gap, Kind, TelemetryBatch, offsets, values

LOG = bytes(range(16))
HOST = HostRef("plant", "press-1")
OTHER = HostRef("plant", "press-2")
LOAD = "guestwire_host_load"
FORKS = "guestwire_host_forks_total"
NOW_MS = 1_800_000_000_000
"""A whole number of hours."""
BATCH_BYTES = 200


class StillClock:
    """Says what it is told to; `mono` goes with it."""

    def __init__(self, wall_ms: int = NOW_MS) -> None:
        self.wall_ms = wall_ms

    def __call__(self) -> Now:
        return Now(self.wall_ms, self.wall_ms / 1000)


def column(text: str, points: Sequence[float | None], kind: Kind = "gauge", start: int = 0) -> ColumnRow:
    return (text, kind, start, "d", values("d", points))


def batch(
    seq: int,
    times: Sequence[int],
    gauges: Mapping[str, Sequence[float | None]],
    *,
    counters: Mapping[str, Sequence[float | None]] | None = None,
    start: int = 1,
    log: bytes = LOG,
    coarse_ms: int = 0,
) -> TelemetryBatch:
    """Counters count since `start`."""
    t0, dt = offsets(times)
    columns = tuple(column(text, points) for text, points in gauges.items())
    columns += tuple(column(text, points, "counter", start) for text, points in (counters or {}).items())
    return TelemetryBatch(log=log, seq=seq, tier="normal", t0=t0, dt=dt, columns=columns, coarse_ms=coarse_ms)


def gap(first: int, last: int, since: int, until: int, log: bytes = LOG) -> Gap:
    return Gap(log=log, spool_class="metric", first=first, last=last, since=since, until=until)


def person(*scopes: str) -> Person:
    """An observer of that."""
    bindings = tuple(Binding("observer", scope) for scope in scopes)
    return Person("p", "ada", bindings)
