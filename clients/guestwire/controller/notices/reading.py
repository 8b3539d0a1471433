"""Notices as people deal with them: look at them, export them, clear them."""

from collections.abc import AsyncIterator, Callable

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import audit_rows, notices
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database
from guestwire.controller.store.notices import NoticeFilter, NoticeRow
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.protocol.steps import Now

AT_ONCE = 1000


class Notices:
    """What hosts have said by themselves."""

    def __init__(self, database: Database, access: Access, clock: Callable[[], Now]) -> None:
        self._database = database
        self._access = access
        self._clock = clock

    async def page(self, person: Person, wanted: NoticeFilter, before: int | None, limit: int) -> list[NoticeRow]:
        """Notices of hosts that the person may see, the newest first."""
        visible = self._access.visible(person)
        if visible.nothing:
            return []
        async with self._database.read() as tx:
            return await notices.page(tx, wanted, visible, before, limit)

    async def export(self, person: Person, wanted: NoticeFilter) -> AsyncIterator[NoticeRow]:
        """All of them, the newest first. What comes meanwhile is not among them."""
        before: int | None = None
        while rows := await self.page(person, wanted, before, AT_ONCE):
            for row in rows:
                yield row
            before = rows[-1].id

    async def clear(self, person: Person, host: HostRef) -> int:
        """Forget what a host has said until now; how much. Raises DENIED."""
        self._access.require(person, "message-clear", host)
        async with self._database.write() as tx:
            gone = await notices.forget(tx, host)
            entry = AuditEntry(self._clock().wall_ms, person, "message-clear", host, detail={"notices": gone})
            await audit_rows.add(tx, entry)
        return gone
