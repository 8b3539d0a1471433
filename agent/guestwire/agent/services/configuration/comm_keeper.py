"""Keeps guestwire-comm at what the active document says, and knows when it is not.

Nobody edits what guestwire-comm holds, so that another document there is a loss (its store, its host's disk): it is given the
active one again, whatever the policy says of drift. What it had beside that stays set aside until the next change is kept:
the loss may have been ours. While it is away or stopped, that is drift.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from guestwire.agent.services.communication import SERVING, Communication
from guestwire.agent.services.configuration.applying import Applying
from guestwire.agent.services.configuration.plan_items import not_running, unheld
from guestwire.agent.services.configuration.step_kinds import Tools
from guestwire.agent.vital import Vital
from guestwire.model.communication import CommDocument, communication_of
from guestwire.model.errors import GuestwireError
from guestwire.model.plan import PlanItem

AGAIN_S = 30.0
"""After a failure, unless something happens before."""
AGREED_WITHIN_S = 10.0


class CommKeeper:
    """`async with` it; `look` is called when the services came, went or changed their state, when definitions changed, and
    when a change has ended.
    `host` is the host's id."""

    def __init__(self, comm: Communication, tools: Tools, applying: Applying, host: str, vital: Vital) -> None:
        self._comm = comm
        self._applying = applying
        self._guests = tools.guests
        self._power = tools.power
        self._giving = tools.giving
        self._round = asyncio.Event()
        self._host = host
        self._vital = vital
        self._wake = asyncio.Event()
        self._wake.set()
        self._task: asyncio.Task[None] | None = None
        self._failure = ""
        self.drift: Sequence[PlanItem] = ()
        """What is not as the active document says, as it was last seen."""

    async def __aenter__(self) -> "CommKeeper":
        self._task = asyncio.create_task(self._run(), name="comm-keeper")
        self._vital.watch(self._task)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def look(self) -> None:
        """Something may have changed."""
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
        owed = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S if owed else None):
                    await self._wake.wait()
            self._wake.clear()
            owed, failure = False, ""
            try:
                drift = await self._found()
                if drift and drift[0].field == "document":
                    await self._repair()
                    drift = ()
            except GuestwireError as err:
                owed, failure = True, f"communication: {err.code}: {err.message}"
            else:
                self._told(drift)
            if failure and failure != self._failure:
                self._applying.around.changed("drifted", failure)
            self._failure = failure
            self._round.set()
            self._round.clear()

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
        running = self._power.running()
        for guest in expected.guests:
            if guest.uuid in running:
                await self._guests.plug(guest.uuid)

    def _told(self, drift: Sequence[PlanItem]) -> None:
        if drift == self.drift:
            return
        self.drift = drift
        state = "drifted" if drift else "in_sync"
        self._applying.around.changed(state, ", ".join(f"{item.object}.{item.field}" for item in drift))
