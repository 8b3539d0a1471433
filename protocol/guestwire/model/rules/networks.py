"""Virtual networks and the host's adapters: addresses, names, and the path that the host is managed over (SM 13.1.3).

libvirt checks none of the duplicates, so a document with one would be applied and fail later, somewhere else.
"""

import re
from collections.abc import Iterator
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from itertools import combinations
from typing import NamedTuple

from guestwire.model.guest import Nic
from guestwire.model.issues import Severity
from guestwire.model.networks import VirtualNet
from guestwire.model.rules.members import OTHERS
from guestwire.model.rules.names import named_once, well_named
from guestwire.model.rules.repeats import repeats
from guestwire.model.rules.rule import Finding, Rule
from guestwire.model.rules.view import View, place

EDGE = "edge"
"""The tag of the guest that alone faces the outside network."""
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


class Card(NamedTuple):
    """A network card that has a MAC: whose, on which network (None: on no network of the project), and where it is said.
    A guest's card and its membership say the same thing twice."""

    mac: str
    guest: str
    network: str | None
    path: str


def net_dup(view: View) -> Iterator[Finding]:
    yield from named_once("networks", "networks")(view)
    adapters = view.desired.settings.adapters
    for again in repeats((adapter.name, f"settings.adapters.{adapter.name}") for adapter in adapters):
        yield Finding(again.path, f"the adapter {again.key} is set twice")


def net_bridge(view: View) -> Iterator[Finding]:
    networks = view.desired.networks
    for net in networks:
        if net.mode == "bridge" and net.uplink is None:
            yield Finding(f"networks.{net.name}.uplink", f"{net.name} is a bridge onto no adapter")
    for field, named in (
        ("bridge", [(net.bridge, f"networks.{net.name}.bridge") for net in networks if net.bridge]),
        ("uplink", [(net.uplink, f"networks.{net.name}.uplink") for net in networks if net.uplink]),
    ):
        for again in repeats(named):
            yield Finding(again.path, f"two networks have the {field} {again.key}", related=(again.first,))


def net_unknown(view: View) -> Iterator[Finding]:
    networks = {net.name for net in view.desired.networks} | (view.facts.networks or frozenset())
    # without the host nobody knows which networks its hypervisor has
    severity: Severity | None = "W" if view.facts.networks is None else None
    for net in view.desired.networks:
        for number, member in enumerate(net.members):
            if member.guest not in view.by_name:
                path = f"networks.{net.name}.members.{number}.guest"
                yield Finding(path, f"there is no guest {member.guest!r}")
        for number, rule in enumerate(net.acl):
            for field, party in (("src", rule.src), ("dst", rule.dst)):
                if party != "*" and party not in OTHERS and party not in view.by_name and _network(party) is None:
                    path = f"networks.{net.name}.acl.{number}.{field}"
                    yield Finding(path, f"{party!r} is neither a guest nor HOST, REMOTE, a network address or *")
    for guest in view.everyone:
        for number, nic in enumerate(guest.nics):
            if nic.network is not None and nic.network not in networks:
                path, message = place(guest, f"nics.{number}.network"), f"there is no network {nic.network!r}"
                yield Finding(path, message, severity=severity)


def net_no_card(view: View) -> Iterator[Finding]:
    for net in view.desired.networks:
        for number, member in enumerate(net.members):
            guest = view.by_name.get(member.guest)
            if guest is None or any(_is_on(nic, net) for nic in guest.nics):
                continue
            yield Finding(
                f"networks.{net.name}.members.{number}.guest",
                f"{member.guest} is a member of {net.name} and has no card on it",
                related=(place(guest, "nics"),),
            )


def _is_on(nic: Nic, net: VirtualNet) -> bool:
    return nic.network == net.name or (nic.bridge is not None and nic.bridge == net.bridge)


def net_edge(view: View) -> Iterator[Finding]:
    edges = [guest.name for guest in view.everyone if EDGE in guest.tags]
    outside = {net.name for net in view.desired.networks if net.mode != "isolated"}
    inside = {net.name for net in view.desired.networks} - outside
    for guest in view.everyone if edges else ():
        for number, nic in enumerate(guest.nics):
            if guest.name not in edges and nic.network not in inside:
                message = f"{guest.name} reaches the outside past the edge guest {edges[0]}"
                yield Finding(place(guest, f"nics.{number}"), message)


