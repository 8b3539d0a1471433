"""What a driver plugs into guests, from guestwire-comm (an Areas port)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from guestwire.agent.services.ports import Plug
from guestwire.comm.client import CommClient
from guestwire.model.communication import CommDocument
from guestwire.model.errors import GuestwireError
from guestwire.model.network_names import bridge_name


class CommAreas:
    """Guests are known to guestwire-comm by name, and to drivers by uuid."""

    def __init__(self, client: CommClient) -> None:
        self._client = client

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

    def bridges(self) -> Mapping[str, str]:
        """The bridge of each network, as guestwire-comm was last known to have them."""
        known = self._client.known
        return {} if known is None else {network.name: bridge_name(network) for network in known.networks}


def _name(held: CommDocument | None, uuid: str) -> str | None:
    return None if held is None else next((guest.name for guest in held.guests if guest.uuid == uuid), None)
