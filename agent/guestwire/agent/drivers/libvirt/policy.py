"""What we choose where a guest leaves it open: hypervisor type, CPU model, pins, the vCPU trick under emulation."""

from typing import Literal

from guestwire.agent.drivers.libvirt.domain_xml import Choices
from guestwire.model.guest import Guest
from guestwire.model.pinning import pinning
from guestwire.model.topology import Topology

HypervisorType = Literal["auto", "qemu", "kvm"]

FIFO_PRIORITY = 1
"""Of the vCPUs of an rt guest: above everything ordinary, below the kernel's own threads (libvirt's real-time recipe)."""


def hypervisor(setting: HypervisorType, *, kvm_offered: bool, kvm_proven: bool) -> Literal["qemu", "kvm"]:
    """`auto` takes KVM only where libvirt offers it and a test boot passed: /dev/kvm may exist and hang."""
    if setting == "auto":
        return "kvm" if kvm_offered and kvm_proven else "qemu"
    return setting


def choices(guest: Guest, kind: Literal["qemu", "kvm"], topology: Topology) -> Choices:
    """How to build the guest's domain here. Raises CPUSET-SYNTAX, CPUSET-UNKNOWN."""
    pins = pinning(guest, topology)
    real_time = pins is not None and pins.real_time
    if kind == "kvm":
        return Choices(
            "kvm", cpu_mode="host-passthrough", pins=pins, fifo_priority=FIFO_PRIORITY if real_time else None
        )
    # With one vCPU at most QEMU's emulation makes atomics plain loads and stores, which breaks memory shared between
    # guests; room for a second vCPU keeps them atomic. An emulated vCPU under fifo would starve the host: it never halts
    # for long, so it gets its CPUs but not the scheduler.
    return Choices("qemu", max_vcpus=max(2, guest.vcpus), pins=pins)
