"""Telemetry as it is now, from memory: which metrics and series there are, their newest values, the highest of them."""

from collections.abc import Callable, Sequence
from heapq import nlargest
from typing import Final

from guestwire.controller.host_ref import HostRef
from guestwire.controller.telemetry.grouping import Labels, labels_by, labels_of, together
from guestwire.controller.telemetry.query_models import Across, MetricName, SeriesShown, TopAnswer, TopRow
from guestwire.controller.telemetry.selectors import Selector, selector
from guestwire.controller.telemetry.series import KnownSeries, Series
from guestwire.controller.users.access import Access, Visibility
from guestwire.controller.users.person import Person
from guestwire.protocol.metrics import BY_NAME
from guestwire.protocol.steps import Now

STALE_MS: Final = 5 * 60_000
"""A series of which nothing came for so long has no value now; one of a host that is not there has none at once."""


class Current:
    """What there is of telemetry at this moment. `present`: whether a host is there; of one that is not nobody knows anything now."""

    def __init__(
        self, known: KnownSeries, access: Access, clock: Callable[[], Now], present: Callable[[HostRef], bool]
    ) -> None:
        self._known = known
        self._access = access
        self._clock = clock
        self._present = present

    def names(self, person: Person) -> list[MetricName]:
        """The metrics of which the person may see series, by name."""
        sees = self._access.visible(person)
        found = []
        for name in self._known.names():
            visible = (
                self._known.count(name) if sees.all else sum(sees.sees(one.host) for one in self._known.named(name))
            )
            if visible:
                found.append(self._name(name, visible))
        return found

    def series(self, person: Person, which: str, *, after: int | None, limit: int) -> list[SeriesShown]:
        """The series that a selector means, in the order of their numbers, with greater ones than `after`. Raises INVALID-BODY."""
        chosen = self._chosen(selector(which), self._access.visible(person))
        some = sorted((one for one in chosen if after is None or one.id > after), key=lambda one: one.id)
        return [self._shown(one) for one in some[:limit]]

    def top(
        self, person: Person, which: str, n: int, by: Sequence[str] | None = None, across: Across = "sum"
    ) -> TopAnswer:
        """The `n` highest of the series that a selector means: of gauges by their newest value, of counters by how fast they grow.
        `by`: those that agree in these labels become one first. Raises INVALID-BODY."""
        wanted = selector(which)
        chosen = [one for one in self._chosen(wanted, self._access.visible(person)) if self._fresh(one)]
        kind = chosen[0].kind if chosen else None
        if by is None:
            rows = [_row(labels_of(one), [one], across) for one in nlargest(n, chosen, key=_value)]
            return TopAnswer(name=wanted.name, kind=kind, rows=tuple(rows))
        groups: dict[Labels, list[Series]] = {}
        for one in chosen:
            groups.setdefault(labels_by(one, by), []).append(one)
        rows = [_row(labels, some, across) for labels, some in groups.items()]
        return TopAnswer(name=wanted.name, kind=kind, rows=tuple(nlargest(n, rows, key=lambda row: row.value)))

    def _chosen(self, which: Selector, sees: Visibility) -> list[Series]:
        return which.choose(one for one in self._known.named(which.name) if sees.sees(one.host))

    def _fresh(self, one: Series) -> bool:
        return one.time >= self._clock().wall_ms - STALE_MS and self._present(one.host)

    def _name(self, name: str, series: int) -> MetricName:
        known = BY_NAME.get(name)
        some = self._known.named(name)[0]
        return MetricName(
            name=name, kind=some.kind, unit=known.unit if known else "", summary=known.summary if known else "",
            labels=known.labels if known else tuple(some.labels), series=series,
        )  # fmt: skip

    def _shown(self, one: Series) -> SeriesShown:
        fresh = self._fresh(one)
        return SeriesShown(
            id=one.id, site=one.host.site, host=one.host.host, name=one.name, labels=dict(one.labels), kind=one.kind,
            time=one.time if fresh else None, value=one.value if fresh else None, began=one.began,
        )  # fmt: skip


def _value(one: Series) -> float:
    return one.rate if one.kind == "counter" else one.value


def _row(labels: Labels, some: Sequence[Series], across: Across) -> TopRow:
    value = together([_value(one) for one in some], across)
    return TopRow(labels=dict(labels), value=value, series=len(some), time=max(one.time for one in some))
