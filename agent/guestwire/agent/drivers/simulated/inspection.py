"""What Linux would say of a simulated machine: host facts, the management path, and the threads of a guest's process."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from uuid import NAMESPACE_DNS, uuid5

from guestwire.agent.drivers.simulated.kernel_state import KernelState
from guestwire.agent.drivers.simulated.process import Process
from guestwire.model.cpuset import to_libvirt
from guestwire.model.facts import ManagementPath
from guestwire.model.guest import GuestThread
from guestwire.model.host import HostFacts
from guestwire.model.topology import Topology

MANAGEMENT = ManagementPath(
    interfaces=frozenset({"eth0"}), nics=frozenset({"0000:01:00.0"}), boot_disks=frozenset({"0000:00:1f.2"})
)
"""Of every simulated machine (`machines`)."""
OTHER_ROUTE = ("198.51.100.0/24", "eth1")
"""The network that a simulated machine does not reach over its default route, and over which interface it does."""


def management(broker: str | None) -> ManagementPath:
    """The management path, with the route to the broker's IP address."""
    network, interface = OTHER_ROUTE
    if broker is None or ip_address(broker) not in ip_network(network):
        return MANAGEMENT
    return replace(MANAGEMENT, interfaces=MANAGEMENT.interfaces | {interface})


def facts(kernel: KernelState, hostname: str, host_boots: int, boot_pending: tuple[str, ...]) -> HostFacts:
    """The facts; the boot id is a new one for each boot of the host, and always the same one for the same boot."""
    machine = kernel.machine
    return HostFacts(
        hostname=hostname,
        kernel=machine.kernel,
        boot_id=str(uuid5(NAMESPACE_DNS, f"{hostname}.{host_boots}")),
        machine=machine.machine,
        cpus=len(kernel.online()),
        memory_mib=machine.memory_mib,
        memory_free_mib=max(0, machine.memory_mib - kernel.memory_used_mib()),
        capabilities=machine.capabilities,
        topology_fingerprint=machine.topology.fingerprint,
        boot_pending=boot_pending,
    )


def threads(process: Process, topology: Topology, first_tid: int) -> Sequence[GuestThread]:
    """The emulator thread and one thread per vCPU, where and how the process was started or retuned to run."""
    everywhere = topology.online()
    pins = process.pins
    real_time = pins is not None and pins.real_time
    emulator = GuestThread(
        tid=first_tid,
        name="qemu-system-x86",
        role="emulator",
        cpus=to_libvirt(everywhere if pins is None else pins.emulator),
        policy="other",
    )
    vcpus = (
        GuestThread(
            tid=first_tid + 1 + vcpu,
            name=f"CPU {vcpu}/KVM",
            role="vcpu",
            vcpu=vcpu,
            cpus=to_libvirt(pins.vcpus[vcpu] if pins is not None and vcpu < len(pins.vcpus) else everywhere),
            policy="fifo" if real_time else "other",
            priority=1 if real_time else 0,
        )
        for vcpu in range(process.guest.vcpus)
    )
    return (emulator, *vcpus)
