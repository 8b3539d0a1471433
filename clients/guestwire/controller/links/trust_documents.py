"""Keeps the newest trust documents in the database, so that any controller begins with what another one knew: who was revoked is not
believed again by a process that was started elsewhere with an older file.

A document is believed as soon as its signature was checked, and written at once after that; while the database takes nothing it waits.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from guestwire.controller.links.uncut import uncut
from guestwire.controller.store import trust_documents as store
from guestwire.controller.store.database import Database
from guestwire.controller.store.trust_documents import TrustRow
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import Trust

AGAIN_S: Final = 2.0


class TrustKeeping(Protocol):
    """Where a connection finds newer documents than its file has, and leaves them."""

    async def of(self, site: str) -> Sequence[bytes]:
        """Documents of a site, whatever root they come from. Raises DATABASE-UNAVAILABLE."""
        ...

    def keep(self, trust: Trust) -> None:
        """This one was checked and is believed. Never blocks."""
        ...


class TrustDocuments(OwnTask):
    """`async with` it: leaving writes what waits. `on_trouble` hears why the database took nothing."""

    def __init__(
        self, database: Database, clock: Callable[[], Now], on_trouble: Callable[[GuestwireError], None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._on_trouble = on_trouble
        self._waiting: dict[tuple[str, str], Trust] = {}  # one for each site and root: the newest
        self._some = asyncio.Event()
        super().__init__("trust-documents")

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        await self._write()

    async def of(self, site: str) -> Sequence[bytes]:
        """See `TrustKeeping`. What waits to be written is there as well."""
        waiting = [trust.data for (of, _), trust in self._waiting.items() if of == site]
        async with self._database.read() as tx:
            return waiting + await store.of_site(tx, site)

    def keep(self, trust: Trust) -> None:
        """See `TrustKeeping`. A document that came from no file is nobody's to keep."""
        if not trust.roots:
            return
        key = (trust.site, trust.roots[0].hex())
        before = self._waiting.get(key)  # of another connection to that site
        if before is None or (len(trust.roots), trust.revision) > (len(before.roots), before.revision):
            self._waiting[key] = trust
            self._some.set()

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            if not await uncut(self._write()):
                await asyncio.sleep(AGAIN_S)
                self._some.set()

    async def _write(self) -> bool:
        """Write what waits; whether the database took all of it."""
        for key, trust in tuple(self._waiting.items()):
            rev, members = trust.revision
            row = TrustRow(*key, len(trust.roots), rev, members, trust.data, self._clock().wall_ms)
            try:
                async with self._database.write() as tx:
                    await store.keep(tx, row)
            except GuestwireError as err:
                self._on_trouble(err)
                return False
            if self._waiting.get(key) is trust:
                del self._waiting[key]
        return True
