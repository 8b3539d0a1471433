"""Names and addresses on virtual networks that follow from others: bridges, MACs, leases. Stable: they are in leases and
firewalls of the guests."""

import hashlib
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import chain

from guestwire.model.networks import VirtualNet

PREFIX = "gw"
"""Of every interface that guestwire-comm names itself: prefix, hyphen, and ten digits of the network's digest."""

_FIRST = 10
"""Below it are addresses for whoever gives his own; they are taken last."""


def network_id(name: str) -> str:
    """Ten hexadecimal digits that no other network of a host has: what is named after a network has room for no more."""
    return _digest(name)[:5].hex()


def bridge_name(network: VirtualNet) -> str:
    """The Linux bridge: the network's own choice, else a name of 15 characters at most that no other network has."""
    if network.bridge is not None:
        return network.bridge
    return f"{PREFIX}-{network_id(network.name)}"


def bridges_of(names: Iterable[str | None], networks: Iterable[VirtualNet]) -> tuple[tuple[str, str], ...]:
    """Of the networks that cards name, those of the project, each with its bridge; in the order of their names."""
    named = set(names)
    return tuple(sorted((network.name, bridge_name(network)) for network in networks if network.name in named))


def derived_mac(host: str, guest: str, card: int) -> str:
    """The MAC of a guest's card (counted from 0): locally administered, unicast, the same on every start (IEEE 802)."""
    return "02:" + _digest(f"{host}/{guest}/{card}")[:5].hex(":")


def service_address(network: VirtualNet) -> str | None:
    """The first address of the network: that of its DHCP server and, with mode nat, of its gateway. None without a cidr, in
    mode bridge (the uplink's network has its own servers), and where the network is too small."""
    block = _block(network)
    if block is None or network.mode == "bridge" or block.num_addresses <= 2:
        return None
    return str(block.network_address + 1)


def leases(network: VirtualNet) -> dict[str, str]:
    """Guest name -> its address: the one it was given, else the first free one from the tenth on, in the order of members
    (those below the tenth when there are no others). Without a cidr and in mode bridge, where the uplink's network decides,
    only the given ones. A guest that finds no address is left out; a given text that is no address is kept as it is."""
    found = {member.guest: _canonical(member.ip) for member in network.members if member.ip is not None}
    block = _block(network)
    if block is None or network.mode == "bridge":
        return found
    free = _free(block, {*found.values(), service_address(network)})
    for member in network.members:
        if member.guest not in found and (address := next(free, None)) is not None:
            found[member.guest] = address
    return found


def _free(block: IPv4Network | IPv6Network, taken: set[str | None]) -> Iterator[str]:
    """The addresses that a guest may have. As in IPv4, the last one of an IPv6 network is left alone."""
    end = block.num_addresses - 1
    for number in chain(range(_FIRST, end), range(1, min(_FIRST, end))):
        if (address := str(block.network_address + number)) not in taken:
            yield address


def _canonical(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:  # a rule's finding (NET-IP-SYNTAX)
        return text


def _block(network: VirtualNet) -> IPv4Network | IPv6Network | None:
    try:
        return None if network.cidr is None else ip_network(network.cidr, strict=False)
    except ValueError:  # a rule's finding (NET-IP-SYNTAX)
        return None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
