"""The settings of a simulated host over restarts and boots, and what its power button does."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.settings import Faults, Settings
from guestwire.agent.services.ports import Lost, Resynced
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES
from guestwire.model.networks import Adapter
from guestwire.model.settings import HostSettings, HugePool

WANTED = HostSettings(
    autologin="operator",
    bootloader_timeout=1,
    removable_media=True,
    swap_mib=1024,
    ip_forward=True,
    airgap=True,
    adapters=(Adapter(name="eth1", dhcp=False, addresses=("10.0.0.2/24",)),),
    hugepages=(HugePool(size_mib=2, pages=64, node=0),),
    irq_affinity="0",
)


def host(directory: Path | None = None, **options: Any) -> SimulatedHost:
    settings = Settings(boot_s=3600.0, reboot_s=options.pop("reboot_s", 0.0))
    return SimulatedHost(MACHINES["4-core"], directory, clock=lambda: 1_700_000_000_000, settings=settings, **options)


async def test_settings_survive_a_restart_and_a_boot(tmp_path: Path) -> None:
    async with host(tmp_path) as simulated:
        for name in HostSettings.model_fields:
            await simulated.control.set(name, WANTED)
        assert await simulated.control.settings() == WANTED
    async with host(tmp_path) as simulated:
        assert await simulated.control.settings() == WANTED
        simulated.reboot_host()
        assert await simulated.control.settings() == WANTED
        assert (await simulated.topology()).nodes[0].hugepages[0].total == 64


async def test_a_value_written_behind_the_settings_shows_and_goes_at_the_next_boot() -> None:
    async with host() as simulated:
        await simulated.control.set("ip_forward", HostSettings(ip_forward=True))
        await simulated.values.write("/proc/sys/net/ipv4/ip_forward", "0")
        assert (await simulated.control.settings()).ip_forward is False
        simulated.reboot_host()
        assert (await simulated.control.settings()).ip_forward is True


async def test_more_huge_pages_than_there_is_memory_are_refused_and_none_kept() -> None:
    pools = (HugePool(size_mib=2, pages=10, node=0), HugePool(size_mib=1024, pages=1000))
    async with host() as simulated:
        before = await simulated.control.capture("hugepages")
        with pytest.raises(GuestwireError) as caught:
            await simulated.control.set("hugepages", HostSettings(hugepages=pools))
        assert caught.value.code == "RESOURCE-EXHAUSTED"
        assert (caught.value.detail["wanted"], caught.value.detail["got"]) == (1000, 15)
        assert await simulated.control.capture("hugepages") == before


async def test_a_reboot_has_a_new_boot_id_and_leaves_every_guest_off() -> None:
    """libvirt's autostart is off as well: the agent starts guests, in their order."""
    async with host() as simulated, simulated.events() as events:
        ran, starts = (
            Guest(name=name, id=f"GUEST000{number}", uuid=str(uuid4()), autostart=autostart)
            for number, name, autostart in ((1, "ran", "off"), (2, "starts", "headless"))
        )
        for guest in (ran, starts):
            await simulated.define(guest)
        await simulated.start(ran.uuid or "")
        before = (await simulated.facts()).boot_id
        assert isinstance(await anext(events), Resynced)
        await simulated.control.reboot()
        assert simulated.connected
        async with asyncio.timeout(5):
            while not isinstance(event := await anext(events), Resynced):
                pass
        assert [(o.guest.name, o.state) for o in event.guests] == [("ran", "stopped"), ("starts", "stopped")]
        assert (await simulated.facts()).boot_id != before


async def test_what_waits_for_a_boot_waits_until_it() -> None:
    async with host(faults=Faults(boot_pending=("a kernel waits",), disk_full=True)) as simulated:
        assert (await simulated.facts()).boot_pending == ("a kernel waits",)
        simulated.reboot_host()
        assert (await simulated.facts()).boot_pending == ()
        assert simulated._injection.faults == Faults(disk_full=True)


async def test_a_host_that_is_off_answers_nothing_until_it_is_switched_on() -> None:
    async with host() as simulated, simulated.events() as events:
        await anext(events)
        await simulated.control.power_off()
        async with asyncio.timeout(5):
            assert isinstance(await anext(events), Lost)
        with pytest.raises(GuestwireError) as caught:
            await simulated.list()
        assert caught.value.code == "DRIVER-LOST"
        simulated.reboot_host()
        assert await simulated.list() == ()


async def test_a_process_that_ends_takes_its_timer_along() -> None:
    async with host(reboot_s=3600.0) as simulated:
        await simulated.control.reboot()
        await simulated.control.reboot()
    loop_timers = [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
    assert not loop_timers


async def test_the_management_path() -> None:
    async with host() as simulated:
        path = await simulated.management(None)
        addresses = {device.address for device in (await simulated.topology()).devices}
        assert path.interfaces == {"eth0"}
        assert path.nics | path.boot_disks <= addresses


@pytest.mark.parametrize("where", ["fail_calls", "fail_after"])
async def test_a_call_is_made_to_fail_before_its_effect_or_after_it(where: str) -> None:
    key = "control.set:swap_mib"
    faults = Faults(**{where: {key: "injected"}}, fail_times=1)  # type: ignore[arg-type]
    async with host(faults=faults) as simulated:
        await simulated.control.set("bootloader_timeout", WANTED)
        with pytest.raises(GuestwireError) as caught:
            await simulated.control.set("swap_mib", WANTED)
        assert (caught.value.code, caught.value.detail["text"]) == ("DRIVER-ERROR", "injected")
        assert (await simulated.control.settings()).swap_mib == (1024 if where == "fail_after" else 0)
        await simulated.control.set("swap_mib", WANTED)