def net_forward_nic(view: View) -> Iterator[Finding]:
    for guest in view.everyone:
        if guest.port_forwards and not any(nic.network is nic.bridge is None for nic in guest.nics):
            message = f"{guest.name} has no card on the host's own address translation, which alone forwards ports"
            yield Finding(place(guest, "port_forwards"), message)


def net_mac_syntax(view: View) -> Iterator[Finding]:
    for card in _cards(view):
        if not _MAC.fullmatch(card.mac):
            yield Finding(card.path, f"{card.mac!r} is not a MAC address")


def net_mac_multicast(view: View) -> Iterator[Finding]:
    for card in _cards(view):
        if _MAC.fullmatch(card.mac) and int(card.mac[:2], 16) & 1:
            yield Finding(card.path, f"{card.mac} is a multicast address")


def net_mac_dup(view: View) -> Iterator[Finding]:
    for again in repeats((card.mac, card.path) for card in _distinct(_cards(view))):
        yield Finding(again.path, f"the MAC address {again.key} is given twice", related=(again.first,))


def net_ip_syntax(view: View) -> Iterator[Finding]:
    for net in view.desired.networks:
        path = f"networks.{net.name}"
        if net.cidr is not None and _network(net.cidr) is None:
            yield Finding(f"{path}.cidr", f"{net.cidr!r} is not a network with its prefix length")
        for number, member in enumerate(net.members):
            if member.ip is not None and _address(member.ip) is None:
                yield Finding(f"{path}.members.{number}.ip", f"{member.ip!r} is not an IP address")
    for adapter in view.desired.settings.adapters:
        path = f"settings.adapters.{adapter.name}"
        for text in adapter.addresses:
            if _interface(text) is None:
                yield Finding(f"{path}.addresses", f"{text!r} is not an IP address with its prefix length")
        if adapter.gateway is not None and _address(adapter.gateway) is None:
            yield Finding(f"{path}.gateway", f"{adapter.gateway!r} is not an IP address")
        for text in adapter.dns:
            if _address(text) is None:
                yield Finding(f"{path}.dns", f"{text!r} is not an IP address")


def net_ip_dup(view: View) -> Iterator[Finding]:
    given: list[tuple[Address, str]] = []
    for adapter in view.desired.settings.adapters:
        known = (_interface(text) for text in adapter.addresses)
        given += [(found.ip, f"settings.adapters.{adapter.name}.addresses") for found in known if found is not None]
    for net in view.desired.networks:
        for number, member in enumerate(net.members):
            if (address := _address(member.ip)) is not None:
                given.append((address, f"networks.{net.name}.members.{number}.ip"))
    for again in repeats(given):
        yield Finding(again.path, f"the address {again.key} is given twice", related=(again.first,))


def net_ip_range(view: View) -> Iterator[Finding]:
    for net in view.desired.networks:
        network = _network(net.cidr)
        for number, member in enumerate(net.members):
            address = _address(member.ip)
            if network is not None and address is not None and (why := _unusable(address, network, net)):
                path = f"networks.{net.name}.members.{number}.ip"
                yield Finding(path, f"{address} {why}", related=(f"networks.{net.name}.cidr",))


def net_cidr_overlap(view: View) -> Iterator[Finding]:
    # a network that is bridged onto an adapter has that adapter's addresses: only those among themselves must differ
    cidrs = [
        (network, f"networks.{net.name}.cidr", net.mode == "bridge")
        for net in view.desired.networks
        if (network := _network(net.cidr)) is not None
    ]
    for (one, first, _), (other, second, _) in combinations(cidrs, 2):
        if _overlap(one, other):
            yield Finding(second, f"{other} overlaps {one}", related=(first,))
    for adapter in view.desired.settings.adapters:
        where = f"settings.adapters.{adapter.name}.addresses"
        for found in [found for text in adapter.addresses if (found := _interface(text)) is not None]:
            for network, path, bridged in cidrs:
                if not bridged and _overlap(found.network, network):
                    yield Finding(path, f"{network} overlaps {found.network} of the adapter {adapter.name}", (where,))


