"""What a driver plugs into guests, from guestwire-comm (an Areas port)."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from guestwire.agent.services.ports import GuestComm, Plug
from guestwire.comm.client import CommClient
from guestwire.model.errors import GuestwireError
from guestwire.model.network_names import bridge_name


class CommAreas:
    """Guests are known to guestwire-comm by name, and to drivers by uuid."""

    def __init__(self, client: CommClient) -> None:
        self._client = client

    async def wanted(self, uuid: str) -> GuestComm:
        """What the guest is to have; nothing for one that guestwire-comm does not know."""
        if (name := await self._name(uuid)) is None:
            return GuestComm((), "", "")
        plugs = await self._client.plugs(name)
        return GuestComm(
            tuple(Plug(one.index, one.name, one.backing, one.writable, one.generation) for one in plugs.plugs),
            plugs.doorbell,
            plugs.channel,
        )

    @asynccontextmanager
    async def opened(self, uuid: str, plug: Plug) -> AsyncIterator[int]:
        """The file of a plug's region while the block lasts."""
        if (name := await self._name(uuid)) is None:
            raise GuestwireError("NOT-FOUND", f"guestwire-comm knows no guest {uuid}.", detail={"uuid": uuid})
        async with self._client.file(name, plug.index, writable=plug.writable) as file:
            yield file

    def bridges(self) -> Mapping[str, str]:
        """The bridge of each network, as guestwire-comm was last known to have them."""
        known = self._client.known
        return {} if known is None else {network.name: bridge_name(network) for network in known.networks}

    async def _name(self, uuid: str) -> str | None:
        held = await self._client.held()
        return None if held is None else next((guest.name for guest in held.guests if guest.uuid == uuid), None)
