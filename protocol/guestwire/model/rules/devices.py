"""Devices given to a guest: that they exist, that one guest alone has them, that the host does not need them (SM 8.3)."""

from collections.abc import Collection, Iterator

from guestwire.model.guest import Guest
from guestwire.model.rules.repeats import repeats
from guestwire.model.rules.rule import Finding, Rule
from guestwire.model.rules.view import View, place
from guestwire.model.topology import PciDevice

_BRIDGE = 0x0604
"""Class and subclass of PCI bridges: they are in a group with what is behind them, and stay with the host (VFIO)."""


def dev_dup(view: View) -> Iterator[Finding]:
    given = ((device, place(guest, "devices")) for guest in view.everyone for device in guest.devices)
    for again in repeats(given):
        what = "twice" if again.path == again.first else "to two guests"
        yield Finding(again.path, f"the device {again.key} is given {what}", related=(again.first,))


def dev_unknown(view: View) -> Iterator[Finding]:
    known = {device.address for device in view.topology.devices}
    for guest in view.everyone:
        for address in _pci(guest):
            if address not in known:
                yield Finding(place(guest, "devices"), f"the host has no PCI device {address}")


def dev_iommu_group(view: View) -> Iterator[Finding]:
    groups: dict[int, list[PciDevice]] = {}
    for device in view.topology.devices:
        if device.iommu_group is not None:
            groups.setdefault(device.iommu_group, []).append(device)
    owner = {address: guest.name for guest in reversed(view.everyone) for address in _pci(guest)}
    for guest in view.everyone:
        own = set(_pci(guest))
        for number, group in groups.items():
            if own.isdisjoint(device.address for device in group):
                continue
            left = [d.address for d in group if d.address not in own and d.pci_class >> 8 != _BRIDGE]
            if left:
                kept = ", ".join(f"{address} ({owner.get(address, 'the host')})" for address in left)
                message = f"IOMMU group {number} must go to the guest as a whole; it does not have {kept}"
                yield Finding(place(guest, "devices"), message, related=tuple(left))


def dev_mgmt_nic(view: View) -> Iterator[Finding]:
    assert view.facts.management is not None
    return _needed(view, view.facts.management.nics, "the host is managed over")


def dev_boot_disk(view: View) -> Iterator[Finding]:
    assert view.facts.management is not None
    return _needed(view, view.facts.management.boot_disks, "the host boots from")


def dev_no_iommu(view: View) -> Iterator[Finding]:
    assert view.facts.capabilities is not None
    if not view.facts.capabilities.iommu:
        for guest in view.everyone:
            if devices := _pci(guest):
                yield Finding(place(guest, "devices"), f"the host has no IOMMU to give {devices[0]} away")


def iommu_unsafe_intr(view: View) -> Iterator[Finding]:
    if view.facts.unsafe_interrupts:
        for guest in view.everyone:
            if _pci(guest):
                yield Finding(
                    place(guest, "devices"), f"the devices of {guest.name} can send any interrupt to the host"
                )


def _needed(view: View, addresses: Collection[str], why: str) -> Iterator[Finding]:
    for guest in view.everyone:
        for address in _pci(guest):
            if address in addresses:
                yield Finding(place(guest, "devices"), f"{why} the device {address}")


def _pci(guest: Guest) -> list[str]:
    """The PCI addresses among a guest's devices; what is behind a USB port only the moment of starting tells."""
    return [device for device in guest.devices if not device.startswith("usb:")]


RULES: tuple[Rule, ...] = (
    Rule(
        "DEV-DUP", "E", "E", "A device is given to one guest, once.",
        "Take it from all guests but one.", dev_dup,
    ),
    Rule(
        "DEV-UNKNOWN", "E", "E", "A PCI device that is given to a guest is in the host.",
        "Look the address up in the host's topology; a card that was moved has another one.", dev_unknown, ("topology",),
    ),
    Rule(
        "DEV-IOMMU-GROUP", "E", "E", "All devices of an IOMMU group but its bridges go to the same guest.",
        "Give the guest the other devices of the group too, or move the card to another slot.",
        dev_iommu_group, ("topology",),
    ),
    Rule(
        "DEV-MGMT-NIC", "E", "E", "The network card that the host is managed over stays with the host.",
        "Give the guest another card, or connect it to a virtual network.", dev_mgmt_nic, ("management",),
    ),
    Rule(
        "DEV-BOOT-DISK", "E", "E", "The controller of the disk that the host boots from stays with the host.",
        "Give the guest another controller, or a disk image.", dev_boot_disk, ("management",),
    ),
    Rule(
        "DEV-NO-IOMMU", "E", "E", "Giving PCI devices to guests takes an IOMMU.",
        "Switch on VT-d or AMD-Vi in the firmware, and intel_iommu=on on an older Intel machine.",
        dev_no_iommu, ("capabilities",),
    ),
    Rule(
        "IOMMU-UNSAFE-INTR", "W", "W", "With devices given to guests, the IOMMU remaps their interrupts.",
        "Give devices to guests you trust only, and take allow_unsafe_interrupts=1 away where the machine can do without.",
        iommu_unsafe_intr, ("unsafe_interrupts",),
    ),
)  # fmt: skip