def net_mgmt_risk(view: View) -> Iterator[Finding]:
    active, management = view.facts.active, view.facts.management
    assert active is not None
    assert management is not None
    before = {net.name: net for net in active.networks}
    after = {net.name: net for net in view.desired.networks}
    for name in dict.fromkeys((*after, *before)):
        was, now = before.get(name), after.get(name)
        if was is not None and now is not None and _wiring(was) == _wiring(now):
            continue
        interfaces = {interface for net in (was, now) if net is not None for interface in (net.bridge, net.uplink)}
        if touched := management.interfaces & interfaces:
            yield Finding(f"networks.{name}", f"the host is managed over {_listed(touched)}, which {name} changes")
    adapters = {adapter.name: adapter for adapter in active.settings.adapters}
    for adapter in view.desired.settings.adapters:
        if adapter.name in management.interfaces and adapters.get(adapter.name) != adapter:
            path = f"settings.adapters.{adapter.name}"
            yield Finding(path, f"the host is managed over {adapter.name}, whose addresses change")


def airgap_kills_mgmt(view: View) -> Iterator[Finding]:
    active, management = view.facts.active, view.facts.management
    assert active is not None
    assert management is not None
    if view.desired.settings.airgap and not active.settings.airgap and management.interfaces:
        yield Finding(
            "settings.airgap", f"the host is managed over {_listed(management.interfaces)}, which loses its addresses"
        )


def forward_open(view: View) -> Iterator[Finding]:
    restricted = any(net.acl or net.mode == "nat" for net in view.desired.networks)
    if view.desired.settings.ip_forward and not restricted:
        yield Finding("settings.ip_forward", "the host forwards between all its adapters, and no network restricts it")


def _cards(view: View) -> Iterator[Card]:
    """Every MAC that the document gives, in small letters."""
    for guest in view.everyone:
        for number, nic in enumerate(guest.nics):
            if nic.mac is not None:
                yield Card(nic.mac, guest.name, nic.network, place(guest, f"nics.{number}.mac"))
    for net in view.desired.networks:
        for number, member in enumerate(net.members):
            if member.mac is not None:
                yield Card(member.mac.lower(), member.guest, net.name, f"networks.{net.name}.members.{number}.mac")


def _distinct(cards: Iterator[Card]) -> Iterator[Card]:
    """The cards without those memberships that repeat what a guest's own card says."""
    said: list[tuple[str, str, str | None]] = []
    for card in cards:
        same = (card.mac, card.guest, card.network)
        if card.path.startswith("guests."):
            said.append(same)
        elif same in said:
            said.remove(same)
            continue
        yield card


def _unusable(address: Address, network: Network, net: VirtualNet) -> str | None:
    """Why a guest on the network cannot have the address."""
    if address not in network:
        return f"is not in {network}"
    if network.num_addresses <= 2:
        return None
    if address == network.network_address:
        return f"is the address of the network {network} itself"
    if network.version == 4 and address == network.broadcast_address:
        return f"is the broadcast address of {network}"
    if net.mode != "bridge" and address == network.network_address + 1:
        return f"is the host's own in {network}"
    return None


def _overlap(one: Network, other: Network) -> bool:
    if isinstance(one, IPv4Network):
        return isinstance(other, IPv4Network) and one.overlaps(other)
    return isinstance(other, IPv6Network) and one.overlaps(other)


def _wiring(net: VirtualNet) -> VirtualNet:
    """All of a network but who is on it: a new member does not move the path."""
    return net.model_copy(update={"members": ()})


def _listed(interfaces: frozenset[str]) -> str:
    return ", ".join(sorted(interfaces))


def _address(text: str | None) -> Address | None:
    try:
        return None if text is None else ip_address(text)
    except ValueError:
        return None


def _network(text: str | None) -> Network | None:
    """A network as CIDR ("10.200.1.0/24"): no host bits, the length given."""
    try:
        return None if text is None or "/" not in text else ip_network(text)
    except ValueError:
        return None


