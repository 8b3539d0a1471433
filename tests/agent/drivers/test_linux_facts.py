"""Host facts, on procfs and sysfs trees that these tests write themselves, and on the machine they run on."""

import os
from pathlib import Path

from guestwire.agent.drivers.linux.facts import LinuxInspection


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


REAL_TIME_HOST = {
    "proc/sys/kernel/hostname": "line-7\n",
    "proc/sys/kernel/osrelease": "6.1.0-rt\n",
    "proc/sys/kernel/version": "#1 SMP PREEMPT_RT Debian\n",
    "proc/sys/kernel/random/boot_id": "5d9b1c9e-0000-4000-8000-000000000001\n",
    "proc/meminfo": "MemTotal:       16384000 kB\nMemFree:  1 kB\nMemAvailable:   8192000 kB\nHugePages_Total:       0\n",
    "proc/filesystems": "nodev\tsysfs\nnodev\tresctrl\n\text4\n",
    "sys/fs/cgroup/cgroup.controllers": "cpuset cpu\n",
    "sys/kernel/iommu_groups/0/type": "DMA\n",
    "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "0\n",
    "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages": "0\n",
    "sys/kernel/mm/hugepages/hugepages-64kB/nr_hugepages": "0\n",
    "sys/devices/system/cpu/present": "0-3\n",
    "sys/devices/system/cpu/online": "0-2\n",
    "usr/bin/qemu": "",
}


async def test_a_real_time_host(tmp_path: Path) -> None:
    write(tmp_path, REAL_TIME_HOST)
    facts = await LinuxInspection(
        tmp_path, hypervisor="libvirt 9.0.0", kvm_proven=True, emulator=tmp_path / "usr/bin/qemu"
    ).facts()
    assert (facts.hostname, facts.kernel, facts.cpus) == ("line-7", "6.1.0-rt", 3)
    assert facts.boot_id == "5d9b1c9e-0000-4000-8000-000000000001"
    assert (facts.memory_mib, facts.memory_free_mib) == (16000, 8000)
    able = facts.capabilities
    assert (able.kvm, able.tcg, able.iommu, able.cgroup, able.resctrl, able.rt_kernel) == (
        True,
        True,
        True,
        "v2",
        True,
        True,
    )
    assert able.hugepages_mib == (2, 1024)
    assert able.hypervisor == "libvirt 9.0.0"
    assert able.notes == ()


async def test_a_host_that_can_nothing_says_why(tmp_path: Path) -> None:
    write(tmp_path, {"sys/fs/cgroup/cpuset/tasks": ""})
    able = (await LinuxInspection(tmp_path).facts()).capabilities
    assert (able.kvm, able.tcg, able.iommu, able.cgroup, able.resctrl, able.rt_kernel) == (
        False,
        False,
        False,
        "v1",
        False,
        False,
    )
    assert [note.split(":")[0] for note in able.notes] == ["kvm", "iommu", "rt_kernel"]


async def test_a_kvm_device_alone_is_not_believed_and_not_opened(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    os.mkfifo(tmp_path / "dev/kvm")  # to open it would hang
    able = (await LinuxInspection(tmp_path).facts()).capabilities
    assert not able.kvm
    assert able.notes[0] == "kvm: no test boot passed"
    assert able.cgroup == "none"


async def test_this_machine() -> None:
    inspection = LinuxInspection()
    facts = await inspection.facts()
    assert facts.kernel == os.uname().release
    assert facts.cpus == os.cpu_count()
    assert facts.memory_mib > facts.memory_free_mib > 0
    assert facts.topology_fingerprint == (await inspection.topology()).fingerprint
