"""Addresses go with their devices from one document to the next. What libvirt makes of it: tests/agent/drivers."""

from collections.abc import Callable
from xml.etree.ElementTree import Element, fromstring

import pytest

from guestwire.formats.domain_xml.addresses import carry_addresses

Q35 = "<os><type arch='x86_64' machine='{0}'>hvm</type></os>"


def pci(bus: int, slot: int = 0, function: int = 0) -> str:
    return f"<address type='pci' domain='0x0000' bus='{bus:#04x}' slot='{slot:#04x}' function='{function:#x}'/>"


def port(unit: int) -> str:
    return f"<address type='drive' controller='0' bus='0' target='0' unit='{unit}'/>"


def ports(*numbers: int) -> str:
    root = "<controller type='pci' index='0' model='pcie-root'/>"
    return root + "".join(
        f"<controller type='pci' index='{n}' model='pcie-root-port'>{pci(0, 1, n)}</controller>" for n in numbers
    )


def disk(path: str, target: str, address: str = "", device: str = "disk") -> str:
    bus = "sata" if target.startswith("sd") else "virtio"
    source = f"<source file='{path}'/>" if path else ""
    return f"<disk type='file' device='{device}'>{source}<target dev='{target}' bus='{bus}'/>{address}</disk>"


def card(mac: str, address: str = "") -> str:
    return f"<interface type='bridge'><source bridge='b'/><mac address='52:54:00:00:00:{mac}'/>{address}</interface>"


def hostdev(bus: str, address: str = "") -> str:
    source = f"<source><address domain='0x0000' bus='{bus}' slot='0x00' function='0x0'/></source>"
    return f"<hostdev mode='subsystem' type='pci' managed='yes'>{source}{address}</hostdev>"


def carried(made: str, known: str, machine: str = "q35", before: str = "pc-q35-7.2") -> Element:
    documents = [
        fromstring(f"<domain>{Q35.format(name)}<devices>{devices}</devices></domain>")
        for name, devices in ((machine, made), (before, known))
    ]
    carry_addresses(*documents)
    return documents[0]


def place(device: Element) -> tuple[int, ...] | None:
    address = device.find("address")
    if address is None:
        return None
    names = ("unit",) if address.get("type") == "drive" else ("bus", "slot", "function")
    return tuple(int(address.get(name, "0"), 0) for name in names)


def of(tag: str) -> Callable[[Element], list[tuple[int, ...] | None]]:
    return lambda domain: [place(element) for element in domain.findall(f"devices/{tag}")]


