"""What a domain needs and a guest does not say. `policy` makes the choices, `writer` writes them down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from guestwire.model.pinning import Pinning

HypervisorKind = Literal["qemu", "kvm"]


@dataclass(frozen=True, slots=True)
class Choices:
    """max_vcpus     at least the guest's; those above it are not plugged in
    topology      sockets, cores, threads: their product is max_vcpus, or libvirt refuses
    cpu_features  names that the CPU must have
    pmu           whether the guest sees performance counters; None: as QEMU likes
    """

    hypervisor: HypervisorKind
    max_vcpus: int
    topology: tuple[int, int, int]
    cpu_mode: str | None = None
    cpu_features: tuple[str, ...] = ()
    pmu: bool | None = None
    pins: Pinning | None = None
    fifo_priority: int | None = None
    disk_buses: Mapping[str, str] = field(default_factory=lambda: {"disk": "virtio", "cdrom": "sata"})
