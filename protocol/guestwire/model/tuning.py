"""What the kernel of a host is set to while rt guests run (KVM-RT 3: their CPUs are shielded, the SMT siblings taken down;
removed at shutdown). Reading and writing is `services.rt_tuning`'s, memory locking the guest's definition's.

Shielding, where the CPUs are not isolated at boot already (isolcpus=): with cgroup v2, what systemd runs (SLICES) is kept
off them; guests are in machine.slice, which is left alone. (An isolated cpuset partition takes its CPUs from every other
cgroup: a thread that is pinned to one of them from outside no longer starts.) Interrupts and the kernel's unbound work are
kept off them as well. An interrupt keeps those of its CPUs that no rt guest has, and goes to all others where it has none.
What is not changed: `host_cpuset` (CPUs of gp guests serve interrupts too) and sched_rt_runtime_us (without throttling, a
runaway rt thread takes the host with it: its owner decides; it is shown).

Siblings (profile kvm-rt): of each core that an rt guest has a CPU of, the CPUs on which no thread is pinned go offline, the
last of all: interrupts of a CPU have left before. CPU 0 stays, a CPU that another running guest names stays. Not with cgroup
v1: a CPU that comes back is missing from its cpusets, and a later pinning to it fails.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from guestwire.model.cpuset import expand, from_libvirt, from_mask, to_libvirt, to_mask
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.pinning import pinning
from guestwire.model.topology import Cpu, Topology

INTERRUPTS = "/proc/interrupts"
DEFAULT_AFFINITY = "/proc/irq/default_smp_affinity"
WORKQUEUES = "/sys/devices/virtual/workqueue/cpumask"
THROTTLING = "/proc/sys/kernel/sched_rt_runtime_us"
CGROUPS = "/sys/fs/cgroup"
SLICES = tuple(f"{CGROUPS}/{name}/cpuset.cpus" for name in ("init.scope", "system.slice", "user.slice"))

_MASKS = frozenset({DEFAULT_AFFINITY, WORKQUEUES})
_ONLINE = re.compile(r"/sys/devices/system/cpu/cpu(\d+)/online")
_IRQ = re.compile(r"/proc/irq/(\d+)/smp_affinity_list")
_IRQ_LINE = re.compile(r"^\s*(\d{1,9}):", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class KernelValue:
    """A value that is wanted. `required`: an rt guest is not turned on without it; others are refused by some kernels (a
    managed interrupt cannot be moved) and that is only shown."""

    path: str
    value: str
    why: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class KernelFacts:
    """What the host's kernel offers. `before`: the text of each of `paths` that can be read, as it was before any tuning."""

    cgroup: Literal["v1", "v2", "none"]
    before: Mapping[str, str]


# -- values


def wanted(
    desired: Desired, running: Collection[str], topology: Topology, kernel: KernelFacts
) -> tuple[KernelValue, ...]:
    """What holds while these guests (uuids) run, in the order in which it is to be written; undone in the reverse one.
    Nothing while no rt guest runs. `topology`: as it is without tuning (`remembered`). A guest whose cpuset means nothing
    on this machine counts as having none."""
    machine = _Machine(desired, running, topology, kernel)
    if not machine.shielded:
        return ()
    return (*_cgroups(machine), *_interrupts(machine), *_siblings(machine))


def left_out(desired: Desired, running: Collection[str], topology: Topology, kernel: KernelFacts) -> tuple[str, ...]:
    """What rt guests that run do without on this host, and why: for people."""
    machine = _Machine(desired, running, topology, kernel)
    return tuple(_left_out(machine)) if machine.shielded else ()


def paths(topology: Topology, interrupts: str) -> tuple[str, ...]:
    """Every file that tuning may write. `interrupts`: the text of INTERRUPTS."""
    numbers = dict.fromkeys(int(number) for number in _IRQ_LINE.findall(interrupts))
    return (
        *SLICES,
        WORKQUEUES,
        DEFAULT_AFFINITY,
        *(f"/proc/irq/{number}/smp_affinity_list" for number in numbers),
        *(online_path(cpu.id) for cpu in topology.cpus),
    )


