"""The management path on recorded trees of procfs and sysfs (a small virtual machine has no bridge, bond or RAID), and on
the machine the tests run on.
"""

from pathlib import Path

from guestwire.agent.drivers.linux.facts import LinuxInspection
from guestwire.agent.drivers.linux.management import read_management
from guestwire.model.facts import ManagementPath

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
br0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
br0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eno3\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0
eno4\t0000000A\t00000000\t0000\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
ROUTES6 = """00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
fe800000000000000000000000000001 00000400 00000001 00000000 00000003     wwan0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 \
00000000000000000000000000000000 00000100 00000001 00000000 00000001     eno9
"""
MOUNTS = """22 1 253:0 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw
23 22 9:0 / /boot rw,relatime shared:2 - ext4 /dev/md0 rw
24 22 259:1 / /boot/efi rw shared:3 - vfat /dev/nvme0n1p1 rw
25 22 0:40 / /srv rw shared:4 - btrfs /dev/sdz1 rw
"""


class Tree:
    """A root directory in which sysfs is made of real links."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def file(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def device(self, path: str) -> Path:
        directory = self.root / "sys/devices" / path
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def link(self, name: str, target: Path) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).symlink_to(target)

    def card(self, name: str, device: str) -> None:
        (self.root / "sys/class/net" / name).mkdir(parents=True)
        self.link(f"sys/class/net/{name}/device", self.device(device))

    def block(self, number: str, path: str, *slaves: str) -> None:
        directory = self.device(path)
        self.link(f"sys/dev/block/{number}", directory)
        for slave in slaves:
            self.link(f"sys/devices/{path}/slaves/{Path(slave).name}", self.device(slave))


def server(root: Path) -> Tree:
    """A bridge over a bond of two cards, a card of its own for the broker, a root volume over RAID over two disks."""
    tree = Tree(root)
    tree.file("proc/net/route", ROUTES)
    tree.file("proc/net/ipv6_route", ROUTES6)
    tree.file("proc/self/mountinfo", MOUNTS)
    tree.card("eno1", "pci0000:00/0000:00:1c.0/0000:02:00.0")
    tree.card("eno2", "pci0000:00/0000:00:1c.0/0000:02:00.1")
    tree.card("eno3", "pci0000:00/0000:00:1c.5/0000:05:00.0")
    tree.card("wwan0", "pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.4")
    for name in ("br0", "bond0", "vnet0"):
        (root / "sys/class/net" / name).mkdir()
    tree.link("sys/class/net/br0/brif/bond0", root / "sys/class/net/bond0")
    tree.link("sys/class/net/br0/brif/vnet0", root / "sys/class/net/vnet0")
    for card in ("eno1", "eno2"):
        tree.link(f"sys/class/net/bond0/lower_{card}", root / "sys/class/net" / card)
    sda = "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda/sda2"
    sdb = "pci0000:00/0000:00:1d.0/0000:03:00.0/ata5/host4/target4:0:0/4:0:0:0/block/sdb/sdb2"
    tree.block("8:2", sda)
    tree.block("8:18", sdb)
    tree.block("9:0", "virtual/block/md0", sda, sdb)
    tree.block("253:0", "virtual/block/dm-0", "virtual/block/md0")
    tree.block("259:1", "pci0000:00/0000:00:1b.0/0000:04:00.0/nvme/nvme0/nvme0n1/nvme0n1p1")
    return tree


def test_a_server_on_a_recorded_tree(tmp_path: Path) -> None:
    server(tmp_path)
    assert read_management(tmp_path) == ManagementPath(
        interfaces=frozenset({"br0", "bond0", "eno1", "eno2", "vnet0", "wwan0"}),
        nics=frozenset({"0000:02:00.0", "0000:02:00.1", "0000:00:14.0"}),
        boot_disks=frozenset({"0000:00:17.0", "0000:03:00.0", "0000:04:00.0"}),
    )


def test_the_route_to_the_broker_counts_on_a_recorded_tree(tmp_path: Path) -> None:
    server(tmp_path)
    for broker, more in (
        ("10.2.3.4", {"eno3"}),
        ("192.168.1.7", set()),
        ("fe80::7", {"eno9"}),
        ("127.0.0.1", set()),
        ("broker.example", set()),
    ):
        assert read_management(tmp_path, broker).interfaces == read_management(tmp_path).interfaces | more


def test_a_volume_without_a_number_is_found_by_its_device_on_a_recorded_tree(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.file("proc/self/mountinfo", "22 1 0:25 /@ / rw shared:1 - btrfs /dev/sda2 rw\n")
    tree.link("sys/class/block/sda2", tree.device("pci0000:00/0000:00:17.0/ata1/host0/block/sda/sda2"))
    assert read_management(tmp_path).boot_disks == {"0000:00:17.0"}


def test_a_host_that_tells_nothing(tmp_path: Path) -> None:
    assert read_management(tmp_path) == ManagementPath()


async def test_this_machine() -> None:
    path = await LinuxInspection().management("192.0.2.1")
    known = {entry.name for entry in Path("/sys/class/net").iterdir()}
    assert path.interfaces <= known
    assert all(len(address) == 12 for address in path.nics | path.boot_disks)
