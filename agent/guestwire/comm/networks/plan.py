"""What a document's networks mean on this host: names, addresses and marks, decided without looking at the host.

Edge guest pattern (one guest owns the way outside): a guest tagged `edge` gets the uplink's adapter by passthrough, so the
host has no driver on it and no network here may name it as an uplink; it and the others are members of networks in mode
isolated, and the edge guest routes between its adapter and those. At run time that is nothing but isolated networks; an
access list on them says which guest may talk to the edge guest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_interface, ip_network
from typing import Literal

from guestwire.model.network_names import PREFIX, bridge_name, derived_mac, leases, network_id, service_address
from guestwire.model.networks import AclRule, VirtualNet

Interface = IPv4Interface | IPv6Interface
Capability = Literal["bridge", "veth", "netns", "nft-bridge", "nft-nat", "dnsmasq", "ip-forward", "ip6-forward"]


@dataclass(frozen=True)
class NetPlan:
    """One network. `id` is its digest (10 hex digits). `address`: the service address with the prefix length, None where
    there is none. `served`: a DHCP server of ours answers, on `service_port` (a veth) in mode isolated, on the bridge in
    mode nat. `macs` and `ips` by guest; a member without a card has no MAC."""

    id: str
    name: str
    mode: Literal["isolated", "nat", "bridge"]
    bridge: str
    bridge_mac: str
    service_port: str
    service_mac: str
    address: Interface | None
    served: bool
    uplink: str | None
    macs: Mapping[str, str]
    ips: Mapping[str, str]
    isolated: frozenset[str]
    acl: tuple[AclRule, ...]
    airgap: bool

    @property
    def policed(self) -> bool:
        """Whether the firewall has rules for its frames; then only the cards of members pass."""
        return self.airgap or bool(self.acl) or bool(self.isolated)

    @property
    def host_address(self) -> Interface | None:
        """What the bridge itself has: the host is on no network but one in mode nat."""
        return self.address if self.mode == "nat" else None

    @property
    def own_namespace(self) -> bool:
        """Whether its DHCP server runs in a network namespace of its own."""
        return self.served and self.mode == "isolated"


def plan_of(networks: Sequence[VirtualNet], host: str) -> tuple[NetPlan, ...]:
    """The plans in the order of the networks. Members have their MACs; cidrs and addresses are valid (rules NET-*)."""
    return tuple(_plan(network, host) for network in networks)


def service_port(number: str) -> str:
    """The veth by which the DHCP server of a network, by its id, is a port of the bridge."""
    return f"{PREFIX}-{number}-d"


def _plan(network: VirtualNet, host: str) -> NetPlan:
    number = network_id(network.name)
    address = service_address(network)
    return NetPlan(
        id=number,
        name=network.name,
        mode=network.mode,
        bridge=bridge_name(network),
        bridge_mac=derived_mac(host, f"network {network.name}", 0),
        service_port=service_port(number),
        service_mac=derived_mac(host, f"network {network.name}", 1),
        address=None if address is None else ip_interface(f"{address}/{ip_network(network.cidr or '').prefixlen}"),
        served=network.dhcp and address is not None,
        uplink=network.uplink if network.mode == "bridge" else None,
        macs={member.guest: member.mac.lower() for member in network.members if member.mac is not None},
        ips=leases(network),
        isolated=frozenset(member.guest for member in network.members if member.isolated),
        acl=network.acl,
        airgap=network.airgap,
    )


def needs(plan: NetPlan) -> tuple[Capability, ...]:
    """What the host must be able to do for the network."""
    wanted: dict[Capability, bool] = {
        "bridge": True,
        "nft-bridge": plan.policed,
        "nft-nat": plan.mode == "nat",
        "ip-forward": plan.mode == "nat" and plan.address is not None and plan.address.version == 4,
        "ip6-forward": plan.mode == "nat" and plan.address is not None and plan.address.version == 6,
        "dnsmasq": plan.served,
        "veth": plan.own_namespace,
        "netns": plan.own_namespace,
    }
    return tuple(name for name, needed in wanted.items() if needed)
