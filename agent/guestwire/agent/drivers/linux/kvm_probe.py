"""Whether KVM works here: a test boot, with a deadline, remembered for this boot of the host.

/dev/kvm may exist and hang whoever opens it, so only a child process opens it: QEMU boots one sector (kvm_probe.S) with
the CPU model that guests get; it enters long mode, touches memory and writes to its debug-exit port. That exit status in
time, and nothing else, proves KVM. A machine too slow for the deadline emulates, which is slow but true.
"""

import asyncio
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

SECTOR = (
    bytes.fromhex(
        "fa31c08ed88ec08ed0bc007cbf00106631c0b9000cfc66f3ab66c70600100320000066c706002003300000bf003066b883000000b908006689056605"
        "0000200083c708e2f266b8200000000f22e066b8001000000f22d866b9800000c00f32660d000100000f300f20c0660d010000800f22c00f0116e07c"
        "ea7d7c0800b8100000008ed88ec08ed048c7c70000200048c7c1000018004889f8f348ab0fa248c7c600002000b9000c0000488b06483d0000200075"
        "104881c600100000e2ecb01066baf400eef4ebfd000000000000000000000000009a200000000000009200001700c87c0000"
    ).ljust(510, b"\0")
    + b"\x55\xaa"
)

_PASSED = 16 << 1 | 1
"""What isa-debug-exit makes of a written 16."""


async def kvm_proven(
    record: Path, boot_id: str, *, qemu: str = "qemu-system-x86_64", accelerator: str = "kvm", deadline_s: float = 5.0
) -> bool:
    """Whether a test boot passed since the host booted. Boots once and keeps the answer in `record`."""
    if (known := await asyncio.to_thread(_recall, record, boot_id)) is not None:
        return known
    passed = await _test_boot(qemu, accelerator, deadline_s)
    await asyncio.to_thread(_remember, record, boot_id, passed)
    return passed


def _recall(record: Path, boot_id: str) -> bool | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(record.read_text())
        if known["boot_id"] == boot_id:
            return bool(known["passed"])
    return None


def _remember(record: Path, boot_id: str, passed: bool) -> None:
    fresh = record.with_suffix(".new")
    with suppress(OSError):  # then it is tried again the next time
        fresh.write_text(json.dumps({"boot_id": boot_id, "passed": passed}))
        fresh.replace(record)


async def _test_boot(qemu: str, accelerator: str, deadline_s: float) -> bool:
    if accelerator == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    with tempfile.NamedTemporaryFile(prefix="guestwire-kvm-") as sector:
        sector.write(SECTOR)
        sector.flush()
        try:
            process = await asyncio.create_subprocess_exec(
                qemu,
                *_arguments(sector.name, accelerator),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError:
            return False
        try:
            async with asyncio.timeout(deadline_s):
                return await process.wait() == _PASSED
        except TimeoutError:
            return False
        finally:
            await _end(process)


def _arguments(sector: str, accelerator: str) -> tuple[str, ...]:
    return (
        *("-nodefaults", "-no-user-config", "-display", "none", "-m", "32", "-no-reboot"),
        *("-machine", f"pc,accel={accelerator}", "-cpu", "host" if accelerator == "kvm" else "max"),
        *("-device", "isa-debug-exit,iobase=0xf4,iosize=0x01"),
        *("-drive", f"file={sector},format=raw,snapshot=on"),
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    """A process that hangs in the kernel does not die at once: it is not waited for beyond a second."""
    if process.returncode is None:
        process.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await process.wait()
