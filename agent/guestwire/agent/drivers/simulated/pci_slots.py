"""What is plugged into simulated guests: every region is opened as QEMU does, and refused as QEMU refuses it."""

import os
from collections.abc import Collection

from guestwire.agent.drivers.simulated.start_checks import driver_error
from guestwire.agent.services.ports import Areas, Plug
from guestwire.model.guest import Guest


class PciSlots:
    """`areas` None: there is nothing to plug."""

    __slots__ = ("_areas",)

    def __init__(self, areas: Areas | None) -> None:
        self._areas = areas

    async def filled(self, guest: Guest, before: Collection[Plug] = ()) -> tuple[Plug, ...]:
        """What the guest is to have; what it had `before` is not opened again. Raises what the services raise, and
        DRIVER-ERROR."""
        if self._areas is None or not guest.has_comm:
            return ()
        uuid = guest.uuid or ""
        wanted = tuple(await self._areas.wanted(uuid))
        for plug in wanted:
            if plug in before:
                continue
            async with self._areas.opened(uuid, plug) as file:
                size = os.fstat(file).st_size
            if size != plug.backing:
                text = f"backing store size {size:#x} does not match 'size' option {plug.backing:#x}"
                raise driver_error(1, 10, f"internal error: unable to execute QEMU command 'object-add': {text}")
        return wanted
