"""Looks again and again whether the conditions of rules hold, and ends alarms of events that are over by themselves.

One task for all rules. How long a condition holds is known here alone: after a start that is counted anew. Which alarms
are open is in the database.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from guestwire.controller.alarms.alarms import Alarms
from guestwire.controller.alarms.comparing import (
    Clear,
    Found,
    Lost,
    Raise,
    Reading,
    RuleStanding,
    Said,
    Subject,
    compare,
)
from guestwire.controller.alarms.rule import AlarmRule
from guestwire.controller.feed import Change
from guestwire.controller.host_ref import HostRef
from guestwire.controller.logs import Log
from guestwire.controller.store import alarms
from guestwire.controller.store.database import Database, Tx
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

LOOK_S: Final = 10.0
CONDITIONS: Final = ("metric", "presence", "connection")
"""What rules look at again and again; others hear of events."""
AT_ONCE: Final = 1000
"""Alarms that begin, end or are marked in one transaction."""


class Reads(Protocol):
    """A Readings."""

    async def hosts(self, selection: str) -> frozenset[HostRef]: ...

    def read(self, rule: AlarmRule, hosts: frozenset[HostRef]) -> Mapping[Subject, Reading]: ...


class AlarmWatching(OwnTask):
    """Works while its block lasts. `rules` gives those that are in force."""

    def __init__(
        self,
        database: Database,
        alarms: Alarms,
        rules: Callable[[], Mapping[str, AlarmRule]],
        readings: Reads,
        clock: Callable[[], Now],
        log: Log,
        look_s: float = LOOK_S,
    ) -> None:
        self._database = database
        self._alarms = alarms
        self._rules = rules
        self._readings = readings
        self._clock = clock
        self._log = log
        self._look_s = look_s
        self._standing: dict[str, tuple[AlarmRule, RuleStanding]] = {}
        self._wrong: set[str] = set()
        self._looking = asyncio.Lock()
        super().__init__("alarm-watching")

    async def look(self) -> None:
        """Look once. Raises DATABASE-UNAVAILABLE, DATABASE-FULL; what was not written then is found again."""
        rules = self._rules()
        for name in self._standing.keys() - rules.keys():
            del self._standing[name]
        selected: dict[str, frozenset[HostRef]] = {}
        async with self._looking:
            for name, rule in rules.items():
                if rule.enabled and rule.trigger.on in CONDITIONS:
                    await self._look_at(name, rule, selected)
        await self._alarms.clear_due()

    @asynccontextmanager
    async def forgetting(self, host: HostRef) -> AsyncIterator[Callable[[Tx], Awaitable[None]]]:
        """While a host is forgotten: gives what ends its alarms, which the transaction that forgets it calls. A block that ends well
        has committed; should the host be known anew, its alarms begin anew. What is being looked at is finished first, and nothing
        is looked at meanwhile: an alarm of a host that is gone would stay open."""
        over: list[Change] = []

        async def clear(tx: Tx) -> None:
            over.extend(await self._alarms.host_over(tx, host))

        async with self._looking:
            yield clear
            for _, standing in self._standing.values():
                standing.forget(host)
        self._alarms.publish(over)

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except GuestwireError as err:
                self._log.warning("alarms could not be looked after", code=err.code, reason=err.message)
            await asyncio.sleep(self._look_s)

    async def _look_at(self, name: str, rule: AlarmRule, selected: dict[str, frozenset[HostRef]]) -> None:
        """`selected`: what selections were worked out in this look, for the other rules that have the same."""
        try:
            if rule.hosts not in selected:
                selected[rule.hosts] = await self._readings.hosts(rule.hosts)
            readings = self._readings.read(rule, selected[rule.hosts])
        except GuestwireError as err:
            if err.kind.value not in ("INVALID", "NOT-FOUND"):
                raise
            if (
                name not in self._wrong
            ):  # a group was removed, say: the rule's people see it in the log, and its alarms stay
                self._wrong.add(name)
                self._log.warning("an alarm rule cannot be judged", rule=name, code=err.code, reason=err.message)
            return
        self._wrong.discard(name)
        standing = await self._standing_of(name, rule)
        said = compare(rule, standing, readings, self._clock().wall_ms)
        for begin in range(0, len(said), AT_ONCE):
            try:
                async with self._database.write() as tx:
                    changes = await self._written(tx, name, rule, said[begin : begin + AT_ONCE])
            except GuestwireError:
                del self._standing[name]  # begin anew from what is in the database
                raise
            self._alarms.publish(changes)

    async def _written(self, tx: Tx, name: str, rule: AlarmRule, said: Sequence[Said]) -> list[Change | None]:
        changes: list[Change | None] = []
        for one in said:
            match one:
                case Raise():
                    changes.append(await self._alarms.begin(tx, name, rule, one))
                case Clear(subject):
                    changes.append(await self._alarms.over(tx, name, subject))
        for kind in (Lost, Found):
            subjects = [one.subject for one in said if isinstance(one, kind)]
            changes += await self._alarms.source(tx, name, subjects, lost=kind is Lost)
        return changes

    async def _standing_of(self, name: str, rule: AlarmRule) -> RuleStanding:
        """How the rule stands; at first, and when it was changed, from the alarms that are open."""
        known = self._standing.get(name)
        if known is not None and known[0] == rule:
            return known[1]
        async with self._database.read() as tx:
            open_now = await alarms.every_open(tx, name)
        since = {Subject(one.host, one.part): one.since for one in open_now}
        lost = {Subject(one.host, one.part) for one in open_now if one.source_lost_at is not None}
        made = RuleStanding(since, set(since), lost)
        self._standing[name] = (rule, made)
        return made
