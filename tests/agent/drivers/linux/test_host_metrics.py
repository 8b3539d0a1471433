"""What the host uses: a recorded machine with everything, and this one."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from guestwire.agent.drivers.linux.host_metrics import LinuxHostMetrics
from guestwire.model.errors import GuestwireError
from guestwire.model.usage import CpuTimes, HostTimes, NodeMemory, Pressure

STAT = """cpu  1000 50 600 8000 90 10 20 5 300 50
cpu0 600 50 300 3900 50 10 20 5 300 50
cpu2 400 0 300 4100 40 0 0 0 0 0
intr 264571 0 0 1 9999
ctxt 554062
btime 1795257697
processes 11116
procs_running 4
procs_blocked 1
softirq 201324 0 21996
"""
FILES = {
    "proc/stat": STAT,
    "proc/meminfo": (
        "MemTotal: 1000 kB\nMemFree: 300 kB\nMemAvailable: 700 kB\nBuffers: 5 kB\nCached: 200 kB\nDirty: 8 kB\n"
        "SwapTotal: 0 kB\nSwapFree: 0 kB\nHugePages_Total: 4\nHugepagesize: 2048 kB\n"
    ),
    "proc/loadavg": "0.46 1.20 2.03 4/811 11116\n",
    "proc/pressure/cpu": "some avg10=0.01 avg60=0.47 avg300=0.50 total=11352053\nfull avg10=0.00 total=0\n",
    "proc/pressure/irq": "full avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\n",
    "proc/diskstats": (
        "   7       0 loop0 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n"
        " 254       0 vda 60703 10175 3429866 11889 25117 25048 4848192 15305 0 9444 27833 6465 65 300000 510 3504 126\n"
        " 254       1 vda1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n"
        " 253       0 zram0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        "   9       0 md0 7 0 16 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
    ),
    "sys/block/vda/dev": "254:0",
    "sys/block/md0/dev": "9:0",
    "proc/net/dev": (
        "Inter-|   Receive  |  Transmit\n face |bytes packets errs drop\n"
        "    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n"
        "  eth0: 1000 10 1 2 0 0 0 0 2000 20 0 3 0 0 0 0\n"
        " vnet0: 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5\n"
    ),
    "sys/class/net/eth0/device/vendor": "0x8086",
    "sys/class/net/vnet0/address": "fe:00",
    "sys/devices/system/node/node0/meminfo": "Node 0 MemTotal: 600 kB\nNode 0 MemFree: 200 kB\nNode 0 HugePages_Total: 4\n",
    "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages": "4\n",
    "sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages": "1\n",
    "sys/devices/system/node/node0/numastat": "numa_hit 100\nnuma_miss 2\nnuma_foreign 3\ninterleave_hit 9\nlocal_node 90\nother_node 10\n",
    "sys/devices/system/node/node10/meminfo": "Node 10 MemTotal: 400 kB\nNode 10 MemFree: 100 kB\n",
    "sys/devices/system/node/node2/meminfo": "Node 2 MemTotal: 1 kB\nNode 2 MemFree: 1 kB\n",
    "proc/interrupts": (
        "           CPU0       CPU2       \n"
        " 24:          1          5  IO-APIC   5-edge      ACPI:Ged\n"
        " 25:          2          0  PCI-MSIX-0000:00:01.0   0-edge      eth 1 2 3\n"
        "NMI:          0          1   Non-maskable interrupts\n"
        "LOC:      30391      34529   Local timer interrupts\n"
        "RES:         13         79   Rescheduling interrupts\n"
        "CAL:         41         30   Function call interrupts\n"
        "TLB:          3          4   TLB shootdowns\n"
        "ERR:          7\n"
        "MIS:          0\n"
    ),
    "sys/class/hwmon/hwmon0/name": "coretemp\n",
    "sys/class/hwmon/hwmon0/temp1_label": "Package id 0\n",
    "sys/class/hwmon/hwmon0/temp1_input": "45500\n",
    "sys/class/hwmon/hwmon0/temp2_label": "Core 0\n",
    "sys/class/hwmon/hwmon0/temp2_input": "44000\n",
    "sys/class/hwmon/hwmon1/name": "nvme\n",
    "sys/class/hwmon/hwmon1/temp1_input": "-5000\n",
    "sys/class/hwmon/hwmon2/name": "nvme\n",
    "sys/class/hwmon/hwmon2/temp1_label": 'Comp"osite\x01\n',
    "sys/class/hwmon/hwmon2/temp1_input": "38000\n",
    "sys/class/hwmon/hwmon2/temp2_input": "65261850\n",
    "sys/class/hwmon/hwmon2/temp3_input": "no answer\n",
}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


async def test_processor_times(machine: Path) -> None:
    metrics = LinuxHostMetrics(machine, ticks_per_s=100)
    found = await metrics.times()
    assert found.since_ms == 1_795_257_697_000
    assert found.modes == {
        "user": 7.0, "nice": 0.0, "system": 6.0, "guest": 3.5, "irq": 0.1, "softirq": 0.2, "steal": 0.05, "iowait": 0.9,
        "idle": 80.0,
    }  # fmt: skip
    assert sum(found.modes.values()) == pytest.approx(sum(map(int, STAT.split()[1:9])) / 100), "each tick once"
    assert found.cpus == (CpuTimes(0, 9.85, 3.5), CpuTimes(2, 7.0, 0.0))
    metrics.close()


async def test_what_the_kernel_takes_back_is_kept(machine: Path) -> None:
    metrics = LinuxHostMetrics(machine, ticks_per_s=100)
    before = await metrics.times()
    (machine / "proc/stat").write_text(
        STAT.replace(" 8000 90 ", " 7990 80 ").replace("btime 1795257697", "btime 1795257698")
    )
    after = await metrics.times()
    assert (after.modes["idle"], after.modes["iowait"]) == (before.modes["idle"], before.modes["iowait"])
    assert after.since_ms == before.since_ms, "the clock was set, the host did not boot"
    metrics.close()


async def test_load(machine: Path) -> None:
    found = await LinuxHostMetrics(machine, ticks_per_s=100).load()
    assert found.memory == {
        "total": 1_024_000, "free": 307_200, "available": 716_800, "cached": 204_800, "dirty": 8192, "swap": 0,
        "swap_free": 0,
    }  # fmt: skip
    assert found.load == (0.46, 1.2, 2.03)
    assert (found.running, found.blocked, found.context_switches, found.forks) == (4, 1, 554062, 11116)
    assert found.pressure == (
        Pressure("cpu", "some", 11.352053), Pressure("cpu", "full", 0.0), Pressure("irq", "full", 2.5),
    )  # fmt: skip
    assert [disk.traffic.device for disk in found.disks] == ["vda", "md0"]
    disk = found.disks[0]
    assert (disk.traffic.reads, disk.traffic.read_bytes, disk.traffic.read_s) == (60703, 3429866 * 512, 11.889)
    assert (disk.traffic.writes, disk.traffic.written_bytes, disk.traffic.write_s) == (25117, 4848192 * 512, 15.305)
    assert disk.busy_s == 9.444
    (adapter,) = found.adapters
    assert (adapter.device, adapter.received_bytes, adapter.received_packets) == ("eth0", 1000, 10)
    assert (adapter.received_errors, adapter.received_dropped) == (1, 2)
    assert (adapter.sent_bytes, adapter.sent_packets, adapter.sent_dropped) == (2000, 20, 3)
    assert found.nodes == (
        NodeMemory(0, 614_400, 204_800, {2 << 20: (4, 1)}), NodeMemory(2, 1024, 1024, {}),
        NodeMemory(10, 409_600, 102_400, {}),
    )  # fmt: skip


async def test_interrupts_by_kind_and_cpu(machine: Path) -> None:
    assert (await LinuxHostMetrics(machine).interrupts()).counts == {
        "device": {0: 3, 2: 5}, "timer": {0: 30391, 2: 34529}, "reschedule": {0: 13, 2: 79}, "call": {0: 41, 2: 30},
        "tlb": {0: 3, 2: 4}, "other": {0: 0, 2: 1},
    }  # fmt: skip


async def test_condition(machine: Path) -> None:
    found = await LinuxHostMetrics(machine, folders=[Path("/"), Path("/"), Path("/not/there")]).condition()
    assert found.temperatures == {"coretemp Package id 0": 45.5, "nvme temp1": -5.0, 'nvme#2 Comp"osite?': 38.0}
    size, free = found.filesystems["/"]
    assert 0 < free < size
    assert set(found.filesystems) == {"/"}
    assert found.allocations == {0: {"hit": 100, "miss": 2, "foreign": 3, "local": 90, "other": 10}}


async def test_thermal_zones_where_there_is_no_chip(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/stat").write_text(STAT)
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "type").write_text("acpitz\n")
    (zone / "temp").write_text("27800\n")
    assert (await LinuxHostMetrics(tmp_path).condition()).temperatures == {"acpitz thermal_zone0": 27.8}


@pytest.mark.parametrize("text", [None, "", "cpu 1 2\n", "cpu x y\nbtime 1\n"])
async def test_a_kernel_that_says_nothing_sensible_is_an_error(text: str | None, tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    if text is not None:
        (tmp_path / "proc/stat").write_text(text)
    metrics = LinuxHostMetrics(tmp_path)
    for ask in (metrics.times, metrics.load, metrics.interrupts, metrics.condition):
        with pytest.raises(GuestwireError) as raised:
            await ask()
        assert raised.value.code == "DRIVER-ERROR"


async def test_a_look_that_hangs_is_not_started_twice_and_holds_up_no_other(machine: Path) -> None:
    file, pipe = machine / "proc/interrupts", machine / "pipe"
    file.unlink()
    os.mkfifo(file)  # opening it waits for a writer
    metrics = LinuxHostMetrics(machine)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await metrics.interrupts()
    threads = threading.active_count()
    with pytest.raises(GuestwireError, match="has not come back"):
        await metrics.interrupts()
    assert threading.active_count() == threads
    assert (await metrics.times()).cpus
    file.rename(pipe)
    file.write_text(FILES["proc/interrupts"])
    pipe.write_text("")  # the look comes back
    async with asyncio.timeout(5):
        while True:
            try:
                found = await metrics.interrupts()
                break
            except GuestwireError:
                await asyncio.sleep(0.01)
    assert found.counts["timer"]
    metrics.close()


def used(times: HostTimes) -> float:
    """By programs of any priority: the kernel has another mode for those that are nice, as these tests may be."""
    return times.modes["user"] + times.modes["nice"]


async def test_this_machine() -> None:
    metrics = LinuxHostMetrics(folders=[Path("/")])
    before, load = await metrics.times(), await metrics.load()
    online = os.sched_getaffinity(0)
    assert {cpu.cpu for cpu in before.cpus} >= online
    assert 0 < load.memory["available"] < load.memory["total"]
    assert load.running >= 1
    assert (await metrics.interrupts()).counts["timer"].keys() == {cpu.cpu for cpu in before.cpus}
    assert (await metrics.condition()).filesystems["/"][0] > 0
    async with asyncio.timeout(10):
        while used(after := await metrics.times()) == used(before):
            sum(range(200_000))
    assert all(after.modes[mode] >= before.modes[mode] for mode in before.modes)
    metrics.close()
