"""What a machine's devices are, besides their numbers: names, network adapters with their links, USB devices.

Read from sysfs below a root, each time anew but for the names; nothing is switched on to look at it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from guestwire.agent.drivers.linux.addresses import Addresses
from guestwire.agent.drivers.linux.management import pci_address, read_management
from guestwire.agent.drivers.linux.pci_names import Names, PciNames, ids
from guestwire.model.topology import NetAdapter, PciDevice, Topology, UsbDevice

_LINKS: Mapping[str, Literal["up", "down"]] = {"1": "up", "0": "down"}
_USB_DEVICE = re.compile(r"\d+-[\d.]+")
_USB_HUB = "09"
_LONGEST = 128


class DeviceDetails:
    """`addresses` tells those of the network interfaces."""

    def __init__(self, root: Path, addresses: Callable[[], Addresses]) -> None:
        self._root = root
        self._addresses = addresses
        self._names = PciNames(root)

    def described(self, topology: Topology, broker: str | None) -> Topology:
        """The topology with all that; `broker` as for `read_management`."""
        devices = [_with_subsystem(self._root, device) for device in topology.devices]
        names, adapters = self._names.of(devices), self._adapters(broker)
        return topology.model_copy(
            update={
                "devices": tuple(
                    _named(device, names.get(ids(device), Names()), tuple(adapters.get(device.address, ())))
                    for device in devices
                ),
                "usb": tuple(_usb_devices(self._root)),
            }
        )

    def _adapters(self, broker: str | None) -> dict[str, list[NetAdapter]]:
        """The interfaces of each PCI function by its address. A bridge or a VLAN has no device: it is not among them."""
        base = self._root / "sys/class/net"
        names = sorted(path.name for path in base.iterdir()) if base.is_dir() else []
        cards = {name: address for name in names if (address := pci_address(base / name / "device")) is not None}
        if not cards:
            return {}
        management = read_management(self._root, broker).interfaces
        addresses = self._addresses()
        found: dict[str, list[NetAdapter]] = {}
        for name, card in cards.items():
            adapter = _adapter(base / name, addresses.get(name, ()), name in management)
            found.setdefault(card, []).append(adapter)
        return found


def _adapter(directory: Path, addresses: tuple[str, ...], management: bool) -> NetAdapter:
    link = _LINKS.get(_text(directory / "carrier"))  # the kernel refuses to tell of one that is switched off
    speed = _text(directory / "speed") if link == "up" else ""  # -1: the driver does not know
    return NetAdapter(
        ifname=directory.name,
        mac=_text(directory / "address"),
        link=link or "unknown",
        speed_mbit=int(speed) if speed.isdecimal() else None,
        addresses=addresses,
        management=management,
    )


def _with_subsystem(root: Path, device: PciDevice) -> PciDevice:
    directory = root / "sys/bus/pci/devices" / device.address
    vendor, number = _hex(directory / "subsystem_vendor"), _hex(directory / "subsystem_device")
    if not vendor:  # bridges have none
        return device
    return device.model_copy(update={"subsystem_vendor": vendor, "subsystem_device": number})


def _named(device: PciDevice, names: Names, net: tuple[NetAdapter, ...]) -> PciDevice:
    return device.model_copy(
        update={
            "vendor_name": names.vendor,
            "device_name": names.device,
            "subsystem_name": names.subsystem,
            "net": net,
        }
    )


def _usb_devices(root: Path) -> Iterator[UsbDevice]:
    base = root / "sys/bus/usb/devices"
    names = [path.name for path in base.iterdir() if _USB_DEVICE.fullmatch(path.name)] if base.is_dir() else []
    for name in sorted(names, key=lambda name: [int(part) for part in re.findall(r"\d+", name)]):
        directory = base / name
        vendor, product = _hex(directory / "idVendor"), _hex(directory / "idProduct")
        bus, number = _text(directory / "busnum"), _text(directory / "devnum")
        if vendor is None or product is None or _text(directory / "bDeviceClass") == _USB_HUB:
            continue
        if bus.isdecimal() and number.isdecimal():  # else it is being pulled out at this moment
            yield UsbDevice(
                port=name,
                bus=int(bus),
                number=int(number),
                vendor=vendor,
                product=product,
                manufacturer=_words(directory / "manufacturer"),
                name=_words(directory / "product"),
                speed_mbit=_speed(_text(directory / "speed")),
            )


def _words(path: Path) -> str | None:
    """What a device says of itself, without what would act on a screen."""
    text = "".join(char for char in _text(path) if char.isprintable()).strip()
    return text[:_LONGEST] or None


def _speed(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def _text(path: Path) -> str:
    """A file's text without its last newline; empty where it is missing or the kernel refuses to tell."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _hex(path: Path) -> int | None:
    text = _text(path).removeprefix("0x")
    return int(text, 16) if re.fullmatch(r"[0-9a-fA-F]{1,8}", text) else None