def online_path(cpu: int) -> str:
    return f"/sys/devices/system/cpu/cpu{cpu}/online"


def cpu_of(path: str) -> int | None:
    """The CPU that the file takes online or offline; None for any other file."""
    match = _ONLINE.fullmatch(path)
    return None if match is None else int(match[1])


def remembered(topology: Topology, mates: Mapping[int, Collection[int]]) -> Topology:
    """The topology without tuning: `mates` are the siblings that each CPU had that tuning took offline. Linux forgets them,
    and its core, until it is online again."""
    down = {cpu: frozenset(others) for cpu, others in mates.items()}
    if not down:
        return topology
    by_id = {cpu.id: cpu for cpu in topology.cpus}

    def as_before(cpu: Cpu) -> Cpu:
        siblings = {other for other, others in down.items() if cpu.id in others} | down.get(cpu.id, frozenset())
        update: dict[str, object] = {"siblings": tuple(sorted({*cpu.siblings, *siblings} - {cpu.id}))}
        if cpu.id in down:
            update["online"] = True
            mate = next((by_id[other] for other in sorted(down[cpu.id]) if other in by_id and other not in down), cpu)
            update |= {"core": mate.core, "die": mate.die, "package": mate.package}
        return cpu.model_copy(update=update)

    return topology.model_copy(update={"cpus": tuple(map(as_before, topology.cpus))})


# -- comparing what was written with what is read


def same(path: str, one: str, other: str) -> bool:
    """Whether two texts mean the same in that file: the kernel writes CPU lists and masks in its own way."""
    return one.strip() == other.strip() or ((cpus := _cpus(path, one)) is not None and cpus == _cpus(path, other))


def taken(path: str, asked: str, now: str) -> bool:
    """Whether the kernel, asked for that, did what was meant: of CPUs it may take some only."""
    if same(path, asked, now):
        return True
    cpus, got = _cpus(path, asked), _cpus(path, now)
    return bool(cpus and got and got <= cpus)


def _cpus(path: str, text: str) -> frozenset[int] | None:
    """The CPUs that a file's text names; None where it is no such file, or the text no such text."""
    try:
        if path in _MASKS:
            return from_mask(text)
        if _IRQ.fullmatch(path) or path.endswith("/cpuset.cpus"):
            return from_libvirt(text)
    except GuestwireError:
        pass
    return None


# -- what each value is


class _Machine:
    """The guests that run, on their CPUs.

    shielded  CPUs that the rt guests own, but for CPU 0; rest: the online CPUs that they do not
    down      those of them that no thread needs, though some may not be taken offline
    """

    def __init__(self, desired: Desired, running: Collection[str], topology: Topology, kernel: KernelFacts) -> None:
        self.kernel = kernel
        self.topology = topology
        self.kvm_rt = desired.policy.profile == "kvm-rt"
        self.guests = tuple(guest for guest in desired.guests if guest.uuid in running)
        cpus = [(guest, _expanded(guest, topology)) for guest in self.guests]
        self.rt = tuple(guest for guest, its in cpus if guest.kind == "rt" and its)
        self.own = frozenset[int]().union(*(its for guest, its in cpus if guest.kind == "rt"))
        self.others = frozenset[int]().union(*(its for guest, its in cpus if guest.kind != "rt"))
        siblings = {cpu.id: frozenset(cpu.siblings) for cpu in topology.cpus}
        cores = {cpu: siblings[cpu] | {cpu} for cpu in self.own} if self.kvm_rt else {}
        owned = self.own.union(*cores.values())
        self.shielded = owned - {0}
        online = topology.online()
        self.rest = (online - owned) | {0}
        self.isolated = frozenset(cpu.id for cpu in topology.cpus if cpu.isolated)
        threads = [pins & online for guest in self.rt for pins in self._threads(guest, desired)]
        pinned = frozenset(cpu for pins in threads if len(pins) == 1 for cpu in pins)
        kept = {min(own) for core in cores.values() if core.isdisjoint(pinned) and (own := core & self.own & online)}
        spare = (owned & online) - pinned - kept - {0} if self.kvm_rt else frozenset[int]()
        # a thread keeps a CPU: where all of its own were to go, the lowest stays
        self.down = spare - {min(pins) for pins in threads if pins and pins <= spare}

    def _threads(self, guest: Guest, desired: Desired) -> list[frozenset[int]]:
        """Where each thread of an rt guest may run."""
        plain = guest.model_copy(update={"numatune": ""})  # which may be wrong, and is not about CPUs
        pins = pinning(plain, self.topology, desired.policy.profile, self.rest)
        return [] if pins is None else [*pins.vcpus, pins.emulator]

    @property
    def offline(self) -> frozenset[int]:
        """The CPUs that go offline."""
        if self.kernel.cgroup == "v1":
            return frozenset()
        return frozenset(cpu for cpu in self.down - self.others if online_path(cpu) in self.kernel.before)

    def without(self, path: str) -> frozenset[int] | None:
        """What is left of a file's CPUs without those that are shielded; None where it had none of them."""
        text = self.kernel.before.get(path)
        cpus = None if text is None else _cpus(path, text)
        if cpus is None:
            return None
        if path in SLICES and not cpus:  # an empty cpuset.cpus means all
            cpus = self.rest | self.shielded
        if cpus.isdisjoint(self.shielded):
            return None
        left = cpus - self.shielded
        return left if left & self.rest else self.rest


