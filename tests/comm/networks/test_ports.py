from guestwire.comm.networks.plan import plan_of
from guestwire.comm.networks.ports import Link, Port, bridge_alias, ports_of
from guestwire.model.networks import Member, VirtualNet


def found(network: VirtualNet, *ports: Link) -> dict[str, tuple[str, str]]:
    plans = plan_of([network], "h")
    bridge = Link(7, "whatever", "bridge", bridge_alias("guestwire", network.name))
    return {port.name: (port.side, port.guest) for port in ports_of(plans, [bridge, *ports], "guestwire")}


def net(*macs: str, **fields) -> VirtualNet:
    members = tuple(Member(guest=f"g{number}", mac=mac) for number, mac in enumerate(macs))
    return VirtualNet(name="plant", members=members, **fields)


def test_a_tap_is_its_guests_by_the_card_s_mac():
    network = net("02:00:00:00:00:01", "52:54:00:AA:00:02")
    taps = [
        Link(1, "vnet1", mac="fe:00:00:00:00:01", master=7),
        Link(2, "vnet2", mac="fe:54:00:aa:00:02", master=7),
        Link(3, "vnet3", mac="fe:00:00:00:00:03", master=7),
        Link(4, "veth4", mac="02:00:00:00:00:01", master=7),
        Link(5, "other5", mac="fe:00:00:00:00:01", master=8),
        Link(6, 'a" : accept', mac="fe:00:00:00:00:01", master=7),
    ]
    assert found(network, *taps) == {
        "vnet1": ("guest", "g0"),
        "vnet2": ("guest", "g1"),
        "vnet3": ("unknown", ""),
        "veth4": ("unknown", ""),
    }


def test_cards_that_cannot_be_told_apart_are_nobodys():
    tap = Link(1, "vnet1", mac="fe:00:00:00:00:01", master=7)
    assert found(net("02:00:00:00:00:01", "06:00:00:00:00:01"), tap) == {"vnet1": ("unknown", "")}


def test_uplink_and_service_port_count_before_they_are_made():
    assert found(net(mode="bridge", uplink="eth0")) == {"eth0": ("remote", "")}
    plans = plan_of([net(cidr="10.77.0.0/24")], "h")
    assert ports_of(plans, [], "guestwire") == (Port(plans[0].service_port, plans[0].id, "host"),)
