"""What the parts of the controller find wrong with hosts, on its way to the rules: told without waiting, and made alarms of one
after the other.
"""

import asyncio
from collections import deque
from typing import Any, Final

from guestwire.controller.alarms.noticing import Noticing
from guestwire.controller.audit.following import Trouble as AuditTrouble
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import FAILURES
from guestwire.controller.telemetry.troubles import Trouble
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError

WAITING: Final = 1000
"""Troubles that wait while the database takes nothing; beyond that the oldest are dropped: they are told again."""
AGAIN_S: Final = 5.0


class TroubleTelling(OwnTask):
    """Works while its block lasts."""

    def __init__(self, noticing: Noticing, log: Any) -> None:
        self._noticing = noticing
        self._log = log
        self._waiting: deque[tuple[HostRef, str, str]] = deque(maxlen=WAITING)
        self._some = asyncio.Event()
        super().__init__("troubles")

    def telemetry(self, trouble: Trouble) -> None:
        """Of the telemetry of a host."""
        self._put(trouble.ref, trouble.kind, trouble.text)

    async def trouble(self, ref: HostRef, trouble: AuditTrouble) -> None:
        """Of the audit log of a host."""
        self._put(ref, "audit-log", trouble.text)

    def _put(self, ref: HostRef, kind: str, text: str) -> None:
        self._log.warning("something is wrong with a host", host=str(ref), kind=kind, text=text)
        self._waiting.append((ref, kind, text))
        self._some.set()

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                one = self._waiting.popleft()
                while True:
                    try:
                        await self._noticing.trouble(*one)
                    except GuestwireError as err:
                        if err.code not in FAILURES:  # a defect, which no waiting mends
                            raise
                        await asyncio.sleep(AGAIN_S)
                    else:
                        break