def _expanded(guest: Guest, topology: Topology) -> frozenset[int]:
    try:
        return frozenset() if guest.cpuset is None else expand(guest.cpuset, topology)
    except GuestwireError:
        return frozenset()


def _cgroups(machine: _Machine) -> Iterator[KernelValue]:
    if machine.shielded <= machine.isolated or machine.kernel.cgroup != "v2":
        return
    for path in SLICES:
        if (left := machine.without(path)) is not None:
            yield KernelValue(path, to_libvirt(left), "the host's processes leave the CPUs of rt guests")


def _interrupts(machine: _Machine) -> Iterator[KernelValue]:
    if (left := machine.without(WORKQUEUES)) is not None:
        yield KernelValue(WORKQUEUES, to_mask(left), "the kernel's unbound work leaves the CPUs of rt guests")
    if (left := machine.without(DEFAULT_AFFINITY)) is not None:
        yield KernelValue(DEFAULT_AFFINITY, to_mask(left), "new interrupts stay off the CPUs of rt guests")
    numbers = {int(match[1]): path for path in machine.kernel.before if (match := _IRQ.fullmatch(path))}
    for number, path in sorted(numbers.items()):
        if (left := machine.without(path)) is not None:
            yield KernelValue(path, to_libvirt(left), f"interrupt {number} leaves the CPUs of rt guests")


def _siblings(machine: _Machine) -> Iterator[KernelValue]:
    for cpu in sorted(machine.offline):
        yield KernelValue(online_path(cpu), "0", f"CPU {cpu} shares a core with an rt guest", True)


def _left_out(machine: _Machine) -> Iterator[str]:
    if machine.down and machine.kernel.cgroup == "v1":
        yield (
            f"The SMT siblings {to_libvirt(machine.down)} stay online: with cgroup v1 a CPU that comes back is missing from"
            " its cpusets. Boot with cgroup v2, or switch SMT off."
        )
    else:
        if busy := machine.down & machine.others:
            yield f"The SMT siblings {to_libvirt(busy)} stay online: guests that run have them in their cpuset."
        if fixed := machine.down - machine.others - machine.offline:
            yield f"The SMT siblings {to_libvirt(fixed)} stay online: this kernel cannot take them down."
    open_cpus = machine.shielded - machine.isolated
    if not open_cpus:
        return
    if machine.kernel.cgroup != "v2" or not any(path in machine.kernel.before for path in SLICES):
        yield (
            f"The host's processes may run on {to_libvirt(open_cpus)}: boot with cgroup v2 and its cpuset controller, or"
            " with isolcpus=."
        )
    unbound = [guest.name for guest in machine.guests if guest.cpuset is None]
    if unbound:
        yield f"Guests without a cpuset may run on {to_libvirt(open_cpus)}: {', '.join(unbound)}."
