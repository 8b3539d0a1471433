"""What is true at this moment, and who may have what of it: the document that holds, its regions and places, the files that
are given to processes of the host and to the agent. Decides nothing of when it changes: `communication` does."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from guestwire.comm.conversation_ports import Granted
from guestwire.comm.directory import DirectRow
from guestwire.comm.directs import DirectPlace
from guestwire.comm.natives import NativeEvents
from guestwire.comm.placement import PlacedLock, Placements
from guestwire.comm.reaper import Reaped, Reaper
from guestwire.comm.region import Region, RegionKind
from guestwire.comm.regions import RegionStore
from guestwire.comm.ways import Way
from guestwire.model.access import Access, effective_access, parse_access
from guestwire.model.areas import MemoryArea
from guestwire.model.communication import CommDocument
from guestwire.model.errors import GuestwireError
from guestwire.model.events import HOST, REMOTE
from guestwire.protocol import comm_models as w
from guestwire.shm.layouts import NUMBERS

_N = NUMBERS
_READ, _WRITE, _CACHED = _N["GW_READ"], _N["GW_WRITE"], _N["GW_CACHED"]
NO_ACCESS = Access(False, False, False)


@dataclass(frozen=True)
class Held:
    """The document, and where everything of it lies. Replaced as a whole: what is made ready for another document is not
    seen before that holds."""

    document: CommDocument = field(default_factory=CommDocument)
    placements: Placements = field(default_factory=Placements)
    directs: Mapping[str, DirectPlace] = field(default_factory=dict)
    regions: Mapping[tuple[RegionKind, str], Region] = field(default_factory=dict)

    @cached_property
    def areas(self) -> Mapping[str, MemoryArea]:
        """Of one name, the first."""
        return {area.name: area for area in reversed(self.document.areas)}

    @cached_property
    def area_regions(self) -> Mapping[str, Region]:
        """The areas' regions by name."""
        return {name: region for (kind, name), region in self.regions.items() if kind is RegionKind.AREA}

    @cached_property
    def parties(self) -> tuple[str, ...]:
        """Everybody who has a directory."""
        return (HOST, *(guest.name for guest in self.document.guests))

    @cached_property
    def uuids(self) -> Mapping[str, str]:
        """Of the guests, by name."""
        return {guest.name: guest.uuid for guest in self.document.guests if guest.uuid}


