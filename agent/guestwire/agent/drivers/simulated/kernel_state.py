"""The kernel of a simulated host as it runs: what was written to procfs and sysfs since the host booted.

Kept over a restart of the process (`kernel.jsonl`), forgotten when the host boots, as a kernel does. A host whose kernel
nobody wrote to keeps nothing in memory.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from guestwire.agent.drivers.simulated import kernel_tree
from guestwire.agent.drivers.simulated.kernel_tree import CPU, DEFAULT_AFFINITY, MM, NODE
from guestwire.agent.drivers.simulated.lines import LineLog
from guestwire.agent.drivers.simulated.memory import ordinary_mib, pages_used, pools_mib
from guestwire.agent.drivers.simulated.process import Process
from guestwire.model.cpuset import from_libvirt, from_mask, to_libvirt, to_mask
from guestwire.model.errors import GuestwireError
from guestwire.model.machines import Machine
from guestwire.model.topology import Cpu, HugePages, Node, Topology

_ONLINE = re.compile(rf"{CPU}/cpu(\d+)/online")
_POOL = re.compile(rf"{NODE}/node(\d+)/hugepages/hugepages-(\d+)kB/(nr|free)_hugepages")
_ALL_POOLS = re.compile(rf"{MM}/hugepages-(\d+)kB/(nr|free)_hugepages")
_IRQ = re.compile(r"/proc/irq/(\d+)/smp_affinity_list")
_WRITABLE = re.compile(
    r"/proc/sys/(kernel/sched_|net/)|/sys/fs/cgroup/|/sys/devices/virtual/workqueue/cpumask$|.*/scaling_governor$"
)
_EPERM = (1, "Operation not permitted")
_EIO = (5, "Input/output error")
_EACCES = (13, "Permission denied")
_ENODEV = (19, "No such device")
_EINVAL = (22, "Invalid argument")


class KernelState:
    """The values of one host. `processes`: those of the guests that run now, which take memory and huge pages."""

    __slots__ = ("_lines", "_machine", "_processes", "_tree", "_written")

    def __init__(self, machine: Machine, directory: Path | None, processes: Callable[[], Iterable[Process]]) -> None:
        self._machine = machine
        self._lines = LineLog(None if directory is None else directory / "kernel.jsonl")
        self._processes = processes
        self._tree: dict[str, str] | None = None
        self._written: dict[str, str] | None = None

    def load(self) -> None:
        written = {line["path"]: line["value"] for line in self._lines.load()}
        self._written = written or None
        if self._lines.old:
            self._lines.rewrite({"path": path, "value": value} for path, value in written.items())

    def boot(self, machine: Machine) -> None:
        """The host boots, perhaps as another machine: what was written is forgotten."""
        if self._written:
            self._lines.rewrite(())
        self._machine, self._tree, self._written = machine, None, None

    @property
    def machine(self) -> Machine:
        return self._machine

    # -- what follows from the values

    def topology(self) -> Topology:
        """The machine's topology with its CPUs and huge pages as they are now."""
        topology = self._machine.topology
        if not self._written:
            return topology
        pools, used = self.pools(), pages_used(self._processes(), self.pools())
        online = self.online()

        def cpu_now(cpu: Cpu) -> Cpu:
            return cpu if cpu.id in online else cpu.model_copy(update={"online": False})

        def node_now(node: Node) -> Node:
            sizes = {pages.size_kib // 1024 for pages in node.hugepages} | {size for n, size in pools if n == node.id}
            pages = (
                HugePages(size_kib=size * 1024, total=total, free=total - used.get((node.id, size), 0))
                for size in sorted(sizes)
                for total in (pools.get((node.id, size), 0),)
            )
            return node.model_copy(update={"hugepages": tuple(pages)})

        return topology.model_copy(
            update={"cpus": tuple(map(cpu_now, topology.cpus)), "nodes": tuple(map(node_now, topology.nodes))}
        )

    def online(self) -> frozenset[int]:
        return self._machine.topology.online() - {
            int(match[1])
            for path, value in (self._written or {}).items()
            if value == "0" and (match := _ONLINE.fullmatch(path))
        }

    def pools(self) -> Mapping[tuple[int, int], int]:
        """Huge pages by node and page size in MiB; pools that are empty are left out."""
        return {
            (int(match[1]), int(match[2]) // 1024): int(value)
            for path, value in (self._written or {}).items()
            if value != "0" and (match := _POOL.fullmatch(path))
        }

    def memory_used_mib(self) -> int:
        return ordinary_mib(self._processes()) + pools_mib(self.pools())

    # -- files

    def read(self, path: str) -> str | None:
        """The file's text; None where there is none."""
        if (derived := self._derived(path)) is not None:
            return derived
        if self._written is not None and path in self._written:
            return self._written[path]
        return self._files().get(path)

    def write(self, path: str, value: str) -> str:
        """Write; the text read back. Raises NOT-FOUND, and UNSUPPORTED where a kernel would refuse."""
        value = value.strip()
        if self.read(path) is None:
            raise GuestwireError("NOT-FOUND", f"there is no {path}", detail={"path": path})
        if match := _ONLINE.fullmatch(path):
            self._write_online(path, value)
        elif path == f"{CPU}/smt/control":
            self._write_smt(path, value)
        elif match := _POOL.fullmatch(path):
            if match[3] != "nr":
                raise refused(path, _EACCES)
            self._keep(path, str(self._pages(int(match[1]), int(match[2]) // 1024, _count(path, value))))
        elif match := _ALL_POOLS.fullmatch(path):
            if match[2] != "nr":
                raise refused(path, _EACCES)
            self._write_all_pools(int(match[1]), _count(path, value))
        elif match := _IRQ.fullmatch(path):
            if kernel_tree.is_managed(int(match[1])):
                raise refused(path, _EIO)
            self._keep(path, to_libvirt(self._usable(path, value)))
        elif path == DEFAULT_AFFINITY:
            self._keep(path, to_mask(_mask(path, value)))
        elif _WRITABLE.match(path):
            self._keep(path, value)
        else:
            raise refused(path, _EACCES)
        return self.read(path) or ""

    def _files(self) -> dict[str, str]:
        if self._tree is None:
            self._tree = kernel_tree.kernel_tree(self._machine)
        return self._tree

    def _derived(self, path: str) -> str | None:
        if path == f"{CPU}/online":
            return to_libvirt(self.online())
        if path == f"{CPU}/offline":
            return to_libvirt(self._machine.topology.cpu_ids() - self.online())
        if path == f"{CPU}/smt/active":
            online = self.online()
            return str(int(any(set(cpu.siblings) & online for cpu in self._machine.topology.cpus if cpu.id in online)))
        if (match := _ALL_POOLS.fullmatch(path)) and int(match[1]) // 1024 in self._machine.capabilities.hugepages_mib:
            return str(sum(self._count(node.id, int(match[1]) // 1024, match[2]) for node in self._nodes()))
        if (match := _POOL.fullmatch(path)) and path.replace("/free_", "/nr_") in self._files():
            return str(self._count(int(match[1]), int(match[2]) // 1024, match[3]))
        return None

    def _nodes(self) -> tuple[Node, ...]:
        return self._machine.topology.nodes

    def _count(self, node: int, size: int, kind: str) -> int:
        pools = self.pools()
        total = pools.get((node, size), 0)
        return total if kind == "nr" else total - pages_used(self._processes(), pools).get((node, size), 0)

    def _write_online(self, path: str, value: str) -> None:
        if value not in ("0", "1"):
            raise refused(path, _EINVAL)
        if value == "1" and self.read(f"{CPU}/smt/control") == "off" and self._is_second(path):
            raise refused(path, _EPERM)
        self._keep(path, value)

    def _is_second(self, path: str) -> bool:
        """Whether the CPU is not the first of its core."""
        return any(f"{CPU}/cpu{cpu}/online" == path for cpu in self._seconds())

    def _seconds(self) -> list[int]:
        return [cpu.id for cpu in self._machine.topology.cpus if cpu.siblings and min(cpu.siblings) < cpu.id]

    def _write_smt(self, path: str, value: str) -> None:
        if not kernel_tree.has_smt(self._machine):
            raise refused(path, _ENODEV)
        if value not in ("on", "off"):
            raise refused(path, _EINVAL)
        self._keep(path, value)
        for cpu in self._seconds():
            self._keep(f"{CPU}/cpu{cpu}/online", "1" if value == "on" else "0")

    def _write_all_pools(self, size_kib: int, wanted: int) -> None:
        """Over all nodes, as evenly as the kernel spreads them; what one node cannot give another does."""
        nodes = self._nodes()
        path = f"{NODE}/node{{}}/hugepages/hugepages-{size_kib}kB/nr_hugepages"
        size, left = size_kib // 1024, wanted
        for index, node in enumerate(nodes):
            got = self._pages(node.id, size, -(-left // (len(nodes) - index)))
            self._keep(path.format(node.id), str(got))
            left -= got
        for node in nodes:
            if left > 0:
                has = self.pools().get((node.id, size), 0)
                got = self._pages(node.id, size, has + left)
                self._keep(path.format(node.id), str(got))
                left -= got - has

    def _pages(self, node: int, size: int, wanted: int) -> int:
        """How many pages the kernel gives: not more than memory is free, not less than guests use."""
        pools = self.pools()
        has = pools.get((node, size), 0)
        on_node = next(n.memory_mib for n in self._nodes() if n.id == node)
        on_node -= pools_mib({key: pages for key, pages in pools.items() if key[0] == node})
        free = min(self._machine.memory_mib - self.memory_used_mib(), on_node)
        return max(min(wanted, has + max(0, free) // size), pages_used(self._processes(), pools).get((node, size), 0))

    def _usable(self, path: str, value: str) -> frozenset[int]:
        try:
            cpus = from_libvirt(value)
        except GuestwireError as err:
            raise refused(path, _EINVAL) from err
        if not cpus & self.online():
            raise refused(path, _EINVAL)
        return cpus

    def _keep(self, path: str, value: str) -> None:
        self._lines.append({"path": path, "value": value})
        self._written = {**(self._written or {}), path: value}
        if self._lines.worn:
            self._lines.rewrite({"path": path, "value": value} for path, value in self._written.items())


def refused(path: str, error: tuple[int, str]) -> GuestwireError:
    """UNSUPPORTED as the Linux driver makes it of an errno."""
    return GuestwireError(
        "UNSUPPORTED",
        f"the kernel refuses to write {path}: {error[1]}",
        detail={"path": path, "errno": error[0], "text": error[1]},
    )


def _count(path: str, value: str) -> int:
    if not value.isdecimal():
        raise refused(path, _EINVAL)
    return int(value)


def _mask(path: str, value: str) -> frozenset[int]:
    try:
        cpus = from_mask(value)
    except GuestwireError as err:
        raise refused(path, _EINVAL) from err
    if not cpus:
        raise refused(path, _EINVAL)
    return cpus
