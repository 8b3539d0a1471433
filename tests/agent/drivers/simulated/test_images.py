"""What only the simulated host's images have: their memory, their faults, and what is implied to be there."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.settings import Faults, Settings
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import FileFact
from guestwire.model.guest import Disk, Guest
from guestwire.model.machines import MACHINES

DISK = "/simulated/images/a.qcow2"


def host(directory: Path | None = None) -> SimulatedHost:
    return SimulatedHost(
        MACHINES["4-core"], directory, clock=lambda: 1_700_000_000_000, settings=Settings(boot_s=3600.0)
    )


def guest(*disks: Disk) -> Guest:
    return Guest(name="a", id="GUEST0001", uuid=str(uuid4()), disks=disks)


async def code_of(call: Any) -> str:
    with pytest.raises(GuestwireError) as caught:
        await call
    return caught.value.code


async def test_images_survive_a_restart_of_the_process(tmp_path: Path) -> None:
    async with host(tmp_path) as simulated:
        await simulated.images.create(DISK, "qcow2", 8)
        await simulated.images.snapshot(DISK, "first")
        simulated.images.write(DISK)
        content = simulated.images.content(DISK)
        aside = await simulated.images.set_aside(DISK)
        await simulated.images.remove("/simulated/old.iso")
    async with host(tmp_path) as simulated:
        assert await simulated.images.set_aside(DISK) == aside
        await simulated.images.put_back(aside, DISK)
        assert simulated.images.content(DISK) == content
        assert [snapshot.name for snapshot in await simulated.images.snapshots(DISK)] == ["first"]
        assert not (await simulated.images.probe(["/simulated/old.iso"]))["/simulated/old.iso"].exists


async def test_the_log_of_images_does_not_grow_without_end(tmp_path: Path) -> None:
    async with host(tmp_path) as simulated:
        await simulated.images.create(DISK, "qcow2", 8)
        for _ in range(4000):
            simulated.images.write(DISK)
        content = simulated.images.content(DISK)
        assert (tmp_path / "images.jsonl").stat().st_size < 300_000
    async with host(tmp_path) as simulated:
        assert simulated.images.content(DISK) == content


async def test_files_are_implied_but_disk_images_are_made() -> None:
    async with host() as simulated:
        facts = await simulated.images.probe(["/simulated/cd.iso", "/simulated/kernel", DISK, "/etc/passwd"])
        assert list(facts.values()) == [
            FileFact(True, "raw", 1024),
            FileFact(exists=True),
            FileFact(exists=False),
            FileFact(exists=False),
        ]


async def test_a_start_finds_the_images_that_were_made() -> None:
    async with host() as simulated:
        made = guest(Disk(path=DISK))
        await simulated.define(made)
        assert await code_of(simulated.start(made.uuid or "")) == "DRIVER-ERROR"
        await simulated.images.create(DISK, "qcow2", 8)
        await simulated.start(made.uuid or "")


async def test_a_full_disk_and_a_file_that_is_missing() -> None:
    async with host() as simulated:
        await simulated.images.create(DISK, "qcow2", 8)
        simulated.set_faults(Faults(disk_full=True))
        for call in (
            simulated.images.create("/simulated/images/b.qcow2", "qcow2", 1),
            simulated.images.clone(DISK, "/simulated/images/b.qcow2", "qcow2"),
            simulated.images.resize(DISK, 16),
            simulated.images.snapshot(DISK, "s"),
        ):
            assert await code_of(call) == "RESOURCE-EXHAUSTED"
        await simulated.images.remove(DISK)
        simulated.set_faults(Faults(missing_files=frozenset({"/simulated/cd.iso"})))
        assert not (await simulated.images.probe(["/simulated/cd.iso"]))["/simulated/cd.iso"].exists


async def test_a_running_guest_s_disk_grows_and_its_medium_changes(tmp_path: Path) -> None:
    made = guest(Disk(path=DISK), Disk(path="/simulated/a.iso", format="raw", device="cdrom"))
    uuid = made.uuid or ""
    async with host(tmp_path) as simulated:
        await simulated.images.create(DISK, "qcow2", 8)
        await simulated.define(made)
        assert await code_of(simulated.grow_disk(uuid, 0, 16)) == "WRONG-STATE"
        await simulated.change_media(uuid, 1, "/simulated/b.iso")  # it does not run: nothing to do
        await simulated.start(uuid)
        await simulated.grow_disk(uuid, 0, 16)
        await simulated.grow_disk(uuid, 0, 12)
        assert (await simulated.images.probe([DISK]))[DISK].virtual_mib == 16
        assert await code_of(simulated.images.remove("/simulated/a.iso")) == "IMAGE-IN-USE"
        for path in ("/simulated/b.iso", "/simulated/b.iso"):
            await simulated.change_media(uuid, 1, path)
        await simulated.images.remove("/simulated/a.iso")
        assert await code_of(simulated.change_media(uuid, 1, "/simulated/a.iso")) == "DRIVER-ERROR"
        for disk in (0, 2):
            assert await code_of(simulated.change_media(uuid, disk, None)) == "DRIVER-ERROR"
    async with host(tmp_path) as simulated:  # it runs on with the medium it was given
        assert await code_of(simulated.images.remove("/simulated/b.iso")) == "IMAGE-IN-USE"
        await simulated.change_media(uuid, 1, None)
        await simulated.images.remove("/simulated/b.iso")
        assert (await simulated.list())[0].guest == made
        await simulated.destroy(uuid)
