"""What only real images have: a full disk, a tool that hangs, what an earlier process left, modes and links."""

import asyncio
import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.small_disk import mounted

from guestwire.agent.drivers.linux.command import Ended, run_command
from guestwire.agent.drivers.linux.images import QemuImages
from guestwire.broker_test.fixtures import require
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import FileFact


@pytest.fixture(autouse=True)
def _qemu_img() -> None:
    require("libvirt", shutil.which("qemu-img") is not None, "no libvirt: no qemu-img on this machine")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", 1024) as disk:
        yield disk


async def error_of(call: Any) -> GuestwireError:
    with pytest.raises(GuestwireError) as caught:
        await call
    return caught.value


async def test_a_full_disk_refuses_and_nothing_is_left(small_disk: Path, tmp_path: Path) -> None:
    images = QemuImages()
    source = tmp_path / "source.raw"
    source.write_bytes(b"x" * (2 << 20))
    error = await error_of(images.clone(str(source), str(small_disk / "copy.qcow2"), "qcow2"))
    assert (error.code, error.detail["resource"]) == ("RESOURCE-EXHAUSTED", "disk")
    assert list(small_disk.iterdir()) == []
    (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    for call in (
        images.create(str(small_disk / "new.qcow2"), "qcow2", 64),
        images.create(str(small_disk / "folder" / "new.qcow2"), "qcow2", 64),
    ):
        assert (await error_of(call)).code == "RESOURCE-EXHAUSTED"
    assert [path.name for path in small_disk.rglob("*") if path.is_file()] == ["ballast"]


@pytest.mark.parametrize("how", ["cancelled", "late"])
async def test_a_tool_that_hangs_is_killed_and_leaves_nothing(tmp_path: Path, how: str) -> None:
    tool = tmp_path / "hangs"
    tool.write_text('#!/bin/sh\nfor last; do :; done\necho half > "$5"\necho $$ > "$0.pid"\nexec sleep 1000\n')
    tool.chmod(0o755)
    began, folder = tmp_path / "hangs.pid", tmp_path / "images"
    images = QemuImages(qemu_img=str(tool), quick_s=2.0 if how == "late" else 600.0)
    call = asyncio.create_task(images.create(str(folder / "disk.raw"), "raw", 1))
    if how == "late":
        assert (await error_of(call)).code == "DRIVER-ERROR"
    else:
        async with asyncio.timeout(10):
            while not began.exists() or not began.read_text():
                await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert not Path(f"/proc/{began.read_text().strip()}").exists()
    assert list(folder.iterdir()) == []


async def test_what_a_process_that_was_killed_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / ".disk.qcow2.guestwire-new").write_bytes(b"half")
    await QemuImages().create(str(tmp_path / "disk.qcow2"), "qcow2", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["disk.qcow2"]


async def test_two_that_make_the_same_image_make_it_once(tmp_path: Path) -> None:
    images, path = QemuImages(), str(tmp_path / "disk.qcow2")
    answers = await asyncio.gather(*(images.create(path, "qcow2", size) for size in (1, 2, 3)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["GuestwireError", "GuestwireError", "NoneType"]
    assert [path.name for path in tmp_path.iterdir()] == ["disk.qcow2"]


async def test_the_folder_may_be_passed_and_not_listed(tmp_path: Path) -> None:
    await QemuImages().create(str(tmp_path / "guests/a/disk.qcow2"), "qcow2", 1)
    assert stat.S_IMODE((tmp_path / "guests/a").stat().st_mode) == 0o711


async def test_a_link_to_nothing_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "disk.qcow2").symlink_to(tmp_path / "elsewhere")
    assert (await error_of(QemuImages().create(str(tmp_path / "disk.qcow2"), "qcow2", 1))).code == "EXISTS"
    assert not (tmp_path / "elsewhere").exists()


async def test_what_is_no_image_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "kernel").write_bytes(b"x" * 3_000_000)
    (tmp_path / "torn.qcow2").write_bytes(b"QFI\xfb\0\0\0\3" + bytes(200))
    facts = await QemuImages().probe([str(tmp_path / name) for name in ("folder", "kernel", "torn.qcow2")])
    assert list(facts.values()) == [FileFact(exists=True), FileFact(True, "raw", 3), FileFact(exists=True)]


async def test_a_guest_cannot_make_its_raw_disk_another_format(tmp_path: Path) -> None:
    """The header that it wrote would name a file of the host as backing file."""
    disk = tmp_path / "disk.raw"
    await QemuImages().create(str(tmp_path / "made.qcow2"), "qcow2", 512)
    disk.write_bytes((tmp_path / "made.qcow2").read_bytes().ljust(1 << 20, b"\0"))
    images = QemuImages()
    assert (await images.probe([str(disk)]))[str(disk)] == FileFact(True, "raw", 1)
    await images.resize(str(disk), 2)
    assert disk.stat().st_size == 2 << 20
    await images.clone(str(disk), str(tmp_path / "copy.qcow2"), "qcow2")
    assert (await images.probe([str(tmp_path / "copy.qcow2")]))[str(tmp_path / "copy.qcow2")].virtual_mib == 2


async def test_a_growth_that_is_taken_back_leaves_every_byte(tmp_path: Path) -> None:
    """As an apply undoes it: back to the size that was probed. The last bytes are the second table of a GPT."""
    content = bytes((10 << 20) + (1 << 19) - 4) + b"tail"
    disk = tmp_path / "disk.raw"
    disk.write_bytes(content)
    images = QemuImages()
    before = (await images.probe([str(disk)]))[str(disk)].virtual_mib
    assert before is not None
    await images.resize(str(disk), 20)
    await images.resize(str(disk), before, shrink=True)
    assert disk.read_bytes().startswith(content)
    error = await error_of(images.resize(str(disk), 10))
    assert "has 11 MiB" in error.message, "what began counts as one"


async def test_without_the_tool_it_says_so(tmp_path: Path) -> None:
    images = QemuImages(qemu_img="guestwire-no-such-tool")
    error = await error_of(images.create(str(tmp_path / "a.qcow2"), "qcow2", 1))
    assert (error.code, error.detail["program"]) == ("UNSUPPORTED", "guestwire-no-such-tool")
    assert (await images.probe([str(tmp_path)]))[str(tmp_path)].exists


async def test_the_tool_s_own_words_are_kept(tmp_path: Path) -> None:
    (tmp_path / "torn.qcow2").write_bytes(b"QFI\xfb\0\0\0\3" + bytes(200))
    error = await error_of(QemuImages().resize(str(tmp_path / "torn.qcow2"), 8))
    assert error.code == "DRIVER-ERROR"
    assert "torn.qcow2" in error.detail["text"]


async def test_a_command_that_fails_in_english(tmp_path: Path) -> None:
    ended = await run_command("ls", str(tmp_path / "none"))
    assert isinstance(ended, Ended)
    assert (ended.code, "No such file or directory" in ended.words) == (2, True)
    assert json.loads((await run_command("cat", stdin='{"a": 1}')).out) == {"a": 1}


@pytest.fixture
def led_out(tmp_path: Path) -> tuple[QemuImages, Path, Path]:
    """Images below a root that is a link itself; in it a link to a folder inside, and one to a folder outside."""
    root, outside = tmp_path / "real", tmp_path / "outside"
    for folder in (root / "in", outside):
        folder.mkdir(parents=True)
    (tmp_path / "root").symlink_to(root)
    (root / "linked").symlink_to("in")
    (root / "out").symlink_to(outside)
    (root / "circle").symlink_to("circle")
    return QemuImages(roots=[tmp_path / "root"]), tmp_path / "root", outside


async def test_a_link_inside_a_root_may_lead_elsewhere_inside(led_out: tuple[QemuImages, Path, Path]) -> None:
    images, root, _ = led_out
    path = str(root / "linked" / "a.qcow2")
    await images.create(path, "qcow2", 1)
    assert (await images.probe([str(root / "in" / "a.qcow2")])).popitem()[1].virtual_mib == 1
    await images.resize(path, 2)
    await images.clone(path, str(root / "new" / "b.raw"), "raw")
    await images.snapshot(path, "one")
    aside = await images.set_aside(path)
    await images.put_back(aside, path)
    await images.remove(path)
    assert sorted(file.name for file in root.rglob("*.*")) == ["b.raw"]


async def test_a_link_that_leads_out_of_the_roots_is_not_followed(led_out: tuple[QemuImages, Path, Path]) -> None:
    images, root, outside = led_out
    (outside / "a.raw").write_bytes(bytes(1 << 20))
    there, fresh, inside = (str(root / name) for name in ("out/a.raw", "out/sub/b.raw", "b.raw"))
    await images.create(inside, "raw", 1)
    for call in (
        images.create(fresh, "raw", 1), images.clone(inside, fresh, "raw"), images.clone(there, str(root / "c.raw"), "raw"),
        images.resize(there, 2), images.set_aside(there), images.put_back(inside, there), images.put_back(there, inside),
        images.remove(there), images.snapshots(there), images.snapshot(there, "x"), images.revert(there, "x"),
        images.delete_snapshot(there, "x"), images.create(str(outside / "b.raw"), "raw", 1),
        images.clone(str(outside / "a.raw"), str(root / "c.raw"), "raw"),
    ):  # fmt: skip
        assert (await error_of(call)).code == "DENIED"
    assert (await error_of(images.create(str(root / "circle" / "a.raw"), "raw", 1))).code == "DRIVER-ERROR"
    assert [file.name for file in outside.iterdir()] == ["a.raw"]
    assert sorted(file.name for file in root.glob("*.*")) == ["b.raw"]


async def test_an_image_that_another_tool_made_elsewhere_is_a_rules_question(
    led_out: tuple[QemuImages, Path, Path],
) -> None:
    images, _, outside = led_out
    await QemuImages().create(str(outside / "theirs.qcow2"), "qcow2", 1)
    await images.snapshot(str(outside / "theirs.qcow2"), "one")
    assert [snapshot.name for snapshot in await images.snapshots(str(outside / "theirs.qcow2"))] == ["one"]
