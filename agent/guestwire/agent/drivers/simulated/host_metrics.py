"""The HostMetrics port of a simulated host: what its machine would use, by the clock.

Counters begin with the boot that this process saw, else with the process. Memory and huge pages are those that the kernel and the
guests of the simulation have.
"""

from collections.abc import Callable, Mapping

from guestwire.agent.drivers.simulated import waves
from guestwire.agent.drivers.simulated.injection import Injection
from guestwire.agent.drivers.simulated.inspection import MANAGEMENT
from guestwire.agent.drivers.simulated.kernel_state import KernelState
from guestwire.agent.drivers.simulated.kernel_tree import movable_interrupts
from guestwire.model.usage import (
    CpuTimes,
    DiskTraffic,
    HostCondition,
    HostDisk,
    HostLoad,
    HostTimes,
    Interrupts,
    NetTraffic,
    NodeMemory,
    Pressure,
)

_MIB = 1 << 20
_REQUEST = 16 << 10
_PACKET = 800
_DISK = 256 << 30
_OWN = {"user": 0.55, "nice": 0.01, "system": 0.35, "irq": 0.01, "softirq": 0.08, "steal": 0.0}
"""What the time is made of that is no guest's."""


class SimulatedHostMetrics:
    """`running`: how many vCPUs run, of all guests."""

    def __init__(
        self, kernel: KernelState, injection: Injection, running: Callable[[], int], clock: Callable[[], int]
    ) -> None:
        self._kernel = kernel
        self._injection = injection
        self._running = running
        self._clock = clock
        self._boot_ms = clock()

    def booted(self) -> None:
        """The host boots: what it counts begins anew."""
        self._boot_ms = self._clock()

    async def times(self) -> HostTimes:
        with self._injection.call("metrics.times"):
            seconds = self._seconds()
            cpus = tuple(_cpu(cpu, seconds) for cpu in sorted(self._kernel.online()))
            guest_s = sum(cpu.guest_s for cpu in cpus)
            own_s = sum(cpu.busy_s for cpu in cpus) - guest_s
            idle_s = seconds * len(cpus) - own_s - guest_s
            modes = {mode: own_s * part for mode, part in _OWN.items()}
            return HostTimes(
                self._boot_ms, {**modes, "guest": guest_s, "iowait": idle_s * 0.01, "idle": idle_s * 0.99}, cpus
            )

    async def load(self) -> HostLoad:
        with self._injection.call("metrics.load"):
            seconds, running = self._seconds(), self._running()
            return HostLoad(
                since_ms=self._boot_ms,
                memory=self._memory(seconds),
                load=(
                    running * 0.4 + waves.level(0.2, seconds, "load"),
                    running * 0.4 + waves.level(0.2, seconds / 4, "load"),
                    running * 0.4 + 0.2,
                ),
                running=1 + running,
                blocked=0,
                context_switches=int(waves.counted(2_000 + 500 * len(self._kernel.online()), seconds, "switches")),
                forks=int(waves.counted(3, seconds, "forks")),
                pressure=(
                    Pressure("cpu", "some", waves.counted(0.004, seconds, "pressure")),
                    Pressure("memory", "some", 0.0),
                    Pressure("memory", "full", 0.0),
                    Pressure("io", "some", waves.counted(0.002, seconds, "io")),
                    Pressure("io", "full", waves.counted(0.001, seconds, "io")),
                ),
                disks=(_disk(seconds),),
                adapters=tuple(_adapter(name, seconds) for name in movable_interrupts(self._kernel.machine).values()),
                nodes=self._nodes(seconds),
            )

    async def interrupts(self) -> Interrupts:
        with self._injection.call("metrics.interrupts"):
            seconds, online = self._seconds(), sorted(self._kernel.online())
            rates = {"device": 40, "timer": 250, "reschedule": 30, "call": 12, "tlb": 4, "other": 0.01}
            counts = {
                kind: {cpu: int(waves.counted(rate, seconds, kind, cpu)) for cpu in online}
                for kind, rate in rates.items()
            }
            return Interrupts(self._boot_ms, counts)

    async def condition(self) -> HostCondition:
        with self._injection.call("metrics.condition"):
            seconds = self._seconds()
            hits = {
                node.id: int(waves.counted(9_000, seconds, "hits", node.id)) for node in self._kernel.topology().nodes
            }
            return HostCondition(
                since_ms=self._boot_ms,
                temperatures={
                    "package 0": round(38 + waves.level(12, seconds, "package"), 1),
                    "disk": round(28 + waves.level(8, seconds, "disk"), 1),
                },
                filesystems={
                    "/": (_DISK, _DISK - min(_DISK // 2, int(waves.counted(2_000, seconds, "files"))) - _DISK // 4)
                },
                allocations={
                    node: {"hit": count, "miss": 0, "foreign": 0, "local": count, "other": 0}
                    for node, count in hits.items()
                },
            )

    def _seconds(self) -> float:
        return max(0.0, (self._clock() - self._boot_ms) / 1000)

    def _memory(self, seconds: float) -> Mapping[str, int]:
        total = self._kernel.machine.memory_mib * _MIB
        available = max(0, total - self._kernel.memory_used_mib() * _MIB)
        cached = int(available * 0.2)
        dirty = int(waves.level(4 * _MIB, seconds, "dirty"))
        return {
            "total": total, "available": available, "free": available - cached, "cached": cached,
            "dirty": min(cached, dirty), "swap": 0, "swap_free": 0,
        }  # fmt: skip

    def _nodes(self, seconds: float) -> tuple[NodeMemory, ...]:
        nodes = self._kernel.topology().nodes
        total = sum(node.memory_mib for node in nodes)
        free = self._memory(seconds)["free"]
        return tuple(
            NodeMemory(
                node.id, node.memory_mib * _MIB, free * node.memory_mib // max(1, total),
                {pages.size_kib * 1024: (pages.total, pages.free) for pages in node.hugepages},
            )
            for node in nodes
        )  # fmt: skip


def _cpu(cpu: int, seconds: float) -> CpuTimes:
    guest_s = waves.counted(0.05 + 0.3 * waves.share("guest", cpu), seconds, "guest", cpu)
    busy_s = guest_s + waves.counted(0.05, seconds, "busy", cpu)
    return CpuTimes(cpu, min(seconds, busy_s), min(seconds, guest_s))


def _disk(seconds: float) -> HostDisk:
    reads, writes = int(waves.counted(20, seconds, "reads")), int(waves.counted(15, seconds, "writes"))
    traffic = DiskTraffic(
        device="sda", read_bytes=reads * _REQUEST, written_bytes=writes * _REQUEST, reads=reads, writes=writes,
        read_s=reads * 0.0003, write_s=writes * 0.0006,
    )  # fmt: skip
    return HostDisk(traffic, busy_s=reads * 0.0002 + writes * 0.0004)


def _adapter(name: str, seconds: float) -> NetTraffic:
    if name not in MANAGEMENT.interfaces:  # there is no cable in it
        return NetTraffic(device=name, received_bytes=0, sent_bytes=0, received_packets=0, sent_packets=0)
    received, sent = int(waves.counted(60, seconds, name, "in")), int(waves.counted(45, seconds, name, "out"))
    return NetTraffic(
        device=name, received_bytes=received * _PACKET, sent_bytes=sent * _PACKET, received_packets=received,
        sent_packets=sent,
    )  # fmt: skip
