"""The devices of a guest as elements of <devices>.

What libvirt 9.0 taught, each by refusing: a read-only disk on SATA, <transient/> on a read-only disk or a block device,
a read-only virtiofs, a USB device without a controller, a second controller beside model='none'.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from guestwire.formats.domain_xml.choices import Choices
from guestwire.formats.domain_xml.names import AGENT_CHANNEL, HANDLE, xml_text
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest, Nic, PortForward, Share


def disk_targets(guest: Guest, choices: Choices) -> tuple[str, ...]:
    """The target device ("vda", "sdb") of each disk, in the guest's order."""
    letters: dict[str, int] = {}
    targets = []
    for disk in guest.disks:
        prefix = "vd" if _bus(disk, choices) == "virtio" else "sd"
        number = letters[prefix] = letters.get(prefix, -1) + 1
        targets.append(prefix + _letters(number))
    return tuple(targets)


def image_format(disk: Disk) -> str:
    """The format on disk: an ISO file is raw, whatever the default for disks is."""
    if disk.device == "cdrom" and not (disk.path or "").endswith(".qcow2"):
        return "raw"
    return disk.format


def shares_need_shared_memory(guest: Guest) -> bool:
    """virtiofs reads and writes the guest's memory from a process of its own."""
    return any(not share.read_only for share in guest.shares)


def write_devices(domain: Element, guest: Guest, choices: Choices) -> None:
    """Append <devices>. Raises DOCUMENT-INVALID for a disk without a place, forwards that no card can carry, and writes to
    a block device that are to be forgotten."""
    devices = SubElement(domain, "devices")
    for number, (disk, target) in enumerate(zip(guest.disks, disk_targets(guest, choices), strict=True)):
        _disk(devices, guest, number, disk, target, choices)
    if guest.port_forwards and not any(_on_user_network(nic) for nic in guest.nics):
        raise GuestwireError(
            "DOCUMENT-INVALID",
            "Port forwards need a network card that is neither on a network nor on a bridge.",
            field=f"guests.{guest.name}.port_forwards",
        )
    forwards = guest.port_forwards
    for number, nic in enumerate(guest.nics):
        takes = _on_user_network(nic)
        _nic(devices, _wired(guest, number, choices), forwards if takes else ())
        forwards = () if takes else forwards
    has_usb = any(address.startswith("usb:") for address in guest.devices)
    SubElement(devices, "controller", type="usb", model="qemu-xhci" if has_usb else "none")
    for address in guest.devices:
        _hostdev(devices, address)
    for share in guest.shares:
        _share(devices, share)
    _always_there(devices)
    if guest.autostart == "console" and not any("<graphics" in override.xml for override in guest.overrides):
        # for a viewer on the host, which libvirt hands a socket (virt-viewer --attach): nothing listens
        SubElement(SubElement(devices, "graphics", type="vnc"), "listen", type="none")


def _bus(disk: Disk, choices: Choices) -> str:
    bus = choices.disk_buses[disk.device]
    return "virtio" if bus == "sata" and disk.device == "disk" and disk.read_only else bus


def _disk(devices: Element, guest: Guest, number: int, disk: Disk, target: str, choices: Choices) -> None:
    block = disk.path is not None and disk.path.startswith("/dev/")
    made = SubElement(devices, "disk", {"type": "block" if block else "file", "device": disk.device})
    made.set(HANDLE, _disk_handle(guest, number))
    SubElement(made, "driver", name="qemu", type=image_format(disk))
    if disk.path is not None:
        SubElement(made, "source", {"dev" if block else "file": xml_text(disk.path)})
    elif disk.device == "disk":
        raise GuestwireError(
            "DOCUMENT-INVALID",
            "The disk has no path: an apply chooses one; for a file, name one.",
            field=f"guests.{guest.name}.disks[{number}].path",
        )
    SubElement(made, "target", dev=target, bus=_bus(disk, choices))
    if disk.read_only or disk.device == "cdrom":
        SubElement(made, "readonly")
    elif guest.persistence == "ephemeral" and block:
        raise GuestwireError(
            "DOCUMENT-INVALID",
            "An ephemeral guest cannot write to a block device: its writes could not be forgotten.",
            field=f"guests.{guest.name}.disks[{number}].path",
        )
    elif guest.persistence == "ephemeral":
        SubElement(made, "transient")
    if disk.shareable:
        SubElement(made, "shareable")


