"""Makes a document true, or leaves everything as it was; starts and stops the services.

An apply does first what can fail: places, memory, the kernel's networks, the state on disk. What cannot fail comes after:
events, directories, the guests' sockets. What a document has no more is set aside until it is settled, so that the document
before finds everything as it left it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from guestwire.comm.attendance import Attendance
from guestwire.comm.cleared import Cleared, ClearedBytes
from guestwire.comm.conversations import Conversations
from guestwire.comm.declarations import declared_events
from guestwire.comm.directories import Directories
from guestwire.comm.directs import pairs
from guestwire.comm.doorbells import Doorbells
from guestwire.comm.events import EventTable
from guestwire.comm.holdings import Held, Holdings
from guestwire.comm.late_networks import LateNetworks
from guestwire.comm.mapped import mapped, sees_others_memory
from guestwire.comm.preparing import Networks, Prepared, Preparing
from guestwire.comm.remembering import attached_now, saved
from guestwire.comm.serial_channels import SerialChannels
from guestwire.comm.sharing import shared
from guestwire.comm.standing import comm_status
from guestwire.comm.state_file import Before, State, StateFile
from guestwire.comm.stranded import Stranded
from guestwire.comm.telling import Telling
from guestwire.comm.troubles import Troubles
from guestwire.model.communication import CommDocument, document_hash
from guestwire.model.errors import GuestwireError
from guestwire.protocol import comm_models as w
from guestwire.protocol.steps import Now

_UNPROVEN = (
    "the process needs CAP_SYS_PTRACE to see that QEMU maps read-only areas read-only; they are plugged without that"
)


class Trace(Protocol):
    async def open(self) -> str: ...

    @property
    def missing(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the services are made of. The trace is opened when the first guest may use a guest service."""

    holdings: Holdings
    table: EventTable
    talks: Conversations
    doorbells: Doorbells
    serials: SerialChannels
    networks: Networks
    stranded: Stranded
    trace: Trace
    telling: Telling


