"""Machines for tests of pure code."""

from guestwire.model.topology import Cpu, HugePages, Node, PciDevice, Topology

PLAIN8 = Topology(
    fingerprint="plain8",
    cpus=tuple(Cpu(id=cpu, core=cpu) for cpu in range(8)),
    nodes=(Node(id=0, memory_mib=16_384),),
)
"""8 cores of one thread: the System Manager's own example."""

PLAIN4 = Topology(
    fingerprint="plain4",
    cpus=tuple(Cpu(id=cpu, core=cpu) for cpu in range(4)),
    nodes=(Node(id=0, memory_mib=16_384),),
)
"""What PLAIN8 and SMT8 are after a BIOS change."""

SMT8 = Topology(
    fingerprint="smt8",
    cpus=tuple(Cpu(id=cpu, core=cpu % 4, siblings=((cpu + 4) % 8,)) for cpu in range(8)),
    nodes=(Node(id=0, memory_mib=16_384),),
)
"""4 cores of two threads: sibling = N + 4."""

PAIRS8 = Topology(
    fingerprint="pairs8",
    cpus=tuple(Cpu(id=cpu, core=cpu // 2, siblings=(cpu ^ 1,)) for cpu in range(8)),
    nodes=(Node(id=0, memory_mib=16_384),),
)
"""4 cores of two threads: siblings are neighbours."""

HYBRID = Topology(
    fingerprint="hybrid",
    cpus=tuple(Cpu(id=cpu, core=cpu // 2, siblings=(cpu ^ 1,), kind="P") for cpu in range(8))
    + tuple(Cpu(id=cpu, core=cpu - 4, kind="E") for cpu in range(8, 12)),
    nodes=(Node(id=0, memory_mib=32_768),),
)
"""4 performance cores of two threads (CPUs 0-7), 4 efficiency cores (8-11)."""

NODES64 = Topology(
    fingerprint="nodes64",
    cpus=tuple(
        Cpu(id=cpu, core=cpu % 32, node=cpu % 32 // 8, siblings=((cpu + 32) % 64,), package=cpu % 32 // 16)
        for cpu in range(64)
    ),
    nodes=tuple(
        Node(id=node, memory_mib=32_768, hugepages=(HugePages(size_kib=2048, total=512, free=512),))
        for node in range(4)
    ),
    devices=(
        PciDevice(address="0000:01:00.0", pci_class=0x020000, vendor=0x8086, device=1, driver="igb", numa_node=1),
        PciDevice(address="0000:02:00.0", pci_class=0x020000, vendor=0x8086, device=1, driver="igb", numa_node=2),
        PciDevice(address="0000:02:01.0", pci_class=0x060400, vendor=0x8086, device=2, driver="pcieport", numa_node=2),
    ),
)
"""4 NUMA nodes of 8 cores of two threads, sibling = N + 32: the machine of KVM-RT's own examples. A network card on each of
the nodes 1 and 2."""


def offline(topology: Topology, *cpus: int) -> Topology:
    """The machine with these CPUs offline, their cores still known."""
    return topology.model_copy(
        update={
            "cpus": tuple(cpu.model_copy(update={"online": False}) if cpu.id in cpus else cpu for cpu in topology.cpus)
        }
    )


def forgotten(topology: Topology, *cpus: int) -> Topology:
    """The machine with these CPUs offline, as Linux shows it: nothing is known of their cores."""
    return topology.model_copy(
        update={
            "cpus": tuple(
                cpu.model_copy(update={"online": False, "core": None, "siblings": ()})
                if cpu.id in cpus
                else cpu.model_copy(update={"siblings": tuple(other for other in cpu.siblings if other not in cpus)})
                for cpu in topology.cpus
            )
        }
    )
