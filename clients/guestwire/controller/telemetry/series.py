"""The series that are known: by number, by host and text, by name. In memory, made from the database at the start.

Which of them a question means is `selectors`' matter, and how new ones get into the database `registering`'s.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.series_rows import SeriesRow
from guestwire.controller.store.telemetry_hosts import HostRow
from guestwire.controller.telemetry.host_clock import HostClock
from guestwire.protocol.metrics import parse_series
from guestwire.protocol.telemetry import Kind, Tier

DAY_MS: Final = 86_400_000
NEVER: Final = 0


@dataclass(slots=True)
class Series:
    """`labels`: without site and host, in the order of the text. `time` and `value` are of the newest sample, `rate` is how fast
    a counter grew between the newest two, per second; NEVER: there was none since the start. `began`: since when a counter counts,
    Unix ms. `seen_day`: the last day on which a sample came."""

    id: int
    host: HostRef
    text: str
    name: str
    labels: Mapping[str, str]
    kind: Kind
    seen_day: int
    time: int = NEVER
    value: float = 0.0
    rate: float = 0.0
    began: int = 0

    def label(self, name: str) -> str:
        """The value of a label, site and host among them; empty: it has none of that name."""
        if name == "host":
            return self.host.host
        if name == "site":
            return self.host.site
        return self.labels.get(name, "")


class Pace(NamedTuple):
    """What came last of a tier of a host as it was measured: the time of its newest samples by the host's clock (`time`), when they
    came by ours (`at`), and how long after those before they were taken. All in ms."""

    time: int
    at: int
    every_ms: int = 0

    def followed(self, time: int, at: int) -> "Pace":
        """By samples of `time` that came at `at`. Those of one moment may come in several batches."""
        return Pace(time, at, time - self.time if time > self.time else self.every_ms)


@dataclass(slots=True)
class HostSeries:
    """What is known of one host. `id`: its number. `stored_ms`: its newest time as the database has it. `paces`: by tier, of
    what it sent since the start of the controller."""

    id: int
    ref: HostRef
    clock: HostClock = field(default_factory=HostClock)
    offset_at: int = 0
    refused_series: int = 0
    stored_ms: int = 0
    paces: dict[Tier, Pace] = field(default_factory=dict)
    by_text: dict[str, Series] = field(default_factory=dict)

    def row(self) -> HostRow:
        clock = self.clock
        return HostRow(self.id, self.ref, clock.offset_ms, self.offset_at, clock.newest_ms, self.refused_series)


class KnownSeries:
    """All of them. Texts and labels that many hosts have are there once."""

    def __init__(self) -> None:
        self.hosts: dict[HostRef, HostSeries] = {}
        self.by_id: dict[int, Series] = {}
        self._host_by_id: dict[int, HostSeries] = {}
        self._by_name: dict[str, dict[int, Series]] = {}
        self._parsed: dict[str, tuple[str, str, Mapping[str, str]]] = {}
        self._uses: dict[str, int] = {}

    def put_host(self, row: HostRow) -> HostSeries:
        """A host that is in the database."""
        made = HostSeries(
            row.id, row.ref, HostClock(row.offset_ms, row.newest_ms), row.offset_at, row.refused_series, row.newest_ms
        )
        self.hosts[row.ref] = self._host_by_id[row.id] = made
        return made

    def host_of(self, host_id: int) -> HostSeries | None:
        """The host with that number."""
        return self._host_by_id.get(host_id)

    def put(self, row: SeriesRow) -> Series:
        """A series that is in the database."""
        host = self._host_by_id[row.host]
        text, name, labels = self._parse(row.text)
        made = Series(row.id, host.ref, text, name, labels, row.kind, row.seen_day)
        host.by_text[text] = self.by_id[row.id] = made
        self._by_name.setdefault(name, {})[row.id] = made
        self._uses[text] = self._uses.get(text, 0) + 1
        return made

    def remove(self, series: Series) -> None:
        """A series that is not in the database any more."""
        del self.by_id[series.id]
        del self.hosts[series.host].by_text[series.text]
        named = self._by_name[series.name]
        del named[series.id]
        if not named:
            del self._by_name[series.name]
        self._uses[series.text] -= 1
        if not self._uses[series.text]:
            del self._uses[series.text], self._parsed[series.text]

    def has(self, text: str) -> bool:
        """Whether any host has a series of that text."""
        return text in self._uses

    def names(self) -> Iterator[str]:
        return iter(sorted(self._by_name))

    def named(self, name: str) -> Sequence[Series]:
        """The series of a metric."""
        return tuple(self._by_name.get(name, {}).values())

    def count(self, name: str) -> int:
        """How many series a metric has."""
        return len(self._by_name.get(name, ()))

    def _parse(self, text: str) -> tuple[str, str, Mapping[str, str]]:
        found = self._parsed.get(text)
        if found is None:
            name, labels = parse_series(text)
            found = self._parsed[text] = (text, name, labels)
        return found


def day_of(time_ms: int) -> int:
    """Days since 1970."""
    return time_ms // DAY_MS
