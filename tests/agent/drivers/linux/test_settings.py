"""The settings of a Linux host, file by file, on a directory that stands for a host with GRUB, systemd and two NUMA nodes,
which a small virtual machine is not. Commands are noted; where a kernel would give less, the test's own does.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from guestwire.agent.drivers.linux.command import Ended, run_command
from guestwire.agent.drivers.linux.control import SETTINGS, LinuxControl
from guestwire.agent.drivers.linux.settings import owned_files
from guestwire.agent.drivers.linux.settings.setting import Place
from guestwire.model.errors import GuestwireError
from guestwire.model.settings import HostSettings, HugePool

NODE = "sys/devices/system/node/node{}/hugepages/hugepages-{}kB/nr_hugepages"
FILES: Mapping[str, str] = {
    "etc/default/grub": 'GRUB_DEFAULT=0\nGRUB_TIMEOUT="7"\n',
    "etc/passwd": "root:x:0:0::/root:/bin/sh\noperator:x:1000:1000::/home/operator:/bin/sh\n",
    "proc/irq/default_smp_affinity": "ff,ffffffff\n",
    "proc/irq/9/smp_affinity_list": "0-39\n",
    "proc/irq/10/smp_affinity_list": "0-39\n",
    "run/systemd/system/.keep": "",
    "run/udev/control": "",
    "usr/sbin/update-grub": "",
    "sys/devices/system/cpu/present": "0-39\n",
    NODE.format(0, 2048): "0\n",
    NODE.format(1, 2048): "0\n",
    NODE.format(0, 1048576): "0\n",
    NODE.format(1, 1048576): "0\n",
    "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "0\n",
    "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages": "0\n",
}


class Host:
    """A directory with the files, and the commands that were run. `fails` is a program that fails."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.commands: list[str] = []
        self.fails = ""
        for name, text in FILES.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        self.control = LinuxControl(root, self)

    async def __call__(self, *arguments: str, stdin: str | None = None, deadline_s: float = 60.0) -> Ended:
        self.commands.append(" ".join(arguments))
        return Ended(1, "", "it went wrong\n") if arguments[0] == self.fails else Ended(0, "", "")

    def text(self, name: str) -> str:
        return (self.root / name).read_text()

    async def set(self, name: str, value: Any) -> None:
        await self.control.set(name, HostSettings(**{name: value}))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


async def error_of(call: Any) -> GuestwireError:
    with pytest.raises(GuestwireError) as caught:
        await call
    return caught.value


def test_every_setting_has_its_row() -> None:
    assert set(SETTINGS) == set(HostSettings.model_fields)


async def test_the_boot_loader_s_timeout_is_a_fragment_of_its_own(host: Host) -> None:
    assert (await host.control.settings()).bootloader_timeout == 7
    await host.set("bootloader_timeout", 3)
    assert "\nGRUB_TIMEOUT=3\n" in host.text("etc/default/grub.d/90-guestwire.cfg")
    assert host.text("etc/default/grub") == FILES["etc/default/grub"]
    assert host.commands[1:] == ["/usr/sbin/update-grub"]


async def test_a_host_without_grub_has_no_such_timeout(host: Host) -> None:
    (host.root / "etc/default/grub").unlink()
    assert (await host.control.settings()).bootloader_timeout is None
    assert (await error_of(host.set("bootloader_timeout", 3))).code == "UNSUPPORTED"


async def test_a_tool_that_fails_is_told_in_its_words(host: Host) -> None:
    host.fails = "/usr/sbin/update-grub"
    error = await error_of(host.set("bootloader_timeout", 3))
    assert (error.code, error.detail["text"]) == ("DRIVER-ERROR", "it went wrong")


async def test_autologin_is_for_users_that_there_are(host: Host) -> None:
    drop_in = "etc/systemd/system/getty@tty1.service.d/guestwire.conf"
    await host.set("autologin", "operator")
    assert "\n[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin operator " in host.text(drop_in)
    assert host.commands == ["systemctl daemon-reload"]
    assert (await error_of(host.set("autologin", "nobody-here"))).code == "UNSUPPORTED"
    await host.set("autologin", "")
    assert not (host.root / drop_in).exists()


