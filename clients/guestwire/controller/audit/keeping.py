"""Keeps the controller's audit log: signs now and then where it ends, and prunes what is older than it has to be kept.

What is pruned leaves a row that says so, with the hash that the next one follows: the chain can be checked as before.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from guestwire.controller.audit.checking import PRUNED
from guestwire.controller.audit.signed_ends import End, Signers, sign
from guestwire.controller.logs import Log
from guestwire.controller.store import audit_ends, audit_rows
from guestwire.controller.store.audit_ends import Begin
from guestwire.controller.store.audit_rows import AuditEntry, Wanted
from guestwire.controller.store.database import Database
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError

SIGN_EVERY_S: Final = 600.0
KEPT_ENDS: Final = 1_000
DAY_MS: Final = 86_400_000
STEP_MS: Final = 7 * DAY_MS
"""So much of the log at most goes at once: a clock that is years ahead for an hour costs a week of the oldest rows, and not all."""
AT_ONCE: Final = 50_000
"""Rows that one pruning takes away, at most; once a day, or at once again while there are more."""


class AuditKeeping(OwnTask):
    """`async with` it: leaving signs once more. `keep_days`: how long a row is kept at least."""

    def __init__(
        self,
        database: Database,
        signers: Signers,
        log: Log,
        clock_ms: Callable[[], int],
        *,
        keep_days: int,
        every_s: float = SIGN_EVERY_S,
        at_once: int = AT_ONCE,
    ) -> None:
        self._database = database
        self._signers = signers
        self._log = log
        self._clock_ms = clock_ms
        self._keep_ms = keep_days * DAY_MS
        self._every_s = every_s
        self._at_once = at_once
        self._more = False
        super().__init__("audit signing")

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        await self._guarded()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self._guarded()

    async def _guarded(self) -> None:
        try:
            await self.sign()
        except GuestwireError as err:
            self._log.warning("the end of the audit log is not signed", reason=err.code)

    async def sign(self) -> int | None:
        """Sign where the log ends now; that row's number. None: nothing came since, or there is no key. The log of the process
        gets it too: a witness that is not in the database."""
        signer = self._signers.signer()
        if signer is None:
            return None
        async with self._database.write() as tx:
            seq, digest = await audit_rows.head(tx)
            last = await audit_ends.newest(tx)
            if seq == 0 or (last is not None and last.seq >= seq):
                return None
            signed = sign(End(seq=seq, hash=digest), signer, self._clock_ms())
            await audit_ends.signed(tx, signed, KEPT_ENDS)
        self._log.info("audit log signed", row=seq, hash=digest.hex(), by=signer.principal)
        return seq

    async def prune(self) -> int:
        """Take away rows that are older than they have to be kept; how many. For whoever keeps the database small."""
        now_ms = self._clock_ms()
        async with self._database.write() as tx:
            begin = await audit_ends.begin(tx)
            if 0 <= now_ms - begin.at < DAY_MS and not self._more:
                return 0
            first = await audit_rows.oldest(tx, Wanted(), above=begin.seq, limit=1)
            if not first:
                return 0
            cutoff = min(now_ms - self._keep_ms, first[0].at + STEP_MS)
            last = await audit_rows.last_before(tx, cutoff, now_ms + DAY_MS)
            through = min(last, begin.seq + self._at_once)
            self._more = through < last
            digest = None if through <= begin.seq else await audit_rows.hash_of(tx, through)
            if digest is None:
                return 0
            detail = {"through": through, "hash": digest.hex(), "rows": through - begin.seq}
            await audit_rows.add(tx, AuditEntry(now_ms, None, PRUNED, "audit", detail=detail))
            await audit_rows.forget(tx, through)
            await audit_ends.begins(tx, Begin(through, digest, now_ms))
        return through - begin.seq
