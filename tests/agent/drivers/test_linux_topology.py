"""The topology reader, on sysfs trees that these tests write themselves, file by file, as the kernel lays them out,
and on the machine the tests run on.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from guestwire.agent.drivers.linux.topology import read_topology
from guestwire.model.cpuset import expand, from_libvirt
from guestwire.model.topology import HugePages, Topology


class Tree:
    """A root directory with what a machine's kernel would show."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def file(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    def cpus(self, present: str, *, online: str | None = None, isolated: str = "") -> None:
        base = "sys/devices/system/cpu"
        self.file(f"{base}/present", present)
        self.file(f"{base}/online", online or present)
        self.file(f"{base}/isolated", isolated)
        for cpu in from_libvirt(present):
            (self.root / base / f"cpu{cpu}").mkdir(parents=True, exist_ok=True)

    def cpu(self, cpu: int, *, package: int = 0, die: int = 0, core: int = 0, threads: str = "", l3: str = "") -> None:
        base = f"sys/devices/system/cpu/cpu{cpu}"
        self.file(f"{base}/topology/physical_package_id", str(package))
        self.file(f"{base}/topology/die_id", str(die))
        self.file(f"{base}/topology/core_id", str(core))
        self.file(f"{base}/topology/core_cpus_list", threads or str(cpu))
        if l3:
            self.file(f"{base}/cache/index3/level", "3")
            self.file(f"{base}/cache/index3/type", "Unified")
            self.file(f"{base}/cache/index3/size", "16384K")
            self.file(f"{base}/cache/index3/shared_cpu_list", l3)

    def node(
        self,
        node: int,
        cpus: str,
        *,
        all_cpus: str = "",
        memory_kib: int = 1 << 20,
        huge: Mapping[int, int] | None = None,
    ) -> None:
        base = f"sys/devices/system/node/node{node}"
        self.file(f"{base}/cpulist", cpus)
        self.file(f"{base}/meminfo", f"Node {node} MemTotal:       {memory_kib} kB\nNode {node} MemFree: 1 kB")
        for size_kib, total in (huge or {}).items():
            self.file(f"{base}/hugepages/hugepages-{size_kib}kB/nr_hugepages", str(total))
            self.file(f"{base}/hugepages/hugepages-{size_kib}kB/free_hugepages", str(total - 1))
        for cpu in from_libvirt(all_cpus or cpus):
            link = self.root / f"sys/devices/system/cpu/cpu{cpu}/node{node}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(f"../../node/node{node}")

    def read(self) -> Topology:
        return read_topology(self.root)


def test_a_threadripper_with_four_nodes_and_siblings_32_apart(tmp_path: Path) -> None:
    """The machine of KVM-RT's own examples."""
    tree = Tree(tmp_path)
    tree.cpus("0-63", isolated="8-15,40-47")
    for cpu in range(64):
        core = cpu % 32
        ccx = core // 4 * 4
        # the kernel's core ids have holes here: only the order counts
        tree.cpu(
            cpu,
            die=core // 8,
            core=core * 2,
            threads=f"{core},{core + 32}",
            l3=f"{ccx}-{ccx + 3},{ccx + 32}-{ccx + 35}",
        )
    for node in range(4):
        cpus = f"{node * 8}-{node * 8 + 7},{node * 8 + 32}-{node * 8 + 39}"
        tree.node(node, cpus, memory_kib=16 << 20, huge={2048: 5, 1048576: 1} if node == 1 else None)
    topology = tree.read()
    assert [cpu.core for cpu in topology.cpus] == [*range(32), *range(32)]
    assert topology.cpus[40].siblings == (8,)
    assert topology.cpus[40].isolated
    assert expand("c8-c9", topology) == {8, 9, 40, 41}
    assert expand("n1", topology) == expand("d1", topology) == {*range(8, 16), *range(40, 48)}
    assert len([cache for cache in topology.caches if cache.level == 3]) == 8
    assert topology.caches[0].size_kib == 16384
    assert topology.nodes[1].memory_mib == 16384
    assert set(topology.nodes[1].hugepages) == {
        HugePages(size_kib=2048, total=5, free=4),
        HugePages(size_kib=1048576, total=1, free=0),
    }


