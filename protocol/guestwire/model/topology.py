"""The machine a host runs on: packages, dies, NUMA nodes, caches, cores, CPUs and devices.

One flat table of CPUs, each with its place, is the source; `tree` gives the nesting people look at. Reading it is a
driver's work (sysfs, or a fixture of the simulated host); what a CPUSET means on it is in `cpuset`.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Field

from guestwire.model.base import Model

CpuKind = Literal["P", "E", "-"]
"""Performance core, efficiency core, or a machine that has one kind only."""


class Cpu(Model):
    """One logical CPU.

    `core` and `die` are counted over the machine, in the order hwtopo prints them, not the kernel's core_id and die_id,
    which start again in each package. `core` is None for a CPU that is offline whose core the kernel does not tell.
    `siblings` are the other CPUs of its core. `package` and `node` are the kernel's own numbers.
    """

    id: Annotated[int, Field(ge=0)]
    node: int = 0
    core: int | None = None
    die: int = 0
    package: int = 0
    siblings: tuple[int, ...] = ()
    online: bool = True
    kind: CpuKind = "-"
    isolated: bool = False


class HugePages(Model):
    """A pool of huge pages of one size on one node."""

    size_kib: int
    total: int
    free: int


class Node(Model):
    """A NUMA node. Memory in MiB as the kernel counts it (without what firmware keeps)."""

    id: int
    memory_mib: int
    hugepages: tuple[HugePages, ...] = ()


class Cache(Model):
    """One cache instance and the CPUs that share it."""

    level: int
    type: Literal["unified", "data", "instruction"]
    size_kib: int
    cpus: tuple[int, ...]


class NetAdapter(Model):
    """A network interface that the host has of a device.

    `link` is its carrier: whether there is somebody at the other end of the cable; unknown where the interface is switched
    off, so that nobody looks. `speed_mbit` only while it is up. `addresses` with prefix length. `management`: the host is
    managed over it.
    """

    ifname: str
    mac: str = ""
    link: Literal["up", "down", "unknown"] = "unknown"
    speed_mbit: int | None = None
    addresses: tuple[str, ...] = ()
    management: bool = False


class PciDevice(Model):
    """A PCI function. `pci_class`, `vendor`, `device` and the subsystem's are the numbers of configuration space; the names
    are those of the host's list of PCI ids, where it has one. A device that a guest has, has no adapters on the host.
    """

    address: str
    pci_class: int
    vendor: int
    device: int
    driver: str | None = None
    numa_node: int | None = None
    iommu_group: int | None = None
    subsystem_vendor: int | None = None
    subsystem_device: int | None = None
    vendor_name: str | None = None
    device_name: str | None = None
    subsystem_name: str | None = None
    net: tuple[NetAdapter, ...] = ()


class UsbDevice(Model):
    """A USB device that is not a hub, with the texts that it tells of itself. `port` is where it is plugged in: the bus and
    the ports on the way, 1-2.4; `number` is another one each time it is plugged in."""

    port: str
    bus: int
    number: int
    vendor: int
    product: int
    manufacturer: str | None = None
    name: str | None = None
    speed_mbit: float | None = None


class Topology(Model):
    """The machine. CPUs in order of id, nodes in order of id, devices in order of address.

    `fingerprint` changes with the board, its BIOS, the CPUs present or the PCI addresses, and not when a CPU goes
    offline, nor with links, addresses, names and USB devices: a project made for another fingerprint must be looked at
    again before it is applied.
    """

    fingerprint: str
    cpus: tuple[Cpu, ...]
    nodes: tuple[Node, ...] = ()
    caches: tuple[Cache, ...] = ()
    devices: tuple[PciDevice, ...] = ()
    usb: tuple[UsbDevice, ...] = ()

    def cpu_ids(self) -> frozenset[int]:
        """Every CPU that is present, online or not."""
        return frozenset(cpu.id for cpu in self.cpus)

    def online(self) -> frozenset[int]:
        return frozenset(cpu.id for cpu in self.cpus if cpu.online)


class Group(Model):
    """A level of the tree: what it is, its number, and what it holds (groups; a core holds CPU numbers)."""

    kind: Literal["package", "die", "node", "cache", "core"]
    id: int
    groups: "tuple[Group, ...]" = ()
    cpus: tuple[int, ...] = ()


_LEVELS: tuple[Literal["package", "die", "node", "cache", "core"], ...] = ("package", "die", "node", "cache", "core")


def tree(topology: Topology) -> tuple[Group, ...]:
    """Packages > dies > nodes > last-level caches > cores > CPUs. CPUs without a known core are left out."""
    last_level = max((cache.level for cache in topology.caches), default=0)
    cache_of = {
        cpu: number
        for number, cache in enumerate(c for c in topology.caches if c.level == last_level)
        for cpu in cache.cpus
    }
    places = {
        cpu.id: (cpu.package, cpu.die, cpu.node, cache_of.get(cpu.id, -1), cpu.core)
        for cpu in topology.cpus
        if cpu.core is not None
    }
    return _groups(places, 0)


def _groups(places: Mapping[int, tuple[int, ...]], level: int) -> tuple[Group, ...]:
    members: dict[int, dict[int, tuple[int, ...]]] = {}
    for cpu, place in sorted(places.items()):
        members.setdefault(place[level], {})[cpu] = place
    if _LEVELS[level] == "cache" and set(members) == {-1}:
        return _groups(places, level + 1)
    if level == len(_LEVELS) - 1:
        return tuple(Group(kind="core", id=number, cpus=tuple(cpus)) for number, cpus in sorted(members.items()))
    return tuple(
        Group(kind=_LEVELS[level], id=number, groups=_groups(cpus, level + 1))
        for number, cpus in sorted(members.items())
    )


def fingerprint(board: Iterable[str], cpus: Iterable[int], pci_addresses: Iterable[str]) -> str:
    """sha256, in hex, of the board and BIOS texts, the ids of the CPUs present, and the PCI addresses."""
    digest = sha256()
    for part in (*board, "cpus", *map(str, sorted(cpus)), "pci", *sorted(pci_addresses)):
        digest.update(part.encode("utf-8", "surrogateescape") + b"\x00")
    return digest.hexdigest()
