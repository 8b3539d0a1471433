"""The edge guest: it alone has a card on the uplink, and the others reach the outside through it and in no other way."""

import asyncio
import sys

from pyroute2 import IPRoute

from guestwire.comm.logs import make_logger
from guestwire.comm.networks.networks import Networks
from guestwire.model.network_names import bridge_name
from guestwire.model.networks import Member, VirtualNet

from .conftest import Lab, LabGuest, routed

HOST = "host1"


def second_card(guest: LabGuest, bridge: str, address: str) -> None:
    """A card more, into another bridge."""

    def tap(route: IPRoute) -> None:
        peer = {"ifname": "eth1", "address": "02:00:00:00:01:fe", "net_ns_fd": guest.namespace}
        route.link("add", ifname="vnet9", kind="veth", address="fe:00:00:00:01:fe", peer=peer)
        route.link("set", ifname="vnet9", master=route.link_lookup(ifname=bridge)[0], state="up")

    def up(route: IPRoute) -> None:
        index = route.link_lookup(ifname="eth1")[0]
        route.link("set", index=index, state="up")
        route.addr("add", index=index, address=address, prefixlen=24)

    routed(tap)
    routed(up, guest.namespace)


def forwards(guest: LabGuest, on: bool) -> None:
    done = guest.run("sh", "-c", f"echo {int(on)} > /proc/sys/net/ipv4/ip_forward")
    assert done.returncode == 0, done.stderr


async def test_the_others_reach_the_outside_through_the_edge_guest_alone(lab: Lab) -> None:
    inner, edge = lab.guest("inner"), lab.guest("edge")
    far = lab.adapter("eno1", "192.0.2.9/24")
    inside = VirtualNet(
        name="inside", cidr="10.77.0.0/24", dhcp=False,
        members=(Member(guest="inner", mac=inner.mac), Member(guest="edge", mac=edge.mac)),
    )  # fmt: skip
    outside = VirtualNet(name="outside", mode="bridge", uplink="eno1", dhcp=False, members=(Member(guest="edge"),))
    async with Networks(lab.folder / "networks", make_logger(sys.stderr)) as networks:
        await networks.apply([inside, outside], HOST)
        for guest in (inner, edge):
            guest.plug(bridge_name(inside))
        edge.address("10.77.0.11/24")
        second_card(edge, bridge_name(outside), "192.0.2.2")
        inner.address("10.77.0.10/24", gateway="10.77.0.11")
        routed(lambda route: route.route("add", dst="10.77.0.0/24", gateway="192.0.2.2"), far.namespace)
        forwards(edge, False)
        assert await asyncio.to_thread(edge.reaches, "192.0.2.9")
        assert not await asyncio.to_thread(inner.pings, "192.0.2.9")
        forwards(edge, True)
        assert await asyncio.to_thread(inner.reaches, "192.0.2.9")
        await networks.apply([], HOST)
