"""What a driver plugs into guests, from guestwire-comm (an Areas port)."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from guestwire.agent.services.ports import Plug
from guestwire.model.communication import CommDocument
from guestwire.model.errors import GuestwireError
from guestwire.model.network_names import bridge_name
from guestwire.protocol.comm_models import Mapped

if TYPE_CHECKING:
    from guestwire.comm.client import CommClient

MAPPED_WITHIN_S = 10.0


class CommAreas:
    """Guests are known to guestwire-comm by name, and to drivers by uuid."""

    def __init__(self, client: "CommClient") -> None:
        """Inside the event loop that `client` is used in."""
        self._client = client
        self._loop = asyncio.get_running_loop()

    async def wanted(self, uuid: str) -> Sequence[Plug]:
        """What the guest is to have; nothing for one that guestwire-comm does not know."""
        if (name := _name(await self._client.held(), uuid)) is None:
            return ()
        plugs = await self._client.plugs(name)
        return tuple(Plug(one.index, one.name, one.backing, one.writable, one.generation) for one in plugs.plugs)

    @asynccontextmanager
    async def opened(self, uuid: str, plug: Plug) -> AsyncIterator[int]:
        """The file of a plug's region while the block lasts."""
        name = _name(self._client.known, uuid) or _name(await self._client.held(), uuid)
        if name is None:
            raise GuestwireError("NOT-FOUND", f"guestwire-comm knows no guest {uuid}.", detail={"uuid": uuid})
        async with self._client.file(name, plug.index, writable=plug.writable) as file:
            yield file

    def mapped(self, uuid: str, file: int) -> Mapped | None:
        """How the guest's QEMU has the file of a descriptor mapped; None where nobody can tell. For threads of drivers."""
        asked = asyncio.run_coroutine_threadsafe(self._client.mapped(uuid, file), self._loop)
        try:
            return asked.result(MAPPED_WITHIN_S)
        except TimeoutError:
            asked.cancel()
        except GuestwireError:
            pass  # guestwire-comm went: who plugs hears of that otherwise
        return None

    def bridges(self) -> Mapping[str, str]:
        """The bridge of each network, as guestwire-comm was last known to have them."""
        known = self._client.known
        return {} if known is None else {network.name: bridge_name(network) for network in known.networks}


def _name(held: CommDocument | None, uuid: str) -> str | None:
    return None if held is None else next((guest.name for guest in held.guests if guest.uuid == uuid), None)
