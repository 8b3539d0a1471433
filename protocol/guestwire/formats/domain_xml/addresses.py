"""A device keeps its place: addresses of the domain that is there, put into the document that is to replace it.

A guest's own names (of interfaces, of disks by path) follow from them, and libvirt would give them out anew, in order.
Whatever the document says itself stands; an address that is taken, or on a bus that is gone, is left to libvirt.
"""

import re
from collections.abc import Hashable, Iterator, Sequence
from copy import deepcopy
from xml.etree.ElementTree import Element, SubElement

from guestwire.formats.domain_xml.extract import read_device, read_disk

_SATA_PORTS = 6
_FAMILIES = {"q35": "pc-q35", "pc": "pc-i440fx"}


def carry_addresses(made: Element, known: Element) -> None:
    """Change `made` in place; `known` is libvirt's inactive document of the same domain. Machines of different families
    have other buses: nothing is carried between them."""
    devices, before = made.find("devices"), known.find("devices")
    if devices is None or before is None or _family(made) != _family(known):
        return
    taken = {key for device in devices if (key := _key(device)) is not None}
    pairs = list(_pairs(list(devices), list(before)))
    for controller in _missing_controllers(devices, before, {id(old) for _, old in pairs}):
        if (key := _key(controller)) not in taken:
            devices.append(deepcopy(controller))
            taken.add(key)
    buses = {int(found.get("index", "0")) for found in devices.findall("controller[@type='pci']")} | {0}
    for device, old in pairs:
        address, key = old.find("address"), _key(old)
        if device.find("address") is None and address is not None and key not in taken and _stands(address, buses):
            device.append(deepcopy(address))
            taken.add(key)
    _place_on_sata(devices.findall("disk"), taken)


def _family(domain: Element) -> tuple[str | None, str]:
    kind = domain.find("os/type")
    if kind is None:
        return None, ""
    machine = kind.get("machine", "")
    return kind.get("arch"), re.sub(r"-[0-9].*$", "", _FAMILIES.get(machine, machine))


def _missing_controllers(devices: Element, before: Element, matched: set[int]) -> Iterator[Element]:
    """The buses of PCI, which the addresses are on, and the controllers that some device still needs."""
    used = {target.get("bus") for target in devices.findall("disk/target")} | {"pci"}
    targets = (*devices.findall("channel/target"), *devices.findall("console/target"))
    used |= {"virtio-serial" for target in targets if target.get("type") == "virtio"}
    have = {_controller(element) for element in devices.findall("controller")}
    for element in before.findall("controller"):
        if id(element) not in matched and element.get("type") in used and _controller(element) not in have:
            yield element


def _controller(element: Element) -> tuple[str | None, str]:
    return element.get("type"), element.get("index", "0")


def _stands(address: Element, buses: set[int]) -> bool:
    return address.get("type") != "pci" or _number(address.get("bus")) in buses


def _number(text: str | None) -> int:
    try:
        return int(text or "0", 0)
    except ValueError:
        return -1


def _key(device: Element) -> Hashable | None:
    """What no two devices of a domain may share."""
    address = device.find("address")
    if address is None:
        return None
    kind = address.get("type")
    if kind == "pci":
        return kind, *(_number(address.get(name)) for name in ("domain", "bus", "slot", "function"))
    if kind == "drive":
        return _drive(device, *(_number(address.get(name)) for name in ("controller", "bus", "target", "unit")))
    return kind, *sorted((name, value) for name, value in address.attrib.items() if name != "type")


def _drive(disk: Element, *place: int) -> Hashable:
    target = disk.find("target")
    return "drive", "scsi" if target is None else target.get("bus"), *place


def _place_on_sata(disks: Sequence[Element], taken: set[Hashable]) -> None:
    """Disks without a port of their own. libvirt would derive it from the target's name, though another has it."""
    open_ = []
    for disk in disks:
        target = disk.find("target")
        if target is not None and target.get("bus") == "sata" and disk.find("address") is None:
            key = _drive(disk, *_derived(target.get("dev", "")))
            if key in taken:
                open_.append(disk)
            taken.add(key)
    for disk in open_:
        port = next(port for port in range(len(disks) + len(taken) + 1) if _drive(disk, *_sata(port)) not in taken)
        taken.add(_drive(disk, *_sata(port)))
        place = zip(("controller", "bus", "target", "unit"), map(str, _sata(port)), strict=True)
        SubElement(disk, "address", {"type": "drive", **dict(place)})


def _derived(target: str) -> tuple[int, int, int, int]:
    """sda is the first port, sdb the next one, ..."""
    number = 0
    for letter in target.removeprefix("sd"):
        number = number * 26 + ord(letter) - ord("a") + 1
    return _sata(number - 1)


def _sata(port: int) -> tuple[int, int, int, int]:
    return port // _SATA_PORTS, 0, 0, port % _SATA_PORTS


def _pairs(devices: Sequence[Element], before: Sequence[Element]) -> Iterator[tuple[Element, Element]]:
    """Each device with the one it was: by what names it, and else by what it looks like."""
    left, open_ = list(before), list(devices)
    for name in (_identity, _place):
        for device in tuple(open_):
            key = name(device)
            old = None if key is None else next((other for other in left if name(other) == key), None)
            if old is not None:
                left.remove(old)
                open_.remove(device)
                yield device, old
    for device in open_:
        if device.tag in _NAMED:
            continue
        old = next((other for other in left if _covers(other, device)), None)
        if old is not None:
            left.remove(old)
            yield device, old


_NAMED = frozenset({"disk", "interface"})
"""Devices that are another device when their names are others."""


def _identity(device: Element) -> Hashable | None:
    """A disk's image (on its bus), a card's MAC, the host's device behind it, a share's tag, a controller's number."""
    target, kind = device.find("target"), device.get("type")
    if device.tag == "disk":
        disk = read_disk(device)
        return None if disk is None or disk["path"] is None else ("disk", disk["path"], _bus(device))
    if (address := read_device(device)) is not None:
        return "hostdev", address
    if device.tag == "interface":
        mac = device.find("mac")
        return None if mac is None else ("interface", mac.get("address", "").lower())
    if device.tag == "filesystem":
        return None if target is None else ("filesystem", target.get("dir"))
    if device.tag == "controller":
        return "controller", *_controller(device), None if kind in {"virtio-serial", "sata"} else device.get("model")
    if device.tag == "channel" and target is not None:
        return "channel", target.get("type"), target.get("name")
    return None


def _place(device: Element) -> Hashable | None:
    """A drive whose medium changed, or a disk that is another image now."""
    target = device.find("target")
    if device.tag != "disk" or target is None:
        return None
    return device.get("device", "disk"), target.get("dev"), target.get("bus")


def _bus(disk: Element) -> str | None:
    target = disk.find("target")
    return None if target is None else target.get("bus")


def _covers(old: Element, new: Element) -> bool:
    """Whether `new` may be what `old` was made from: libvirt adds defaults and takes nothing away."""
    if old.tag != new.tag or not new.attrib.items() <= old.attrib.items():
        return False
    if (new.text or "").strip() and (new.text or "").strip() != (old.text or "").strip():
        return False
    return all(any(_covers(theirs, ours) for theirs in old) for ours in new)
