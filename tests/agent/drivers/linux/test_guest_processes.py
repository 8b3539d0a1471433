"""Guests' processes as /proc shows them: recorded ones, and a real process that looks like a QEMU."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from guestwire.agent.drivers.linux.guest_processes import GuestProcesses
from guestwire.model.usage import GuestTimes, VcpuTimes

UUID = "11111111-2222-4333-8444-555555555555"
OTHER = "11111111-2222-4333-8444-666666666666"
QEMU_LIKE = """
import sys, threading
work = threading.Event()

def vcpu(name, spins):
    with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as file:
        file.write(name)
    while spins and not work.is_set():
        pass
    threading.Event().wait()

for number in range(2):
    threading.Thread(target=vcpu, args=(f"CPU {number}/KVM", number == 0), daemon=True).start()
while True:
    names = []
    import os
    for task in os.listdir("/proc/self/task"):
        names.append(open(f"/proc/self/task/{task}/comm").read())
    if sum(name.startswith("CPU ") for name in names) == 2:
        break
print("ready", flush=True)
sys.stdin.readline()
work.set()
print("rests", flush=True)
sys.stdin.readline()
"""


def stat(state: str, ticks: int, began: int, name: str = "CPU 0/KVM) (x") -> str:
    """proc(5), up to the field that is needed."""
    return f"7 ({name}) {state} " + " ".join(["0"] * 10) + f" {ticks - 1} 1 0 0 20 0 1 0 {began} 0\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A machine with one guest of two vCPUs, and a process that is none."""
    files = {
        "stat": "cpu  1 0 1 1 0 0 0 0 0 0\nctxt 1\nbtime 1000\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n",
        "70/cmdline": f"qemu\0-name\0g\0-uuid\0{UUID}\0",
        "70/stat": stat("S", 1234, 500),
        "70/task/70/comm": "qemu-system-x86\n",
        "70/task/71/comm": "CPU 0/KVM\n",
        "70/task/71/stat": stat("S", 900, 510),
        "70/task/71/schedstat": "9000000000 250000000 77\n",
        "70/task/72/comm": "CPU 1/KVM\n",
        "70/task/72/stat": stat("R", 300, 510),
        "70/task/72/schedstat": "3000000000 0 5\n",
        "70/task/73/comm": "IO mon_iothread\n",
        "80/cmdline": "bash\0",
    }
    for name, text in files.items():
        file = tmp_path / "proc" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


async def test_times_of_a_guest_and_its_vcpus(proc: Path) -> None:
    processes = GuestProcesses(proc, ticks_per_s=100)
    assert await processes.times([UUID, OTHER]) == (
        GuestTimes(UUID, 1_005_000, 12.34, (VcpuTimes(0, 9.0, 0.25, 77), VcpuTimes(1, 3.0, 0.0, 5))),
    )
    processes.close()


@pytest.mark.parametrize("schedstat", [None, "0 0 0\n"])
async def test_a_kernel_that_keeps_no_scheduler_statistics_has_ticks(schedstat: str | None, proc: Path) -> None:
    for thread in ("71", "72"):
        file = proc / f"proc/70/task/{thread}/schedstat"
        if schedstat is None:
            file.unlink()
        else:
            file.write_text(schedstat)
    processes = GuestProcesses(proc, ticks_per_s=100)
    ((vcpus),) = [guest.vcpus for guest in await processes.times([UUID])]
    assert vcpus == (VcpuTimes(0, 9.0), VcpuTimes(1, 3.0))
    processes.close()


async def test_which_vcpus_sleep_and_those_that_come_later(proc: Path) -> None:
    processes = GuestProcesses(proc, ticks_per_s=100)
    slept = await processes.slept([UUID])
    assert slept[UUID].since_ms == 1_005_000
    assert slept[UUID].halted == {0: True, 1: False}
    shutil.copytree(proc / "proc/70/task/72", proc / "proc/70/task/74")
    (proc / "proc/70/task/74/comm").write_text("CPU 2/KVM\n")
    assert (await processes.slept([UUID]))[UUID].halted == {0: True, 1: False, 2: False}
    assert [vcpu.number for guest in await processes.times([UUID]) for vcpu in guest.vcpus] == [0, 1, 2]
    processes.close()


async def test_a_guest_that_nobody_asks_for_is_forgotten(proc: Path) -> None:
    processes = GuestProcesses(proc, ticks_per_s=100)
    assert len(await processes.times([UUID])) == 1
    assert await processes.times([]) == ()
    (proc / "proc/70/cmdline").write_text("bash\0")
    assert await processes.times([UUID]) == ()
    processes.close()


@asynccontextmanager
async def guest_like(uuid: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that has the words of a QEMU, and its threads' names. The first vCPU spins until it is told to rest."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", QEMU_LIKE, "-uuid", uuid, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_real_process() -> None:
    processes = GuestProcesses()
    async with guest_like(UUID) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        (before,) = await processes.times([UUID])
        assert [vcpu.number for vcpu in before.vcpus] == [0, 1]
        async with asyncio.timeout(20):
            while True:
                (now,) = await processes.times([UUID])
                assert now.since_ms == before.since_ms
                if now.vcpus[0].cpu_s > before.vcpus[0].cpu_s + 0.05 and now.cpu_s > before.cpu_s:
                    break
                await asyncio.sleep(0.01)
        assert now.vcpus[1].cpu_s < now.vcpus[0].cpu_s
        process.stdin.write(b"\n")
        assert await process.stdout.readline() == b"rests\n"
        async with asyncio.timeout(20):
            while (await processes.slept([UUID]))[UUID].halted != {0: True, 1: True}:
                await asyncio.sleep(0.01)
        process.kill()
        await process.wait()
        assert await processes.times([UUID]) == ()
        assert await processes.slept([UUID]) == {}
    processes.close()


async def test_the_next_process_of_a_guest_is_another_run() -> None:
    processes = GuestProcesses(search_every_s=0.0)
    async with guest_like(OTHER):
        (first,) = await processes.times([OTHER])
    assert await processes.times([OTHER]) == ()
    async with guest_like(OTHER), asyncio.timeout(20):
        while not (found := await processes.times([OTHER])):
            await asyncio.sleep(0.01)
        assert found[0].since_ms > first.since_ms
    processes.close()


async def test_two_looks_at_once_take_turns(proc: Path) -> None:
    processes = GuestProcesses(proc, ticks_per_s=100)
    times, slept = await asyncio.gather(processes.times([UUID]), processes.slept([UUID]))
    assert times
    assert slept
    processes.close()
