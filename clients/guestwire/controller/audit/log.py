"""The controller's own audit log, for those who may read it."""

from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from guestwire.controller.store import audit_rows
from guestwire.controller.store.audit_rows import AuditRow, Wanted
from guestwire.controller.store.database import Database
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person

PAGE: Final = 1000


class Checked(NamedTuple):
    """What a check of the whole log found: how many rows there are, the hash of the last, and the first row that is not what it should
    be."""

    rows: int
    hash: bytes
    broken: int | None


class AuditLog:
    """The log to be read. Rows are written where things are done. `page`: how many an export reads at a time."""

    def __init__(self, database: Database, access: Access, page: int = PAGE) -> None:
        self._database = database
        self._access = access
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
        """Follow the chain of hashes through the whole log. Raises DENIED."""
        self._access.require(person, "audit-read")
        async with self._database.read() as tx:
            rows, last = await audit_rows.head(tx)
            return Checked(rows, last, await audit_rows.first_broken(tx))
