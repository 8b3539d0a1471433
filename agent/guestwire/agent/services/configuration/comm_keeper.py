"""Keeps guestwire-comm at what the active document says, and knows when it is not.

Nobody edits what guestwire-comm holds, so that another document there is a loss (its store, its host's disk): it is given the
active one again, whatever the policy says of drift. What it had beside that stays set aside until the next change is kept:
the loss may have been ours. While it is away or stopped, that is drift.

Nobody pulls devices of areas out of guests either: those that run are given what they are to have, now and then, and when
something happened. What could not be plugged is drift, and tried again.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from guestwire.agent.services.communication import SERVING, Communication
from guestwire.agent.services.configuration.applying import Applying
from guestwire.agent.services.configuration.plan_items import not_plugged, not_running, unheld
from guestwire.agent.services.configuration.step_kinds import Tools
from guestwire.link.vital import Vital, VitalTask
from guestwire.model.communication import CommDocument, communication_of
from guestwire.model.errors import GuestwireError
from guestwire.model.plan import PlanItem

AGAIN_S = 30.0
"""After a failure, unless something happens before."""
AGREED_WITHIN_S = 10.0
LOOK_S = 30.0
"""How often the devices of guests that run are looked at: QEMU tells nobody of those that libvirt does not know."""

_AWAY = frozenset({"COMM-NOT-STARTED", "COMM-LOST", "DRIVER-LOST", "NOT-FOUND"})
"""Failures of a plug that are not the guest's."""


def _nobody_hears(_guest: str, _error: GuestwireError) -> None:
    """It is drift all the same."""


class CommKeeper(VitalTask):
    """`async with` it; `look` is called when definitions changed and when a change has ended, `look_at_guests` when the
    services came, went or changed their state, and when a guest came on. `host` is the host's id; `not_plugged` hears,
    once, why a guest, by name, has not got what it is to have."""

    def __init__(
        self,
        comm: Communication,
        tools: Tools,
        applying: Applying,
        host: str,
        vital: Vital,
        not_plugged: Callable[[str, GuestwireError], None] = _nobody_hears,
        *,
        look_s: float = LOOK_S,
    ) -> None:
        super().__init__(vital, "comm-keeper")
        self._comm = comm
        self._applying = applying
        self._guests = tools.guests
        self._power = tools.power
        self._giving = tools.giving
        self._round = asyncio.Event()
        self._host = host
        self._wake = asyncio.Event()
        self._wake.set()
        self._failure = ""
        self._not_plugged = not_plugged
        self._look_s = look_s
        self._guests_due = True
        self._unplugged: dict[str, str] = {}
        self.drift: Sequence[PlanItem] = ()
        """What is not as the active document says, as it was last seen."""

    def look(self) -> None:
        """What is held, or is to be, may have changed."""
        self._wake.set()

    def look_at_guests(self) -> None:
        """What is plugged into guests may not be what they are to have, either."""
        self._guests_due = True
        self._wake.set()

    async def agreed(self) -> None:
        """Return when guestwire-comm has the active document: a guest that starts gets from it what it is to have. Raises
        COMM-NOT-STARTED, COMM-LOST where it has not in time."""
        try:
            async with asyncio.timeout(AGREED_WITHIN_S):
                while drift := await self._found():
                    if drift[0].field == "state":
                        raise GuestwireError("COMM-NOT-STARTED")
                    self.look()
                    await self._round.wait()
                    if self._failure:
                        raise GuestwireError("COMM-NOT-STARTED", self._failure)
        except TimeoutError as err:
            text = "guestwire-comm has not got the active configuration yet."
            raise GuestwireError("COMM-NOT-STARTED", text) from err

    async def _run(self) -> None:
        wait_s: float | None = None
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                self._guests_due = True
            self._wake.clear()
            due, self._guests_due = self._guests_due, False  # whoever asks from now on is for the next round
            failure = ""
            drift: Sequence[PlanItem] = ()
            running: Mapping[str, str] = {}
            try:
                drift = await self._found()
                if drift and drift[0].field == "document":
                    await self._repair()
                    due, drift = True, ()
                running = await self._running()
            except GuestwireError as err:
                failure = f"communication: {err.code}: {err.message}"
            if failure and failure != self._failure:
                self._applying.around.changed("drifted", failure)
            self._failure = failure
            self._round.set()
            self._round.clear()
            if failure or drift:
                self._guests_due = True  # once they are there again
            if not failure:
                self._told(drift or await self._lacking(running, due))
            wait_s = AGAIN_S if failure else self._look_s if running else None

    async def _found(self) -> Sequence[PlanItem]:
        """The drift now. While a change is under way nothing is: its end is heard."""
        records = self._applying.records
        if records.under_way is not None:
            return ()
        if records.newest is None and not await self._power.connected(0.0):
            return ()  # before the first revision the hypervisor's guests are what is active: nobody has listed them yet
        expected = await self._expected()
        try:
            state: str = (await self._comm.status()).state
            held = await self._comm.held() if state in SERVING else None
        except GuestwireError as err:
            if err.code not in ("COMM-NOT-STARTED", "COMM-LOST"):
                raise
            state, held = "stopped", None
        if state not in SERVING:
            return (not_running(state),) if expected.needed else ()
        return tuple(unheld(held, expected))

    async def _expected(self) -> CommDocument:
        return communication_of(await self._applying.active.desired(), self._host)

    async def _repair(self) -> None:
        """Give it the active document, and the guests that run their devices. No lane is needed: a guest that is about to
        start waits for this in its own."""
        async with self._giving:
            if self._applying.records.under_way is not None:
                return  # it began meanwhile; its end is heard
            expected = await self._expected()
            await self._comm.apply(expected)
        self._applying.around.changed("in_sync", "guestwire-comm was given the active configuration again")

    async def _running(self) -> Mapping[str, str]:
        """The guests with communication that run: uuid -> name."""
        running = self._power.running()
        return {guest.uuid: guest.name for guest in (await self._expected()).guests if guest.uuid in running}

    async def _lacking(self, running: Mapping[str, str], due: bool) -> Sequence[PlanItem]:
        """What guests that run have not got; after a look at them, if that is due."""
        if due:
            await self._plug(running)
        lacking = {uuid: why for uuid, why in self._unplugged.items() if uuid in running}
        return tuple(not_plugged(running[uuid], why) for uuid, why in lacking.items())

    async def _plug(self, running: Mapping[str, str]) -> None:
        """Let every guest that runs have its devices. A change that is under way does that itself."""
        found: dict[str, str] = {}
        for uuid, name in running.items():
            if self._applying.records.under_way is not None:
                self._guests_due = True
                return
            try:
                await self._guests.plug(uuid)
            except GuestwireError as err:
                if err.code not in _AWAY:  # that is told by itself
                    found[uuid] = f"{err.code}: {err.message}"
                    if self._unplugged.get(uuid) != found[uuid]:
                        self._not_plugged(name, err)
        self._unplugged = found

    def _told(self, drift: Sequence[PlanItem]) -> None:
        if drift == self.drift:
            return
        self.drift = drift
        state = "drifted" if drift else "in_sync"
        self._applying.around.changed(state, ", ".join(f"{item.object}.{item.field}" for item in drift))
