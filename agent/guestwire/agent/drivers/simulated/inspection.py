"""What Linux would say of a simulated machine: host facts, devices, the management path, and the threads of a guest's process."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from ipaddress import ip_address, ip_network
from uuid import NAMESPACE_DNS, uuid5

from guestwire.agent.drivers.simulated.kernel_state import KernelState
from guestwire.agent.drivers.simulated.process import Process
from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.model.cpuset import to_libvirt
from guestwire.model.facts import ManagementPath
from guestwire.model.guest import GuestThread
from guestwire.model.host import HostFacts
from guestwire.model.topology import NetAdapter, PciDevice, Topology, UsbDevice

MANAGEMENT = ManagementPath(
    interfaces=frozenset({"eth0"}), nics=frozenset({"0000:01:00.0"}), boot_disks=frozenset({"0000:00:1f.2"})
)
"""Of every simulated machine (`machines`)."""
OTHER_ROUTE = ("198.51.100.0/24", "eth1")
"""The network that a simulated machine does not reach over its default route, and over which interface it does."""


_ETHERNET = 0x020000
_NETWORKS = ("192.0.2", "198.51.100")
_NAMES = {
    0x8086: "Intel Corporation",
    0x80862922: "82801IR/IO/IH (ICH9R/DO/DH) 6 port SATA Controller [AHCI mode]",
    0x80861533: "I210 Gigabit Network Connection",
}
"""By vendor, and by vendor and device."""
_KEYBOARD = UsbDevice(
    port="1-2",
    bus=1,
    number=3,
    vendor=0x046D,
    product=0xC31C,
    manufacturer="Logitech",
    name="USB Keyboard",
    speed_mbit=1.5,
)


def management(broker: str | None) -> ManagementPath:
    """The management path, with the route to the broker's IP address."""
    network, interface = OTHER_ROUTE
    if broker is None or ip_address(broker) not in ip_network(network):
        return MANAGEMENT
    return replace(MANAGEMENT, interfaces=MANAGEMENT.interfaces | {interface})


def described(topology: Topology, hostname: str, path: ManagementPath) -> Topology:
    """The topology with what is plugged into a simulated machine: a cable into its first network card, none into the
    second unless the broker is reached over it, and a keyboard."""
    own = blake2b(hostname.encode(), digest_size=3).hexdigest()
    cards = (device.address for device in topology.devices if device.pci_class == _ETHERNET)
    adapters = {card: _adapter(number, own, path) for number, card in enumerate(cards)}

    def told(device: PciDevice) -> PciDevice:
        names: dict[str, object] = {"vendor_name": _NAMES.get(device.vendor)}
        names["device_name"] = _NAMES.get(device.vendor << 16 | device.device)
        net = adapters.get(device.address)
        return device.model_copy(update=names if net is None else {**names, "net": (net,)})

    return topology.model_copy(update={"devices": tuple(map(told, topology.devices)), "usb": (_KEYBOARD,)})


def _adapter(number: int, own: str, path: ManagementPath) -> NetAdapter:
    name = f"eth{number}"
    up = name in path.interfaces
    host = 10 + int(own, 16) % 240
    return NetAdapter(
        ifname=name,
        mac=":".join(("02", "47", *(own[place : place + 2] for place in (0, 2, 4)), f"{number:02x}")),
        link="up" if up else "down",
        speed_mbit=1000 if up else None,
        addresses=(f"{_NETWORKS[number]}.{host}/24",) if up else (),
        management=up,
    )


def facts(kernel: KernelState, hostname: str, host_boots: int, faults: Faults) -> HostFacts:
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
        boot_pending=faults.boot_pending,
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
