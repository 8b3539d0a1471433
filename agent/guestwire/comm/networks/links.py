"""Bridges, ports and addresses through rtnetlink. Every call blocks; it changes only what differs, so a bridge that is right
keeps its index and its ports. Only bridges with our alias are ever changed or deleted."""

import errno
from collections.abc import Sequence
from ipaddress import ip_interface

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from guestwire.comm.networks.plan import Interface, NetPlan
from guestwire.comm.networks.ports import Link, bridge_alias
from guestwire.model.errors import GuestwireError

_IFF_UP = 1
_IFF_LOWER_UP = 0x10000
_IFA_F_NODAD = 0x02
_ROUTER = ip_interface("fe80::1/64")
_NO_ADDRESSES = {"attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", 1)]})]}
"""The kernel gives the interface no link-local address of its own (rtnetlink: IN6_ADDR_GEN_MODE_NONE)."""


def links() -> tuple[Link, ...]:
    """Every interface of this network namespace."""
    with IPRoute() as route:
        return _links(route)


def _links(route: IPRoute) -> tuple[Link, ...]:
    found = []
    for row in route.get_links():
        stats = row.get_attr("IFLA_STATS64") or {}
        found.append(
            Link(
                index=row["index"],
                name=row.get_attr("IFLA_IFNAME"),
                kind=row.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") or "",
                alias=row.get_attr("IFLA_IFALIAS") or "",
                mac=row.get_attr("IFLA_ADDRESS") or "",
                master=row.get_attr("IFLA_MASTER") or 0,
                up=bool(row["flags"] & _IFF_UP),
                running=bool(row["flags"] & _IFF_LOWER_UP),
                rx_bytes=stats.get("rx_bytes", 0),
                tx_bytes=stats.get("tx_bytes", 0),
            )
        )
    return tuple(found)


def check_free(plans: Sequence[NetPlan], there: Sequence[Link], mark: str) -> None:
    """Raises NET-BUSY when a name or an uplink is taken by what is not ours, NET-UNSUPPORTED when an uplink is not there."""
    by_name = {link.name: link for link in there}
    ours = {link.index for link in there if _ours(link, mark)}
    for plan in plans:
        taken = by_name.get(plan.bridge)
        if taken is not None and taken.index not in ours:
            message = f"{plan.bridge}, the bridge of {plan.name}, is an interface that is not ours"
            raise GuestwireError("NET-BUSY", message, detail={"interface": plan.bridge, "network": plan.name})
        if plan.uplink is None:
            continue
        uplink = by_name.get(plan.uplink)
        if uplink is None:
            message = f"the host has no adapter {plan.uplink}, the uplink of {plan.name}"
            raise GuestwireError("NET-UNSUPPORTED", message, detail={"uplink": f"{plan.uplink} is not there"})
        if uplink.master and uplink.master not in ours:
            message = f"{plan.uplink}, the uplink of {plan.name}, is a port of an interface that is not ours"
            raise GuestwireError("NET-BUSY", message, detail={"interface": plan.uplink, "network": plan.name})


def make_bridges(plans: Sequence[NetPlan], before: Sequence[NetPlan], mark: str) -> None:
    """The networks' bridges as planned, with their uplinks; uplinks of `before` that no plan has are let go. Raises
    NetlinkError; what was done until then stays."""
    with IPRoute() as route:
        there = _links(route)
        _let_go(route, plans, before, there, mark)
        for plan in plans:
            index = _bridge(route, plan, plans, there, mark)
            _addresses(route, index, plan.host_address)
            if plan.uplink is not None:
                uplink = next(link for link in there if link.name == plan.uplink)
                if uplink.master != index:
                    route.link("set", index=uplink.index, master=index)
                if not uplink.up:
                    route.link("set", index=uplink.index, state="up")


def delete_bridges(plans: Sequence[NetPlan], mark: str) -> None:
    """Every bridge of ours that is none of the plans' is deleted; its ports stay, as nobody's."""
    wanted = {bridge_alias(mark, plan.name) for plan in plans}
    with IPRoute() as route:
        for link in _links(route):
            if _ours(link, mark) and link.alias not in wanted:
                route.link("del", index=link.index)


def attach_service_port(name: str, bridge: str, alias: str) -> None:
    """Make a veth, which is this namespace's end of a service's, a port of a bridge. Raises NetlinkError, LookupError."""
    with IPRoute() as route:
        by_name = {link.name: link for link in _links(route)}
        if not {name, bridge} <= by_name.keys():
            raise LookupError(f"{name} or {bridge} is gone")
        port, master = by_name[name], by_name[bridge].index
        if (port.alias, port.master) != (alias, master):
            route.link("set", index=port.index, ifalias=alias, master=master, IFLA_AF_SPEC=_NO_ADDRESSES)
        if not port.up:
            route.link("set", index=port.index, state="up")


