"""The collected audit logs of hosts, for those who may read them."""

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import host_audit
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_audit import HostLog, HostRow, Wanted
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError

READING = "audit-list"
"""The host's own operation: who may ask the host for its log may read it here."""


class HostLogs:
    """What was collected."""

    def __init__(self, database: Database, access: Access) -> None:
        self._database = database
        self._access = access

    async def logs(self, person: Person, ref: HostRef) -> tuple[HostLog, ...]:
        """Every log of a host, the newest first: one that lost its disk has another one. Raises DENIED."""
        self._access.require(person, READING, ref)
        async with self._database.read() as tx:
            return await host_audit.all_logs(tx, ref)

    async def newest(
        self, person: Person, ref: HostRef, log: bytes | None, wanted: Wanted, *, below: int | None, limit: int
    ) -> tuple[HostRow, ...]:
        """Rows of a host's log, the newest first. `log` None: the one that it writes now. Raises DENIED, NOT-FOUND for a log that is not
        here."""
        self._access.require(person, READING, ref)
        async with self._database.read() as tx:
            standing = await (host_audit.newest_log(tx, ref) if log is None else host_audit.one_log(tx, ref, log))
            if standing is None:
                if log is None:
                    return ()
                raise GuestwireError("NOT-FOUND", f"No log {log.hex()} of host {ref} was collected.")
            return await host_audit.newest(tx, ref, standing.log, wanted, below=below, limit=limit)
