"""What we choose where a guest leaves it open: hypervisor, CPU model, scheduler, disk buses, the vCPU trick under emulation.

Under KVM an rt guest gets libvirt's real-time recipe (kbase "Real time KVM"): vCPUs one to a CPU and under fifo, emulator
threads elsewhere, no performance counters, the TSC deadline timer, no balloon, no USB controller.
"""

from collections.abc import Mapping
from typing import Literal

from guestwire.formats.domain_xml.choices import Choices, CommDevices, HypervisorKind, Wiring
from guestwire.model.guest import Guest
from guestwire.model.pinning import Pinning
from guestwire.model.resolving import EDITED

HypervisorType = Literal["auto", "qemu", "kvm"]

FIFO_PRIORITY = 1
"""Of the vCPUs of an rt guest: above everything ordinary, below the kernel's own threads (libvirt's real-time recipe)."""


def hypervisor(setting: HypervisorType, *, kvm_offered: bool, kvm_proven: bool) -> HypervisorKind:
    """`auto` takes KVM only where libvirt offers it and a test boot passed: /dev/kvm may exist and hang."""
    if setting == "auto":
        return "kvm" if kvm_offered and kvm_proven else "qemu"
    return setting


_KINDS: Mapping[str, HypervisorKind] = {"qemu": "qemu", "kvm": "kvm"}


def choices(
    guest: Guest,
    kind: HypervisorKind,
    pins: Pinning | None = None,
    *,
    comm: CommDevices | None = None,
    wiring: Wiring | None = None,
) -> Choices:
    """How to build the guest's domain on a hypervisor of that kind, with its threads and memory where `pins` says, and with
    `comm` and `wiring` as far as it needs them. A guest whose overrides say a type gets what suits that one."""
    comm = comm if guest.has_comm else None
    wiring = None if wiring is None else wiring.of(guest.nics)
    for override in guest.overrides:
        if override.sel.removeprefix(EDITED) == "@type" and override.op != "remove":
            kind = _KINDS.get(override.xml, kind)
    buses = {"disk": "virtio", "cdrom": "sata"}
    if guest.os_type.lower().startswith("windows"):
        buses["disk"] = "sata"  # its installer has no virtio drivers
    if kind == "kvm":
        rt = guest.kind == "rt"
        return Choices(
            "kvm",
            max_vcpus=guest.vcpus,
            topology=_topology(guest, guest.vcpus),
            cpu_mode="host-passthrough",
            cpu_features=("tsc-deadline",) if rt else (),
            pmu=False if rt else None,
            pins=pins,
            fifo_priority=FIFO_PRIORITY if pins is not None and pins.real_time else None,
            disk_buses=buses,
            comm=comm,
            wiring=wiring,
        )
    # With one vCPU at most QEMU's emulation makes atomics plain loads and stores, which breaks memory shared between
    # guests; room for a second vCPU keeps them atomic. An emulated vCPU under fifo would starve the host: it never halts
    # for long, so it gets its CPUs but not the scheduler.
    most = max(2, guest.vcpus) if guest.has_comm else guest.vcpus
    topology = _topology(guest, most)
    return Choices("qemu", max_vcpus=most, topology=topology, pins=pins, disk_buses=buses, comm=comm, wiring=wiring)


def _topology(guest: Guest, max_vcpus: int) -> tuple[int, int, int]:
    """The guest's own, except that room for vCPUs it does not have is made of cores."""
    if guest.topology == "auto" or guest.vcpus < max_vcpus:
        return 1, max_vcpus, 1
    return guest.topology
