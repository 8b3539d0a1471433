"""What a host, its guests and their vCPUs use, as drivers tell it: plain values, made every second, so no pydantic.

Counters count since `since_ms` (Unix ms) of what they are in. None: this driver cannot tell it. What is sampled when, and
under which names, is telemetry's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# -- guests


@dataclass(frozen=True, slots=True)
class VcpuTimes:
    """`cpu_s`: it ran; `wait_s`: it could have run and had no CPU; `runs`: how often it was put on one."""

    number: int
    cpu_s: float
    wait_s: float | None = None
    runs: int | None = None


@dataclass(frozen=True, slots=True)
class GuestTimes:
    """Of a guest's process, which began at `since_ms`; `cpu_s` is of all its threads."""

    uuid: str
    since_ms: int
    cpu_s: float
    vcpus: tuple[VcpuTimes, ...] = ()


@dataclass(frozen=True, slots=True)
class GuestMemory:
    """In bytes. `assigned`: what the guest has been given; `resident`: what its process takes of ordinary memory; the rest only
    where the guest says it."""

    assigned: int
    resident: int | None = None
    unused: int | None = None
    usable: int | None = None
    major_faults: int | None = None


@dataclass(frozen=True, slots=True)
class DiskTraffic:
    """Of one disk of a guest, by the name that its definition gives the device."""

    device: str
    read_bytes: int = 0
    written_bytes: int = 0
    reads: int = 0
    writes: int = 0
    flushes: int = 0
    read_s: float = 0.0
    write_s: float = 0.0
    flush_s: float = 0.0
    capacity: int | None = None
    allocated: int | None = None


@dataclass(frozen=True, slots=True)
class NetTraffic:
    """Of one network adapter. `sent` and `received` are its owner's words: of a guest's card what the guest sent."""

    device: str
    received_bytes: int = 0
    sent_bytes: int = 0
    received_packets: int = 0
    sent_packets: int = 0
    received_errors: int = 0
    received_dropped: int = 0
    sent_dropped: int = 0


@dataclass(frozen=True, slots=True)
class GuestUsage:
    """`halted`: which vCPUs slept when they were looked at, by number; None: nobody can tell. Cards are net0, net1, ... in the
    order of the definition."""

    uuid: str
    since_ms: int
    memory: GuestMemory | None = None
    disks: tuple[DiskTraffic, ...] = ()
    cards: tuple[NetTraffic, ...] = ()
    halted: Mapping[int, bool] | None = None


# -- the host


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Of one CPU that is online: what it was not idle, and what of that it ran guests."""

    cpu: int
    busy_s: float
    guest_s: float


@dataclass(frozen=True, slots=True)
class HostTimes:
    """`modes`: seconds of all CPUs by user, nice, system, guest, irq, softirq, steal, iowait, idle; they add up to the time of
    the CPUs."""

    since_ms: int
    modes: Mapping[str, float]
    cpus: tuple[CpuTimes, ...]


@dataclass(frozen=True, slots=True)
class Pressure:
    """Seconds for which some (`stall` "some") or all ("full") tasks waited for a resource (cpu, memory, io, irq)."""

    resource: str
    stall: str
    seconds: float


@dataclass(frozen=True, slots=True)
class HostDisk:
    """A disk of the host and what went through it; `busy_s`: time in which it had something to do."""

    traffic: DiskTraffic
    busy_s: float


@dataclass(frozen=True, slots=True)
class NodeMemory:
    """A NUMA node. `pages`: huge pages (how many, how many free) by their size in bytes."""

    node: int
    total: int
    free: int
    pages: Mapping[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostLoad:
    """`memory`: bytes by total, available, free, cached, dirty, swap, swap_free. `load`: over 1, 5 and 15 minutes. `running`,
    `blocked`: threads that run or want to, and that wait for a disk."""

    since_ms: int
    memory: Mapping[str, int]
    load: tuple[float, float, float]
    running: int
    blocked: int
    context_switches: int
    forks: int
    pressure: tuple[Pressure, ...] = ()
    disks: tuple[HostDisk, ...] = ()
    adapters: tuple[NetTraffic, ...] = ()
    nodes: tuple[NodeMemory, ...] = ()


@dataclass(frozen=True, slots=True)
class Interrupts:
    """By kind (device, timer, reschedule, call, tlb, other) and CPU."""

    since_ms: int
    counts: Mapping[str, Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class HostCondition:
    """What changes slowly. `temperatures`: degrees Celsius by sensor. `filesystems`: size and free bytes by folder.
    `allocations`: pages by node and by hit, miss, foreign, local, other."""

    since_ms: int
    temperatures: Mapping[str, float] = field(default_factory=dict)
    filesystems: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    allocations: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
