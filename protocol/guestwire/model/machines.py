"""Machines by name: what a simulated host can be, and what a draft is checked against where no host is asked.

4-core            one package, one node, no SMT
16-core-pe        8 P cores with SMT (CPUs 0-15) and 8 E cores (CPUs 16-23)
64-thread-4-node  32 cores, 4 NUMA nodes, sibling = N + 32 (the machine of KVM-RT's own examples)
bios-8-cpu, bios-4-cpu   one board before and after a BIOS change that takes SMT away: other fingerprints
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from guestwire.model.host import Capabilities
from guestwire.model.topology import Cache, Cpu, CpuKind, HugePages, Node, PciDevice, Topology, fingerprint


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine: its topology, and what Linux and the hypervisor say of it."""

    name: str
    topology: Topology
    kernel: str = "6.1.0-simulated-rt"
    machine: str = "x86_64"
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            kvm=True, tcg=True, iommu=True, cgroup="v2", rt_kernel=True, hugepages_mib=(2, 1024), hypervisor="simulated"
        )
    )

    @property
    def memory_mib(self) -> int:
        return sum(node.memory_mib for node in self.topology.nodes)


@dataclass(frozen=True, slots=True)
class _Core:
    """A core and where it is."""

    cpus: tuple[int, ...]
    node: int = 0
    kind: CpuKind = "-"


def _topology(board: Sequence[str], cores: Sequence[_Core], node_mib: int, l3_cores: int) -> Topology:
    """One package and one die. `l3_cores` cores share a last-level cache."""
    cpus = [
        Cpu(
            id=cpu,
            node=core.node,
            core=number,
            siblings=tuple(other for other in core.cpus if other != cpu),
            kind=core.kind,
        )
        for number, core in enumerate(cores)
        for cpu in core.cpus
    ]
    groups = [cores[first : first + l3_cores] for first in range(0, len(cores), l3_cores)]
    devices = (
        PciDevice(
            address="0000:00:1f.2", pci_class=0x010601, vendor=0x8086, device=0x2922, driver="ahci", iommu_group=1
        ),
        PciDevice(
            address="0000:01:00.0", pci_class=0x020000, vendor=0x8086, device=0x1533, driver="igb", iommu_group=2
        ),
        PciDevice(
            address="0000:02:00.0", pci_class=0x020000, vendor=0x8086, device=0x1533, driver="igb", iommu_group=3
        ),
    )
    return Topology(
        fingerprint=fingerprint(board, (cpu.id for cpu in cpus), (device.address for device in devices)),
        cpus=tuple(sorted(cpus, key=lambda cpu: cpu.id)),
        nodes=tuple(
            Node(id=node, memory_mib=node_mib, hugepages=(HugePages(size_kib=2048, total=0, free=0),))
            for node in sorted({core.node for core in cores})
        ),
        caches=tuple(
            Cache(level=3, type="unified", size_kib=16384, cpus=tuple(sorted(c for core in group for c in core.cpus)))
            for group in groups
        ),
        devices=devices,
    )


def _machine(
    name: str, cores: Sequence[_Core], *, bios: str = "1.0", node_mib: int = 16384, l3_cores: int = 8
) -> Machine:
    return Machine(name, _topology(("Guestwire", "Simulated board", bios), cores, node_mib, l3_cores))


MACHINES: Mapping[str, Machine] = {
    machine.name: machine
    for machine in (
        _machine("4-core", [_Core((cpu,)) for cpu in range(4)]),
        _machine(
            "16-core-pe",
            [_Core((2 * core, 2 * core + 1), kind="P") for core in range(8)]
            + [_Core((cpu,), kind="E") for cpu in range(16, 24)],
            node_mib=32768,
            l3_cores=16,
        ),
        _machine("64-thread-4-node", [_Core((cpu, cpu + 32), node=cpu // 8) for cpu in range(32)], node_mib=32768),
        _machine("bios-8-cpu", [_Core((cpu, cpu + 4)) for cpu in range(4)], bios="1.0"),
        _machine("bios-4-cpu", [_Core((cpu,)) for cpu in range(4)], bios="1.1"),
    )
}