def delete_service_port(name: str, alias: str) -> None:
    """Delete a veth with that alias, or none yet; its other end goes with it."""
    with IPRoute() as route:
        for link in _links(route):
            if link.name == name and link.kind == "veth" and link.alias in ("", alias):
                try:
                    route.link("del", index=link.index)
                except NetlinkError as error:
                    # the kernel was faster: its namespace has just gone
                    if error.code != errno.ENODEV:
                        raise


def make_service_veth(inside: str, outside: str, outside_namespace: int, mac: str, address: Interface) -> None:
    """A veth whose inner end is in the calling thread's namespace, with an address, and up."""
    with IPRoute() as route:
        route.link(
            "add", ifname=inside, kind="veth", address=mac, peer={"ifname": outside, "net_ns_fd": outside_namespace}
        )
        index = route.link_lookup(ifname=inside)[0]
        _addresses(route, index, address)
        for name in ("lo", inside):
            route.link("set", index=route.link_lookup(ifname=name)[0], state="up")


def _ours(link: Link, mark: str) -> bool:
    return link.kind == "bridge" and link.alias.startswith(bridge_alias(mark, ""))


def _let_go(
    route: IPRoute, plans: Sequence[NetPlan], before: Sequence[NetPlan], there: Sequence[Link], mark: str
) -> None:
    ours = {link.index for link in there if _ours(link, mark)}
    wanted = {plan.uplink for plan in plans}
    for name in {plan.uplink for plan in before} - wanted - {None}:
        for link in there:
            if link.name == name and link.master in ours:
                route.link("set", index=link.index, master=0)


def _bridge(route: IPRoute, plan: NetPlan, plans: Sequence[NetPlan], there: Sequence[Link], mark: str) -> int:
    """The index of the network's bridge: the one that has its alias, else one of ours by that name that no other network of
    the plans has, else a new one."""
    alias = bridge_alias(mark, plan.name)
    others = {bridge_alias(mark, other.name) for other in plans} - {alias}
    found = next((link for link in there if link.kind == "bridge" and link.alias == alias), None)
    if found is None:
        free = (link for link in there if link.name == plan.bridge and link.alias not in others)
        found = next(free, None)
    if found is None:
        # no delay: with stp off a port forwards at once. A MAC of its own: else it changes with the ports that come and go
        route.link(
            "add", ifname=plan.bridge, kind="bridge", br_stp_state=0, br_forward_delay=0, address=plan.bridge_mac
        )
        found = Link(index=route.link_lookup(ifname=plan.bridge)[0], name=plan.bridge, kind="bridge")
    if found.alias != alias:
        route.link("set", index=found.index, ifalias=alias, IFLA_AF_SPEC=_NO_ADDRESSES)
    if found.name != plan.bridge:
        _rename(route, found, plan.bridge)
    if not found.up:
        route.link("set", index=found.index, state="up")
    return found.index


def _rename(route: IPRoute, link: Link, name: str) -> None:
    try:
        route.link("set", index=link.index, ifname=name)
    except NetlinkError:  # kernels before 6.2 rename only what is down
        route.link("set", index=link.index, state="down")
        route.link("set", index=link.index, ifname=name)
        route.link("set", index=link.index, state="up")


def _addresses(route: IPRoute, index: int, address: Interface | None) -> None:
    """That address and no other, but for link-local ones that the kernel gives. An IPv6 router needs one of those (RFC 4861
    section 4.2), which a bridge is not given."""
    wanted = set() if address is None else {address} | ({_ROUTER} if address.version == 6 else set())
    there = set()
    for row in route.get_addr(index=index):
        text = row.get_attr("IFA_LOCAL") or row.get_attr("IFA_ADDRESS")
        found = ip_interface(f"{text}/{row['prefixlen']}")
        if not found.is_link_local or found == _ROUTER:
            there.add(found)
    for extra in there - wanted:
        route.addr("del", index=index, address=str(extra.ip), prefixlen=extra.network.prefixlen)
    for new in wanted - there:
        # without duplicate address detection: the service must answer at once
        flags = {"flags": _IFA_F_NODAD} if new.version == 6 else {}
        route.addr("add", index=index, address=str(new.ip), prefixlen=new.network.prefixlen, **flags)
