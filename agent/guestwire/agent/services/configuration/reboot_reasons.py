"""Why the host must be rebooted. There are two kinds of reasons: an apply that waits for a boot, and what the operating
system says (`HostFacts.boot_pending`).

Only the first keeps guests off (REBOOT-REQUIRED, SM 10): the host is not yet what its configuration says. An update that
waits for a boot is no reason to keep a plant's guests off.
"""

from collections.abc import Awaitable, Callable

from guestwire.agent.services.configuration.ports import Records
from guestwire.model.host import HostFacts, RebootRequired


class RebootReasons:
    """`facts` reads those of the host; `changed` is called when the operating system says something else than before."""

    def __init__(
        self, records: Records, facts: Callable[[], Awaitable[HostFacts]], changed: Callable[[], None]
    ) -> None:
        self._records = records
        self._facts = facts
        self._changed = changed
        self._boot_pending: tuple[str, ...] = ()

    def of_apply(self) -> RebootRequired:
        """What an apply waits for, alone: until the boot no guest starts."""
        return _required(self._of_apply())

    def last_known(self) -> RebootRequired:
        """Reasons of both kinds; those of the operating system as they were last read. Reads nothing."""
        return _required((*self._of_apply(), *self._boot_pending))

    async def read(self) -> RebootRequired:
        """Reasons of both kinds, as they are now. Raises what reading the facts raises."""
        return self.with_facts(await self._facts())

    def with_facts(self, facts: HostFacts) -> RebootRequired:
        """The same, from facts that were just read."""
        if facts.boot_pending != self._boot_pending:
            self._boot_pending = facts.boot_pending
            self._changed()
        return self.last_known()

    def _of_apply(self) -> tuple[str, ...]:
        change = self._records.under_way
        if change is None or change.phase != "reboot":
            return ()
        return (f"the apply of plan {change.plan_id[:8]} waits for a boot",)


def _required(reasons: tuple[str, ...]) -> RebootRequired:
    return RebootRequired(required=bool(reasons), reasons=reasons)
