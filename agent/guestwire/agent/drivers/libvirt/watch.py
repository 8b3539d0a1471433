"""What happens to domains, as events of the port: libvirt's callbacks in, one ordered feed out.

Callbacks only queue; one task handles them in order. Where libvirt's event says all there is to say it is believed as it
stands (asking again would lose a stop that a start follows at once); else the domain is asked. libvirt also loses events
(9.0: a destroy right after the daemon's restart), so a domain is asked after each call on it, and all states are compared
every few seconds. An overflow of the bounded queue is answered by listing everything anew, like a new connection.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import libvirt

from guestwire.agent.drivers.feed import Feed
from guestwire.agent.drivers.libvirt.connection import Connection
from guestwire.agent.drivers.libvirt.errors import NO_DOMAIN
from guestwire.agent.drivers.libvirt.observe import in_order, observe, observe_all, power_of_all
from guestwire.agent.drivers.libvirt.states import EVENT_REASONS, LIFECYCLE
from guestwire.agent.services.ports import Changed, Gone, Lost, Observed, PowerState, Resynced
from guestwire.model.errors import GuestwireError

_QUEUED = 1024


@dataclass(frozen=True, slots=True)
class _Happening:
    """One callback's message. `ask`: find out what the domain is now."""

    kind: Literal["power", "ask", "reboot", "agent"]
    uuid: str
    state: PowerState = "unknown"
    reason: str = ""
    agent: bool = False


class Watch:
    """Keeps what is known of every domain, and feeds its changes to readers. `async with` runs its task."""

    def __init__(self, clock: Callable[[], int], host: str = "") -> None:
        self._clock = clock
        self._host = host
        self._known: dict[str, Observed] = {}
        self._lost = "not connected yet"
        self._epoch = 0
        self._connection: Connection | None = None
        self._queue: deque[_Happening] = deque()
        self._overflow = False
        self._wake = asyncio.Event()
        self._steady = asyncio.Lock()
        self._held: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self.feed = Feed(self._present)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._handle_all(), name="libvirt-watch")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.feed.close()

    async def on_up(self, connection: Connection, epoch: int) -> None:
        """A new connection: register for everything, then list everything."""
        async with self._steady:
            self._queue.clear()
            listed = asyncio.Event()

            def lifecycle(domain: Any, event: int, detail: int) -> None:
                uuid = domain.UUIDString()
                if event in LIFECYCLE and listed.is_set():
                    self._put(_Happening("power", uuid, LIFECYCLE[event], EVENT_REASONS.get((event, detail), "")))
                else:  # what happened before the list was made is in it: an old event must not overrule it
                    self._put(_Happening("ask", uuid))

            def agent(domain: Any, state: int, _reason: int) -> None:
                on = state == libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED
                self._put(_Happening("agent", domain.UUIDString(), agent=on))

            await connection.on_event(libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle)
            await connection.on_event(
                libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, lambda d: self._put(_Happening("reboot", d.UUIDString()))
            )
            await connection.on_event(libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, agent)
            self._connection = connection
            await self._list(connection, epoch)
            listed.set()

    def on_lost(self, epoch: int, reason: str) -> None:
        self._lost = reason
        self._queue.clear()
        self.feed.publish(Lost(epoch, reason))

    def defined(self, observed: Observed) -> None:
        """A definition was made by us: who looks next must see it, though libvirt's event is still on its way."""
        known = self._known.get(observed.guest.uuid or "")
        self._change(observed if known is None else replace(known, guest=observed.guest, of_other=observed.of_other))

    def undefined(self, uuid: str) -> None:
        """A definition was taken away by us."""
        if self._known.pop(uuid, None) is not None:
            self.feed.publish(Gone(self._epoch, self._clock(), uuid))

    def touched(self, uuid: str) -> None:
        """Something was done to a domain: see for ourselves what came of it."""
        self._put(_Happening("ask", uuid))

    @contextmanager
    def held(self, uuid: str) -> Iterator[None]:
        """While we take a domain through several states nobody else hears of them; what came of it is asked at the end."""
        self._held.add(uuid)
        try:
            yield
        finally:
            self._held.discard(uuid)
            self.touched(uuid)

    async def check(self, connection: Connection) -> None:
        """Compare every domain's state with what is known; ask where they differ. Raises when libvirt gives no answer."""
        states = await connection.call(power_of_all, effect=False)
        if self._queue or self._lost:
            return  # events are on their way
        for uuid in states.keys() | self._known.keys():
            known = self._known.get(uuid)
            if known is None or known.state != states.get(uuid):
                self.touched(uuid)

    async def _list(self, connection: Connection, epoch: int) -> None:
        everything = await connection.call(lambda conn: observe_all(conn, self._host), effect=False)
        self._known = {observed.guest.uuid or "": observed for observed in everything}
        self._epoch, self._lost = epoch, ""
        self.feed.publish(Resynced(epoch, everything))

    def _present(self) -> Resynced | Lost:
        if self._lost:
            return Lost(self._epoch, self._lost)
        return Resynced(self._epoch, in_order(self._known.values()))

    def _put(self, happening: _Happening) -> None:
        if happening.uuid in self._held:
            return
        if len(self._queue) >= _QUEUED:
            self._overflow = True
        else:
            self._queue.append(happening)
        self._wake.set()

    async def _handle_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue or self._overflow:
                try:
                    async with self._steady:
                        await self._handle_next()
                except Exception as err:  # noqa: BLE001 (who watches outlives any defect of what it looks at)
                    # what was to be learnt is not known: a new link lists everything, with its back-off in between
                    self._queue.clear()
                    if self._connection is not None:
                        self._connection.give_up(err.message if isinstance(err, GuestwireError) else repr(err))

    async def _handle_next(self) -> None:
        if self._connection is None or self._lost:
            self._queue.clear()
            self._overflow = False
        elif self._overflow:
            self._overflow = False
            self._queue.clear()
            await self._list(self._connection, self._epoch)
        elif self._queue:
            await self._handle(self._connection, self._queue.popleft())

    async def _handle(self, connection: Connection, happening: _Happening) -> None:
        known = self._known.get(happening.uuid)
        if happening.kind == "ask" or known is None:
            await self._ask(connection, happening.uuid)
        elif happening.kind == "power":
            if happening.state == "stopping" and known.state in {"stopped", "crashed"}:
                return  # we asked before its events came
            running = happening.state in {"running", "paused"}
            self._change(
                replace(
                    known,
                    state=happening.state,
                    reason=happening.reason,
                    agent_connected=running and known.agent_connected,
                )
            )
        elif happening.kind == "agent":
            self._change(replace(known, agent_connected=happening.agent))
        else:
            self._change(replace(known, agent_connected=False), rebooted=True)

    async def _ask(self, connection: Connection, uuid: str) -> None:
        def act(conn: Any) -> Observed | None:
            try:
                return observe(conn.lookupByUUIDString(uuid), self._host)
            except libvirt.libvirtError as err:
                if err.get_error_code() == NO_DOMAIN:
                    return None
                raise

        observed = await connection.call(act, effect=False)
        if uuid in self._held:
            return  # asked before it was held, and seen in one of the states that nobody hears of
        if observed is not None:
            self._change(observed)
        else:
            self.undefined(uuid)

    def _change(self, observed: Observed, *, rebooted: bool = False) -> None:
        uuid = observed.guest.uuid or ""
        if rebooted or self._known.get(uuid) != observed:
            self._known[uuid] = observed
            self.feed.publish(Changed(self._epoch, self._clock(), observed, rebooted))
