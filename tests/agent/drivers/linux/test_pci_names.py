"""Names by the list of PCI ids, as Debian and as Fedora keep it."""

from pathlib import Path

import pytest

from guestwire.agent.drivers.linux.pci_names import Names, PciNames
from guestwire.model.topology import PciDevice

LIST = """# List of PCI ID's
0001  SafeNet (wrong ID)
8086  Intel Corporation
\t1521  I350 Gigabit Network Connection
\t\t103c 337f  Ethernet 361i
\t1533  I210
1af4  Red Hat, Inc.
\t1041  Virtio network
C 02  Network controller
\t00  Ethernet
"""


def pci(vendor: int, device: int, subsystem: tuple[int | None, int | None] = (None, None)) -> PciDevice:
    return PciDevice(
        address="0000:00:00.0", pci_class=0, vendor=vendor, device=device,
        subsystem_vendor=subsystem[0], subsystem_device=subsystem[1],
    )  # fmt: skip


@pytest.mark.parametrize("path", ["usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids"])
def test_vendor_device_and_subsystem(tmp_path: Path, path: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(LIST)
    names = PciNames(tmp_path).of(
        [
            pci(0x8086, 0x1521, (0x103C, 0x337F)),
            pci(0x8086, 0x1521),
            pci(0x8086, 0x1041),
            pci(0x1AF4, 0x1041),
            pci(9, 9),
        ]
    )
    assert names == {
        (0x8086, 0x1521, 0x103C, 0x337F): Names(
            "Intel Corporation", "I350 Gigabit Network Connection", "Ethernet 361i"
        ),
        (0x8086, 0x1521, None, None): Names("Intel Corporation", "I350 Gigabit Network Connection"),
        (0x8086, 0x1041, None, None): Names("Intel Corporation"),
        (0x1AF4, 0x1041, None, None): Names("Red Hat, Inc.", "Virtio network"),
        (9, 9, None, None): Names(),
    }


def test_the_list_is_read_again_for_a_new_device_alone(tmp_path: Path) -> None:
    path = tmp_path / "usr/share/misc/pci.ids"
    path.parent.mkdir(parents=True)
    path.write_text(LIST)
    names = PciNames(tmp_path)
    assert names.of([pci(0x8086, 0x1533)])[0x8086, 0x1533, None, None].device == "I210"
    path.unlink()
    assert names.of([pci(0x8086, 0x1533)])[0x8086, 0x1533, None, None].device == "I210"
    assert names.of([pci(0x8086, 0x1521)])[0x8086, 0x1521, None, None] == Names()
