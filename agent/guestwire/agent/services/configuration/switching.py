"""Guests on and off for an apply: the Power port of configuration over the guest service."""

from collections.abc import Mapping

from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.ports import ON
from guestwire.agent.services.work import OwnWork
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest

ASK_AGAIN_S = 5


class Switching:
    """Whoever calls it holds the lanes of the guests."""

    def __init__(self, guests: GuestService) -> None:
        self._guests = guests

    def running(self) -> frozenset[str]:
        return frozenset(row.uuid for row in self._guests.table.rows() if row.observed.state in ON)

    def known(self) -> Mapping[str, Guest]:
        return {row.uuid: row.guest for row in self._guests.table.rows()}

    def of_others(self) -> frozenset[str]:
        return frozenset(row.uuid for row in self._guests.table.rows() if row.observed.of_other)

    async def on(self, uuid: str) -> None:
        row = self._guests.table.by_uuid(uuid)
        if row is None:
            raise GuestwireError("NOT-FOUND", f"There is no guest {uuid}.")
        await self._guests.turn_on(OwnWork(), row, "running")

    async def off(self, uuid: str, within_s: float, *, force: bool = False) -> None:
        row = self._guests.table.by_uuid(uuid)
        if row is None or uuid not in self.running():
            return
        work = OwnWork()
        try:
            await self._guests.turn_off(work, row, "default", round(within_s), ASK_AGAIN_S)
        except GuestwireError as err:
            if not force or err.code not in ("SHUTDOWN-TIMEOUT", "WRONG-STATE"):
                raise
            await self._guests.cut_power(work, row)

    async def settled(self, uuid: str) -> None:
        await self._guests.settled(uuid)

    async def connected(self, patience_s: float) -> bool:
        return await self._guests.connected_within(patience_s)
