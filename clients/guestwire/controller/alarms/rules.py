"""The alarm rules that there are: those that came with the controller, and those that people made."""

from collections.abc import Callable, Mapping

from guestwire.controller.alarms import readings
from guestwire.controller.alarms.alarms import Alarms
from guestwire.controller.alarms.rule import AlarmRule
from guestwire.controller.alarms.shipped_rules import SHIPPED
from guestwire.controller.alarms.views import rule_shown
from guestwire.controller.feed import Change, Feed
from guestwire.controller.fleet.membership import Membership
from guestwire.controller.store import alarm_rules, audit_rows
from guestwire.controller.store.alarm_rules import RuleRow
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

MOST = 500


class AlarmRules:
    """`load` it before it is used. `in_force` has the rules by name, as they are now."""

    def __init__(
        self,
        database: Database,
        alarms: Alarms,
        membership: Membership,
        access: Access,
        feed: Feed,
        clock: Callable[[], Now],
    ) -> None:
        self._database = database
        self._alarms = alarms
        self._membership = membership
        self._access = access
        self._feed = feed
        self._clock = clock
        self._rules: dict[str, AlarmRule] = {}

    def in_force(self) -> Mapping[str, AlarmRule]:
        return self._rules

    async def load(self) -> None:
        """Read the rules; those that came with the controller and were never given are added."""
        now_ms = self._clock().wall_ms
        async with self._database.write() as tx:
            for name, rule in SHIPPED.items():
                if await alarm_rules.give(tx, name) and await alarm_rules.one(tx, name) is None:
                    await alarm_rules.put(tx, RuleRow(name, rule, 1, now_ms, ""))
            rows = await alarm_rules.every(tx)
        self._rules = {row.name: row.rule for row in rows}

    async def page(self, person: Person, after: str, limit: int) -> list[RuleRow]:
        """Rules by name, those after `after`."""
        self._access.require(person, "read")
        async with self._database.read() as tx:
            return [row for row in await alarm_rules.every(tx) if row.name > after][:limit]

    async def show(self, person: Person, name: str) -> RuleRow:
        """One rule. Raises NOT-FOUND."""
        self._access.require(person, "read")
        async with self._database.read() as tx:
            return _found(await alarm_rules.one(tx, name), name)

    async def put(self, person: Person, name: str, rule: AlarmRule, revision: int | None) -> RuleRow:
        """Change a rule, or with `revision` None make one. Raises DENIED, EXISTS, NOT-FOUND, REVISION-STALE, INVALID-BODY for a
        selector, SELECTION-INVALID."""
        self._access.require(person, "rule-set")
        readings.check(rule.trigger)
        self._membership.expanded(rule.hosts)
        now_ms = self._clock().wall_ms
        changes: list[Change] = []
        async with self._database.write() as tx:
            known = await alarm_rules.one(tx, name)
            if revision is None and known is not None:
                raise GuestwireError("EXISTS", f"There is a rule {name} already.")
            if revision is not None and _found(known, name).revision != revision:
                raise GuestwireError("REVISION-STALE", detail={"revision": _found(known, name).revision})
            if known is None and len(self._rules) >= MOST:
                raise GuestwireError("INVALID-BODY", f"There are {MOST} rules, which is the most: remove one first.")
            row = RuleRow(name, rule, 1 if known is None else known.revision + 1, now_ms, person.name)
            await alarm_rules.put(tx, row)
            if known is not None and (known.rule.trigger != rule.trigger or not rule.enabled):
                changes = await self._alarms.all_over(tx, name)
            await audit_rows.add(tx, AuditEntry(now_ms, person, "rule-set", name, detail=rule.model_dump(mode="json")))
        self._rules = {**self._rules, name: rule}
        self._alarms.publish(changes)
        self._feed.publish(Change("rule", name, rule_shown(row).model_dump(mode="json")))
        return row

    async def remove(self, person: Person, name: str, revision: int) -> None:
        """Remove a rule; its open alarms are over. Raises DENIED, NOT-FOUND, REVISION-STALE."""
        self._access.require(person, "rule-set")
        now_ms = self._clock().wall_ms
        async with self._database.write() as tx:
            known = _found(await alarm_rules.one(tx, name), name)
            if known.revision != revision:
                raise GuestwireError("REVISION-STALE", detail={"revision": known.revision})
            await alarm_rules.remove(tx, name)
            changes = await self._alarms.all_over(tx, name)
            await audit_rows.add(tx, AuditEntry(now_ms, person, "rule-set", name, detail={"removed": True}))
        self._rules = {other: rule for other, rule in self._rules.items() if other != name}
        self._alarms.publish(changes)
        self._feed.publish(Change("rule", name, None))


def _found(row: RuleRow | None, name: str) -> RuleRow:
    if row is None:
        raise GuestwireError("NOT-FOUND", f"There is no alarm rule {name}.")
    return row