async def test_removable_media_is_a_rule_that_udev_reads(host: Host) -> None:
    await host.set("removable_media", True)
    assert 'ENV{ID_BUS}=="usb"' in host.text("etc/udev/rules.d/90-guestwire-media.rules")
    assert host.commands[0] == "udevadm control --reload"


async def test_pools_of_huge_pages_are_kept_for_the_next_boot(host: Host) -> None:
    pools = (
        HugePool(size_mib=2, pages=512, node=1),
        HugePool(size_mib=1024, pages=4, node=0),
        HugePool(size_mib=1024, pages=2, node=1),
    )
    await host.set("hugepages", pools)
    assert [host.text(NODE.format(node, size)) for node, size in ((1, 2048), (0, 1048576), (1, 1048576))] == [
        "512\n",
        "4\n",
        "2\n",
    ]
    line = "w /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages - - - - 512\n"
    assert line in host.text("etc/tmpfiles.d/90-guestwire-hugepages.conf")
    assert "hugepagesz=1G hugepages=0:4,1:2" in host.text("etc/default/grub.d/91-guestwire-hugepages.cfg")
    (host.root / NODE.format(0, 1048576)).write_text("3\n")
    assert [pool.pages for pool in (await host.control.settings()).hugepages] == [512, 3, 2]
    await host.set("hugepages", pools[:1])
    assert not (host.root / "etc/default/grub.d/91-guestwire-hugepages.cfg").exists()


async def test_a_kernel_that_gives_less_is_put_back(host: Host, tmp_path: Path) -> None:
    """Its second node has no memory: a file that is always 0, as /dev/null is read empty."""
    file = host.root / NODE.format(1, 2048)
    (host.root / NODE.format(0, 2048)).write_text("7\n")
    file.unlink()
    file.symlink_to("/dev/null")
    wanted = (HugePool(size_mib=2, pages=64, node=0), HugePool(size_mib=2, pages=65, node=1))
    file_before = await host.control.capture("hugepages")
    error = await error_of(host.set("hugepages", wanted))
    assert error.code in ("RESOURCE-EXHAUSTED", "DRIVER-ERROR")
    assert error.detail["got"] == 0
    assert error.detail["wanted"] == 65
    assert host.text(NODE.format(0, 2048)) == "7\n"
    assert not (host.root / "etc/tmpfiles.d").exists()
    assert await host.control.capture("hugepages") == file_before


async def test_interrupts_move_and_managed_ones_stay(host: Host) -> None:
    """A directory in place of the file refuses to be written, as the kernel does for a managed interrupt."""
    managed = host.root / "proc/irq/11/smp_affinity_list"
    managed.mkdir(parents=True)
    assert (await host.control.settings()).irq_affinity == "0-39"
    captured = await host.control.capture("irq_affinity")
    await host.set("irq_affinity", "0,33")
    assert host.text("proc/irq/default_smp_affinity") == "2,00000001\n"
    assert host.text("proc/irq/9/smp_affinity_list") == "0,33\n"
    assert (await host.control.settings()).irq_affinity == "0,33"
    assert "irqaffinity=0,33" in host.text("etc/default/grub.d/92-guestwire-irq.cfg")
    await host.control.restore("irq_affinity", captured)
    assert host.text("proc/irq/default_smp_affinity") == "ff,ffffffff\n"


async def test_this_machine_s_settings_can_be_read() -> None:
    settings = await LinuxControl().settings()
    assert settings.irq_affinity is None or "0" in settings.irq_affinity
    assert settings.ip_forward in (True, False)


async def test_a_file_goes_back_to_its_bytes_mode_and_absence(host: Host) -> None:
    fragment = host.root / "etc/default/grub.d/90-guestwire.cfg"
    fragment.parent.mkdir()
    fragment.write_bytes(b"GRUB_TIMEOUT=1\xff")
    fragment.chmod(0o640)
    captured = await host.control.capture("bootloader_timeout")
    json.loads(captured)
    await host.set("bootloader_timeout", 9)
    await host.control.restore("bootloader_timeout", captured)
    assert fragment.read_bytes() == b"GRUB_TIMEOUT=1\xff"
    assert fragment.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in fragment.parent.iterdir()] == [fragment.name]


