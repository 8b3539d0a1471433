"""Makes alarms of events: of the notices of hosts, and of what the controller itself finds wrong with them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from guestwire.controller.alarms import events
from guestwire.controller.alarms.alarms import Alarms
from guestwire.controller.alarms.comparing import Raise, Subject
from guestwire.controller.alarms.rule import AlarmRule
from guestwire.controller.feed import Change
from guestwire.controller.host_ref import HostRef
from guestwire.controller.logs import Log
from guestwire.controller.notices.taking import Came
from guestwire.controller.store.database import FAILURES, Database, Tx
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now


class Noticing:
    """An Acts of the notices. A rule with a selection is judged by who is in it, which `members` says. A rule that cannot be
    judged makes no alarms, and is told to the log once."""

    def __init__(
        self,
        database: Database,
        alarms: Alarms,
        rules: Callable[[], Mapping[str, AlarmRule]],
        members: Callable[[Tx, str, HostRef], Awaitable[bool]],
        clock: Callable[[], Now],
        log: Log,
    ) -> None:
        self._database = database
        self._alarms = alarms
        self._rules = rules
        self._members = members
        self._clock = clock
        self._log = log
        self._wrong: set[str] = set()

    async def noticed(self, tx: Tx, came: Came) -> Iterable[Change]:
        """The alarms of a notice, in the transaction that keeps it."""
        host = came.host
        return await self._begin(tx, host, lambda rule: events.of_notice(rule, host, came.notice_class, came.notice))

    async def trouble(self, ref: HostRef, kind: str, text: str) -> None:
        """The alarms of what is wrong with a host. Raises DATABASE-UNAVAILABLE, DATABASE-FULL."""
        async with self._database.write() as tx:
            changes = await self._begin(tx, ref, lambda rule: events.of_trouble(rule, ref, kind, text))
        self._alarms.publish(changes)

    async def _begin(
        self, tx: Tx, host: HostRef, judged: Callable[[AlarmRule], tuple[Subject, str] | None]
    ) -> list[Change]:
        changes = []
        for name, rule in self._rules().items():
            found = judged(rule) if rule.enabled else None
            if found is not None and await self._means(tx, name, rule, host):
                subject, text = found
                said = Raise(subject, text, None, self._clock().wall_ms)
                changes.append(await self._alarms.begin(tx, name, rule, said))
        return changes

    async def _means(self, tx: Tx, name: str, rule: AlarmRule, host: HostRef) -> bool:
        if not rule.hosts:
            return True
        try:
            within = await self._members(tx, rule.hosts, host)
        except GuestwireError as err:
            if err.code in FAILURES:
                raise
            if name not in self._wrong:  # its selection names a group that cannot be worked out any more, say
                self._wrong.add(name)
                self._log.warning("an alarm rule cannot be judged", rule=name, code=err.code, reason=err.message)
            return False
        self._wrong.discard(name)
        return within
