"""Networks that cannot be made when the process begins: an uplink that comes later must not keep guests from their events, so
the services run, and the networks are tried again until they are there."""

import asyncio

from guestwire.comm.preparing import Networks
from guestwire.comm.troubles import Troubles
from guestwire.model.communication import CommDocument
from guestwire.model.errors import GuestwireError

AGAIN_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits between tries; the last one repeats."""


class LateNetworks:
    """`changing` is held while networks are made: another document may make others."""

    def __init__(self, networks: Networks, host: str, troubles: Troubles, changing: asyncio.Lock) -> None:
        self._networks = networks
        self._host = host
        self._troubles = troubles
        self._changing = changing
        self._wanted: CommDocument | None = None

    async def make(self, document: CommDocument) -> bool:
        """Whether those of the document are there. Again for none: those of a change that was cut off are taken away."""
        if not document.networks and not await self._networks.views():
            return True
        try:
            await self._networks.apply(document.networks, self._host)
        except GuestwireError as err:
            self._wanted = document
            self._troubles.arose("networks", err)
            return False
        self.over()
        return True

    def over(self) -> None:
        """They were made, or others were."""
        self._wanted = None
        self._troubles.over("networks")

    async def keep_trying(self) -> None:
        tries = 0
        while self._wanted is not None:
            await asyncio.sleep(AGAIN_S[min(tries, len(AGAIN_S) - 1)])
            tries += 1
            async with self._changing:
                if self._wanted is not None:
                    await self.make(self._wanted)
