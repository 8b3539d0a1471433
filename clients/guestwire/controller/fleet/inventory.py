"""Reads what a host has, and keeps it: by host-show, guest-list and host-topology. When that is due, `errands` knows."""

from collections.abc import Callable
from typing import TypeVar

from guestwire.controller.fleet import inventory_document as made
from guestwire.controller.fleet.inventory_document import InventoryDocument
from guestwire.controller.fleet.keeping import FleetKeeping
from guestwire.controller.fleet.naming import FEATURE, called
from guestwire.controller.fleet.people import said_of
from guestwire.controller.fleet.registry import Registry
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import HostCalls
from guestwire.controller.links.uncut import uncut
from guestwire.controller.store import hosts
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.host_tables import HostRow, StoredDocument
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.model.topology import Topology
from guestwire.protocol.capabilities import CapabilitiesBody
from guestwire.protocol.config_models import HostTopology
from guestwire.protocol.operation_models import Empty, GuestList, HostShow
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import pack, unpack
from guestwire.protocol.steps import Now

M = TypeVar("M", bound=Model)


class Inventory:
    """Of a host that nobody approved only host-show is asked, which tells who it is."""

    def __init__(
        self, calls: HostCalls, database: Database, registry: Registry, keeping: FleetKeeping, clock: Callable[[], Now]
    ) -> None:
        self._calls = calls
        self._database = database
        self._registry = registry
        self._keeping = keeping
        self._clock = clock

    async def read(self, ref: HostRef) -> InventoryDocument:
        """Read it now and keep it. Raises the host's errors, HOST-UNREACHABLE, UNSIGNED-RESPONSE, MISADDRESSED where it says
        that it is another one, NOT-FOUND where it is not known."""
        host = (await self._ask(ref, "host-show", HostShow)).host
        if (host.site, host.id) != ref:
            raise GuestwireError("MISADDRESSED", f"{ref} says that it is {host.site}/{host.id}.")
        document = InventoryDocument(read_at=self._clock().wall_ms, host=host)
        if self._registry.approved(ref):
            guests = (await self._ask(ref, "guest-list", GuestList)).guests
            topology = await self._topology(ref, host.facts.topology_fingerprint)
            document = document.model_copy(update={"guests": guests, "topology": topology})
        await self._keeping.flush()  # what was heard just now: the host itself, its capabilities
        await uncut(self._keep(ref, document))
        await self._keeping.publish([ref])
        return document

    async def _topology(self, ref: HostRef, fingerprint: str) -> Topology:
        """The one that is kept, unless the machine has changed."""
        async with self._database.read() as tx:
            before = await stored(tx, ref)
        if before is not None and before.topology is not None and before.topology.fingerprint == fingerprint:
            return before.topology
        return (await self._ask(ref, "host-topology", HostTopology)).topology

    async def _ask(self, ref: HostRef, operation: str, reply: type[M]) -> M:
        row = BY_NAME[operation]
        done = await self._calls.call(ref, row, Empty(), timeout_s=row.timeout_s)
        if not done.verified or not isinstance(done.reply, reply):
            raise GuestwireError("UNSIGNED-RESPONSE", f"{ref} did not sign its answer to {operation}.")
        return done.reply

    async def _keep(self, ref: HostRef, document: InventoryDocument) -> None:
        async with self._database.write() as tx:
            row = await hosts.one(tx, ref)
            if row is None:
                raise GuestwireError("NOT-FOUND", f"There is no host {ref}.")
            packed = pack(document.model_dump(exclude_none=True))
            await hosts.put_documents(tx, [(ref, "inventory", StoredDocument(document.read_at, packed))])
            machine = made.machine(document.host)
            await hosts.put_machine(tx, ref, machine, called(row.words, machine))
            named = await _capabilities(tx, ref)
            await hosts.put_values(tx, ref, FEATURE, made.features(document.host, named))
            if self._registry.approved(ref):
                await hosts.replace_guests(tx, ref, [made.guest_row(view) for view in document.guests])
            await put_text(tx, row, document)


async def stored(tx: Tx, ref: HostRef) -> InventoryDocument | None:
    """What was read last, if something was. Raises DATABASE-DAMAGED."""
    found = await hosts.document(tx, ref, "inventory")
    if found is None:
        return None
    try:
        return InventoryDocument.model_validate(unpack(found.body))
    except ValueError as err:
        raise GuestwireError("DATABASE-DAMAGED", f"The inventory of {ref} cannot be read.") from err


async def put_text(tx: Tx, row: HostRow, document: InventoryDocument | None) -> None:
    """What is searched of a host, by what people say and what was read."""
    await hosts.put_text(tx, row.ref, made.search_text(document, said_of(row)))


async def _capabilities(tx: Tx, ref: HostRef) -> tuple[str, ...]:
    found = await hosts.document(tx, ref, "capabilities")
    return () if found is None else CapabilitiesBody.model_validate(unpack(found.body)).features
