"""The guest operations, over the Guests port."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Literal

from guestwire.agent.services.changes import Changes
from guestwire.agent.services.consoles import Consoles
from guestwire.agent.services.guest_table import GuestTable, Row, Transition
from guestwire.agent.services.ports import OFF, ON, Changed, Gone, GuestEvent, Guests, Lost, Resynced
from guestwire.agent.services.readiness import Readiness
from guestwire.agent.services.running import Running
from guestwire.agent.services.work import Work
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, GuestState, GuestView
from guestwire.protocol import operation_models as m
from guestwire.protocol.config_models import GuestXml
from guestwire.protocol.steps import Call

CONNECT_PATIENCE_S = 60.0
"""How long a command that a crash interrupted waits for the hypervisor before it gives up."""
UNLISTED_AGAIN_MS = 1000

OnTransition = Callable[[Transition], None]
MayStart = Callable[[Guest, Sequence[Guest]], Awaitable[None]]
"""Raises what keeps the guest from being turned on while the others are on."""


async def _no_conditions(_guest: Guest, _others: Sequence[Guest]) -> None:
    """Any guest may be turned on."""


def _nobody() -> None:
    """Nobody wants to hear of definitions."""


def _nobody_hears(_guest: Guest) -> None:
    """Nobody wants to hear of reboots."""


class GuestService:
    """Guests of this host: state from the driver's events, commands to the driver. `keep_of_consoles`: bytes of what each guest wrote to
    its console last; 0: consoles are read only for what makes guests ready. `async with` it before use."""

    def __init__(
        self,
        driver: Guests,
        clock_ms: Callable[[], int],
        on_transition: OnTransition,
        vital: Vital,
        may_start: MayStart = _no_conditions,
        on_definition: Callable[[], None] = _nobody,
        on_reboot: Callable[[Guest], None] = _nobody_hears,
        keep_of_consoles: int = 0,
    ) -> None:
        self._driver = driver
        self._clock_ms = clock_ms
        self._on_transition = on_transition
        self._vital = vital
        self._may_start = may_start
        self._on_definition = on_definition
        self._on_reboot = on_reboot
        self._turning_on = asyncio.Lock()
        self.table = GuestTable()
        self._changes = Changes()
        self._listed = asyncio.Event()
        self._consoles = Consoles(driver, clock_ms, vital, keep_of_consoles)
        self._readiness = Readiness(self._consoles, self._proven_ready, vital)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "GuestService":
        await self._stack.__aenter__()
        await self._stack.enter_async_context(self._consoles)
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

    async def xml(self, call: Call) -> GuestXml:
        """As the hypervisor keeps it: libvirt's inactive XML."""
        row = self._known(call.request.guest)
        return GuestXml(xml=await self._driver.xml(row.uuid))

    def console(self, call: Call) -> m.ConsoleOutput:
        """What a guest wrote to its console."""
        return self._consoles.read(self._known(call.request.guest), call.request)

    # -- lanes

    def lane_of(self, call: Call) -> tuple[str, ...]:
        """The lane of the guest a request names. Raises NOT-FOUND; BUSY before the hypervisor was first listed."""
        return (f"guest:{self._known(call.request.guest).uuid}",)

    def lanes_of(self, references: Sequence[str]) -> tuple[str, ...]:
        """The lanes of these guests, each once; of every guest when none is named. Raises what `lane_of` raises."""
        self.must_be_listed()
        rows = [self.table.find(reference) for reference in references] or self.table.rows()
        return tuple(dict.fromkeys(f"guest:{row.uuid}" for row in rows))

    # -- commands

    async def start(self, running: Running) -> GuestView:
        row = await self._find(running)
        await self.turn_on(running, row, running.call.request.wait)
        return self._view(row.uuid)

    async def shutdown(self, running: Running) -> GuestView:
        row = await self._find(running)
        request: m.GuestShutdown = running.call.request
        await self.turn_off(running, row, request.mode, request.within_s, request.again_s)
        return self._view(row.uuid)

    async def destroy(self, running: Running) -> GuestView:
        row = await self._find(running)
        await self.cut_power(running, row)
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

    # -- steps that other services take too; whoever calls them holds the guest's lane

    async def find(self, work: Work, reference: str) -> Row:
        """The guest that is named. Raises NOT-FOUND; DRIVER-LOST, which patient work waits for."""
        await self._connected(work)
        return self.table.find(reference)

    async def rows(self, work: Work) -> list[Row]:
        """Every guest, in order of identifier. Raises DRIVER-LOST, as `find` does."""
        await self._connected(work)
        return self.table.rows()

    async def connected_within(self, within_s: float) -> bool:
        """Wait for the hypervisor's list of guests; whether it came."""
        return await self._until(lambda: self.table.connected, within_s)

    def heartbeat(self, name: str) -> None:
        """A guest, by name, said by its guest library that it is at work."""
        self._readiness.heartbeat(name, self.table.by_name(name))

    async def settled(self, uuid: str) -> None:
        """Wait until what is known of a guest's definition is what the hypervisor lists now, at most 5 s."""
        listed = {observed.guest.uuid: observed.guest for observed in await self._driver.list()}

        def caught_up() -> bool:
            row = self.table.by_uuid(uuid)
            return (None if row is None else row.guest) == listed.get(uuid)

        await self._until(caught_up, 5.0)

    async def turn_on(self, work: Work, row: Row, wait: Literal["running", "ready"]) -> None:
        """Turn a guest on and wait until it runs, or is ready; one that is on stays as it is. Raises what keeps it off,
        WRONG-STATE when it stops before it is ready, READY-TIMEOUT."""
        if row.observed.state not in ON:
            work.progress("starting")
            async with self._turning_on:  # two starts at once must not both take the last place
                others = [other.guest for other in self.table.rows() if not self._is_off(other.uuid)]
                await self._may_start(row.guest, others)
                self._tell(self.table.starting(row.uuid, self._clock_ms()))
            try:
                with self._readiness.starting(row.guest) as before_it_runs:
                    await work.effect(lambda: self._driver.start(row.uuid, before_it_runs))
                    await self._reach(row.uuid, ("running", "ready", "paused"), 10.0)
            finally:
                self._tell(self.table.start_ended(row.uuid, self._clock_ms()))
                self._readiness.follow_one(row.uuid, self.table.by_uuid(row.uuid))
        if wait == "ready" and row.guest.ready_when.by != "never":
            await self._until_ready(work, row)

    async def retune(self, work: Work, row: Row) -> None:
        """Make a running guest's threads run where its definition says."""
        await work.effect(lambda: self._driver.retune(row.uuid))

    async def turn_off(
        self, work: Work, row: Row, mode: Literal["default", "acpi", "agent"], within_s: float, again_s: float
    ) -> None:
        """Ask a guest to shut down, every `again_s`, until it has. Raises SHUTDOWN-TIMEOUT, and WRONG-STATE for a paused
        one; it stays on then."""
        if row.observed.state == "paused":
            raise GuestwireError(
                "WRONG-STATE", "A paused guest cannot shut down: resume it first.", detail={"state": "paused"}
            )
        loop = asyncio.get_running_loop()
        give_up = loop.time() + within_s
        asked = 0
        while (left := give_up - loop.time()) > 0 and not self._is_off(row.uuid):
            asked += 1
            work.progress("asking the guest to shut down", message=f"time {asked}")
            await work.effect(lambda: self._driver.shutdown(row.uuid, mode))
            # a request that came before the guest's system listened is lost: ask again
            await self._reach(row.uuid, OFF, min(left, float(again_s)))
        if not self._is_off(row.uuid):
            raise GuestwireError("SHUTDOWN-TIMEOUT", detail={"within_s": within_s, "asked": asked})

    async def cut_power(self, work: Work, row: Row) -> None:
        """Take a guest's power away."""
        await work.effect(lambda: self._driver.destroy(row.uuid))
        await self._reach(row.uuid, OFF, 10.0)

    async def _until_ready(self, work: Work, row: Row) -> None:
        rule = row.guest.ready_when
        work.progress("waiting for ready", message=f"until {rule.by.replace('_', ' ')}, {rule.within_s} s at most")
        state = await self._reach(row.uuid, ("ready", "crashed", "stopped"), float(rule.within_s))
        if state == "ready":
            return
        if state in ("crashed", "stopped"):
            raise GuestwireError("WRONG-STATE", f"The guest {state} before it was ready.", detail={"state": state})
        raise GuestwireError("READY-TIMEOUT", detail={"state": state or "unknown", "within_s": rule.within_s})

    # -- pieces

    async def _find(self, running: Running) -> Row:
        return await self.find(running, running.call.request.guest)

    def _known(self, reference: str) -> Row:
        self.must_be_listed()
        return self.table.find(reference)

    def must_be_listed(self) -> None:
        """Until the guests were listed once nobody can say which there are: a NOT-FOUND would be journalled for good.
        When the connection goes later, the table still knows them."""
        if not self._listed.is_set():
            text = "The hypervisor has not listed its guests yet."
            raise GuestwireError("BUSY", text, after_ms=UNLISTED_AGAIN_MS)

    async def _connected(self, work: Work) -> None:
        """Raises DRIVER-LOST while there is no connection; a command that was taken up again waits for one."""
        if work.patient and not self.table.connected:
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
        return row is None or row.status.state in OFF

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
                    await self._changes.next()
        except TimeoutError:
            return False
        return True

    async def _follow(self) -> None:
        async with self._driver.events() as events:
            async for event in events:
                before = self._defined(event)
                changes = self.table.apply(event, self._clock_ms())
                if isinstance(event, Resynced) or before != self._defined(event):
                    self._on_definition()
                self._tell(changes)  # before what follows of it: running comes before ready
                match event:
                    case Changed():
                        uuid = event.observed.guest.uuid or ""
                        if event.rebooted:
                            self._consoles.rebooted(uuid)
                            self._readiness.rebooted(event.observed.guest)
                            self._on_reboot(event.observed.guest)
                        self._follow_one(uuid, self.table.by_uuid(uuid))
                    case Gone():
                        self._follow_one(event.uuid, None)
                    case Resynced():
                        self._follow_all()
                        self._listed.set()
                    case Lost():
                        self._follow_all()

    def _follow_one(self, uuid: str, row: Row | None) -> None:
        self._consoles.follow_one(uuid, row)
        self._readiness.follow_one(uuid, row)

    def _follow_all(self) -> None:
        self._consoles.follow(self.table.rows())
        self._readiness.follow(self.table.rows())

    def _defined(self, event: GuestEvent) -> Guest | None:
        """The definition of the guest that an event is about, as it is known."""
        uuid = (
            event.observed.guest.uuid if isinstance(event, Changed) else event.uuid if isinstance(event, Gone) else None
        )
        row = self.table.by_uuid(uuid or "")
        return None if row is None else row.guest

    def _proven_ready(self, uuid: str) -> bool:
        changes = self.table.proven_ready(uuid, self._clock_ms())
        self._tell(changes)
        return bool(changes)

    def _tell(self, changes: list[Transition]) -> None:
        self._changes.happened()
        for change in changes:
            self._on_transition(change)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