class Holdings:
    """The `Grants` of conversations. `trusted`: uids that may be anybody (root, the agent's)."""

    def __init__(
        self, store: RegionStore, natives: NativeEvents, *, trusted: frozenset[int], simulated_guests: bool
    ) -> None:
        self._trusted = trusted
        self._simulated = simulated_guests
        self.store = store
        self.natives = natives
        self.held = Held()
        self.serving = False
        self.instance = 0
        self.reaper = Reaper(self._locks)
        self.ids: dict[str, int] = {}
        """The ivshmem peer ids of guests that are attached by their doorbell, by name."""

    # -- who has what

    def access(self, party: str, area: str) -> Access:
        """What a party may do with an area. The cloud only what an override gives it: a default is for those on the host."""
        found = self.held.areas.get(area)
        if found is None or (party == REMOTE and REMOTE not in found.overrides):
            return NO_ACCESS
        return parse_access(effective_access(found, party))

    def is_party(self, name: str) -> bool:
        return name in self.held.parties

    def find(self, kind: RegionKind, name: str) -> Region | None:
        """A region of the document that holds."""
        return self.held.regions.get((kind, name))

    def areas(self) -> Mapping[str, Region]:
        """The areas' regions by name."""
        return self.held.area_regions

    def direct_regions(self, party: str) -> tuple[Region, ...]:
        """The regions with words of events that a party signals or waits for."""
        names = {place.region for place in self.held.directs.values() if party in (place.signal, place.wait)}
        found = (self.find(RegionKind.DIRECT, name) for name in sorted(names))
        return tuple(region for region in found if region is not None)

    def direct_rows(self, party: str) -> tuple[DirectRow, ...]:
        rows = []
        for place in self.held.directs.values():
            region = self.find(RegionKind.DIRECT, place.region)
            role = (_N["GW_WRITER"] if party == place.signal else 0) | (_N["GW_READER"] if party == place.wait else 0)
            if region is None or not role:
                continue
            peer = self.ids.get(place.wait, 0) if place.vector else 0
            rows.append(DirectRow(place.event, region.index, role, place.offset, peer, place.vector, int(place.manual)))
        return tuple(rows)

    def plugs(self, guest: str) -> tuple[w.WantedPlug, ...]:
        """The devices of a guest: its directory, its areas, the words it shares with one other guest."""
        directory = self.find(RegionKind.DIRECTORY, guest)
        if directory is None:
            return ()
        wanted = [_plug(directory, writable=False)]
        for name, region in self.areas().items():
            access = self.access(guest, name)
            if access.plugged:
                wanted.append(_plug(region, writable=access.write))
        wanted += [_plug(region, writable=True) for region in self.direct_regions(guest)]
        return tuple(wanted)

    # -- conversations.Grants

    def may_be(self, way: Way, guest: str) -> int:
        uid = getattr(getattr(way, "who", None), "uid", None)
        if not self._simulated or uid not in self._trusted or guest == HOST:
            return _N["GW_DENIED"]
        return _N["GW_OK"] if self.is_party(guest) else _N["GW_NOT_FOUND"]

    def area(self, party: str, name: str, wanted: int) -> Granted:
        region = self.find(RegionKind.AREA, name)
        access = self.access(party, name)
        if region is None:
            region = self.find(RegionKind.DIRECT, name)
            if region is not None and region in self.direct_regions(party):
                access = Access(True, True, False)
        if region is None or not access.plugged:
            # who has no right to it does not learn whether there is one
            return Granted(_N["GW_DENIED"] if region is not None else _N["GW_NOT_FOUND"])
        return self._fd(region, access, wanted)

    def directory(self, party: str) -> Granted:
        region = self.find(RegionKind.DIRECTORY, party)
        if region is None:
            return Granted(_N["GW_NOT_FOUND"])
        return self._fd(region, Access(True, False, False), _READ)

    def plug(self, way: Way, guest: str, index: int, wanted: int) -> Granted:
        uid = getattr(getattr(way, "who", None), "uid", None)
        if uid not in self._trusted:
            return Granted(_N["GW_DENIED"])
        if guest == HOST or not self.is_party(guest):
            return Granted(_N["GW_NOT_FOUND"])
        directory = self.find(RegionKind.DIRECTORY, guest)
        if directory is not None and index == directory.index:
            return self._fd(directory, Access(True, False, False), wanted)
        for region in (*self.areas().values(), *self.direct_regions(guest)):
            if region.index == index:
                access = self.access(guest, region.name)
                if region.kind is RegionKind.DIRECT:
                    access = Access(True, True, False)
                return self._fd(region, access, wanted) if access.plugged else Granted(_N["GW_DENIED"])
        return Granted(_N["GW_NOT_FOUND"])

    def native(self, event: str) -> int | None:
        return self.natives.find(event)

    def release_locks(self, number: int) -> Reaped:
        return self.reaper.release(number)

    def _locks(self) -> Iterable[tuple[PlacedLock, Region]]:
        for lock in self.held.placements.locks:
            region = self.find(RegionKind.AREA, lock.area)
            if region is not None:
                yield lock, region

    def _fd(self, region: Region, access: Access, wanted: int) -> Granted:
        if wanted & _WRITE and not access.write:
            return Granted(_N["GW_DENIED"])
        write = access.write and (not wanted or bool(wanted & _WRITE))
        flags = _READ | (_WRITE if write else 0) | (_CACHED if access.cached else 0)
        try:
            return Granted(_N["GW_OK"], region.reopen(write=write), flags, region.generation)
        except GuestwireError:
            return Granted(_N["GW_BUSY"])

    def close(self) -> None:
        self.store.close()
        self.natives.close()


def _plug(region: Region, *, writable: bool) -> w.WantedPlug:
    return w.WantedPlug(
        index=region.index, name=region.name, backing=region.backing, writable=writable, generation=region.generation
    )  # fmt: skip
