"""What Linux would say of a simulated machine: host facts, and the threads of a guest's process."""

from collections.abc import Sequence
from uuid import NAMESPACE_DNS, uuid5

from guestwire.agent.drivers.simulated.machines import Machine
from guestwire.model.cpuset import to_libvirt
from guestwire.model.guest import Guest, GuestThread
from guestwire.model.host import HostFacts
from guestwire.model.pinning import pinning


def facts(machine: Machine, hostname: str, host_boots: int, memory_used_mib: int) -> HostFacts:
    """The facts; the boot id is a new one for each boot of the host, and always the same one for the same boot."""
    return HostFacts(
        hostname=hostname,
        kernel=machine.kernel,
        boot_id=str(uuid5(NAMESPACE_DNS, f"{hostname}.{host_boots}")),
        machine=machine.machine,
        cpus=len(machine.topology.online()),
        memory_mib=machine.memory_mib,
        memory_free_mib=max(0, machine.memory_mib - memory_used_mib),
        capabilities=machine.capabilities,
        topology_fingerprint=machine.topology.fingerprint,
    )


def threads(guest: Guest, machine: Machine, first_tid: int) -> Sequence[GuestThread]:
    """The emulator thread and one thread per vCPU, pinned as the guest's cpuset says."""
    everywhere = machine.topology.online()
    pins = pinning(guest, machine.topology)
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
            cpus=to_libvirt(everywhere if pins is None else pins.vcpus[vcpu]),
            policy="fifo" if pins is not None and pins.real_time else "other",
            priority=1 if pins is not None and pins.real_time else 0,
        )
        for vcpu in range(guest.vcpus)
    )
    return (emulator, *vcpus)
