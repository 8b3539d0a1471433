"""Keeps what was read of hosts: many of them in one transaction, and of each what is not there already.

How it is read is `inventory`'s matter. A machine (its topology) is a document of its own, which stays as it is while the machine has
the same fingerprint; of both documents a number tells whether it is another one, so that what is there need not be read.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from guestwire.controller.fleet import inventory_document as made
from guestwire.controller.fleet.inventory_document import InventoryDocument
from guestwire.controller.fleet.keeping import FleetKeeping
from guestwire.controller.fleet.naming import FEATURE, called
from guestwire.controller.fleet.people import said_of
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import host_inventory, hosts
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.host_tables import (
    Called,
    DocumentKind,
    GuestRow,
    HostRow,
    Machine,
    StoredDocument,
    ValueRow,
)
from guestwire.controller.together import GATHER_S, Together
from guestwire.model.errors import GuestwireError
from guestwire.model.topology import Topology
from guestwire.protocol.capabilities import CapabilitiesBody
from guestwire.protocol.packing import pack, unpack

_PASSING = {"now", "messages_last_seq", "refused"}
_PASSING_FACTS = {"memory_free_mib"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a host. `let_in`: its guests were read too; then its topology is in the document, or is kept already."""

    document: InventoryDocument
    let_in: bool = False


@dataclass(frozen=True, slots=True)
class Before:
    """What is kept of a host. `content` and `machine`: the numbers of what was read last, and of the topology."""

    row: HostRow
    content: int | None
    machine: int | None
    named: tuple[str, ...]
    features: set[str]
    guests: Mapping[str, GuestRow]


@dataclass(slots=True)
class Changes:
    """What is to be written, of all hosts of a transaction."""

    documents: list[tuple[HostRef, DocumentKind, StoredDocument]] = field(default_factory=list)
    topologies_gone: list[HostRef] = field(default_factory=list)
    machines: dict[HostRef, tuple[Machine, Called]] = field(default_factory=dict)
    features: list[tuple[HostRef, ValueRow]] = field(default_factory=list)
    features_gone: list[host_inventory.Key] = field(default_factory=list)
    guests: list[tuple[HostRef, GuestRow]] = field(default_factory=list)
    guests_gone: list[host_inventory.Key] = field(default_factory=list)
    to_search: dict[HostRef, tuple[HostRow, InventoryDocument]] = field(default_factory=dict)

    def refs(self) -> frozenset[HostRef]:
        """The hosts of which more has changed than when they were read."""
        several = (self.features, self.features_gone, self.guests, self.guests_gone)
        return frozenset(self.machines) | frozenset(self.to_search) | {ref for part in several for ref, _ in part}

    def add(self, reading: Reading, before: Before) -> bool:
        """What a reading changes. False: nothing, for its topology is missing."""
        ref, document = before.row.ref, reading.document
        known = before.machine
        if reading.let_in:
            wanted = _number(document.host.facts.topology_fingerprint.encode())
            if (topology := document.topology) is not None:
                packed, known = pack(topology.model_dump(exclude_none=True)), _number(topology.fingerprint.encode())
                self.documents.append((ref, "topology", StoredDocument(document.read_at, packed, n=known)))
            elif known != wanted:
                return False
        elif known is not None:
            self.topologies_gone.append(ref)
            known = None
        plain = document.model_copy(update={"topology": None}).model_dump(exclude_none=True)
        content = _number(pack(_lasting(plain)), known or 0)
        self.documents.append((ref, "inventory", StoredDocument(document.read_at, pack(plain), n=content)))
        if content != before.content:
            self.to_search[ref] = before.row, document
        machine = made.machine(document.host)
        if (machine, names := called(before.row.words, machine)) != (before.row.machine, before.row.called):
            self.machines[ref] = machine, names
        self._features(made.features(document.host, before.named), before)
        if reading.let_in:
            self._guests([made.guest_row(view) for view in document.guests], before)
        return True

    def _features(self, rows: tuple[ValueRow, ...], before: Before) -> None:
        ref = before.row.ref
        self.features += [(ref, row) for row in rows if row.value not in before.features]
        self.features_gone += [(ref, gone) for gone in before.features - {row.value for row in rows}]

    def _guests(self, rows: list[GuestRow], before: Before) -> None:
        ref = before.row.ref
        self.guests += [(ref, row) for row in rows if before.guests.get(row.uuid) != row]
        self.guests_gone += [(ref, gone) for gone in before.guests.keys() - {row.uuid for row in rows}]

    async def write(self, tx: Tx) -> None:
        await hosts.put_documents(tx, self.documents)
        await host_inventory.remove_documents(tx, "topology", self.topologies_gone)
        await host_inventory.put_machines(tx, self.machines)
        await host_inventory.remove_values(tx, FEATURE, self.features_gone)
        await host_inventory.put_values(tx, self.features)
        await host_inventory.remove_guests(tx, self.guests_gone)
        await hosts.put_guests(tx, self.guests)
        await host_inventory.put_texts(tx, await self._texts(tx))

    async def _texts(self, tx: Tx) -> dict[HostRef, str]:
        """What is searched, with the topologies that are kept already."""
        bare = [ref for ref, (_, document) in self.to_search.items() if document.topology is None]
        packed = await host_inventory.bodies(tx, bare, "topology")
        return {
            ref: made.search_text(
                document if ref not in packed else document.model_copy(update={"topology": topology_in(packed[ref])}),
                said_of(row),
            )
            for ref, (row, document) in self.to_search.items()
        }


