"""What a domain needs and a guest does not say. `policy` makes the choices, `writer` writes them down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from guestwire.model.guest import Nic
from guestwire.model.network_names import derived_mac
from guestwire.model.pinning import Pinning

HypervisorKind = Literal["qemu", "kvm"]


@dataclass(frozen=True, slots=True)
class CommDevices:
    """What a domain has for the communication between guests.

    doorbell  path of the ivshmem server's socket; channel: of the socket that QEMU makes for the serial channel
    ports     how many root ports it brings: the last is the doorbell's, those that no device takes are for memory areas
    """

    doorbell: str
    channel: str
    ports: int


@dataclass(frozen=True, slots=True)
class Wiring:
    """The Linux bridges of a project's networks, by the network's name, and the host whose guests' MACs are derived."""

    host: str
    bridges: Mapping[str, str]

    def bridge(self, network: str | None) -> str | None:
        """None for what is no network of the project."""
        return None if network is None else self.bridges.get(network)

    def mac(self, guest: str, number: int, network: str | None, given: str | None) -> str | None:
        """Of a guest's card: its own, else the derived one on a network of the project, else None."""
        return given or (None if self.bridge(network) is None else derived_mac(self.host, guest, number))

    def of(self, nics: Sequence[Nic]) -> "Wiring | None":
        """What of it these cards need; None for nothing."""
        used = {nic.network: bridge for nic in nics if nic.network and (bridge := self.bridge(nic.network))}
        return Wiring(self.host, used) if used else None


@dataclass(frozen=True, slots=True)
class Choices:
    """max_vcpus     at least the guest's; those above it are not plugged in
    topology      sockets, cores, threads: their product is max_vcpus, or libvirt refuses
    cpu_features  names that the CPU must have
    pmu           whether the guest sees performance counters; None: as QEMU likes
    comm          devices for the communication between guests; None: none
    wiring        where cards on networks of the project go; None: to networks of libvirt
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
    comm: CommDevices | None = None
    wiring: Wiring | None = None