@pytest.mark.parametrize(("force", "flags"), [(False, ""), (True, "--force ")])
async def test_systemd_reboots_the_host(host: Host, force: bool, flags: str) -> None:
    await host.control.reboot(force=force)
    await host.control.power_off(force=force)
    assert host.commands == [f"systemctl {flags}reboot", f"systemctl {flags}poweroff"]


async def test_without_systemd_nobody_reboots(tmp_path: Path) -> None:
    assert (await error_of(LinuxControl(tmp_path).reboot())).code == "UNSUPPORTED"


async def test_a_host_that_takes_no_swap_file_keeps_none(host: Host) -> None:
    host.fails = "swapon"
    error = await error_of(host.set("swap_mib", 1))
    assert (error.code, "it went wrong" in error.message) == ("UNSUPPORTED", True)
    assert (await host.control.settings()).swap_mib == 0
    assert not list((host.root / "var/lib/guestwire").iterdir())


async def test_a_swap_file_has_no_holes_and_no_readers(host: Host) -> None:
    await host.set("swap_mib", 1)
    file = host.root / "var/lib/guestwire/swapfile"
    status = file.stat()
    assert (status.st_size, status.st_mode & 0o777) == (1 << 20, 0o600)
    assert status.st_blocks * 512 >= status.st_size
    unit = host.root / "etc/systemd/system/var-lib-guestwire-swapfile.swap"
    assert "\nWhat=/var/lib/guestwire/swapfile\n" in unit.read_text()
    assert host.commands[-1] == "systemctl daemon-reload"
    assert await asyncio.to_thread((host.root / "etc/systemd/system/swap.target.wants").iterdir)


async def test_large_pages_that_the_kernel_cannot_give_come_with_the_boot(host: Host) -> None:
    """A file that stays 0 stands for memory in pieces. Without a boot loader of ours to ask, it is an error."""
    file = host.root / NODE.format(0, 1048576)
    file.unlink()
    file.symlink_to("/dev/null")
    pools = (HugePool(size_mib=1024, pages=4, node=0),)
    before = await host.control.capture("hugepages")
    await host.set("hugepages", pools)
    assert "hugepagesz=1G hugepages=0:4" in host.text("etc/default/grub.d/91-guestwire-hugepages.cfg")
    assert "nr_hugepages - - - - 4\n" in host.text("etc/tmpfiles.d/90-guestwire-hugepages.conf")
    assert [pool.pages for pool in (await host.control.settings()).hugepages or ()] == [0], "and it says so"
    await host.control.restore("hugepages", before)
    assert not (host.root / "etc/default/grub.d/91-guestwire-hugepages.cfg").exists()
    (host.root / "etc/default/grub").unlink()
    error = await error_of(host.set("hugepages", pools))
    assert error.code in ("RESOURCE-EXHAUSTED", "DRIVER-ERROR")


async def test_files_get_their_owner_and_mode_back(tmp_path: Path) -> None:
    place = Place(tmp_path, run_command)
    owner = (7, 8) if os.geteuid() == 0 else (os.getuid(), os.getgid())  # only root gives files away
    file, link = tmp_path / "etc/a", tmp_path / "etc/b"
    file.parent.mkdir()
    file.write_text("before")
    os.chown(file, *owner)
    file.chmod(0o2640)
    link.symlink_to("a")
    os.lchown(link, *owner)
    paths = ("/etc/a", "/etc/b", "/etc/c")
    captured = json.loads(json.dumps(await owned_files.capture(place, paths)))
    for path in paths:
        await owned_files.remove(place, path)
        await owned_files.write(place, path, "after")
    await owned_files.restore(place, paths, captured)
    assert await owned_files.capture(place, paths) == captured
    assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode & 0o7777) == (*owner, 0o2640)
    assert (link.lstat().st_uid, str(link.readlink())) == (owner[0], "a")
    assert not (tmp_path / "etc/c").exists()
    before = file.stat().st_ino
    await owned_files.restore(place, paths, captured)
    assert file.stat().st_ino == before, "they are so already"
