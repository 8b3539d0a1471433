"""What simulated guests are plugged: the files that they are given are looked at as QEMU does."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from guestwire.agent.drivers.simulated.pci_slots import PciSlots
from guestwire.agent.services.ports import Plug
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest

RT = Guest(name="a", uuid="00000000-0000-4000-8000-000000000001", kind="rt")
PLUG = Plug(2, "m", 1 << 20, True, 1)


class Files:
    """Regions of one size, and who opened which."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.opened_for: list[str] = []

    async def wanted(self, uuid: str) -> tuple[Plug, ...]:
        return (PLUG,)

    @asynccontextmanager
    async def opened(self, uuid: str, plug: Plug) -> AsyncIterator[int]:
        self.opened_for.append(plug.name)
        file = os.memfd_create("m")
        try:
            os.ftruncate(file, self.size)
            yield file
        finally:
            os.close(file)


async def test_what_is_there_is_not_opened_again() -> None:
    files = Files(PLUG.backing)
    assert await PciSlots(files).filled(RT) == (PLUG,)
    assert await PciSlots(files).filled(RT, (PLUG,)) == (PLUG,)
    assert files.opened_for == ["m"]


async def test_a_file_of_another_size_is_refused_as_qemu_does() -> None:
    with pytest.raises(GuestwireError) as err:
        await PciSlots(Files(4096)).filled(RT)
    assert err.value.code == "DRIVER-ERROR"
    assert "backing store size 0x1000 does not match 'size' option 0x100000" in err.value.message


@pytest.mark.parametrize(("files", "guest"), [(None, RT), (Files(1), RT.model_copy(update={"kind": "gp"}))])
async def test_who_has_no_communication_gets_nothing(files: Files | None, guest: Guest) -> None:
    assert await PciSlots(files).filled(guest) == ()
