"""Host facts from procfs and sysfs: what is there, never what should be. Nothing is opened that can hang.

/dev/kvm is looked at, not opened: it may exist and hang. KVM counts only where a test boot passed (`kvm_probe`).
"""

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from guestwire.agent.drivers.linux.addresses import read_addresses
from guestwire.agent.drivers.linux.boot_pending import read_boot_pending
from guestwire.agent.drivers.linux.devices import DeviceDetails
from guestwire.agent.drivers.linux.management import read_management
from guestwire.agent.drivers.linux.topology import read_topology
from guestwire.model.facts import ManagementPath
from guestwire.model.host import Capabilities, HostFacts
from guestwire.model.topology import Topology


class LinuxInspection:
    """The HostInspection port over a file system tree; reads in a thread.

    `hypervisor` is the text shown for it; `kvm_proven` says that a test boot under KVM passed; `emulator` is the path of
    a QEMU that emulates, None where there is none.
    """

    def __init__(
        self,
        root: Path = Path("/"),
        *,
        hypervisor: str = "",
        kvm_proven: bool = False,
        emulator: Path | None = None,
    ) -> None:
        self._root = root
        self._hypervisor = hypervisor
        self._kvm_proven = kvm_proven
        self._emulator = emulator
        # of a recorded tree nobody knows the addresses
        self._details = DeviceDetails(root, read_addresses if root == Path("/") else dict[str, tuple[str, ...]])

    async def topology(self) -> Topology:
        return await asyncio.to_thread(read_topology, self._root)

    async def described(self, topology: Topology, broker: str | None) -> Topology:
        return await asyncio.to_thread(self._details.described, topology, broker)

    async def facts(self) -> HostFacts:
        return await asyncio.to_thread(self._read)

    async def management(self, broker: str | None) -> ManagementPath:
        return await asyncio.to_thread(read_management, self._root, broker)

    def _read(self) -> HostFacts:
        topology = read_topology(self._root)
        memory = _meminfo(self._root)
        return HostFacts(
            hostname=_text(self._root / "proc/sys/kernel/hostname"),
            kernel=_text(self._root / "proc/sys/kernel/osrelease"),
            boot_id=_text(self._root / "proc/sys/kernel/random/boot_id"),
            machine=os.uname().machine,
            cpus=len(topology.online()),
            memory_mib=memory.get("MemTotal", 0) // 1024,
            memory_free_mib=memory.get("MemAvailable", 0) // 1024,
            capabilities=self._capabilities(),
            topology_fingerprint=topology.fingerprint,
            boot_pending=read_boot_pending(self._root),
        )

    def _capabilities(self) -> Capabilities:
        root = self._root
        return Capabilities(
            kvm=self._kvm_proven,
            tcg=self._emulator is not None and self._emulator.exists(),
            iommu=_any_entry(root / "sys/kernel/iommu_groups"),
            cgroup=_cgroup(root),
            resctrl="resctrl" in _text(root / "proc/filesystems").split(),
            rt_kernel=_is_real_time(root),
            hugepages_mib=tuple(sorted(_huge_page_sizes(root))),
            hypervisor=self._hypervisor,
            notes=tuple(self._notes()),
        )

    def _notes(self) -> Iterator[str]:
        if not self._kvm_proven:
            there = (self._root / "dev/kvm").exists()
            yield "kvm: no test boot passed" if there else "kvm: there is no /dev/kvm"
        if not _any_entry(self._root / "sys/kernel/iommu_groups"):
            yield "iommu: none is on (intel_iommu=on or amd_iommu=on, and the BIOS)"
        if not _is_real_time(self._root):
            yield "rt_kernel: the running kernel is not PREEMPT_RT"


def _cgroup(root: Path) -> Literal["v1", "v2", "none"]:
    base = root / "sys/fs/cgroup"
    if (base / "cgroup.controllers").exists():
        return "v2"
    return "v1" if (base / "cpuset").is_dir() else "none"


def _is_real_time(root: Path) -> bool:
    return _text(root / "sys/kernel/realtime") == "1" or "PREEMPT_RT" in _text(root / "proc/sys/kernel/version")


def _huge_page_sizes(root: Path) -> Iterator[int]:
    for pool in (root / "sys/kernel/mm/hugepages").glob("hugepages-*kB"):
        if (kib := int(pool.name.removeprefix("hugepages-").removesuffix("kB"))) >= 1024:
            yield kib // 1024


def _meminfo(root: Path) -> dict[str, int]:
    """/proc/meminfo in KiB."""
    lines = re.findall(r"^(\w+):\s+(\d+) kB$", _text(root / "proc/meminfo"), re.MULTILINE)
    return {name: int(kib) for name, kib in lines}


def _any_entry(directory: Path) -> bool:
    return directory.is_dir() and any(directory.iterdir())


def _text(path: Path) -> str:
    """A file's text without its last newline; empty where it is missing or may not be read."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
