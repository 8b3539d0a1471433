"""What of a domain serves the communication between guests: the doorbell and what its interrupts need, the channel, and the
places where the devices of memory areas are plugged while it runs (ivshmem; QEMU's docs/pcie.txt).

The doorbell has a root port of its own: devices behind one bridge are in one IOMMU group, and the guest gives this one to a
program (vfio). Areas of a domain that starts go behind bridges: a root port each would double its boot. Areas that come
later go into the root ports that are free, which keep windows for large ones.
"""

from typing import Any
from xml.etree.ElementTree import Element, SubElement

from pydantic import TypeAdapter, ValidationError

from guestwire.formats.domain_xml.choices import CommDevices, Wiring
from guestwire.formats.domain_xml.names import COMM_CHANNEL, DOORBELL, QEMU_NAMESPACE, xml_text
from guestwire.model.guest import Guest
from guestwire.model.resolving import EDITED

VECTORS = 16
WINDOW_BYTES = 256 << 20
"""What each root port keeps for the memory of a device that comes while the guest runs."""
_LINE = f"{{{QEMU_NAMESPACE}}}commandline"
_SPARE_PORTS = 4
_OWN_PORTS = 3  # of the doorbell, of the first bridge, and of the channel's controller
_SLOT_PORTS = 8
RESERVE = "pcie-root-port.pref64-reserve"


def comm_devices(guest: Guest, folder: str) -> CommDevices | None:
    """Those of a guest whose uuid is settled; `folder` is where guestwire-comm has its sockets. None for a guest without
    communication, and for one whose overrides make a machine of it that has no such devices, or bring their own."""
    if not guest.has_comm or guest.uuid is None or guest.arch not in {None, "x86_64"} or _is_other(guest):
        return None
    others = len(guest.disks) + len(guest.nics) + len(guest.devices) + len(guest.shares)
    ports = -(-(_OWN_PORTS + others + _SPARE_PORTS) // _SLOT_PORTS) * _SLOT_PORTS
    path = f"{folder}/guests/{guest.uuid}"
    return CommDevices(doorbell=f"{path}.doorbell", channel=f"{path}.serial", ports=ports)


def _is_other(guest: Guest) -> bool:
    """As a domain of another tool that was adopted may be."""
    return any(
        DOORBELL in override.xml
        or (override.sel.removeprefix(EDITED).startswith("os/type") and override.op != "remove" and "q35" not in override.xml)
        for override in guest.overrides
    )  # fmt: skip


def write_comm(domain: Element, guest: Guest, comm: CommDevices) -> None:
    """Append to <features> and <devices> what is not there yet."""
    for features in domain.findall("features"):
        if features.find("ioapic") is None:
            SubElement(features, "ioapic", driver="qemu")  # interrupts are remapped by QEMU, not by the kernel
    devices = domain.find("devices")
    if devices is None:
        return  # an override left no devices at all
    if devices.find("iommu") is None:
        iommu = SubElement(SubElement(devices, "iommu", model="intel"), "driver", intremap="on")
        if any(not address.startswith("usb:") for address in guest.devices):
            iommu.set("caching_mode", "on")  # or QEMU refuses the host's devices
    taken = [found.get("index", "") for found in devices.findall("controller[@type='pci']")]
    last = max((int(index) for index in taken if index.isdecimal()), default=0) + comm.ports
    for index in range(last - comm.ports + 1, last + 1):
        _controller(devices, index, "pcie-root-port")
    _controller(devices, last + 1, "pcie-to-pci-bridge")
    doorbell = SubElement(devices, "shmem", name=DOORBELL)
    SubElement(doorbell, "model", type="ivshmem-doorbell")
    SubElement(doorbell, "server", path=xml_text(comm.doorbell))
    SubElement(doorbell, "msi", vectors=str(VECTORS), ioeventfd="on")
    place = {"domain": "0x0000", "bus": f"0x{last:02x}", "slot": "0x00", "function": "0x0"}
    SubElement(doorbell, "address", {"type": "pci", **place})
    channel = SubElement(devices, "channel", type="unix")
    SubElement(channel, "source", mode="bind", path=xml_text(comm.channel))
    SubElement(channel, "target", type="virtio", name=COMM_CHANNEL)
    _reserve_windows(domain)


def _controller(devices: Element, index: int, model: str) -> None:
    SubElement(devices, "controller", type="pci", index=str(index), model=model)


def join_command_lines(domain: Element) -> None:
    """One <qemu:commandline> of several: libvirt takes no more."""
    lines = domain.findall(_LINE)
    for line in lines[1:]:
        lines[0].extend(line)
        domain.remove(line)


def _reserve_windows(domain: Element) -> None:
    """Let each root port keep a window, unless the document says something of it. libvirt has no word of its own for that."""
    line = domain.find(_LINE)
    if line is None:
        line = SubElement(domain, _LINE)
    if any(argument.get("value", "").startswith(RESERVE) for argument in line):
        return
    for number, value in enumerate(("-global", f"{RESERVE}={WINDOW_BYTES}")):
        line.insert(number, Element(f"{{{QEMU_NAMESPACE}}}arg", value=value))


def doorbell_of(domain: Element) -> str | None:
    """The path of the doorbell's socket; None for a domain without communication."""
    server = domain.find(f"devices/shmem[@name='{DOORBELL}']/server")
    return None if server is None else server.get("path")


_COMM: TypeAdapter[CommDevices | None] = TypeAdapter(CommDevices | None)
_WIRING: TypeAdapter[Wiring | None] = TypeAdapter(Wiring | None)


def kept(comm: CommDevices | None, wiring: Wiring | None) -> dict[str, Any]:
    """For our part of the metadata: by it the reader knows what of a domain is ours."""
    return {"comm": _COMM.dump_python(comm), "wiring": _WIRING.dump_python(wiring)}


def read_kept(value: Any) -> tuple[CommDevices | None, Wiring | None]:
    """What `kept` gave; nothing for anything else."""
    if not isinstance(value, dict):
        return None, None
    try:
        return _COMM.validate_python(value.get("comm")), _WIRING.validate_python(value.get("wiring"))
    except ValidationError:
        return None, None
