"""Tells the audit log what was not believed of what came over the links: each thing once in a while, with how often."""

import asyncio
from collections.abc import Callable
from typing import Final

from guestwire.controller.links.tallies import Tallies
from guestwire.controller.links.uncut import uncut
from guestwire.controller.store import audit_rows
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

EVERY_S: Final = 10.0
AT_ONCE: Final = 100
"""Rows of one look; the rest is told the next time."""
ACTION: Final = "statement-refused"


class RefusalAudit(OwnTask):
    """`async with` it: leaving tells what is left. `on_trouble` hears why the database took nothing."""

    def __init__(
        self,
        database: Database,
        tallies: Tallies,
        clock: Callable[[], Now],
        on_trouble: Callable[[GuestwireError], None],
        every_s: float = EVERY_S,
    ) -> None:
        self._database = database
        self._tallies = tallies
        self._clock = clock
        self._on_trouble = on_trouble
        self._every_s = every_s
        super().__init__("refusal-audit")

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        await self.tell()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await uncut(self.tell())

    async def tell(self) -> None:
        """Write what was refused since the last time."""
        untold = self._tallies.take_untold()
        now, later = untold[:AT_ONCE], untold[AT_ONCE:]
        self._tallies.untold_again(later)
        if not now:
            return
        at = self._clock().wall_ms
        try:
            async with self._database.write() as tx:
                for refusal, count in now:
                    target = f"{refusal.site}/{refusal.host}" if refusal.host else refusal.site
                    detail = {"kind": refusal.kind, "count": count}
                    await audit_rows.add(tx, AuditEntry(at, None, ACTION, target, refusal.code, detail))
        except GuestwireError as err:
            self._tallies.untold_again(now)
            self._on_trouble(err)
