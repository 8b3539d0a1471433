"""What rules about conditions read: the newest values of series, whether hosts are there, how the controller's connections fare."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from guestwire.controller.alarms.comparing import Reading, Subject
from guestwire.controller.alarms.rule import AlarmRule, MetricTrigger, PresenceTrigger, Trigger
from guestwire.controller.fleet.membership import Membership
from guestwire.controller.fleet.standing import NOT_THERE
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Reach
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_queries import refs
from guestwire.controller.telemetry.now import STALE_MS
from guestwire.controller.telemetry.selectors import selector
from guestwire.controller.telemetry.series import KnownSeries, Series
from guestwire.protocol.steps import Now

UNSURE: Final = frozenset({"suspect", "unknown"})
"""States in which a host may be there, or not: they are readings for those rules alone that name them."""


class Connected(NamedTuple):
    """How a connection of the controller fares. `state`: `up`, else how it is not; `why`: the last that went wrong, or nothing."""

    name: str
    reach: Reach
    state: str
    why: str


class Presences(Protocol):
    """Whether hosts are there: the fleet's registry."""

    def state(self, ref: HostRef) -> str: ...


class Readings:
    """Reads for one rule at a time."""

    def __init__(
        self,
        database: Database,
        membership: Membership,
        presences: Presences,
        known: KnownSeries,
        connections: Callable[[], Iterable[Connected]],
        clock: Callable[[], Now],
    ) -> None:
        self._database = database
        self._membership = membership
        self._presences = presences
        self._known = known
        self._connections = connections
        self._clock = clock

    async def hosts(self, selection: str) -> frozenset[HostRef]:
        """The hosts of a selection. Raises SELECTION-INVALID, NOT-FOUND for a group that is gone, DATABASE-UNAVAILABLE."""
        expanded = self._membership.expanded(selection)
        async with self._database.read() as tx:
            return frozenset(await refs(tx, expanded, self._clock().wall_ms))

    def read(self, rule: AlarmRule, hosts: Iterable[HostRef]) -> Mapping[Subject, Reading]:
        """What there is of these hosts, which are those of the rule; of an event nothing. Raises INVALID-BODY for a selector that is
        none."""
        match rule.trigger:
            case PresenceTrigger():
                found = {host: self._presences.state(host) for host in hosts}
                silent = UNSURE.difference(rule.trigger.states)
                return {Subject(host): Reading(state) for host, state in found.items() if state not in silent}
            case MetricTrigger():
                return self._series(rule.trigger, frozenset(hosts))
            case trigger if trigger.on == "connection":
                return self._connected(frozenset(hosts) if rule.hosts else None)
        return {}

    def _connected(self, hosts: frozenset[HostRef] | None) -> dict[Subject, Reading]:
        """`hosts` None: every connection, to sites too of which no host is known."""
        sites = {host.site for host in hosts or ()}
        found = {}
        for one in self._connections():
            ref = one.reach.ref
            if hosts is None or (one.reach.site in sites if ref is None else ref in hosts):
                labels = {"connection": one.name, "site": one.reach.site, "text": one.why or one.state}
                found[Subject(ref or HostRef(one.reach.site, ""), one.name)] = Reading(one.state, labels)
        return found

    def _series(self, trigger: MetricTrigger, hosts: frozenset[HostRef]) -> dict[Subject, Reading]:
        wanted = selector(trigger.series)
        fresh = self._clock().wall_ms - STALE_MS
        # of a host that is not there nobody knows anything: its last values raise no alarm, and end none
        there = {host for host in hosts if self._presences.state(host) not in NOT_THERE}
        some = (one for one in self._known.named(wanted.name) if one.host in there and one.time >= fresh)
        chosen = wanted.choose(some)
        values = {one.id: one.rate if trigger.rate else one.value for one in chosen}
        if trigger.over is not None:
            values = self._divided(chosen, values, trigger.over)
        return {
            Subject(one.host, one.text[:200]): Reading(values[one.id], one.labels) for one in chosen if one.id in values
        }

    def _divided(self, chosen: Sequence[Series], values: Mapping[int, float], over: str) -> dict[int, float]:
        """What cannot be divided is left out: by nothing, or by a series that is not there."""
        found = {}
        for one in chosen:
            other = self._known.hosts[one.host].by_text.get(over + one.text[len(one.name) :])
            if other is not None and other.time and other.value:
                found[one.id] = values[one.id] / other.value
        return found


def check(trigger: Trigger) -> None:
    """Raises INVALID-BODY for a selector of series that is none."""
    if isinstance(trigger, MetricTrigger):
        selector(trigger.series)
