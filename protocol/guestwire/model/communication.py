"""What guestwire-comm is to make true: the part of a document that is its business."""

import hashlib
import re
from typing import Annotated, NamedTuple

from pydantic import Field

from guestwire.model.access import Access, effective_access, read_access
from guestwire.model.areas import DATA_OFFSET, Lock, MemoryArea, Queue
from guestwire.model.base import Model
from guestwire.model.desired import Desired, canonical_text
from guestwire.model.events import Event
from guestwire.model.guest import Service
from guestwire.model.network_names import derived_mac
from guestwire.model.networks import Member, VirtualNet

HEAP_PREFIX = "heap_"


class CommGuest(Model):
    """A guest that takes part. `services`: those of the guest services it may use."""

    name: str
    uuid: str
    services: tuple[Service, ...] = ()


class CommDocument(Model):
    """Guests with communication, and what they share. Networks name all guests, also those without communication."""

    guests: Annotated[tuple[CommGuest, ...], Field(max_length=256)] = ()
    areas: Annotated[tuple[MemoryArea, ...], Field(max_length=1280)] = ()
    events: Annotated[tuple[Event, ...], Field(max_length=4096)] = ()
    queues: Annotated[tuple[Queue, ...], Field(max_length=1024)] = ()
    locks: Annotated[tuple[Lock, ...], Field(max_length=1024)] = ()
    networks: Annotated[tuple[VirtualNet, ...], Field(max_length=64)] = ()

    @property
    def empty(self) -> bool:
        return self == CommDocument()

    @property
    def needed(self) -> bool:
        """Whether anybody would miss the services: there is a guest with communication, or a network."""
        return bool(self.guests or self.networks)


def communication_of(desired: Desired, host: str) -> CommDocument:
    """The document of a host's configuration; its guests' uuids are settled. An rt guest's heap (SM 7.1) becomes an area
    of its own, which nobody else has (its region is as large as the heap, header included); members of networks get their
    MACs: the card's own, else the derived one."""
    with_comm = [guest for guest in desired.guests if guest.has_comm]
    heaps = tuple(
        MemoryArea(
            name=heap_area(guest.id or guest.name), kind="heap", size=(guest.heap_mib << 20) - DATA_OFFSET, default_access="----",
            overrides={guest.name: "RW--"},
        )
        for guest in with_comm
        if guest.heap_mib
    )  # fmt: skip
    return CommDocument(
        guests=tuple(
            CommGuest(name=guest.name, uuid=guest.uuid or "", services=tuple(guest.services)) for guest in with_comm
        ),
        areas=(*desired.areas, *heaps), events=desired.events, queues=desired.queues, locks=desired.locks,
        networks=tuple(_with_macs(network, desired, host) for network in desired.networks),
    )  # fmt: skip


def _with_macs(network: VirtualNet, desired: Desired, host: str) -> VirtualNet:
    """Who has a card on the network is a member of it, named or not."""
    cards = {
        guest.name: nic.mac or derived_mac(host, guest.name, number)
        for guest in reversed(desired.guests)
        for number, nic in reversed(tuple(enumerate(guest.nics)))
        if nic.network == network.name
    }
    named = {member.guest for member in network.members}
    members = [
        member if member.mac is not None else member.model_copy(update={"mac": cards.get(member.guest)})
        for member in network.members
    ]
    members += [
        Member(guest=guest.name, mac=cards[guest.name])
        for guest in desired.guests
        if guest.name in cards and guest.name not in named
    ]
    return network.model_copy(update={"members": tuple(members)})


def heap_area(guest: str) -> str:
    """The name of the area that is a guest's heap."""
    return HEAP_PREFIX + re.sub(r"\W", "_", guest)[: 27 - len(HEAP_PREFIX)]


def document_hash(document: CommDocument) -> str:
    """sha256 in hex over what a document means."""
    return hashlib.sha256(canonical_text(document).encode()).hexdigest()


class Device(NamedTuple):
    """What a guest is given a device for: an area's region, or the words of its direct events with another guest (`name`
    is that guest's)."""

    kind: str
    name: str
    backing: int
    writable: bool


def devices(document: CommDocument, guest: str) -> frozenset[Device]:
    """The devices that a guest's domain has by a document, besides its directory; none for a guest without communication."""
    if all(one.name != guest for one in document.guests):
        return frozenset()
    found = set()
    for area in document.areas:
        access = read_access(effective_access(area, guest))
        if isinstance(access, Access) and access.plugged:
            found.add(Device("area", area.name, area.backing_size, access.write))
    for event in document.events:
        ends = {*event.signal, *event.wait}
        if event.delivery == "direct" and guest in ends:
            found |= {Device("direct", other, 0, writable=True) for other in ends - {guest}}
    return frozenset(found)
