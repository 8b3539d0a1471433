"""Changes that wait: for a confirmation, with an undo deadline, or for a boot. And those a crash left to nobody."""

import asyncio
from collections.abc import Awaitable, Callable

from guestwire.agent.config_records_schema import ChangeRow
from guestwire.agent.services.configuration.applying import CONNECT_PATIENCE_S, Applying
from guestwire.agent.services.configuration.ports import Power
from guestwire.agent.services.running import Running
from guestwire.link.vital import Vital, VitalTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.config_models import ConfigApplied, ConfigCancel, ConfigConfirm
from guestwire.protocol.steps import Call

AGAIN_S = 2.0
"""After a failure that may pass, before deadlines are looked at again."""


class Waiting(VitalTask):
    """`async with` it: undo deadlines are kept, and what waited for a boot goes on after it."""

    def __init__(self, applying: Applying, power: Power, vital: Vital) -> None:
        super().__init__(vital, "config-deadlines")
        self._applying = applying
        self._records = applying.records
        self._around = applying.around
        self._power = power
        self._moved = asyncio.Event()
        self._booted = asyncio.Event()
        """Set when what waited for a boot may have been seen to."""
        self._owed: tuple[ChangeRow, str] | None = None
        """A change that is to be undone, and why."""
        applying.moved = applying.starts.moved = self._moved.set
        applying.orphaned = self._orphaned

    def look(self) -> None:
        """The host may have booted."""
        self._moved.set()

    # -- confirm, cancel

    async def confirm(self, running: Running) -> ConfigApplied:
        """Keep what the last apply did. Only over a connection of this host that was made after the change: that it stands
        is what is confirmed."""
        request: ConfigConfirm = running.call.request
        change = self._records.under_way
        if change is None or change.plan_id != request.plan_id:
            kept = await self._applying.active.kept()
            if change is None and kept.plan_id == request.plan_id:
                return ConfigApplied(revision=await self._applying.active.revision(), state="in_sync")
            raise _not_waiting("No change with that plan id waits to be confirmed: it may have been undone.", change)
        self._around.authorise(running.call, change.risk)
        if change.phase != "confirm":
            raise GuestwireError("WRONG-STATE", f"The change is not waiting to be confirmed: {change.phase}.")
        call = running.call
        if call.way != "tcp" and not self._around.link.exists:
            return await self._confirmed(running, change)
        if call.local:
            raise GuestwireError(
                "CONFIRM-REQUIRED", "Confirm it the way the host is managed: the socket proves nothing."
            )
        since = _made_at_ms(call) if call.way == "tcp" else self._around.link.connected_at_ms
        done = (change.confirm_by_ms or 0) - 1000 * (change.confirm_s or 0)
        if since is None or since < done:
            raise GuestwireError(
                "CONFIRM-REQUIRED", "The connection is older than the change: try again over a new one.", after_ms=1000
            )
        return await self._confirmed(running, change)

    async def _confirmed(self, running: Running, change: ChangeRow) -> ConfigApplied:
        result = await running.effect(lambda: self._applying.keep(change))
        self._moved.set()
        return result

    async def cancel(self, running: Running) -> ConfigApplied:
        """Undo a change that waits for a confirmation or a boot."""
        request: ConfigCancel = running.call.request
        change = self._records.under_way
        if change is None or change.plan_id != request.plan_id:
            if change is None and running.again and (await self._applying.active.kept()).plan_id != request.plan_id:
                return ConfigApplied(revision=await self._applying.active.revision(), state="rolled_back")
            raise _not_waiting("No change with that plan id waits.", change)
        self._around.authorise(running.call, change.risk)
        await self._applying.connected(running)
        left = await running.effect(self._applying.engine.back)
        self._moved.set()
        await self._applying.undone("cancelled", left)
        if left:
            raise GuestwireError("ROLLBACK-INCOMPLETE", detail={"left": list(left)})
        return ConfigApplied(revision=await self._applying.active.revision(), state="rolled_back")

    async def _run(self) -> None:
        """Undo what nobody confirmed in time, go on after a boot, note what waits for a start no more."""
        while True:
            self._moved.clear()
            self._booted.set()
            change = self._records.under_way
            try:
                await self._applying.starts.keep()
                if self._owed is not None:
                    await self._back(*self._owed)
                    self._owed = None
                elif change is not None and change.phase == "confirm":
                    await self._until_confirmed(change)
                elif change is not None and change.phase == "reboot" and await self._around.boot_id() != change.boot_id:
                    await self._after_boot(change)
                else:
                    await self._moved.wait()
            except GuestwireError as err:  # a full disk, a lost hypervisor: the next round tries again
                self._around.changed("applying", f"{err.code}: {err.message}")
                await asyncio.sleep(AGAIN_S)

    async def _until_confirmed(self, change: ChangeRow) -> None:
        left_s = ((change.confirm_by_ms or 0) - self._around.clock_ms()) / 1000
        try:
            async with asyncio.timeout(max(0.0, left_s)):
                await self._moved.wait()
        except TimeoutError:
            await self.undo_overdue()

    async def undo_overdue(self) -> bool:
        """Undo the change that waits for a confirmation if its time is over; whether it was."""
        if not await self._records.take_undo(self._around.clock_ms()):
            return False
        change = self._records.under_way
        if change is not None:
            self._owed = change, "nobody confirmed the change in time"
            await self._back(*self._owed)
            self._owed = None
        return True

    async def take_up_orphan(self, over: Callable[[str, bytes], Awaitable[None]]) -> None:
        """Undo a change that was left half done and that no unfinished request goes on with. Call it once after recovery.
        `over` returns when that request is not under way: it may end without having gone on."""
        change = self._records.under_way
        if change is None:
            await self._applying.tidy()
            return
        await over(change.issuer, change.request_id)
        now = self._records.under_way
        if now is not None and _same(now, change):
            self._orphaned()

    def _orphaned(self) -> None:
        change = self._records.under_way
        if self._owed is None and change is not None and change.phase in ("forward", "undoing"):
            self._owed = change, "the agent stopped while it was applied"
            self._moved.set()

    async def _back(self, change: ChangeRow, why: str) -> None:
        async with self._around.hold(self._applying.every_lane()):
            now = self._records.under_way
            # whoever had the lanes before may have ended it, and another may have begun
            if now is not None and _same(now, change) and now.phase in ("forward", "undoing"):
                await self._power.connected(CONNECT_PATIENCE_S)
                await self._applying.undone(why, await self._applying.engine.back())

    async def arrived(self) -> None:
        """Return when no change waits to be made true by the boot that was."""
        while (change := self._records.under_way) is not None:
            if change.phase == "reboot" and await self._around.boot_id() == change.boot_id:
                return
            if change.phase not in ("reboot", "undoing"):
                return
            self._booted.clear()
            await self._booted.wait()

    async def _after_boot(self, change: ChangeRow) -> None:
        async with self._around.hold(("host",)):
            await self._power.connected(CONNECT_PATIENCE_S)
            if self._records.under_way != change:
                return  # cancelled meanwhile
            if short := await self._applying.short():
                await self._records.set_phase("undoing")
                self._owed = change, short.message
                self._moved.set()
                return
            if change.confirm_s is None:
                await self._applying.keep(change)
                return
            by_ms = self._around.clock_ms() + change.confirm_s * 1000
            await self._records.set_phase("confirm", confirm_by_ms=by_ms)
            self._around.link.reconnect()  # it may have connected before the change was whole
        self._around.changed("confirm_wait", change.plan_id)


def _made_at_ms(call: Call) -> int | None:
    """When the connection was made, straight to the host, that a request came by. None: the host was started since."""
    return None if call.path is None else call.path.made_ms  # a Connection of link/framed_server


def _not_waiting(text: str, other: ChangeRow | None) -> GuestwireError:
    if other is None:
        return GuestwireError("NOT-FOUND", text)
    return GuestwireError("NOT-FOUND", f"{text} Another one is under way.", detail={"plan_id": other.plan_id})


def _same(one: ChangeRow, other: ChangeRow) -> bool:
    return (one.request_id, one.issuer, one.started_ms) == (other.request_id, other.issuer, other.started_ms)