class Communication:
    """The services of one host. One change at a time."""

    def __init__(
        self,
        parts: Parts,
        *,
        host: str,
        folder: Path,
        file: StateFile,
        state: State,
        clock: Callable[[], Now],
        log: Any,
        instances: Callable[[], int],
        tasks: asyncio.TaskGroup,
    ) -> None:
        """`folder`: where the guests' sockets are. `state`: what the file had at the start; its regions are adopted. `tasks`
        owns what is done in the background."""
        self._parts = parts
        self._holdings, self._talks = holdings, talks = parts.holdings, parts.talks
        self._folder = folder
        self._file = file
        self._clock = clock
        self._log = log
        self._instances = instances
        self._tasks = tasks
        self._changing = asyncio.Lock()
        self._preparing = Preparing(holdings.store, holdings.natives, parts.networks, host)
        self._directories = Directories(holdings, host, lambda: parts.stranded.names, self._broken)
        self._troubles = Troubles(parts.telling, log)
        self._late = LateNetworks(parts.networks, host, self._troubles, self._changing)
        self.attendance = Attendance(holdings, talks, parts.stranded, self._directories, parts.telling, clock)
        self._given = None if state.document is None else shared(state.document)
        self._hash = "" if state.document is None else document_hash(state.document)
        self._cleared = Cleared(state.cleared)
        self._wanted = state.wanted
        self._started_at = 0
        self._state: w.CommState = "stopped"
        self._lacking: dict[str, str] = {}
        self._background: set[asyncio.Task[None]] = set()
        regions = {(region.kind, region.name): region for region in holdings.store.held}
        held = Held(self._given or CommDocument(), state.placements, state.directs, regions)
        before = state.before
        self._settled = Held(before.document, before.placements, before.directs) if before else held
        holdings.held = held

    # -- start and stop

    async def begin(self) -> None:
        """Once, at the start of the process: as it was before, where the state wants it. What stands in the way is told, and
        the process goes on."""
        self._in_background(self._look(), "look-what-lacks")
        self._end_what_was_cut_off()
        if not self._wanted:
            return
        async with self._changing:
            try:
                await self._start(networks=False)
            except GuestwireError as err:
                self._troubles.arose("services", err)
                return
            made = await self._late.make(self._holdings.held.document)
        if not made:
            self._in_background(self._late.keep_trying(), "late-networks")

    async def _look(self) -> None:
        self._lacking = dict(await self._parts.networks.capabilities())
        if not sees_others_memory():
            self._lacking["read-only"] = _UNPROVEN

    async def start(self) -> None:
        """Serve. Again: nothing. Raises what `apply` raises; then everything is as before."""
        async with self._changing:
            if not self._holdings.serving:
                await self._start(networks=True)

    async def _start(self, *, networks: bool) -> None:
        self._state = "starting"
        held = self._holdings.held
        try:
            prepared = await self._preparing.prepare(held.document, held, held.document, networks=networks)
            settled = prepared.held if self._settled is held else self._settled
            await self._keep(prepared, self._given, settled, self._cleared.rows, wanted=True)
        except BaseException:
            self._state = "stopped"
            raise
        self._wanted = True
        self._holdings.instance = self._instances()
        self._holdings.serving = True
        self._parts.doorbells.set_instance(self._holdings.instance)
        self._started_at = self._clock().wall_ms
        self._cleared.clear(held.placements, prepared.held.placements, prepared.held.regions.values())
        if self._settled is prepared.held:
            self._cleared.forget()
        self._take(prepared.held)
        self._state = "running"
        self._troubles.over("services")
        self.attendance.free_orphans()

    async def stop(self, *, force: bool) -> None:
        """Serve nobody. Regions, their content and the guests' devices stay. Raises COMM-GUESTS-ATTACHED, REGION-FULL."""
        async with self._changing:
            if not self._holdings.serving:
                return
            attached = self.attendance.guests
            if attached and not force:
                raise GuestwireError("COMM-GUESTS-ATTACHED", detail={"guests": list(attached)[:64]})
            self._state = "stopping"
            try:
                await saved(self._file, self._stored(self._holdings.held, self._given, self._settled, wanted=False))
            except GuestwireError:
                self._state = "running"
                raise
            self._wanted = False
            self._end()
            self._state = "stopped"

    async def restart(self, *, force: bool) -> None:
        """Raises COMM-GUESTS-ATTACHED, and what `start` raises."""
        await self.stop(force=force)
        await self.start()

    def close(self) -> None:
        """The process ends, orderly: who is attached learns it, and who waits is answered."""
        for task in self._background:
            task.cancel()
        self._end()

    def _end(self) -> None:
        self._holdings.serving = False
        self._directories.end()
        self._parts.doorbells.set_instance(0)
        self._talks.end_all()

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
            now, settled = self._holdings.held, self._settled
            back = document == settled.document
            places = replace(settled, placements=settled.placements.counting_on(now.placements)) if back else now
            prepared = await self._preparing.prepare(document, places, now.document)
            held, regions = prepared.held, tuple(prepared.held.regions.values())
            anew = (places.placements, held.placements, regions)
            cleared = self._cleared.rows if back else self._cleared.with_those(*anew)
            await self._keep(prepared, document, held if back else settled, cleared)
            self._given, self._hash = document, document_hash(document)
            self._late.over()
            if back:
                self._cleared.restore(regions)
            self._cleared.clear(*anew)
            if back:
                self._cleared.forget()
            self._take(held)
            if back and cleared:
                await self._put_back()

    async def _put_back(self) -> None:
        """The disk says until now that there is something to put back."""
        try:
            await saved(self._file, self._stored(self._holdings.held, self._given, self._settled))
        except GuestwireError as err:  # said again by who comes or goes next
            self._broken(err)

    def _end_what_was_cut_off(self) -> None:
        """The process before ended between the disk and the memory."""
        store = self._holdings.store
        regions = (*store.held, *store.aside)
        if self._settled is self._holdings.held:
            self._cleared.restore(regions)
            self._cleared.forget()
        else:
            self._cleared.clear_again(regions)

    async def settle(self) -> None:
        """What was set aside is let go: the document that holds is the one to go back to. Raises REGION-FULL."""
        async with self._changing:
            held, store = self._holdings.held, self._holdings.store
            if self._settled is held and not store.aside:
                return
            state = self._stored(held, self._given, held)
            kept = tuple(row for row in state.regions.rows if not row.aside)
            regions = state.regions.model_copy(update={"rows": kept})
            await saved(self._file, state.model_copy(update={"regions": regions, "cleared": ()}))
            self._settled = held
            self._cleared.forget()
            store.reap()

    async def _keep(
        self,
        prepared: Prepared,
        given: CommDocument | None,
        settled: Held,
        cleared: tuple[ClearedBytes, ...],
        *,
        wanted: bool | None = None,
    ) -> None:
        """On disk, and then ours. Raises REGION-FULL; then nothing has changed."""
        try:
            state = self._stored(prepared.held, given, settled, wanted=wanted)
            await saved(self._file, state.model_copy(update={"cleared": cleared}))
        except BaseException:
            try:
                await self._preparing.take_back(prepared)
            except GuestwireError as err:
                self._troubles.arose("networks", err)
            raise
        self._settled = settled
        self._preparing.take(prepared)

    # -- what cannot fail

    def _take(self, held: Held) -> None:
        """From now on this holds."""
        before, self._holdings.held = self._holdings.held, held
        self._talks.deliver(self._parts.table.declare(declared_events(held.document, held.placements), self._clock()))
        self._directories.write()
        self._parts.doorbells.set_direct(_pairs(held))
        guests = {uuid: name for name, uuid in held.uuids.items()}
        for name in [name for name in self._holdings.ids if before.uuids.get(name) != held.uuids.get(name)]:
            del self._holdings.ids[name]  # of a QEMU that is no such guest's any more
        for uuid in {*self._parts.doorbells.served, *before.uuids.values()} - guests.keys():
            self._parts.doorbells.unserve(uuid)
            self._parts.serials.unserve(uuid)
        for uuid, name in guests.items():
            self._serve(uuid, name)
        if self._parts.trace.missing and any(guest.services for guest in held.document.guests):
            self._in_background(self._open_trace(), "open-trace")

    def _serve(self, uuid: str, name: str) -> None:
        try:
            self._parts.doorbells.serve(uuid, name, self._path(uuid, "doorbell"))
        except OSError as err:  # when the guest is started it finds no socket
            self._log.error("a guest has no doorbell", guest=name, error=str(err))
        self._parts.serials.serve(uuid, name, self._path(uuid, "serial"))

    async def _open_trace(self) -> None:
        await self._parts.trace.open()

    def _broken(self, error: GuestwireError) -> None:
        self._log.error(error.message, code=error.code)

    def _in_background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._tasks.create_task(self._guarded(work, name), name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """A defect in the background does not end the services."""
        try:
            await work
        except Exception as err:  # noqa: BLE001 - the entry point of what is done in the background
            self._parts.telling.defect(name, err)

    # -- what is told

    def plugs(self, guest: str) -> w.CommPlugs:
        """Raises COMM-NOT-STARTED, NOT-FOUND: a guest without communication."""
        if not self._holdings.serving:
            raise GuestwireError("COMM-NOT-STARTED")
        uuid = self._holdings.held.uuids.get(guest)
        if uuid is None:
            text = f"{guest} has no communication in the document that holds."
            raise GuestwireError("NOT-FOUND", text, field="guest")
        return w.CommPlugs(plugs=self._holdings.plugs(guest))

    async def mapped(self, asked: w.MappedRef) -> w.CommMapped:
        """By the process that is connected as the guest's doorbell: the kernel says which."""
        bell = self._parts.doorbells.attached(asked.uuid)
        if bell is None or bell.pid is None:
            return w.CommMapped()
        return w.CommMapped(mapped=await asyncio.to_thread(mapped, bell.pid, asked.device, asked.inode))

    def guest_reset(self, guest: str) -> None:
        """What it was attached as is over; it attaches again."""
        self._talks.restart(guest)
        if (uuid := self._holdings.held.uuids.get(guest)) is not None:
            self._parts.doorbells.renew(uuid)

    def status(self) -> w.CommStatus:
        missing = {**self._lacking, **self._troubles.missing}
        if self._parts.trace.missing and any(guest.services for guest in self._holdings.held.document.guests):
            missing["trace"] = self._parts.trace.missing
        return comm_status(
            self._state, self._holdings, self._talks.all, started_at=self._started_at, document_hash=self._hash,
            stranded=self._parts.stranded.names, missing=missing,
        )  # fmt: skip

    # -- the disk

    async def remember(self) -> None:
        """Somebody came or went: what is needed to know it again after our restart. Raises REGION-FULL."""
        async with self._changing:
            await saved(self._file, self._stored(self._holdings.held, self._given, self._settled))

    def _stored(self, held: Held, given: CommDocument | None, settled: Held, *, wanted: bool | None = None) -> State:
        """What is on disk when that holds."""
        before = None
        if settled is not held:
            before = Before(document=settled.document, placements=settled.placements, directs=dict(settled.directs))
        uuids = self._holdings.held.uuids
        return State(
            document=given, wanted=self._wanted if wanted is None else wanted, boot_id=self._file.boot_id,
            regions=self._holdings.store.to_state(), placements=held.placements, directs=dict(held.directs),
            before=before, cleared=self._cleared.rows,
            peers=attached_now(self._talks.all, lambda name: uuids.get(name, ""), self._parts.stranded.left),
        )  # fmt: skip

    def _path(self, uuid: str, kind: str) -> Path:
        return self._folder / "guests" / f"{uuid}.{kind}"


def _pairs(held: Held) -> dict[tuple[str, str], frozenset[int]]:
    """Who rings whom at which vectors, by uuid."""
    return {
        (held.uuids[one], held.uuids[other]): vectors
        for (one, other), vectors in pairs(held.directs).items()
        if one in held.uuids and other in held.uuids
    }
