"""What every driver of the HostControl port promises. Linux runs on a directory that stands for a host, and its commands
are noted, not run: no test may reboot this machine, change its addresses or its boot loader.
"""

import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from guestwire.agent.drivers.linux.command import Ended, run_command
from guestwire.agent.drivers.linux.control import LinuxControl
from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.settings import Settings
from guestwire.agent.services.ports import HostControl
from guestwire.model.errors import GuestwireError
from guestwire.model.machines import MACHINES
from guestwire.model.networks import Adapter
from guestwire.model.settings import HostSettings, HugePool

FILES = {
    "etc/default/grub": "GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX=quiet\n",
    "etc/passwd": "root:x:0:0::/root:/bin/sh\noperator:x:1000:1000::/home/operator:/bin/sh\n",
    "proc/irq/default_smp_affinity": "f\n",
    "proc/irq/24/smp_affinity_list": "0-3\n",
    "proc/swaps": "Filename Type Size Used Priority\n",
    "proc/sys/net/ipv4/ip_forward": "0\n",
    "proc/sys/net/ipv6/conf/all/forwarding": "0\n",
    "run/systemd/system/.keep": "",
    "sys/devices/system/cpu/present": "0-3\n",
    "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages": "0\n",
    "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "0\n",
}


class Noted:
    """Commands that are noted; mkswap is run, swapon and swapoff do in /proc/swaps what they would."""

    def __init__(self, root: Path) -> None:
        self.swaps = root / "proc/swaps"
        self.commands: list[str] = []

    async def __call__(self, *arguments: str, stdin: str | None = None, deadline_s: float = 60.0) -> Ended:
        self.commands.append(" ".join(arguments))
        if arguments[0] == "mkswap":
            return await run_command(*arguments)
        if arguments[0] == "swapon":
            self.swaps.write_text(f"Filename Type Size Used Priority\n{arguments[1]} file 1 0 -2\n")
        if arguments[0] == "swapoff":
            self.swaps.write_text("Filename Type Size Used Priority\n")
        if arguments[0] == "nft":
            return Ended(1, "", "Error: No such file or directory")
        return Ended(0, "[]" if arguments[0] == "ip" else "", "")


@pytest.fixture(params=["simulated", "linux"])
async def control(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HostControl]:
    if request.param == "simulated":
        clock = lambda: time.time_ns() // 1_000_000  # noqa: E731
        machine = MACHINES["4-core"]
        async with SimulatedHost(machine, tmp_path, clock=clock, settings=Settings(reboot_s=3600)) as host:
            yield host.control
        return
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    yield LinuxControl(tmp_path, Noted(tmp_path))
    shutil.rmtree(tmp_path / "var", ignore_errors=True)


async def refused(call: Any) -> str:
    with pytest.raises(GuestwireError) as caught:
        await call
    return caught.value.code


WANTED: dict[str, tuple[Any, Any]] = {
    "autologin": ("operator", ""),
    "bootloader_timeout": (3, 0),
    "removable_media": (True, False),
    "swap_mib": (2, 0),
    "ip_forward": (True, False),
    "hugepages": ((HugePool(size_mib=2, pages=8, node=0),), ()),
    "irq_affinity": ("0-1", "0,2-3"),
}


@pytest.mark.parametrize("name", WANTED)
async def test_a_setting_becomes_true_again_and_again_and_goes_back(control: HostControl, name: str) -> None:
    before = getattr(await control.settings(), name)
    captured = await control.capture(name)
    for value in (*WANTED[name], WANTED[name][0]):
        for _ in range(2):
            await control.set(name, HostSettings(**{name: value}))
            assert getattr(await control.settings(), name) == value
    for _ in range(2):
        await control.restore(name, captured)
        assert getattr(await control.settings(), name) == before
        assert await control.capture(name) == captured


async def test_setting_one_leaves_the_others(control: HostControl) -> None:
    before = await control.settings()
    await control.set("bootloader_timeout", HostSettings(bootloader_timeout=9, ip_forward=True, autologin="operator"))
    assert await control.settings() == before.model_copy(update={"bootloader_timeout": 9})


async def test_what_is_not_said_is_left_as_it_is(control: HostControl) -> None:
    before = await control.settings()
    for name in WANTED:
        await control.set(name, HostSettings())
    assert await control.settings() == before


async def test_what_the_host_does_not_have_is_refused_and_nothing_done(control: HostControl) -> None:
    before = await control.settings()
    for name, wanted in (
        ("colour", HostSettings()),
        ("hugepages", HostSettings(hugepages=(HugePool(size_mib=512, pages=1),))),
        ("hugepages", HostSettings(hugepages=(HugePool(size_mib=2, pages=1, node=7),))),
        ("irq_affinity", HostSettings(irq_affinity="0,99")),
        ("irq_affinity", HostSettings(irq_affinity="0-")),
        ("adapters", HostSettings(adapters=(Adapter(name="eth9", dhcp=False),))),
    ):
        assert await refused(control.set(name, wanted)) == "UNSUPPORTED"
    assert await control.settings() == before
    for call in (control.capture("colour"), control.restore("colour", "{}")):
        assert await refused(call) == "UNSUPPORTED"


@pytest.mark.parametrize("force", [False, True])
async def test_reboot_and_power_off_begin_and_return(control: HostControl, force: bool) -> None:
    await control.reboot(force=force)
    await control.power_off(force=force)
