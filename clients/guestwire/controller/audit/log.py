"""The controller's own audit log, for those who may read it."""

from collections.abc import AsyncIterator, Callable
from typing import Final

from guestwire.controller.audit import checking
from guestwire.controller.audit.checking import Checked
from guestwire.controller.store import audit_rows
from guestwire.controller.store.audit_rows import AuditRow, Wanted
from guestwire.controller.store.database import Database
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.protocol.trust import Trust

PAGE: Final = 1000


class AuditLog:
    """The log to be read. Rows are written where things are done. `trust`: the trust document of a site, by which signed ends are
    checked; `page`: how many an export reads at a time."""

    def __init__(
        self, database: Database, access: Access, trust: Callable[[str], Trust | None], page: int = PAGE
    ) -> None:
        self._database = database
        self._access = access
        self._trust = trust
        self._page = page

    async def newest(self, person: Person, wanted: Wanted, *, below: int | None, limit: int) -> tuple[AuditRow, ...]:
        """Rows, the newest first. Raises DENIED."""
        self._access.require(person, "audit-read")
        async with self._database.read() as tx:
            return await audit_rows.newest(tx, wanted, below=below, limit=limit)

    def may_export(self, person: Person) -> None:
        """Raises DENIED: to be asked before an export has begun."""
        self._access.require(person, "audit-read")

    async def export(self, person: Person, wanted: Wanted) -> AsyncIterator[tuple[AuditRow, ...]]:
        """Every row that there is now, oldest first, page by page: each a short transaction. Raises DENIED."""
        self._access.require(person, "audit-read")
        async with self._database.read() as tx:
            last, _ = await audit_rows.head(tx)
        above = 0
        while True:
            async with self._database.read() as tx:
                page = await audit_rows.oldest(tx, wanted, above=above, limit=self._page)
            shown = tuple(row for row in page if row.seq <= last)
            if shown:
                yield shown
            if len(shown) < self._page:
                return
            above = shown[-1].seq

    async def check(self, person: Person) -> Checked:
        """Follow the chain of hashes through the whole log, and check what was signed of it. Raises DENIED."""
        self._access.require(person, "audit-read")
        async with self._database.read() as tx:
            return await checking.check(tx, self._trust)
