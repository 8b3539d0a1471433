"""What procfs and sysfs of a simulated machine hold right after a boot, by path.

Interrupts: 24 and up one for each network card, which may be moved; 40 + N the managed one that the boot disk has for
CPU N (HYPERVISOR: the kernel refuses to move those).
"""

from collections.abc import Iterator

from guestwire.model.cpuset import to_libvirt, to_mask
from guestwire.model.machines import Machine

CPU = "/sys/devices/system/cpu"
NODE = "/sys/devices/system/node"
MM = "/sys/kernel/mm/hugepages"
DEFAULT_AFFINITY = "/proc/irq/default_smp_affinity"
MANAGED_FIRST = 40

_NETWORK = 0x02


def kernel_tree(machine: Machine) -> dict[str, str]:
    """Every file that is simulated. What follows from other files (free pages, CPU lists) is not in it."""
    return dict((*_cpus(machine), *_pages(machine), *_interrupts(machine), *_rest(machine)))


def is_managed(interrupt: int) -> bool:
    return interrupt >= MANAGED_FIRST


def movable_interrupts(machine: Machine) -> dict[int, str]:
    """The interrupts that may be moved, and whose they are."""
    cards = (device for device in machine.topology.devices if device.pci_class >> 16 == _NETWORK)
    return {24 + number: f"eth{number}" for number, _ in enumerate(cards)}


def has_smt(machine: Machine) -> bool:
    return any(cpu.siblings for cpu in machine.topology.cpus)


def _cpus(machine: Machine) -> Iterator[tuple[str, str]]:
    for cpu in machine.topology.cpus:
        if cpu.id:  # CPU 0 cannot go offline on x86, so it has no such file
            yield f"{CPU}/cpu{cpu.id}/online", "1"
        yield f"{CPU}/cpu{cpu.id}/cpufreq/scaling_governor", "schedutil"
    yield f"{CPU}/present", to_libvirt(machine.topology.cpu_ids())
    yield f"{CPU}/isolated", ""
    yield f"{CPU}/smt/control", "on" if has_smt(machine) else "notsupported"


def _pages(machine: Machine) -> Iterator[tuple[str, str]]:
    for size in machine.capabilities.hugepages_mib:
        pool = f"hugepages-{size * 1024}kB"
        yield f"{MM}/{pool}/nr_hugepages", "0"
        for node in machine.topology.nodes:
            yield f"{NODE}/node{node.id}/hugepages/{pool}/nr_hugepages", "0"


def _interrupts(machine: Machine) -> Iterator[tuple[str, str]]:
    everywhere = machine.topology.cpu_ids()
    yield DEFAULT_AFFINITY, to_mask(everywhere)
    for number in movable_interrupts(machine):
        yield f"/proc/irq/{number}/smp_affinity_list", to_libvirt(everywhere)
    for cpu in sorted(everywhere):
        yield f"/proc/irq/{MANAGED_FIRST + cpu}/smp_affinity_list", str(cpu)
    names = [f"{number}: {name}" for number, name in movable_interrupts(machine).items()]
    names += [f"{MANAGED_FIRST + cpu}: disk-q{cpu}" for cpu in sorted(everywhere)]
    yield "/proc/interrupts", "\n".join(names)


def _rest(machine: Machine) -> Iterator[tuple[str, str]]:
    yield "/proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/sda2 ro quiet"
    yield "/proc/sys/kernel/osrelease", machine.kernel
    yield "/proc/sys/kernel/sched_rt_runtime_us", "950000"
    yield "/proc/sys/net/ipv4/ip_forward", "0"
    for unit in ("init.scope", "system.slice", "user.slice"):
        yield f"/sys/fs/cgroup/{unit}/cpuset.cpus", ""
    yield "/sys/devices/virtual/workqueue/cpumask", to_mask(machine.topology.cpu_ids())