def test_cores_are_counted_over_the_machine_package_by_package(tmp_path: Path) -> None:
    """Two packages whose CPUs alternate, each with core ids from 0, and die ids from 0."""
    tree = Tree(tmp_path)
    tree.cpus("0-7")
    for cpu in range(8):
        tree.cpu(cpu, package=cpu % 2, core=cpu // 2)
    for node in range(2):
        tree.node(node, ",".join(str(cpu) for cpu in range(node, 8, 2)))
    topology = tree.read()
    assert [cpu.core for cpu in topology.cpus] == [0, 4, 1, 5, 2, 6, 3, 7]
    assert [cpu.die for cpu in topology.cpus] == [0, 1, 0, 1, 0, 1, 0, 1]
    assert expand("c4-c7", topology) == expand("p1", topology) == expand("n1", topology) == {1, 3, 5, 7}


def test_the_tree_decides_the_order_of_cores_not_the_cpu_numbers(tmp_path: Path) -> None:
    """A package is counted to its end before the next begins, and so is a last-level cache."""
    packages, caches = Tree(tmp_path / "packages"), Tree(tmp_path / "caches")
    packages.cpus("0-3")
    caches.cpus("0-3")
    for cpu in range(4):
        packages.cpu(cpu, package=1 if cpu in {1, 2} else 0, die=1 if cpu == 3 else 0, core=cpu)
        caches.cpu(cpu, core=cpu, l3=f"{cpu % 2},{cpu % 2 + 2}")
    packages.node(0, "0-3")
    caches.node(0, "0-3")
    assert [cpu.core for cpu in packages.read().cpus] == [0, 2, 3, 1]
    assert [cpu.die for cpu in packages.read().cpus] == [0, 2, 2, 1]
    assert [cpu.core for cpu in caches.read().cpus] == [0, 2, 1, 3]


def test_an_offline_sibling_leaves_the_numbers_and_the_fingerprint_as_they_are(tmp_path: Path) -> None:
    both, one = Tree(tmp_path / "both"), Tree(tmp_path / "one")
    both.cpus("0-3")
    one.cpus("0-3", online="0-2")
    for cpu in range(4):
        both.cpu(cpu, core=cpu % 2, threads=f"{cpu % 2},{cpu % 2 + 2}")
        if cpu != 3:  # the kernel takes the topology of an offline CPU away
            one.cpu(cpu, core=cpu % 2, threads="0,2" if cpu != 1 else "1")
    both.node(0, "0-3")
    one.node(0, "0-2", all_cpus="0-3")
    before, after = both.read(), one.read()
    assert before.fingerprint == after.fingerprint
    assert [cpu.core for cpu in before.cpus] == [0, 1, 0, 1]
    assert [cpu.core for cpu in after.cpus] == [0, 1, 0, None]
    assert [cpu.online for cpu in after.cpus] == [True, True, True, False]
    assert after.cpus[3].node == 0
    assert after.cpu_ids() - after.online() == {3}


def test_hybrid_cores_by_name_and_by_capacity(tmp_path: Path) -> None:
    intel, arm = Tree(tmp_path / "intel"), Tree(tmp_path / "arm")
    intel.cpus("0-5")
    intel.file("sys/devices/cpu_core/cpus", "0-3")
    intel.file("sys/devices/cpu_atom/cpus", "4-5")
    assert "".join(cpu.kind for cpu in intel.read().cpus) == "PPPPEE"
    arm.cpus("0-3")
    for cpu, capacity in enumerate((446, 446, 1024, 1024)):
        arm.file(f"sys/devices/system/cpu/cpu{cpu}/cpu_capacity", str(capacity))
    assert "".join(cpu.kind for cpu in arm.read().cpus) == "EEPP"


def test_pci_devices_and_what_the_fingerprint_depends_on(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.cpus("0-1")
    tree.file("sys/class/dmi/id/board_name", "X11")
    tree.file("sys/class/dmi/id/bios_version", "1.0")
    first = tree.read().fingerprint
    base = "sys/bus/pci/devices/0000:03:00.0"
    for name, text in (("class", "0x020000"), ("vendor", "0x8086"), ("device", "0x1533"), ("numa_node", "-1")):
        tree.file(f"{base}/{name}", text)
    (tmp_path / "sys/kernel/iommu_groups/14").mkdir(parents=True)
    (tmp_path / base / "iommu_group").symlink_to(tmp_path / "sys/kernel/iommu_groups/14")
    (tmp_path / "sys/bus/pci/drivers/igb").mkdir(parents=True)
    (tmp_path / base / "driver").symlink_to(tmp_path / "sys/bus/pci/drivers/igb")
    topology = tree.read()
    (device,) = topology.devices
    assert (device.address, device.pci_class, device.vendor, device.device) == (
        "0000:03:00.0",
        0x020000,
        0x8086,
        0x1533,
    )
    assert (device.driver, device.numa_node, device.iommu_group) == ("igb", None, 14)
    assert topology.fingerprint != first
    tree.file("sys/class/dmi/id/bios_version", "1.1")
    assert tree.read().fingerprint not in {first, topology.fingerprint}


def test_a_tree_that_says_nothing_gives_an_empty_machine(tmp_path: Path) -> None:
    assert read_topology(tmp_path).cpus == ()


def test_this_machine() -> None:
    topology = read_topology()
    online = from_libvirt(Path("/sys/devices/system/cpu/online").read_text())
    assert topology.online() == online
    assert len(online) == os.cpu_count()
    cores = {cpu.core for cpu in topology.cpus if cpu.online}
    assert cores == set(range(len(cores)))
    assert topology == read_topology()
