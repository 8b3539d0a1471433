"""What every driver of the Images port promises: qemu-img on real files, and the simulated host's registry."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from guestwire.agent.drivers.linux.images import QemuImages
from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.services.ports import Images
from guestwire.broker_test.fixtures import require
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import FileFact
from guestwire.model.guest import Disk, Guest
from guestwire.model.machines import MACHINES


def unix_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Rig:
    """A driver and a folder that is not there yet. `write` changes what an image holds, `content` tells it apart;
    `hold` keeps it open as a running guest does."""

    images: Images
    folder: str
    write: Callable[[str], Awaitable[None]]
    content: Callable[[str], Awaitable[str]]
    hold: Callable[[str, bool], AbstractAsyncContextManager[None]]

    def path(self, name: str) -> str:
        return f"{self.folder}/{name}"


async def tool(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out
    return out.decode()


@asynccontextmanager
async def qemu_holds(path: str, read_only: bool) -> AsyncIterator[None]:
    """qemu-io takes the locks that QEMU takes."""
    process = await asyncio.create_subprocess_exec(
        *("qemu-io", *(("-r",) if read_only else ()), path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"length\n")
    while b"MiB" not in await process.stdout.readline():  # it is open when it answers
        pass
    try:
        yield
    finally:
        process.stdin.write(b"quit\n")
        await process.communicate()


def qemu_rig(folder: Path) -> Rig:
    async def write(path: str) -> None:
        pattern = uuid4().bytes[0] or 1
        await tool(
            "qemu-io", "-f", "raw" if path.endswith(".raw") else "qcow2", "-c", f"write -P {pattern} 0 64k", path
        )

    async def content(path: str) -> str:
        copy = folder.parent / f"{uuid4()}.raw"
        try:
            await tool("qemu-img", "convert", "-O", "raw", path, str(copy))
            with copy.open("rb") as file:
                return file.read(65536).hex()
        finally:
            copy.unlink(missing_ok=True)

    return Rig(QemuImages(), str(folder), write, content, qemu_holds)


def simulated_rig(host: SimulatedHost, folder: str) -> Rig:
    @asynccontextmanager
    async def hold(path: str, read_only: bool) -> AsyncIterator[None]:
        uuid = str(uuid4())
        disk = Disk(path=path, read_only=read_only)
        await host.define(Guest(name=uuid[:8], id="GUEST0001", uuid=uuid, disks=(disk,)))
        await host.start(uuid)
        try:
            yield
        finally:
            await host.destroy(uuid)
            await host.undefine(uuid)

    async def write(path: str) -> None:
        host.images.write(path)

    async def content(path: str) -> str:
        return host.images.content(path)

    return Rig(host.images, folder, write, content, hold)


@pytest.fixture(params=["simulated", "linux"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    if request.param == "simulated":
        async with SimulatedHost(MACHINES["4-core"], tmp_path, clock=unix_ms) as host:
            yield simulated_rig(host, "/var/lib/guestwire/guests/a")
        return
    require("libvirt", shutil.which("qemu-img") is not None, "no libvirt: no qemu-img on this machine")
    yield qemu_rig(tmp_path / "guests" / "a")


async def refused(call: Any) -> str:
    with pytest.raises(GuestwireError) as caught:
        await call
    return caught.value.code


async def fact(rig: Rig, path: str) -> FileFact:
    return (await rig.images.probe([path]))[path]


@pytest.mark.parametrize("format", ["qcow2", "raw"])
async def test_an_image_is_made_once_with_its_folder(rig: Rig, format: Any) -> None:
    path = rig.path(f"disk.{format}")
    assert await fact(rig, path) == FileFact(exists=False)
    await rig.images.create(path, format, 16)
    assert await fact(rig, path) == FileFact(True, format, 16)
    assert await refused(rig.images.create(path, format, 32)) == "EXISTS"
    assert await fact(rig, path) == FileFact(True, format, 16)


async def test_every_path_is_answered(rig: Rig) -> None:
    there, missing = rig.path("there.qcow2"), rig.path("missing.qcow2")
    await rig.images.create(there, "qcow2", 1)
    found = await rig.images.probe([missing, there])
    assert {path: known.exists for path, known in found.items()} == {there: True, missing: False}
    assert await rig.images.probe([]) == {}


async def test_a_copy_is_full_and_independent(rig: Rig) -> None:
    source, copy = rig.path("source.qcow2"), rig.path("copy.raw")
    await rig.images.create(source, "qcow2", 4)
    await rig.write(source)
    before = await rig.content(source)
    await rig.images.clone(source, copy, "raw")
    assert await fact(rig, copy) == FileFact(True, "raw", 4)
    assert await rig.content(copy) == before
    await rig.write(source)
    assert await rig.content(copy) == before
    assert await refused(rig.images.clone(source, copy, "raw")) == "EXISTS"
    assert await refused(rig.images.clone(rig.path("none.qcow2"), rig.path("b.qcow2"), "qcow2")) == "NOT-FOUND"
    assert not (await fact(rig, rig.path("b.qcow2"))).exists


@pytest.mark.parametrize("format", ["qcow2", "raw"])
async def test_an_image_grows_and_shrinks_only_when_that_is_said(rig: Rig, format: Any) -> None:
    path = rig.path(f"disk.{format}")
    assert await refused(rig.images.resize(path, 8)) == "NOT-FOUND"
    await rig.images.create(path, format, 4)
    for size in (8, 8):
        await rig.images.resize(path, size)
        assert (await fact(rig, path)).virtual_mib == 8
    assert await refused(rig.images.resize(path, 4)) == "UNSUPPORTED"
    assert (await fact(rig, path)).virtual_mib == 8
    await rig.images.resize(path, 4, shrink=True)
    assert await fact(rig, path) == FileFact(True, format, 4)


async def test_what_is_set_aside_comes_back(rig: Rig) -> None:
    path = rig.path("disk.qcow2")
    assert await refused(rig.images.set_aside(path)) == "NOT-FOUND"
    await rig.images.create(path, "qcow2", 4)
    await rig.write(path)
    before = await rig.content(path)
    aside = await rig.images.set_aside(path)
    assert aside.rpartition("/")[0] == rig.folder
    assert aside.rpartition("/")[2].startswith(".")
    assert await rig.images.set_aside(path) == aside
    assert not (await fact(rig, path)).exists
    for _ in range(2):
        await rig.images.put_back(aside, path)
        assert await rig.content(path) == before
    assert not (await fact(rig, aside)).exists


async def test_what_took_the_place_of_an_image_set_aside_is_not_overwritten(rig: Rig) -> None:
    path = rig.path("disk.qcow2")
    await rig.images.create(path, "qcow2", 4)
    first = await rig.images.set_aside(path)
    await rig.images.create(path, "qcow2", 5)
    assert await refused(rig.images.put_back(first, path)) == "EXISTS"
    second = await rig.images.set_aside(path)
    assert second != first
    sizes = await rig.images.probe([first, second])
    assert [sizes[aside].virtual_mib for aside in (first, second)] == [4, 5]
    await rig.images.remove(second)
    await rig.images.put_back(first, path)
    assert (await fact(rig, path)).virtual_mib == 4
    assert await refused(rig.images.put_back(second, rig.path("other.qcow2"))) == "NOT-FOUND"


async def test_what_is_removed_is_gone_and_removing_again_is_no_error(rig: Rig) -> None:
    path = rig.path("disk.raw")
    await rig.images.create(path, "raw", 1)
    for _ in range(2):
        await rig.images.remove(path)
        assert not (await fact(rig, path)).exists


async def test_snapshots_keep_what_the_image_held(rig: Rig) -> None:
    path = rig.path("disk.qcow2")
    await rig.images.create(path, "qcow2", 4)
    began = unix_ms()
    await rig.images.snapshot(path, "empty")
    await rig.write(path)
    after = await rig.content(path)
    await rig.images.snapshot(path, "written")
    found = await rig.images.snapshots(path)
    assert [snapshot.name for snapshot in found] == ["empty", "written"]
    assert all(began - 1000 <= snapshot.at <= unix_ms() for snapshot in found)
    assert await refused(rig.images.snapshot(path, "empty")) == "EXISTS"
    await rig.images.revert(path, "empty")
    assert await rig.content(path) != after
    await rig.images.revert(path, "written")
    assert await rig.content(path) == after
    await rig.images.delete_snapshot(path, "empty")
    assert [snapshot.name for snapshot in await rig.images.snapshots(path)] == ["written"]
    for call in (rig.images.revert, rig.images.delete_snapshot):
        assert await refused(call(path, "empty")) == "NOT-FOUND"


async def test_a_raw_image_keeps_no_snapshots(rig: Rig) -> None:
    path = rig.path("disk.raw")
    await rig.images.create(path, "raw", 1)
    assert await rig.images.snapshots(path) == ()
    for call in (rig.images.snapshot, rig.images.revert, rig.images.delete_snapshot):
        assert await refused(call(path, "a")) == "UNSUPPORTED"


@pytest.mark.parametrize("name", ["", "1", "007"])
async def test_a_number_names_no_snapshot(rig: Rig, name: str) -> None:
    path = rig.path("disk.qcow2")
    await rig.images.create(path, "qcow2", 1)
    assert await refused(rig.images.snapshot(path, name)) == "UNSUPPORTED"


async def test_an_image_that_a_running_guest_writes_to_is_left_alone(rig: Rig) -> None:
    path, other = rig.path("disk.qcow2"), rig.path("other.qcow2")
    await rig.images.create(path, "qcow2", 4)
    await rig.images.snapshot(path, "a")
    async with rig.hold(path, False):
        assert await fact(rig, path) == FileFact(True, "qcow2", 4)
        assert [snapshot.name for snapshot in await rig.images.snapshots(path)] == ["a"]
        for call in (
            rig.images.clone(path, other, "qcow2"),
            rig.images.resize(path, 8),
            rig.images.snapshot(path, "b"),
            rig.images.revert(path, "a"),
            rig.images.delete_snapshot(path, "a"),
            rig.images.set_aside(path),
            rig.images.remove(path),
        ):
            assert await refused(call) == "IMAGE-IN-USE"
        assert not (await fact(rig, other)).exists
    await rig.images.clone(path, other, "qcow2")
    await rig.images.remove(path)


async def test_an_image_that_a_running_guest_reads_can_be_copied(rig: Rig) -> None:
    path, other = rig.path("disk.qcow2"), rig.path("other.qcow2")
    await rig.images.create(path, "qcow2", 4)
    async with rig.hold(path, True):
        await rig.images.clone(path, other, "qcow2")
        for call in (rig.images.resize(path, 8), rig.images.set_aside(path), rig.images.remove(path)):
            assert await refused(call) == "IMAGE-IN-USE"
    assert (await fact(rig, other)).virtual_mib == 4


@pytest.mark.parametrize("path", ["disk.qcow2", "", "/a/../b.qcow2"])
async def test_only_absolute_paths_name_an_image(rig: Rig, path: str) -> None:
    for call in (
        rig.images.create(path, "qcow2", 1),
        rig.images.clone(rig.path("a"), path, "qcow2"),
        rig.images.resize(path, 1),
        rig.images.set_aside(path),
        rig.images.remove(path),
        rig.images.snapshots(path),
    ):
        assert await refused(call) == "UNSUPPORTED"
    if not path.startswith("/"):
        assert not (await fact(rig, path)).exists
