"""What the host's management hangs on: the interfaces of its routes, and the disk it boots from, down to PCI addresses.

From procfs and sysfs below `root`; nothing is asked over the network.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from guestwire.model.facts import ManagementPath

_PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_UP, _REJECT = 0x0001, 0x0200
_BOOT_MOUNTS = frozenset({"/", "/boot", "/boot/efi"})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class _Route(NamedTuple):
    """A route of the main table."""

    network: Network
    interface: str
    metric: int


def read_management(root: Path = Path("/"), broker: str | None = None) -> ManagementPath:
    """The management path. `broker` is the address that the broker is reached at: its route counts too. What the kernel
    does not tell is left out."""
    routes = (*_ipv4_routes(root), *_ipv6_routes(root))
    first = {route.interface for route in routes if route.network.prefixlen == 0}
    if broker is not None and (route := _route_to(broker, routes)) is not None:
        first.add(route.interface)
    interfaces = frozenset(_with_lower(root, first - {"lo"}))
    return ManagementPath(
        interfaces=interfaces,
        nics=frozenset(filter(None, (pci_address(root / "sys/class/net" / name / "device") for name in interfaces))),
        boot_disks=frozenset(_boot_disks(root)),
    )


def _route_to(address: str, routes: Iterable[_Route]) -> _Route | None:
    try:
        wanted = ipaddress.ip_address(address)
    except ValueError:
        return None
    fitting = [route for route in routes if route.network.version == wanted.version and wanted in route.network]
    return max(fitting, key=lambda route: (route.network.prefixlen, -route.metric), default=None)


def _ipv4_routes(root: Path) -> Iterator[_Route]:
    """/proc/net/route: addresses and masks as the hexadecimal numbers that a little-endian machine makes of them."""
    for line in _lines(root / "proc/net/route")[1:]:
        fields = line.split()
        if len(fields) < 8 or not int(fields[3], 16) & _UP or int(fields[3], 16) & _REJECT:
            continue
        address, mask = (bytes.fromhex(fields[index])[::-1] for index in (1, 7))
        network = ipaddress.IPv4Network((address, bin(int.from_bytes(mask, "big")).count("1")), strict=False)
        yield _Route(network, fields[0], int(fields[6]))


def _ipv6_routes(root: Path) -> Iterator[_Route]:
    for line in _lines(root / "proc/net/ipv6_route"):
        fields = line.split()
        if len(fields) < 10 or not int(fields[8], 16) & _UP or int(fields[8], 16) & _REJECT:
            continue
        network = ipaddress.IPv6Network((bytes.fromhex(fields[0]), int(fields[1], 16)), strict=False)
        yield _Route(network, fields[9], int(fields[5], 16))


def _with_lower(root: Path, names: Iterable[str]) -> set[str]:
    """The interfaces and all that they stand on: ports of a bridge, members of a bond, the card under a VLAN."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        directory = root / "sys/class/net" / name
        left += _entries(directory / "brif")
        left += (entry.removeprefix("lower_") for entry in _entries(directory) if entry.startswith("lower_"))
    return found


def _boot_disks(root: Path) -> Iterator[str]:
    for line in _lines(root / "proc/self/mountinfo"):
        fields = line.split()
        if fields[4] not in _BOOT_MOUNTS:
            continue
        after = fields[fields.index("-") + 1 :]
        number = root / "sys/dev/block" / fields[2]
        # btrfs and the like have a number of their own; then the name of the device is what there is
        block = number if number.exists() else root / "sys/class/block" / Path(after[1]).name
        yield from _disks_under(block)


def _disks_under(block: Path) -> Iterator[str]:
    """The PCI addresses under a block device: of its disk, and of what dm or md makes it of."""
    if not block.exists():
        return
    real = block.resolve()
    slaves = _entries(real / "slaves")
    for slave in slaves:
        yield from _disks_under(real / "slaves" / slave)
    if not slaves and (address := pci_address(real)) is not None:
        yield address


def pci_address(device: Path) -> str | None:
    """The PCI function nearest to the device; a virtio device has it above itself."""
    if not device.exists():
        return None
    return next((part for part in reversed(device.resolve().parts) if _PCI.fullmatch(part)), None)


def _entries(directory: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in directory.iterdir())
    except OSError:
        return []


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