def _interface(text: str) -> IPv4Interface | IPv6Interface | None:
    try:
        return ip_interface(text) if "/" in text else None
    except ValueError:
        return None


RULES: tuple[Rule, ...] = (
    Rule(
        "NET-NAME", "E", "E", "A network's name has 1 to 64 characters of A-Z, a-z, 0-9, _, . and -.",
        "Choose a name of those characters.", well_named("networks", "a network"),
    ),
    Rule(
        "NET-DUP", "E", "E", "The names of networks are unique on a host, and each adapter is set once.",
        "Rename one of them, or remove it.", net_dup,
    ),
    Rule(
        "NET-BRIDGE", "E", "E", "A network in mode bridge names its uplink, and no two networks share a bridge or an uplink.",
        "Name an adapter of the host that no other network uses, or choose another mode.", net_bridge,
    ),
    Rule(
        "NET-UNKNOWN", "E", "E", "Cards name networks of the project or of the hypervisor, members and access rules guests of the project.",
        "Correct the name, or add what it names.", net_unknown,
    ),
    Rule(
        "NET-NO-CARD", "W", "W", "A member of a network has a card on it.",
        "Add a card with this network to the guest, or take it off the members.", net_no_card,
    ),
    Rule(
        "NET-EDGE", "W", "W", "Where a guest has the tag edge, the others have cards on isolated networks only.",
        "Put the card on a network of mode isolated that the edge guest is on too, or take the tag away.", net_edge,
    ),
    Rule(
        "NET-FORWARD-NIC", "E", "E", "A guest with port forwards has a card that is neither on a network nor on a bridge.",
        "Add a card without network and bridge, or remove the forwards.", net_forward_nic,
    ),
    Rule(
        "NET-MAC-SYNTAX", "E", "E", "A MAC address is six bytes in hexadecimal with colons.",
        "Write it as 02:00:00:00:01:01, or leave it out to have one derived.", net_mac_syntax,
    ),
    Rule(
        "NET-MAC-MULTICAST", "E", "E", "A card's MAC address is not a multicast address: its first byte is even.",
        "Use an address such as 02:00:00:00:01:01, or leave it out to have one derived.", net_mac_multicast,
    ),
    Rule(
        "NET-MAC-DUP", "E", "E", "Every card of every guest has a MAC address of its own.",
        "Change one of them, or leave it out to have one derived.", net_mac_dup,
    ),
    Rule(
        "NET-IP-SYNTAX", "E", "E", "Addresses are IPv4 or IPv6; those of networks and adapters carry their prefix length.",
        "Write 10.200.1.11 for an address, 10.200.1.0/24 for a network, 10.200.1.1/24 for an adapter.", net_ip_syntax,
    ),
    Rule(
        "NET-IP-DUP", "E", "E", "No IP address is given twice, to guests or to the host's adapters.",
        "Change one of them, or leave a member's out to have it derived.", net_ip_dup,
    ),
    Rule(
        "NET-IP-RANGE", "E", "E", "A member's IP address is one that a guest can have in its network.",
        "Choose an address inside the network that is neither its own, its broadcast nor the host's (the first one).",
        net_ip_range,
    ),
    Rule(
        "NET-CIDR-OVERLAP", "E", "E", "The networks' address ranges do not overlap, nor do they overlap those of adapters.",
        "Give one of them another range.", net_cidr_overlap,
    ),
    Rule(
        "NET-MGMT-RISK", "E", "E", "What the host is managed over does not change.",
        "Apply it with a confirmation time: it is undone unless it is confirmed over the new path.",
        net_mgmt_risk, ("active", "management"),
    ),
    Rule(
        "AIRGAP-KILLS-MGMT", "E", "E", "The air gap leaves a way to manage the host.",
        "Manage the host through a guest first, or apply it with a confirmation time.",
        airgap_kills_mgmt, ("active", "management"),
    ),
    Rule(
        "FORWARD-OPEN", "W", "W", "Where the host forwards, an access list or address translation says what.",
        "Give a network an access list, or use mode nat.", forward_open,
    ),
)  # fmt: skip
