"""What can fail of a change, done before anything of it can be seen, and taken back when something else fails: places, memory,
eventfds, the kernel's networks. In the order that is easiest to take back."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from guestwire.comm.declarations import project_events
from guestwire.comm.directory import DirectoryRows, directory_rows
from guestwire.comm.directs import DirectPlace, place_directs
from guestwire.comm.holdings import Held
from guestwire.comm.natives import NativeEvents
from guestwire.comm.placement import place
from guestwire.comm.region import Region, RegionKind
from guestwire.comm.regions import Mark, RegionStore
from guestwire.model.communication import CommDocument
from guestwire.model.errors import GuestwireError
from guestwire.model.events import HOST
from guestwire.model.networks import VirtualNet
from guestwire.protocol.comm_models import NetView
from guestwire.shm.layouts import AREA_ROW, DIRECT_ROW, DIRECTORY, LOCK_ROW, NUMBERS, REGION, RING_ROW

COPIED_AT_ONCE = 4 << 20
"""Bytes of an area that are copied with everybody waiting; a larger one is copied by a thread."""
DIRECT_BYTES = (1 << 20) - NUMBERS["GW_DATA_OFFSET"]


class Networks(Protocol):
    async def apply(self, networks: Sequence[VirtualNet], host: str) -> None: ...

    async def capabilities(self) -> Mapping[str, str]: ...

    async def views(self) -> tuple[NetView, ...]: ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to hold, and what is needed to take it back. `networks`: those of before, where others were made."""

    held: Held
    mark: Mark
    natives: Mapping[str, tuple[bool, int]]
    networks: Sequence[VirtualNet] | None


class Preparing:
    """One change at a time: each `prepare` is followed by `take` or `take_back`."""

    def __init__(self, store: RegionStore, natives: NativeEvents, networks: Networks, host: str) -> None:
        self._store = store
        self._natives = natives
        self._networks = networks
        self._host = host

    async def prepare(
        self, document: CommDocument, places: Held, before: CommDocument, *, networks: bool = True
    ) -> Prepared:
        """`places`: where things are to stay if they can; `before`: the document that holds. `networks` False: leave them as
        they are. Raises REGION-FULL, EVENTS-EXHAUSTED, NET-UNSUPPORTED, NET-BUSY; then everything is as it was."""
        mark = self._store.mark()
        made: Mapping[str, tuple[bool, int]] = {}
        try:
            directs = place_directs(project_events(document), places.directs)
            large: list[tuple[Region, Region]] = []
            regions = self._regions(document, directs, large)
            areas = {name: region for (kind, name), region in regions.items() if kind is RegionKind.AREA}
            generations = {name: region.generation for name, region in areas.items()}
            placements = place(document, places.placements, generations)
            held = Held(document, placements, directs, regions)
            _fits(held)
            if large:
                await _to_its_end(partial(_copy_all, large))
            made = self._natives.prepare(directs)
            changed = networks and bool(document.networks or before.networks)
            if changed:
                await self._networks.apply(document.networks, self._host)
        except BaseException:
            self._natives.drop(made)
            self._store.back_to(mark)
            raise
        return Prepared(held, mark, made, before.networks if changed else None)

    def take(self, prepared: Prepared) -> None:
        """It holds from now on."""
        self._natives.take(prepared.held.directs, prepared.natives)

    async def take_back(self, prepared: Prepared) -> None:
        """It is not to hold after all. Raises what the networks of before raise, when they cannot be made again."""
        self._natives.drop(prepared.natives)
        self._store.back_to(prepared.mark)
        if prepared.networks is not None:
            await self._networks.apply(prepared.networks, self._host)

    def _regions(
        self, document: CommDocument, directs: Mapping[str, DirectPlace], large: list[tuple[Region, Region]]
    ) -> Mapping[tuple[RegionKind, str], Region]:
        """`large` gets the new regions that are still to be copied to, each with the one to copy from."""

        def copy(new: Region, old: Region) -> None:
            if min(new.size, old.size) <= COPIED_AT_ONCE:
                new.copy_from(old)
            else:
                large.append((new, old))

        wanted: dict[tuple[RegionKind, str], int] = {}
        for area in document.areas:
            wanted.setdefault((RegionKind.AREA, area.name), area.size)
        wanted |= {(RegionKind.DIRECT, direct.region): DIRECT_BYTES for direct in directs.values()}
        wanted |= {(RegionKind.DIRECTORY, guest.name): 0 for guest in document.guests}
        wanted[RegionKind.DIRECTORY, HOST] = 0
        for region in self._store.held:
            if (region.kind, region.name) not in wanted:
                self._store.set_aside(region.kind, region.name)
        return {(kind, name): self._store.ensure(kind, name, size, copy=copy) for (kind, name), size in wanted.items()}


def _copy_all(pairs: Sequence[tuple[Region, Region]]) -> None:
    for new, old in pairs:
        new.copy_from(old)


async def _to_its_end(call: Callable[[], object]) -> None:
    """In a thread. Who gives up waiting does so when it has ended: until then it uses what would be let go."""
    given_up: asyncio.CancelledError | None = None
    running = asyncio.ensure_future(asyncio.to_thread(call))
    while not running.done():
        try:
            await asyncio.wait((running,))
        except asyncio.CancelledError as err:
            given_up = err
    if given_up is not None:
        raise given_up
    running.result()


def _fits(held: Held) -> None:
    """Every directory must hold its rows: said before anything changes. Raises REGION-FULL."""
    for party in held.parties:
        region = held.regions[RegionKind.DIRECTORY, party]
        own = [direct for direct in held.directs.values() if party in (direct.signal, direct.wait)]
        rows = directory_rows(party, held.document, held.placements, held.area_regions)
        pairs = len({direct.region for direct in own})
        needed = directory_size(rows) + len(own) * DIRECT_ROW.size + pairs * AREA_ROW.size
        if needed > region.backing:
            text = f"the directory of {party} takes {needed} bytes of {region.backing}: take some of its access away"
            raise GuestwireError("REGION-FULL", text, detail={"directory": party, "needed": needed})


def directory_size(rows: DirectoryRows) -> int:
    """Bytes that a directory takes with these rows."""
    tables = ((rows.areas, AREA_ROW), (rows.rings, RING_ROW), (rows.locks, LOCK_ROW), (rows.directs, DIRECT_ROW))
    return REGION.size + DIRECTORY.size + sum(len(table) * layout.size for table, layout in tables)
