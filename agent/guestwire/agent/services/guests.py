"""The guest operations, over the Guests port."""

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType

from guestwire.agent.services.guest_table import GuestTable, Row, Transition
from guestwire.agent.services.ports import Changed, Gone, Guests, Lost, Resynced
from guestwire.agent.services.readiness import Readiness
from guestwire.agent.services.running import Running
from guestwire.agent.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, GuestState, GuestView, lowest_free_id
from guestwire.protocol import operation_models as m
from guestwire.protocol.steps import Call

CONNECT_PATIENCE_S = 60.0
"""How long a command that a crash interrupted waits for the hypervisor before it gives up."""
UNLISTED_AGAIN_MS = 1000

OnTransition = Callable[[Transition], None]


class GuestService:
    """Guests of this host: state from the driver's events, commands to the driver. `async with` it before use."""

    def __init__(self, driver: Guests, clock_ms: Callable[[], int], on_transition: OnTransition, vital: Vital) -> None:
        self._driver = driver
        self._clock_ms = clock_ms
        self._on_transition = on_transition
        self._vital = vital
        self.table = GuestTable()
        self._reserved_ids: set[str] = set()
        self._wakers: set[asyncio.Future[None]] = set()
        self._listed = asyncio.Event()
        self._readiness = Readiness(driver, self._proven_ready, vital)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "GuestService":
        await self._stack.__aenter__()
        await self._stack.enter_async_context(self._readiness)
        self._following = asyncio.create_task(self._follow(), name="guest-events")
        self._vital.watch(self._following)
        self._stack.push_async_callback(_ended, self._following)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    # -- reads

    def list_all(self, call: Call) -> m.GuestList:
        return m.GuestList(guests=tuple(row.view for row in self.table.rows()))

    def show(self, call: Call) -> GuestView:
        return self._known(call.request.guest).view

    async def threads(self, call: Call) -> m.Threads:
        row = self._known(call.request.guest)
        return m.Threads(threads=tuple(await self._driver.threads(row.uuid)))

    # -- lanes

    def lane_of(self, call: Call) -> tuple[str, ...]:
        """The lane of the guest a request names. Raises NOT-FOUND; BUSY before the hypervisor was first listed."""
        return (f"guest:{self._known(call.request.guest).uuid}",)

    def lane_of_definition(self, call: Call) -> tuple[str, ...]:
        """Definitions are made one at a time (identifiers are given out), and not while their guest is busy. Raises
        BUSY before the hypervisor was first listed."""
        self._must_be_listed()
        target = self._target(call.request.guest)
        return ("guests",) if target is None else (f"guest:{target.uuid}", "guests")

    # -- commands

    async def define(self, running: Running) -> GuestView:
        await self._connected(running)
        wanted: Guest = running.call.request.guest
        uuid = wanted.uuid or _uuid_of(running.call)
        target = self._target(wanted)
        if target is not None and target.uuid != uuid:
            self._may_replace(target, wanted, replace=running.call.request.replace)
            uuid = target.uuid
        namesake = self.table.by_name(wanted.name)
        if namesake is not None and namesake.uuid != uuid:
            raise GuestwireError("NAME-DUP", field="guest.name", detail={"guest": namesake.guest.id})
        identifier = self._identifier(wanted, target or self.table.by_uuid(uuid))
        guest = wanted.model_copy(update={"uuid": uuid, "id": identifier})
        self._reserved_ids.add(identifier)
        try:
            observed = await running.effect(lambda: self._driver.define(guest))
            await self._until(lambda: self.table.by_uuid(uuid) is not None, 5.0)
        finally:
            self._reserved_ids.discard(identifier)
        row = self.table.by_uuid(uuid)
        if row is None:
            raise GuestwireError("DRIVER-ERROR", "The hypervisor took the definition and does not list it.")
        return GuestView(guest=observed.guest, status=row.status)

    async def undefine(self, running: Running) -> m.Empty:
        await self._connected(running)
        try:
            row = self.table.find(running.call.request.guest)
        except GuestwireError:
            if running.again:
                return m.Empty()
            raise
        await running.effect(lambda: self._driver.undefine(row.uuid))
        await self._until(lambda: self.table.by_uuid(row.uuid) is None, 5.0)
        return m.Empty()

    async def start(self, running: Running) -> GuestView:
        row = await self._find(running)
        request: m.GuestStart = running.call.request
        if row.observed.state not in ("running", "paused", "stopping"):
            running.progress("starting")
            self._tell(self.table.starting(row.uuid, self._clock_ms()))
            try:
                await running.effect(lambda: self._driver.start(row.uuid))
                await self._reach(row.uuid, ("running", "ready", "paused"), 10.0)
            finally:
                self._tell(self.table.start_ended(row.uuid, self._clock_ms()))
        if request.wait == "ready" and row.guest.ready_when.by != "never":
            await self._until_ready(running, row)
        return self._view(row.uuid)

    async def _until_ready(self, running: Running, row: Row) -> None:
        rule = row.guest.ready_when
        running.progress("waiting for ready", message=f"until {rule.by.replace('_', ' ')}, {rule.within_s} s at most")
        state = await self._reach(row.uuid, ("ready", "crashed", "stopped"), float(rule.within_s))
        if state == "ready":
            return
        if state in ("crashed", "stopped"):
            raise GuestwireError("WRONG-STATE", f"The guest {state} before it was ready.", detail={"state": state})
        raise GuestwireError("READY-TIMEOUT", detail={"state": state or "unknown", "within_s": rule.within_s})

    async def shutdown(self, running: Running) -> GuestView:
        row = await self._find(running)
        request: m.GuestShutdown = running.call.request
        if row.observed.state == "paused":
            raise GuestwireError(
                "WRONG-STATE", "A paused guest cannot shut down: resume it first.", detail={"state": "paused"}
            )
        loop = asyncio.get_running_loop()
        give_up = loop.time() + request.within_s
        asked = 0
        while (left := give_up - loop.time()) > 0 and not self._is_off(row.uuid):
            asked += 1
            running.progress("asking the guest to shut down", message=f"time {asked}")
            await running.effect(lambda: self._driver.shutdown(row.uuid, request.mode))
            # a request that came before the guest's system listened is lost: ask again
            await self._reach(row.uuid, ("stopped", "crashed"), min(left, float(request.again_s)))
        if not self._is_off(row.uuid):
            raise GuestwireError("SHUTDOWN-TIMEOUT", detail={"within_s": request.within_s, "asked": asked})
        return self._view(row.uuid)

    async def destroy(self, running: Running) -> GuestView:
        row = await self._find(running)
        await running.effect(lambda: self._driver.destroy(row.uuid))
        await self._reach(row.uuid, ("stopped", "crashed"), 10.0)
        return self._view(row.uuid)

    async def reset(self, running: Running) -> GuestView:
        row = await self._find(running)
        await running.effect(lambda: self._driver.reset(row.uuid))
        await self._until(lambda: self._reboots(row.uuid) != row.reboots, 5.0)
        return self._view(row.uuid)

    async def pause(self, running: Running) -> GuestView:
        row = await self._find(running)
        await running.effect(lambda: self._driver.pause(row.uuid))
        await self._reach(row.uuid, ("paused",), 5.0)
        return self._view(row.uuid)

    async def resume(self, running: Running) -> GuestView:
        row = await self._find(running)
        await running.effect(lambda: self._driver.resume(row.uuid))
        await self._reach(row.uuid, ("running", "ready"), 5.0)
        return self._view(row.uuid)

    # -- pieces

    def _target(self, wanted: Guest) -> Row | None:
        """The guest a definition is for: by uuid, else by identifier, else by name; None: a new one."""
        if wanted.uuid is not None:
            return self.table.by_uuid(wanted.uuid)
        if wanted.id is not None:
            return next((row for row in self.table.rows() if row.guest.id == wanted.id), None)
        return self.table.by_name(wanted.name)

    def _may_replace(self, target: Row, wanted: Guest, *, replace: bool) -> None:
        if replace:
            return
        code = "GUEST-ID-DUP" if wanted.id is not None else "NAME-DUP"
        raise GuestwireError(
            code,
            f"Guest {target.guest.id or target.guest.name} exists: ask for it to be replaced, or choose another name.",
            field="guest.id" if wanted.id is not None else "guest.name",
            detail={"guest": target.guest.id, "name": target.guest.name},
        )

    def _identifier(self, wanted: Guest, target: Row | None) -> str:
        if target is not None and target.guest.id is not None:
            return target.guest.id
        taken = self.table.ids() | self._reserved_ids
        if wanted.id is not None:
            if wanted.id in taken:
                raise GuestwireError("GUEST-ID-DUP", field="guest.id")
            return wanted.id
        free = lowest_free_id(frozenset(taken))
        if free is None:
            raise GuestwireError("RESOURCE-EXHAUSTED", "All identifiers from GUEST0001 to GUEST9999 are taken.")
        return free

    async def _find(self, running: Running) -> Row:
        await self._connected(running)
        return self.table.find(running.call.request.guest)

    def _known(self, reference: str) -> Row:
        self._must_be_listed()
        return self.table.find(reference)

    def _must_be_listed(self) -> None:
        """Until the guests were listed once nobody can say which there are: a NOT-FOUND would be journalled for good.
        When the connection goes later, the table still knows them."""
        if not self._listed.is_set():
            text = "The hypervisor has not listed its guests yet."
            raise GuestwireError("BUSY", text, after_ms=UNLISTED_AGAIN_MS)

    async def _connected(self, running: Running) -> None:
        """Raises DRIVER-LOST while there is no connection; a command that was taken up again waits for one."""
        if running.patient and not self.table.connected:
            await self._until(lambda: self.table.connected, CONNECT_PATIENCE_S)
        if not self.table.connected:
            raise GuestwireError("DRIVER-LOST")

    def _view(self, uuid: str) -> GuestView:
        row = self.table.by_uuid(uuid)
        if row is None:
            raise GuestwireError("NOT-FOUND", "The guest was undefined meanwhile.")
        return row.view

    def _reboots(self, uuid: str) -> int:
        row = self.table.by_uuid(uuid)
        return -1 if row is None else row.reboots

    def _is_off(self, uuid: str) -> bool:
        row = self.table.by_uuid(uuid)
        return row is None or row.status.state in ("stopped", "crashed")

    async def _reach(self, uuid: str, states: tuple[GuestState, ...], within_s: float) -> GuestState | None:
        """Wait until the guest is in one of the states; the state it is in then, or when time is over."""

        def state() -> GuestState | None:
            row = self.table.by_uuid(uuid)
            return None if row is None else row.status.state

        await self._until(lambda: state() is None or state() in states, within_s)
        return state()

    async def _until(self, met: Callable[[], bool], within_s: float) -> bool:
        """Wait for a change of the table that meets a condition."""
        if met():
            return True
        try:
            async with asyncio.timeout(within_s):
                while not met():
                    waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._wakers.add(waker)
                    try:
                        await waker
                    finally:
                        self._wakers.discard(waker)
        except TimeoutError:
            return False
        return True

    async def _follow(self) -> None:
        async with self._driver.events() as events:
            async for event in events:
                changes = self.table.apply(event, self._clock_ms())
                match event:
                    case Changed():
                        uuid = event.observed.guest.uuid or ""
                        self._readiness.follow_one(uuid, self.table.by_uuid(uuid))
                    case Gone():
                        self._readiness.follow_one(event.uuid, None)
                    case Resynced():
                        self._readiness.follow(self.table.rows())
                        self._listed.set()
                    case Lost():
                        self._readiness.follow(self.table.rows())
                self._tell(changes)

    def _proven_ready(self, uuid: str) -> None:
        self._tell(self.table.proven_ready(uuid, self._clock_ms()))

    def _tell(self, changes: list[Transition]) -> None:
        for waker in self._wakers:
            if not waker.done():
                waker.set_result(None)
        for change in changes:
            self._on_transition(change)


def _uuid_of(call: Call) -> str:
    """The uuid of a guest whose definition names none: the same for every run of the same request."""
    digest = bytearray(hashlib.sha256(call.issuer.encode() + b"\x00" + call.request_id).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80  # version 8, RFC 9562: custom
    digest[8] = digest[8] & 0x3F | 0x80
    h = digest.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