CASES = [
    ("a card in front", card("0b") + card("0a"), card("0a", pci(1)) + ports(1), "interface", [None, (1, 0, 0)]),
    ("a card gone", card("0b"), card("0a", pci(1)) + card("0b", pci(2)) + ports(1, 2), "interface", [(2, 0, 0)]),
    ("a MAC in large letters", card("0b"), card("0B", pci(2)) + ports(2), "interface", [(2, 0, 0)]),
    ("another card", card("0c"), card("0a", pci(1)) + ports(1), "interface", [None]),
    ("a disk gone", disk("/b", "vda"), disk("/a", "vda", pci(1)) + disk("/b", "vdb", pci(2)) + ports(1, 2), "disk", [(2, 0, 0)]),
    ("an image moved", disk("/c", "vda"), disk("/a", "vda", pci(1)) + ports(1), "disk", [(1, 0, 0)]),
    ("two disks change places", disk("/b", "vda") + disk("/a", "vdb"),
     disk("/a", "vda", pci(1)) + disk("/b", "vdb", pci(2)) + ports(1, 2), "disk", [(2, 0, 0), (1, 0, 0)]),
    ("another bus", disk("/a", "sda"), disk("/a", "vda", pci(1)) + ports(1), "disk", [None]),
    ("a medium", disk("", "sda", device="cdrom"), disk("/i", "sda", port(0), "cdrom"), "disk", [(0,)]),
    ("a port that another has", disk("/b", "sda") + disk("/n", "sdb"), disk("/a", "sda", port(0)) + disk("/b", "sdb", port(1)),
     "disk", [(1,), (0,)]),
    ("a port that is free", disk("/b", "sda") + disk("/n", "sdc"), disk("/b", "sdb", port(1)), "disk", [(1,), None]),
    ("devices of the host", hostdev("0x04") + hostdev("0x03"), hostdev("0x03", pci(1)) + hostdev("0x04", pci(2)) + ports(1, 2),
     "hostdev", [(2, 0, 0), (1, 0, 0)]),
    ("a place that the document gives to another", card("0c", pci(1)) + card("0a"), card("0a", pci(1)) + ports(1),
     "interface", [(1, 0, 0), None]),
    ("a bus that is gone", card("0a") , card("0a", pci(9)) + ports(1), "interface", [None]),
    ("libvirt's defaults", "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
     f"<rng model='virtio'><rate bytes='1'/><backend model='random'>/dev/urandom</backend>{pci(3)}</rng>" + ports(3),
     "rng", [(3, 0, 0)]),
    ("something else", "<rng model='virtio'/>", f"<rng model='virtio-transitional'>{pci(3)}</rng>" + ports(3), "rng", [None]),
    ("a share", "<filesystem><source dir='/b'/><target dir='t'/></filesystem>",
     f"<filesystem><source dir='/a'/><target dir='t'/>{pci(1)}</filesystem>" + ports(1), "filesystem", [(1, 0, 0)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("made", "known", "tag", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_what_stays_keeps_its_address(made: str, known: str, tag: str, wanted: list[tuple[int, ...] | None]) -> None:
    assert of(tag)(carried(made, known)) == wanted


def test_the_buses_come_along_and_the_controllers_that_are_still_needed() -> None:
    serial = f"<controller type='virtio-serial' index='0'>{pci(2)}</controller>"
    sata = f"<controller type='sata' index='0'>{pci(0, 31, 2)}</controller>"
    known = ports(1, 2) + serial + sata
    channel = "<channel type='unix'><target type='virtio' name='a'/></channel>"

    def controllers(made: str) -> list[tuple[str | None, str | None]]:
        found = carried(made, known).findall("devices/controller")
        return [(controller.get("type"), controller.get("index")) for controller in found]

    buses = [("pci", "0"), ("pci", "1"), ("pci", "2")]
    assert controllers("") == buses
    assert controllers(channel) == [*buses, ("virtio-serial", "0")]
    assert controllers(disk("/a", "sda")) == [*buses, ("sata", "0")]
    own = "<controller type='pci' index='1' model='pcie-to-pci-bridge'/>"
    assert controllers(own) == [("pci", "1"), ("pci", "0"), ("pci", "2")]


def test_a_usb_controller_of_another_model_is_another_one() -> None:
    known = f"<controller type='usb' index='0' model='qemu-xhci'>{pci(1)}</controller>" + ports(1)
    for model, wanted in (("qemu-xhci", [(1, 0, 0)]), ("none", [None])):
        domain = carried(f"<controller type='usb' model='{model}'/>", known)
        assert [place(found) for found in domain.findall("devices/controller[@type='usb']")] == wanted


@pytest.mark.parametrize(
    ("machine", "before", "stays"),
    [("q35", "pc-q35-7.2", True), ("pc-q35-8.0", "pc-q35-7.2", True), ("pc", "pc-i440fx-2.1", True),
     ("q35", "pc-i440fx-7.2", False), ("pc", "pc-q35-7.2", False)],
)  # fmt: skip
def test_a_machine_of_another_family_has_other_buses(machine: str, before: str, stays: bool) -> None:
    domain = carried(card("0a"), card("0a", pci(1)) + ports(1), machine, before)
    assert of("interface")(domain) == [(1, 0, 0) if stays else None]
