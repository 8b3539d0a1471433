"""What devices are, on recorded trees of sysfs, and on the machine the tests run on."""

from pathlib import Path

import pytest

from guestwire.agent.drivers.linux.devices import DeviceDetails
from guestwire.agent.drivers.linux.facts import LinuxInspection
from guestwire.agent.drivers.linux.topology import read_topology
from guestwire.model.topology import NetAdapter, Topology, UsbDevice

DEFAULT_ROUTE = "Iface\tDestination\nbr0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
CARD, VIRTIO = "0000:02:00.0", "0000:00:03.0"
ADDRESSES = {"eno1": ("192.168.1.7/24", "fe80::7/64"), "lo": ("127.0.0.1/8",)}


class Tree:
    """A root directory in which sysfs is made of real links."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.details = DeviceDetails(root, lambda: ADDRESSES)

    def file(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text + "\n")

    def device(self, address: str, below: str = "", **files: str) -> Path:
        directory = self.root / "sys/devices/pci0000:00" / address
        (directory / below).mkdir(parents=True, exist_ok=True)
        (self.root / "sys/bus/pci/devices").mkdir(parents=True, exist_ok=True)
        (self.root / "sys/bus/pci/devices" / address).symlink_to(directory)
        for name, text in files.items():
            (directory / name).write_text(text + "\n")
        return directory / below

    def card(self, name: str, device: Path, **files: str) -> None:
        for file, text in files.items():
            self.file(f"sys/class/net/{name}/{file}", text)
        (self.root / "sys/class/net" / name / "device").symlink_to(device)

    def topology(self) -> Topology:
        return read_topology(self.root)

    def described(self, broker: str | None = None) -> Topology:
        return self.details.described(self.topology(), broker)


@pytest.fixture
def server(tmp_path: Path) -> Tree:
    """A card with two ports, one of them in the bridge with the default route, and a virtio card that is switched off."""
    tree = Tree(tmp_path)
    ids = {"vendor": "0x8086", "device": "0x1521", "subsystem_vendor": "0x103c", "subsystem_device": "0x337f"}
    card = tree.device(CARD, **ids)
    virtio = tree.device(VIRTIO, below="virtio2", vendor="0x1af4", device="0x1041")
    tree.card("eno1", card, address="3c:ec:ef:00:00:01", carrier="1", speed="1000")
    tree.card("eno2", card, address="3c:ec:ef:00:00:02", carrier="0", speed="-1")
    tree.card("ens3", virtio, address="52:54:00:00:00:01")
    (tmp_path / "sys/class/net/br0/brif").mkdir(parents=True)
    (tmp_path / "sys/class/net/br0/brif/eno1").symlink_to(tmp_path / "sys/class/net/eno1")
    tree.file("proc/net/route", DEFAULT_ROUTE)
    return tree


def test_adapters_with_their_links_on_a_recorded_tree(server: Tree) -> None:
    virtio, card = server.described().devices
    assert card.net == (
        NetAdapter(
            ifname="eno1", mac="3c:ec:ef:00:00:01", link="up", speed_mbit=1000, addresses=ADDRESSES["eno1"], management=True
        ),
        NetAdapter(ifname="eno2", mac="3c:ec:ef:00:00:02", link="down"),
    )  # fmt: skip
    assert virtio.net == (NetAdapter(ifname="ens3", mac="52:54:00:00:00:01", link="unknown"),)
    assert (card.subsystem_vendor, card.subsystem_device, virtio.subsystem_vendor) == (0x103C, 0x337F, None)


def test_a_cable_that_is_pulled_is_seen_and_the_machine_is_the_same_one(server: Tree) -> None:
    before = server.described()
    server.file("sys/class/net/eno1/carrier", "0")
    after = server.described()
    assert [adapter.link for adapter in after.devices[1].net] == ["down", "down"]
    assert after.devices[1].net[0].speed_mbit is None
    assert after.fingerprint == before.fingerprint == server.topology().fingerprint


def test_the_way_to_the_broker_is_management_too(server: Tree) -> None:
    server.file("proc/net/route", DEFAULT_ROUTE + "eno2\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0")
    assert [adapter.management for adapter in server.described("10.0.0.1").devices[1].net] == [True, True]
    assert [adapter.management for adapter in server.described("192.0.2.1").devices[1].net] == [True, False]


def test_names_are_those_of_the_list_on_the_host(server: Tree) -> None:
    assert server.described().devices[1].vendor_name is None
    server.file("usr/share/misc/pci.ids", "8086  Intel Corporation\n\t1521  I350 Gigabit\n\t\t103c 337f  Ethernet 361i")
    card = DeviceDetails(server.root, dict[str, tuple[str, ...]]).described(server.topology(), None).devices[1]
    assert (card.vendor_name, card.device_name, card.subsystem_name) == (
        "Intel Corporation",
        "I350 Gigabit",
        "Ethernet 361i",
    )


def test_usb_devices_and_no_hubs_on_a_recorded_tree(tmp_path: Path) -> None:
    tree = Tree(tmp_path)

    def plugged(port: str, number: int, kind: str = "00", **files: str) -> None:
        told = {"idVendor": "046d", "idProduct": "c31c", "busnum": "1", "devnum": str(number), "bDeviceClass": kind}
        for name, text in {**told, **files}.items():
            tree.file(f"sys/bus/usb/devices/{port}/{name}", text)

    plugged("usb1", 1, "09")
    plugged("1-2", 2, "09")
    plugged("1-2.10", 5)
    plugged("1-2.9", 4, manufacturer="Logitech", product="USB\x1b[31m Keyboard", speed="1.5")
    plugged("1-2.9:1.0", 4)
    plugged("1-3", 6, devnum="")
    assert tree.described().usb == (
        UsbDevice(
            port="1-2.9", bus=1, number=4, vendor=0x046D, product=0xC31C, manufacturer="Logitech",
            name="USB[31m Keyboard", speed_mbit=1.5,
        ),
        UsbDevice(port="1-2.10", bus=1, number=5, vendor=0x046D, product=0xC31C),
    )  # fmt: skip


def test_a_host_that_tells_nothing(tmp_path: Path) -> None:
    assert Tree(tmp_path).described() == read_topology(tmp_path)


async def test_this_machine() -> None:
    inspection = LinuxInspection()
    topology = await inspection.topology()
    found = await inspection.described(topology, None)
    management = await inspection.management(None)
    adapters = {adapter.ifname: adapter for device in found.devices for adapter in device.net}
    assert found.fingerprint == topology.fingerprint
    assert set(adapters) <= {path.name for path in Path("/sys/class/net").iterdir()}
    for name, adapter in adapters.items():
        assert adapter.mac == Path(f"/sys/class/net/{name}/address").read_text().strip()
        assert adapter.management == (name in management.interfaces)
