"""The test boot: what it boots, what it believes, and that it never waits long. QEMU is real; KVM need not work."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from guestwire.agent.drivers.linux import kvm_probe
from guestwire.agent.drivers.linux.kvm_probe import SECTOR, kvm_proven

needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-x86_64") is None, reason="qemu-system-x86_64 is not installed"
)


@needs_qemu
async def test_the_sector_boots_in_an_emulated_machine_and_the_answer_is_kept(tmp_path: Path) -> None:
    record = tmp_path / "kvm.json"
    assert await kvm_proven(record, "boot-1", accelerator="tcg", deadline_s=60)
    # asked again nothing is booted, on the next boot of the host it is
    assert await kvm_proven(record, "boot-1", qemu="/nonexistent")
    assert not await kvm_proven(record, "boot-2", accelerator="tcg", qemu="/nonexistent")
    assert not await kvm_proven(record, "boot-2", accelerator="tcg", deadline_s=60)


@needs_qemu
async def test_under_kvm_it_answers_in_time_whatever_the_device_does(tmp_path: Path) -> None:
    async with asyncio.timeout(30):
        assert await kvm_proven(tmp_path / "kvm.json", "boot-1", deadline_s=5) in {True, False}


async def test_a_boot_that_hangs_is_ended_and_not_believed(tmp_path: Path) -> None:
    hanging = tmp_path / "qemu"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    async with asyncio.timeout(10):
        assert not await kvm_proven(tmp_path / "kvm.json", "b", qemu=str(hanging), accelerator="tcg", deadline_s=0.05)


async def test_a_broken_record_is_made_anew(tmp_path: Path) -> None:
    record = tmp_path / "kvm.json"
    record.write_text("[]")
    assert not await kvm_proven(record, "b", qemu="/nonexistent", accelerator="tcg")
    assert "passed" in record.read_text()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_the_sector_is_what_its_source_says(tmp_path: Path) -> None:
    source = Path(kvm_probe.__file__).with_suffix(".S")
    subprocess.run(["gcc", "-m64", "-c", source, "-o", tmp_path / "s.o"], check=True, timeout=60)
    link = ["ld", "-Ttext=0x7c00", "--oformat", "binary", "-e", "_start", tmp_path / "s.o", "-o", tmp_path / "s.bin"]
    subprocess.run(link, check=True, timeout=60)
    assert (tmp_path / "s.bin").read_bytes().ljust(510, b"\0") + b"\x55\xaa" == SECTOR