class InventoryKeeping:
    """`approved`: whether a host is let in at this moment."""

    def __init__(
        self,
        database: Database,
        keeping: FleetKeeping,
        approved: Callable[[HostRef], bool],
        gather_s: float = GATHER_S,
    ) -> None:
        self._database = database
        self._keeping = keeping
        self._approved = approved
        self._together = Together[HostRef, Reading, bool](self._kept, gather_s)
        self._named: dict[HostRef, tuple[host_inventory.Place, tuple[str, ...]]] = {}

    async def keep(self, ref: HostRef, reading: Reading) -> bool:
        """Once it is committed. False: nothing was kept, for no such topology is there; read it. Raises NOT-FOUND where the host is
        not known, DATABASE-UNAVAILABLE."""
        return await self._together.done(ref, reading)

    async def _kept(self, readings: Mapping[HostRef, Reading]) -> Mapping[HostRef, bool | GuestwireError]:
        await self._keeping.flush()  # what was heard just now: the hosts themselves, their capabilities
        changes, results = Changes(), dict[HostRef, bool | GuestwireError]()
        async with self._database.write() as tx:
            known = await self._before(tx, readings)
            for ref, reading in readings.items():
                before = known.get(ref)
                if before is None:
                    self._named.pop(ref, None)
                    results[ref] = GuestwireError("NOT-FOUND", f"There is no host {ref}.")
                    continue
                if reading.let_in and not self._approved(ref):
                    reading = Reading(reading.document.model_copy(update={"guests": (), "topology": None}))
                results[ref] = changes.add(reading, before)
            await changes.write(tx)
        if changed := changes.refs():
            await self._keeping.publish(changed)
        return results

    async def _before(self, tx: Tx, readings: Mapping[HostRef, Reading]) -> dict[HostRef, Before]:
        rows = {row.ref: row for row in await hosts.some(tx, list(readings))}
        places = await host_inventory.places(tx, list(rows))
        await self._hear(tx, {ref: place for (ref, kind), place in places.items() if kind == "capabilities"})
        features = await host_inventory.values(tx, list(rows), FEATURE)
        guests = await host_inventory.guests(tx, [ref for ref in rows if readings[ref].let_in])
        return {
            ref: Before(
                row, _n(places.get((ref, "inventory"))), _n(places.get((ref, "topology"))),
                self._named[ref][1] if (ref, "capabilities") in places else (), features.get(ref, set()), guests.get(ref, {}),
            )
            for ref, row in rows.items()
        }  # fmt: skip

    async def _hear(self, tx: Tx, capabilities: Mapping[HostRef, host_inventory.Place]) -> None:
        """Know what these hosts name themselves: of most it is known from before."""
        new = [ref for ref, place in capabilities.items() if self._named.get(ref, ((), ()))[0] != place]
        for ref, packed in (await host_inventory.bodies(tx, new, "capabilities")).items():
            self._named[ref] = capabilities[ref], CapabilitiesBody.model_validate(unpack(packed)).features


def topology_in(packed: bytes) -> Topology | None:
    """A topology as it is kept; None where it cannot be read."""
    try:
        return Topology.model_validate(unpack(packed))
    except ValueError:
        return None


def _n(place: host_inventory.Place | None) -> int | None:
    return None if place is None else place[1]


def _number(content: bytes, also: int = 0) -> int:
    """Tells one content from another."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=6, salt=also.to_bytes(8, "big")).digest(), "big")


def _lasting(plain: Mapping[str, Any]) -> Any:
    """What is searched of a document is part of this, and what is another one at each reading is not."""
    host = {name: value for name, value in plain["host"].items() if name not in _PASSING}
    host["facts"] = {name: value for name, value in host["facts"].items() if name not in _PASSING_FACTS}
    return host, [view["guest"] for view in plain["guests"]]
