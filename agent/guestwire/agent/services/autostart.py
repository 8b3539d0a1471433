"""Guests that start with the host (SM 6): once for each boot of the host, in their order, by the agent itself.

libvirt's own autostart flag stays off: it knows no order, and would start guests that we are to start.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from guestwire.agent.audit import Log
from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.power import GuestPower
from guestwire.agent.services.work import OwnWork
from guestwire.link.vital import Vital, VitalTask
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.protocol.config_models import GuestOutcome

NOTE = "autostart"
"""The journal's note: the boot of the host that was dealt with last, and how far."""
AT_ONCE = 2
"""A start has a place among the commands that run: this leaves some to clients."""
LOOK_AGAIN_S = 60.0

SHARING_WITHIN_S = 60.0
SHARING_AGAIN_S = 2.0

Hold = Callable[[tuple[str, ...]], AbstractAsyncContextManager[None]]
"""Lanes, waited for as a command does and held while the block lasts. Raises DEADLINE, CANCELED."""


async def _nothing_is_shared() -> None:
    """This host has no communication services."""


class Autostart(VitalTask):
    """`async with` it, at the agent's start: what is to be started is, in the background; leaving ends that, and the next
    start goes on. Call `look` when the host may have booted: a simulated one does while its agent runs.

    `boot_id`: that of the host as it runs now. `note` and `set_note` are the journal's. `hold`: a guest's lane is held while
    it is started. `arrived` returns when no change waits for this boot: what it made is to be started too. `sharing` returns
    when guests with communication, or on a network of the project, find what they need, and raises while they do not.
    """

    def __init__(
        self,
        guests: GuestService,
        power: GuestPower,
        active: Callable[[], Desired],
        hold: Hold,
        boot_id: Callable[[], Awaitable[str]],
        note: Callable[[str], bytes | None],
        set_note: Callable[[str, bytes], Awaitable[None]],
        log: Log,
        vital: Vital,
        arrived: Callable[[], Awaitable[None]],
        sharing: Callable[[], Awaitable[None]] = _nothing_is_shared,
        *,
        look_again_s: float = LOOK_AGAIN_S,
        sharing_within_s: float = SHARING_WITHIN_S,
    ) -> None:
        super().__init__(vital, "autostart")
        self._guests = guests
        self._power = power
        self._active = active
        self._hold = hold
        self._boot_id = boot_id
        self._note = note
        self._set_note = set_note
        self._log = log
        self._arrived = arrived
        self._sharing = sharing
        self._look_again_s = look_again_s
        self._sharing_within_s = sharing_within_s
        self._wake = asyncio.Event()
        self._dealt: set[str] = set()

    def look(self) -> None:
        """The host may have booted."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            await self.run()
            await self._wake.wait()

    async def run(self) -> tuple[GuestOutcome, ...]:
        """Do what this boot of the host still asks for; what became of each guest. A guest that was started before the
        agent died is not started again, though somebody shut it down since."""
        boot = await self._boot_id()
        done = self._done_in(boot)
        if done is None:
            return ()
        self._dealt = done
        await self._arrived()
        outcomes: tuple[GuestOutcome, ...] = ()
        if self._active().autostart.active:
            await self._listed()
            outcomes = await self._start(boot)
        await self._keep(boot, finished=True)
        return outcomes

    # -- pieces

    def _done_in(self, boot: str) -> set[str] | None:
        """The guests that were dealt with in this boot, by uuid; None: nothing is left to do."""
        known = json.loads(self._note(NOTE) or b"{}")
        if known.get("boot_id") != boot:
            return set()
        return None if known["finished"] else set(known["guests"])

    async def _listed(self) -> None:
        """Wait for the hypervisor, however late it comes: a host may boot without its guests' disks."""
        while not await self._guests.connected_within(self._look_again_s):
            self._log.warning("autostart waits for the hypervisor")

    async def _start(self, boot: str) -> tuple[GuestOutcome, ...]:
        wanted = [
            guest
            for guest in self._active().guests
            if guest.autostart != "off" and not guest.disabled and guest.uuid not in self._dealt
        ]
        if not wanted:
            return ()
        self._log.info("autostart", guests=len(wanted))
        if not await self._valid():
            return ()
        if any(self._shares(guest) for guest in wanted):
            await self._until_sharing()

        @asynccontextmanager
        async def turn(guest: Guest) -> AsyncIterator[None]:
            async with self._hold((f"guest:{guest.uuid}",)):
                yield
                self._dealt.add(guest.uuid or "")
                await self._keep(boot, finished=False)

        outcomes = await self._power.start_in_order(OwnWork(), wanted, at_once=AT_ONCE, turn=turn)
        for outcome in outcomes:
            self._tell(outcome)
        return outcomes

    def _shares(self, guest: Guest) -> bool:
        networks = {network.name for network in self._active().networks}
        return guest.has_comm or any(nic.network in networks for nic in guest.nics)

    async def _until_sharing(self) -> None:
        """Wait for the communication services, which come up at the same time; not for ever: guests that do not need them
        are to start, and the others say what they lack."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._sharing_within_s
        while True:
            try:
                await self._sharing()
            except GuestwireError as err:
                if loop.time() >= give_up:
                    self._log.error("autostart waits no longer", code=err.code, reason=err.message)
                    return
                self._log.warning("autostart waits for the communication services", code=err.code, reason=err.message)
            else:
                return
            await asyncio.sleep(min(SHARING_AGAIN_S, self._sharing_within_s))

    async def _valid(self) -> bool:
        """Whether the configuration may be started on this host; asked again while that cannot be found out."""
        while True:
            try:
                await self._power.must_be_valid()
            except GuestwireError as err:
                if err.code == "VALIDATION-FAILED":
                    self._log.error("autostart started no guest", code=err.code, reason=err.message)
                    return False
                self._log.warning("autostart waits for the host", code=err.code, reason=err.message)
            else:
                return True
            await asyncio.sleep(self._look_again_s)

    def _tell(self, outcome: GuestOutcome) -> None:
        fields = {"guest": outcome.guest, "name": outcome.name, "result": outcome.result, "reason": outcome.message}
        if outcome.code is None:
            self._log.info("autostart of a guest", **fields)
        else:
            self._log.error("autostart of a guest", code=outcome.code, **fields)

    async def _keep(self, boot: str, *, finished: bool) -> None:
        """Note how far it is. A disk that is full must not keep guests off."""
        noted = {"boot_id": boot, "finished": finished, "guests": sorted(self._dealt)}
        try:
            await self._set_note(NOTE, json.dumps(noted).encode())
        except GuestwireError as err:
            self._log.warning("autostart could not be noted", code=err.code, reason=err.message)
