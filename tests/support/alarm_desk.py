"""Alarms for tests: the real services over a real database, readings as the test says, a clock that it moves."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from api_world import MovedClock, SaidLog

from guestwire.controller.alarms.alarms import Alarms
from guestwire.controller.alarms.comparing import Reading, Subject
from guestwire.controller.alarms.noticing import Noticing
from guestwire.controller.alarms.rule import AlarmRule
from guestwire.controller.alarms.rules import AlarmRules
from guestwire.controller.alarms.watching import AlarmWatching
from guestwire.controller.feed import Feed, Subscriber
from guestwire.controller.fleet.membership import Membership
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.alarms import AlarmFilter, AlarmRow
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Binding, Person
from guestwire.model.errors import GuestwireError

H1, H2 = HostRef("plant", "h1"), HostRef("plant", "h2")
WHOLE = HostRef("plant", "")
ADMIN = Person("u-ada", "ada", (Binding("admin", "*"),))
OPERATOR = Person("u-olaf", "olaf", (Binding("operator", "host:plant/h1"),))
OBSERVER = Person("u-olga", "olga", (Binding("observer", "*"),))


class Told:
    """Readings as the test gives them; a selection is a host's name, or empty for all."""

    def __init__(self) -> None:
        self.now: dict[str, dict[Subject, Reading]] = {}
        self.broken: GuestwireError | None = None

    async def hosts(self, selection: str) -> frozenset[HostRef]:
        if self.broken is not None:
            raise self.broken
        return frozenset({H1, H2}) if not selection else frozenset({HostRef("plant", selection.removeprefix("host="))})

    def read(self, rule: AlarmRule, hosts: frozenset[HostRef]) -> Mapping[Subject, Reading]:
        return {about: one for about, one in self.now.get(rule.trigger.on, {}).items() if about.host in (*hosts, WHOLE)}


@dataclass
class AlarmDesk:
    database: Database
    alarms: Alarms
    rules: AlarmRules
    noticing: Noticing
    watching: AlarmWatching
    readings: Told
    clock: MovedClock
    log: SaidLog
    feed: Feed
    seen: Subscriber
    woken: list[None] = field(default_factory=list)

    async def all(self, person: Person = ADMIN, **wanted: object) -> list[AlarmRow]:
        return await self.alarms.page(person, AlarmFilter(**wanted), None, 100)  # type: ignore[arg-type]

    async def looked_again(self) -> AlarmWatching:
        """A watching that begins anew, as after a start of the controller."""
        return AlarmWatching(self.database, self.alarms, self.rules.in_force, self.readings, self.clock, self.log)


@asynccontextmanager
async def alarm_desk(database: Database) -> AsyncIterator[AlarmDesk]:
    clock, log, feed, woken = MovedClock(), SaidLog(), Feed(), []
    membership = Membership(database, clock, lambda err: None)
    access = Access(membership)
    alarms = Alarms(database, access, feed, clock, lambda: woken.append(None))
    rules = AlarmRules(database, alarms, membership, access, feed, clock)
    await rules.load()
    readings = Told()

    async def selected(_tx: Tx, selection: str, host: HostRef) -> bool:
        membership.expanded(selection)
        return selection == f"host={host.host}"

    noticing = Noticing(database, alarms, rules.in_force, selected, clock, log)
    watching = AlarmWatching(database, alarms, rules.in_force, readings, clock, log)
    with feed.subscribe() as seen:
        yield AlarmDesk(database, alarms, rules, noticing, watching, readings, clock, log, feed, seen, woken)
