"""What went through the ports of networks, from the kernel's list of interfaces: no netlink, no program."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from guestwire.comm.networks.ports import Port

OWN_INTERFACES = Path("/proc/thread-self/net/dev")
"""Of the network namespace of the thread that reads it."""


class PortTraffic(NamedTuple):
    """Of a guest on a network, as the guest counts: `received` is what it got. Dropped: packets on the way to it that it did not
    take in time, and packets of it that the host could not take."""

    network: str
    guest: str
    received_bytes: int
    received_packets: int
    sent_bytes: int
    sent_packets: int
    received_dropped: int
    sent_dropped: int


def port_traffic(
    ports: Sequence[Port], names: Mapping[str, str], file: Path = OWN_INTERFACES
) -> tuple[PortTraffic, ...]:
    """Of the guests' ports that are there now; `names`: of the networks, by their ids. Raises OSError."""
    guests = {port.name: port for port in ports if port.side == "guest" and port.network in names}
    if not guests:
        return ()
    return tuple(_traffic(guests[name], names, counts) for name, counts in _interfaces(file) if name in guests)


def _traffic(port: Port, names: Mapping[str, str], counts: Sequence[int]) -> PortTraffic:
    """What the host received by a tap the guest has sent."""
    return PortTraffic(
        names[port.network], port.guest, received_bytes=counts[8], received_packets=counts[9], sent_bytes=counts[0],
        sent_packets=counts[1], received_dropped=counts[11], sent_dropped=counts[3],
    )  # fmt: skip


def _interfaces(file: Path) -> Iterator[tuple[str, list[int]]]:
    """proc(5): two lines of headings, then sixteen counters for each."""
    for line in file.read_text("ascii", "replace").splitlines()[2:]:
        name, _, rest = line.partition(":")
        yield name.strip(), [int(text) for text in rest.split()]
