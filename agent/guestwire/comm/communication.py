"""Makes a document true, or leaves everything as it was; starts and stops the services.

An apply does first what can fail: places, memory, the kernel's networks, the state on disk. What cannot fail comes after:
events, directories, the guests' sockets. What a document has no more is set aside until it is settled, so that the document
before finds everything as it left it.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from guestwire.comm.conversations import Conversations
from guestwire.comm.declarations import declared_events, project_events
from guestwire.comm.directory import Directory, DirectoryRows, directory_rows, set_alive
from guestwire.comm.directs import DirectPlace, pairs, place_directs
from guestwire.comm.doorbells import Doorbells
from guestwire.comm.events import EventTable
from guestwire.comm.holdings import Held, Holdings
from guestwire.comm.placement import Placed, Placements, laid_anew, place
from guestwire.comm.region import Region, RegionKind
from guestwire.comm.serial_channels import SerialChannels
from guestwire.comm.state_file import State, StateFile
from guestwire.comm.stranded import StrandedGuests
from guestwire.model.communication import CommDocument
from guestwire.model.desired import canonical_text
from guestwire.model.errors import GuestwireError
from guestwire.model.events import HOST
from guestwire.model.networks import VirtualNet
from guestwire.protocol import comm_models as w
from guestwire.protocol.steps import Now
from guestwire.shm.layouts import AREA_ROW, DIRECT_ROW, DIRECTORY, LOCK_ROW, NUMBERS, REGION, RING_ROW

DIRECT_BYTES = (1 << 20) - NUMBERS["GW_DATA_OFFSET"]


class Networks(Protocol):
    async def apply(self, networks: Sequence[VirtualNet], host: str) -> None: ...

    async def capabilities(self) -> Mapping[str, str]: ...


class Trace(Protocol):
    async def open(self) -> str: ...

    @property
    def missing(self) -> str: ...


class Communication:
    """The services of one host. One change at a time."""

    def __init__(
        self,
        *,
        host: str,
        folder: Path,
        holdings: Holdings,
        table: EventTable,
        talks: Conversations,
        doorbells: Doorbells,
        serials: SerialChannels,
        networks: Networks,
        stranded: StrandedGuests,
        file: StateFile,
        state: State,
        clock: Callable[[], Now],
        log: Any,
        instances: Callable[[], int],
        tasks: asyncio.TaskGroup,
        trace: Trace,
    ) -> None:
        """`folder`: where the guests' sockets are. `state`: what the file had at the start; its regions are adopted. `tasks`
        owns what is done in the background. `trace` is opened when the first guest may use a guest service."""
        self._host = host
        self._folder = folder
        self._holdings = holdings
        self._table = table
        self._talks = talks
        self._doorbells = doorbells
        self._serials = serials
        self._networks = networks
        self._stranded = stranded
        self._file = file
        self._clock = clock
        self._log = log
        self._instances = instances
        self._tasks = tasks
        self._trace = trace
        self._changing = asyncio.Lock()
        self._given = state.document
        self._settled = Held(state.document or CommDocument(), state.placements, state.directs)
        self._cleared: dict[tuple[int, int], bytes] = {}
        self._directories: dict[str, Directory] = {}
        self._wanted = state.wanted
        self._started_at = 0
        self._state: w.CommState = "stopped"
        self._missing: Mapping[str, str] = {}
        holdings.held = self._settled

    # -- start and stop

    async def begin(self) -> None:
        """Once, at the start of the process: as it was before, where the state wants it."""
        self._missing = await self._networks.capabilities()
        if self._wanted:
            await self.start()

    async def start(self) -> None:
        """Serve. Again: nothing. Raises what `apply` raises."""
        async with self._changing:
            if self._holdings.serving:
                return
            self._state = "starting"
            self._holdings.instance = self._instances()
            self._doorbells.set_instance(self._holdings.instance)
            held = self._holdings.held
            try:
                await self._prepare(held.document, held)
            except BaseException:
                self._state = "stopped"
                raise
            self._holdings.serving = self._wanted = True
            self._started_at = self._clock().wall_ms
            self._take(held)
            self._state = "running"
            await self._save()

    async def stop(self, *, force: bool) -> None:
        """Serve nobody. Regions, their content and the guests' devices stay. Raises COMM-GUESTS-ATTACHED."""
        async with self._changing:
            if not self._holdings.serving:
                return
            attached = self.attached_guests()
            if attached and not force:
                raise GuestwireError("COMM-GUESTS-ATTACHED", detail={"guests": list(attached)[:64]})
            self._state = "stopping"
            self._holdings.serving = self._wanted = False
            for directory in self._directories.values():
                directory.set_alive(False)
            self._doorbells.set_instance(0)
            self._talks.end_all()
            self._directories.clear()
            self._state = "stopped"
            await self._save()

    def close(self) -> None:
        """The process ends: who is attached learns it. Guests stay attached to nobody."""
        for directory in self._directories.values():
            directory.set_alive(False)

    async def restart(self, *, force: bool) -> None:
        """Raises COMM-GUESTS-ATTACHED, and what `start` raises."""
        await self.stop(force=force)
        await self.start()

    def attached_guests(self) -> tuple[str, ...]:
        """Guests that are attached by their doorbell, or as a process; with those of an instance before."""
        now = {talk.way.party for talk in self._talks.all if talk.way.party != HOST and talk.way.kind != "serial"}
        return tuple(sorted(now | {guest.name for guest in self._stranded.guests}))

    # -- documents

    def held(self) -> w.CommHeld:
        return w.CommHeld(document=self._given)

    async def apply(self, document: CommDocument) -> None:
        """Make it true, or leave everything as it was. Raises COMM-NOT-STARTED, REGION-FULL, EVENTS-EXHAUSTED,
        NET-UNSUPPORTED, NET-BUSY, DRIVER-ERROR."""
        async with self._changing:
            if not self._holdings.serving:
                raise GuestwireError("COMM-NOT-STARTED")
            if document == self._given:
                return
            before = self._holdings.held
            back = document == self._settled.document
            mark = self._holdings.store.mark()
            try:
                held = await self._prepare(document, self._settled_again(before) if back else before)
            except BaseException:
                self._holdings.store.back_to(mark)
                raise
            given, self._given = self._given, document
            self._clear(held.placements, back=back)
            self._take(held)
            try:
                await self._save()
            except GuestwireError:
                self._given = given
                raise

    async def settle(self) -> None:
        """What was set aside is let go: the document that holds is the one to go back to."""
        async with self._changing:
            self._holdings.store.reap()
            self._holdings.forget_readers()
            self._cleared.clear()
            self._settled = self._holdings.held
            await self._save()

    def _settled_again(self, before: Held) -> Held:
        """To go back, everything lies where it lay; numbers count on, so that nobody takes old for new."""
        places = self._settled.placements.counting_on(before.placements)
        return Held(self._settled.document, places, self._settled.directs)

    async def _prepare(self, document: CommDocument, before: Held) -> Held:
        """What can fail, in the order that is easiest to take back. On an error the caller takes the regions back."""
        events = project_events(document)
        directs = place_directs(events, before.directs)
        self._regions(document, directs)
        generations = {name: region.generation for name, region in self._holdings.areas().items()}
        placements = place(document, before.placements, generations)
        made = self._holdings.natives.prepare(directs)
        try:
            self._fits(document, placements, directs)
            if document.networks or before.document.networks:
                await self._networks.apply(document.networks, self._host)
        except BaseException:
            self._holdings.natives.drop(made)
            raise
        self._holdings.natives.take(directs, made)
        return Held(document, placements, directs)

    def _regions(self, document: CommDocument, directs: Mapping[str, DirectPlace]) -> None:
        store = self._holdings.store
        wanted: dict[tuple[RegionKind, str], int] = {(RegionKind.AREA, area.name): area.size for area in document.areas}
        wanted |= {(RegionKind.DIRECT, place.region): DIRECT_BYTES for place in directs.values()}
        wanted |= {(RegionKind.DIRECTORY, guest.name): 0 for guest in document.guests}
        wanted[RegionKind.DIRECTORY, HOST] = 0
        for region in store.held:
            if (region.kind, region.name) not in wanted:
                store.set_aside(region.kind, region.name)
        for (kind, name), size in wanted.items():
            store.ensure(kind, name, size)

    def _fits(self, document: CommDocument, placements: Placements, directs: Mapping[str, DirectPlace]) -> None:
        """Every directory must hold its rows: said before anything changes."""
        areas = self._holdings.areas()
        for party in (HOST, *(guest.name for guest in document.guests)):
            region = self._holdings.store.find(RegionKind.DIRECTORY, party)
            needed = directory_size(directory_rows(party, document, placements, areas)) + len(directs) * DIRECT_ROW.size
            if region is not None and needed > region.backing:
                text = (
                    f"the directory of {party} takes {needed} bytes of {region.backing}: take some of its access away"
                )
                raise GuestwireError("REGION-FULL", text, detail={"directory": party, "needed": needed})

    def _clear(self, placements: Placements, *, back: bool) -> None:
        """What is laid out anew begins empty; what was there is kept until it is settled."""
        if back:
            for (generation, offset), content in reversed(self._cleared.items()):
                region = self._by_generation(generation)
                if region is not None:
                    region.restore(offset, content)
            self._cleared.clear()
            return
        new: Sequence[Placed] = laid_anew(self._holdings.held.placements, placements)
        for placed in new:
            region = self._by_generation(placed.region)
            if region is not None:
                content = region.clear(placed.offset, placed.words)
                self._cleared.setdefault((placed.region, placed.offset), content)

    def _by_generation(self, generation: int) -> Region | None:
        return next((region for region in self._holdings.store.held if region.generation == generation), None)

    # -- what cannot fail

    def _take(self, held: Held) -> None:
        """From now on this holds."""
        self._holdings.held = held
        at = self._clock()
        self._talks.deliver(self._table.declare(declared_events(held.document, held.placements), at))
        self.write_directories()
        self._doorbells.set_direct(self._pairs(held))
        guests = {guest.uuid: guest.name for guest in held.document.guests if guest.uuid}
        for uuid in self._doorbells.served - guests.keys():
            self._doorbells.unserve(uuid)
            self._serials.unserve(uuid)
        for uuid, name in guests.items():
            with suppress(OSError):  # said when the guest is started: it finds no socket
                self._doorbells.serve(uuid, name, self._path(uuid, "doorbell"))
            self._serials.serve(uuid, name, self._path(uuid, "serial"))
        if self._trace.missing and any(guest.services for guest in held.document.guests):
            self._tasks.create_task(self._trace.open(), name="open-trace")

    def write_directories(self) -> None:
        """Bring every directory up to date: after a change, and when a guest came under another ivshmem id."""
        if not self._holdings.serving:
            return
        held, areas = self._holdings.held, self._holdings.areas()
        for party in (HOST, *(guest.name for guest in held.document.guests)):
            region = self._holdings.store.find(RegionKind.DIRECTORY, party)
            if region is None:
                continue
            directory = self._directories.get(party)
            if directory is None or directory.region is not region:
                name = "" if party == HOST else party
                directory = self._directories[party] = Directory(
                    region, instance=self._holdings.instance, peer=0, host=self._host, party=name
                )
            rows = directory_rows(
                party, held.document, held.placements, areas, self._holdings.direct_regions(party),
                self._holdings.direct_rows(party),
            )  # fmt: skip
            with suppress(GuestwireError):  # `_fits` said that they fit
                directory.write(rows)
            directory.set_alive(party not in self._stranded.names)
        for gone in self._directories.keys() - {HOST, *(guest.name for guest in held.document.guests)}:
            set_alive(self._directories.pop(gone).region, False)

    def _pairs(self, held: Held) -> dict[tuple[str, str], frozenset[int]]:
        uuids = {guest.name: guest.uuid for guest in held.document.guests}
        return {
            (uuids[one], uuids[other]): vectors
            for (one, other), vectors in pairs(held.directs).items()
            if one in uuids and other in uuids
        }

    def attached_as(self, uuid: str, peer: int | None) -> None:
        """A guest's QEMU came under that ivshmem id, or went: those who ring it directly learn it."""
        name = next((guest.name for guest in self._holdings.held.document.guests if guest.uuid == uuid), None)
        if name is None:
            return
        if peer is None:
            self._holdings.ids.pop(name, None)
        else:
            self._holdings.ids[name] = peer
            self._stranded.came_back(name)
        self.write_directories()
        self._tasks.create_task(self._remember(), name="remember-guests")

    def stranded_gone(self, name: str) -> None:
        """The QEMU of a guest that was left from an instance before ended."""
        if not self._stranded.guests:
            live = {talk.number for talk in self._talks.all}
            for number in self._holdings.reaper.owners() - live:
                for event in self._holdings.reaper.release(number).wake:
                    self._talks.signal(event, self._clock())
        self.write_directories()

    def guest_reset(self, guest: str) -> None:
        self._talks.restart(guest)

    def break_lock(self, name: str, *, force: bool) -> None:
        """Raises NOT-FOUND, UNSUPPORTED, LOCK-HELD."""
        live = {talk.number for talk in self._talks.all}
        reaped = self._holdings.reaper.break_lock(name, live, force=force)
        for event in reaped.wake:
            self._talks.signal(event, self._clock())

    # -- what is told

    def plugs(self, guest: str) -> w.CommPlugs:
        """Raises COMM-NOT-STARTED, NOT-FOUND: a guest without communication."""
        if not self._holdings.serving:
            raise GuestwireError("COMM-NOT-STARTED")
        found = next((one for one in self._holdings.held.document.guests if one.name == guest), None)
        if found is None:
            raise GuestwireError(
                "NOT-FOUND", f"{guest} has no communication in the document that holds.", field="guest"
            )
        return w.CommPlugs(
            plugs=self._holdings.plugs(guest), doorbell=str(self._path(found.uuid, "doorbell")),
            channel=str(self._path(found.uuid, "serial")),
        )  # fmt: skip

    def status(self) -> w.CommStatus:
        held = self._holdings.held
        stranded = tuple(w.Stranded(guest=guest.name, remedy=STRANDED) for guest in self._stranded.guests)
        state: w.CommState = "degraded" if stranded and self._state == "running" else self._state
        document = held.document
        services = any(guest.services for guest in document.guests)
        return w.CommStatus(
            state=state, instance=self._holdings.instance, started_at=self._started_at,
            document_hash=document_hash(document) if self._given is not None else "",
            peers=tuple(self._peers()), stranded=stranded, regions=len(self._holdings.store.held),
            region_bytes=self._holdings.store.total_bytes,
            counts={
                name: len(getattr(document, name)) for name in ("guests", "areas", "events", "queues", "locks", "networks")
            },
            missing={**self._missing, **({"trace": self._trace.missing} if services and self._trace.missing else {})},
        )  # fmt: skip

    def _peers(self) -> list[w.CommPeer]:
        peers: dict[tuple[str, int], w.CommPeer] = {}
        for talk in self._talks.all:
            way = talk.way
            guest = way.party != HOST
            key = (way.party, 0 if guest else talk.number)
            known = peers.get(key)
            peers[key] = w.CommPeer(
                name=way.party, kind="guest" if guest else "process",
                ways=(*(known.ways if known else ()), way.kind), peer=talk.number,
                pid=way.pid or (known.pid if known else None), since=min(talk.since_ms, known.since if known else talk.since_ms),
                ready=talk.ready or bool(known and known.ready), requests=talk.requests + (known.requests if known else 0),
                denied=talk.denied + (known.denied if known else 0),
                throttled=talk.throttle.times + (known.throttled if known else 0),
            )  # fmt: skip
        return [peers[key] for key in sorted(peers)]

    # -- the disk

    async def _save(self) -> None:
        """Raises REGION-FULL when the disk takes no more."""
        held = self._holdings.held
        state = State(
            document=self._given, wanted=self._wanted, boot_id=self._file.boot_id, regions=self._holdings.store.to_state(),
            placements=held.placements, directs=dict(held.directs), guests=self._attached_now(),
        )  # fmt: skip
        await asyncio.to_thread(self._file.save, state)

    async def _remember(self) -> None:
        """A guest came or went: what is needed to know it again after our restart."""
        async with self._changing:
            try:
                await self._save()
            except GuestwireError as err:
                self._log.error("the state could not be written", code=err.code, error=err.message)

    def _attached_now(self) -> tuple[Any, ...]:
        uuids = {guest.name: guest.uuid for guest in self._holdings.held.document.guests}
        doorbells = [talk.way for talk in self._talks.all if talk.way.kind == "doorbell"]
        return self._stranded.remembered(
            (way.party, uuids.get(way.party, ""), way.pid) for way in doorbells if way.pid is not None
        )

    def _path(self, uuid: str, kind: str) -> Path:
        return self._folder / "guests" / f"{uuid}.{kind}"


def directory_size(rows: DirectoryRows) -> int:
    """Bytes that a directory takes with these rows."""
    tables = ((rows.areas, AREA_ROW), (rows.rings, RING_ROW), (rows.locks, LOCK_ROW), (rows.directs, DIRECT_ROW))
    return REGION.size + DIRECTORY.size + sum(len(table) * layout.size for table, layout in tables)


def document_hash(document: CommDocument) -> str:
    """sha256 in hex over what a document means."""
    return hashlib.sha256(canonical_text(document).encode()).hexdigest()


STRANDED = (
    "It is attached to a guestwire-comm that is gone: its events and locks answer COMM-NOT-STARTED, its areas and what goes "
    "over its serial channel work on. Shut it down and start it when that suits."
)
