"""Reads what a host has, by host-show, guest-list and host-topology. When that is due, `errands` knows; `inventory_keeping` keeps it."""

from collections.abc import Callable

from guestwire.controller.fleet import inventory_document as made
from guestwire.controller.fleet.inventory_document import InventoryDocument
from guestwire.controller.fleet.inventory_keeping import InventoryKeeping, Reading
from guestwire.controller.fleet.people import said_of
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.asking import ask
from guestwire.controller.links.ports import HostCalls
from guestwire.controller.store import hosts
from guestwire.controller.store.database import Tx
from guestwire.controller.store.host_tables import HostRow
from guestwire.model.errors import GuestwireError
from guestwire.model.topology import Topology
from guestwire.protocol.config_models import HostTopology
from guestwire.protocol.operation_models import Empty, GuestList, HostShow
from guestwire.protocol.packing import unpack
from guestwire.protocol.steps import Now


class Inventory:
    """Of a host that nobody approved only host-show is asked, which tells who it is. `approved`: whether somebody did."""

    def __init__(
        self,
        calls: HostCalls,
        keeping: InventoryKeeping,
        approved: Callable[[HostRef], bool],
        clock: Callable[[], Now],
    ) -> None:
        self._calls = calls
        self._keeping = keeping
        self._approved = approved
        self._clock = clock

    async def read(self, ref: HostRef) -> InventoryDocument:
        """Read it now as a whole and keep it. Raises the host's errors, HOST-UNREACHABLE, UNSIGNED-RESPONSE, MISADDRESSED where it
        says that it is another one, NOT-FOUND where it is not known."""
        return await self.renew(ref, whole=True)

    async def renew(self, ref: HostRef, *, whole: bool = False) -> InventoryDocument:
        """The same, without the topology where its fingerprint is the same as before; `whole`: with it."""
        host = (await ask(self._calls, ref, "host-show", Empty(), HostShow)).host
        if (host.site, host.id) != ref:
            raise GuestwireError("MISADDRESSED", f"{ref} says that it is {host.site}/{host.id}.")
        document = InventoryDocument(read_at=self._clock().wall_ms, host=host)
        if not self._approved(ref):
            await self._keeping.keep(ref, Reading(document))
            return document
        guests = (await ask(self._calls, ref, "guest-list", Empty(), GuestList)).guests
        document = document.model_copy(update={"guests": guests})
        if whole or not await self._keeping.keep(ref, Reading(document, let_in=True)):  # another machine than before
            topology = (await ask(self._calls, ref, "host-topology", Empty(), HostTopology)).topology
            document = document.model_copy(update={"topology": topology})
            await self._keeping.keep(ref, Reading(document, let_in=True))
        return document


async def stored(tx: Tx, ref: HostRef) -> InventoryDocument | None:
    """What was read last, if something was. Raises DATABASE-DAMAGED."""
    found = await hosts.document(tx, ref, "inventory")
    if found is None:
        return None
    machine = await hosts.document(tx, ref, "topology")
    try:
        document = InventoryDocument.model_validate(unpack(found.body))
        if machine is None:
            return document
        return document.model_copy(update={"topology": Topology.model_validate(unpack(machine.body))})
    except ValueError as err:
        raise GuestwireError("DATABASE-DAMAGED", f"The inventory of {ref} cannot be read.") from err


async def put_text(tx: Tx, row: HostRow, document: InventoryDocument | None) -> None:
    """What is searched of a host, by what people say and what was read."""
    await hosts.put_text(tx, row.ref, made.search_text(document, said_of(row)))
