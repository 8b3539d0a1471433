"""Reboot and power off the host (SM 10), once: over a crash of the agent the host's boot id says whether it happened."""

import json
from collections.abc import Awaitable, Callable
from typing import Literal

from guestwire.agent.audit import Log
from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.ports import OFF, HostControl
from guestwire.agent.services.running import Running
from guestwire.model.errors import GuestwireError
from guestwire.protocol.config_models import HostPower
from guestwire.protocol.operation_models import Empty
from guestwire.protocol.steps import Call

NOTE = "host-power"
"""The journal's note of the last request that was let through: whose, and in which boot of the host."""


class HostPowerService:
    """`boot_id`: that of the host as it runs now. `note` and `set_note` are the journal's."""

    def __init__(
        self,
        control: HostControl,
        guests: GuestService,
        boot_id: Callable[[], Awaitable[str]],
        note: Callable[[str], bytes | None],
        set_note: Callable[[str, bytes], Awaitable[None]],
        log: Log,
    ) -> None:
        self._control = control
        self._guests = guests
        self._boot_id = boot_id
        self._note = note
        self._set_note = set_note
        self._log = log

    def lanes(self, call: Call) -> tuple[str, ...]:
        """The host's and every guest's: nothing else happens meanwhile. With force the host's only: nobody is waited for.
        Raises BUSY before the hypervisor was first listed."""
        request: HostPower = call.request
        return ("host",) if request.force else ("host", *self._guests.lanes_of(()))

    async def reboot(self, running: Running) -> Empty:
        """Begin a reboot. Raises GUESTS-RUNNING (`detail.guests`: their names), and DRIVER-LOST while nobody can say which
        run; with `force` neither."""
        return await self._do(running, "reboot")

    async def power_off(self, running: Running) -> Empty:
        """Begin to switch the host off. Raises what `reboot` raises."""
        return await self._do(running, "power off")

    async def happened(self, call: Call) -> bool | None:
        """A probe of `commands.Command`: whether the host went down for this request. None: it was about to, and is still
        in the same boot."""
        noted = json.loads(self._note(NOTE) or b"{}")
        if noted.get("request") != _name(call):
            return False
        return True if noted["boot_id"] != await self._boot_id() else None

    async def _do(self, running: Running, what: Literal["reboot", "power off"]) -> Empty:
        request: HostPower = running.call.request
        if not request.force:
            await self._no_guest_may_run(running)
        noted = {"request": _name(running.call), "boot_id": await self._boot_id()}
        await self._set_note(NOTE, json.dumps(noted).encode())
        self._log.warning(f"host {what}", issuer=running.call.issuer, force=request.force)
        begin = self._control.reboot if what == "reboot" else self._control.power_off
        await running.effect(lambda: begin(force=request.force))
        return Empty()

    async def _no_guest_may_run(self, running: Running) -> None:
        rows = await self._guests.rows(running)
        on = [row.guest.name for row in rows if row.observed.state not in OFF]
        if on:
            text = f"Guests run: {', '.join(on[:16])}. Shut them down first, or force it."
            raise GuestwireError("GUESTS-RUNNING", text, detail={"guests": on})


def _name(call: Call) -> str:
    """What a request is known by."""
    return f"{call.issuer} {call.request_id.hex()}"