def _disk_handle(guest: Guest, number: int) -> str:
    """Media change, so a drive is known by its number among the drives."""
    disk = guest.disks[number]
    if disk.device == "disk":
        return xml_text(disk.path or "")
    return f"cdrom {sum(other.device == 'cdrom' for other in guest.disks[: number + 1])}"


def _letters(number: int) -> str:
    """a, b, ... z, aa, ab, ... as the kernel names disks."""
    text = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        text = chr(ord("a") + letter) + text
    return text


def _on_user_network(nic: Nic) -> bool:
    return nic.network is None and nic.bridge is None


def _wired(guest: Guest, number: int, choices: Choices) -> Nic:
    """A card as libvirt is to have it: on the bridge of its network, where the network is one of the project."""
    nic, wiring = guest.nics[number], choices.wiring
    bridge = None if wiring is None else wiring.bridge(nic.network)
    if wiring is None or bridge is None:
        return nic
    mac = wiring.mac(guest.name, number, nic.network, nic.mac)
    return nic.model_copy(update={"network": None, "bridge": bridge, "mac": mac})


def _nic(devices: Element, nic: Nic, forwards: Sequence[PortForward]) -> None:
    """Forwards need passt: QEMU's own user network has no forwards that libvirt would set."""
    kind = "network" if nic.network is not None else "bridge" if nic.bridge is not None else "user"
    made = SubElement(devices, "interface", type=kind)
    if forwards:
        SubElement(made, "backend", type="passt")
    if nic.network is not None:
        SubElement(made, "source", network=xml_text(nic.network))
    elif nic.bridge is not None:
        SubElement(made, "source", bridge=nic.bridge)
    if nic.mac is not None:
        SubElement(made, "mac", address=nic.mac)
        made.set(HANDLE, nic.mac)
    SubElement(made, "model", type=nic.model)
    for forward in forwards:
        port = SubElement(made, "portForward", proto=forward.protocol)
        SubElement(port, "range", start=str(forward.host_port), to=str(forward.guest_port))


def _hostdev(devices: Element, address: str) -> None:
    if address.startswith("usb:"):
        _, vendor, product = address.split(":")
        made = SubElement(devices, "hostdev", {"mode": "subsystem", "type": "usb", HANDLE: address})
        source = SubElement(made, "source")
        SubElement(source, "vendor", id=f"0x{vendor}")
        SubElement(source, "product", id=f"0x{product}")
        return
    domain, bus, rest = address.split(":")
    slot, function = rest.split(".")
    made = SubElement(devices, "hostdev", {"mode": "subsystem", "type": "pci", "managed": "yes", HANDLE: address})
    source = SubElement(made, "source")
    where = {"domain": f"0x{domain}", "bus": f"0x{bus}", "slot": f"0x{slot}", "function": f"0x{function}"}
    SubElement(source, "address", where)


def _share(devices: Element, share: Share) -> None:
    """virtiofs; what is read-only goes over 9p, where QEMU itself refuses to write."""
    mode = "mapped" if share.read_only else "passthrough"
    made = SubElement(devices, "filesystem", {"type": "mount", "accessmode": mode, HANDLE: share.tag})
    if not share.read_only:
        SubElement(made, "driver", type="virtiofs")
    SubElement(made, "source", dir=xml_text(share.path))
    SubElement(made, "target", dir=share.tag)
    if share.read_only:
        SubElement(made, "readonly")


def _always_there(devices: Element) -> None:
    SubElement(SubElement(devices, "serial", type="pty"), "target", port="0")
    SubElement(SubElement(devices, "console", type="pty"), "target", type="serial", port="0")
    SubElement(SubElement(devices, "channel", type="unix"), "target", type="virtio", name=AGENT_CHANNEL)
    SubElement(devices, "memballoon", model="none")
    SubElement(devices, "panic", model="isa")
