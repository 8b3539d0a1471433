"""What is seen of the networks: plans, interfaces and counters put together. Pure."""

from collections.abc import Mapping, Sequence

from guestwire.comm.networks.plan import NetPlan
from guestwire.comm.networks.ports import Link, bridge_alias, ports_of
from guestwire.comm.networks.ruleset import Dropped, counter_name
from guestwire.model.networks import VirtualNet
from guestwire.protocol.comm_models import NetView, PortView


def net_views(
    networks: Sequence[VirtualNet],
    plans: Sequence[NetPlan],
    links: Sequence[Link],
    dropped: Mapping[str, Dropped],
    mark: str,
) -> tuple[NetView, ...]:
    """One per network, with a port per card of a member. Bytes as the guest counts them: `rx_bytes` is what it got.
    `dropped` in packets, by the air gap, the isolation and the access list, since the network was made."""
    return tuple(_view(network, plan, links, dropped, mark) for network, plan in zip(networks, plans, strict=True))


def _view(
    network: VirtualNet, plan: NetPlan, links: Sequence[Link], dropped: Mapping[str, Dropped], mark: str
) -> NetView:
    bridge = next((link for link in links if link.alias == bridge_alias(mark, plan.name)), None)
    by_name = {link.name: link for link in links}
    taps = {port.guest: by_name[port.name] for port in ports_of([plan], links, mark) if port.side == "guest"}
    return NetView(
        name=plan.name,
        mode=plan.mode,
        bridge=plan.bridge,
        cidr=network.cidr,
        dhcp=plan.served,
        uplink=plan.uplink,
        up=bridge is not None and bridge.up,
        airgap=plan.airgap,
        acl_rules=len(plan.acl),
        dropped=dropped.get(counter_name(plan), Dropped()).packets,
        ports=tuple(_port(plan, guest, mac, taps.get(guest)) for guest, mac in plan.macs.items()),
    )


def _port(plan: NetPlan, guest: str, mac: str, tap: Link | None) -> PortView:
    return PortView(
        guest=guest,
        mac=mac,
        ip=plan.ips.get(guest),
        tap="" if tap is None else tap.name,
        isolated=guest in plan.isolated,
        up=tap is not None and tap.up and tap.running,
        rx_bytes=0 if tap is None else tap.tx_bytes,
        tx_bytes=0 if tap is None else tap.rx_bytes,
    )
