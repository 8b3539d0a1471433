"""Virtual networks, adapters, and the path that the host is managed over."""

from typing import Any

import pytest
from rule_cases import Case, check, check_covered, check_needs, issues, known

from guestwire.model.desired import Desired
from guestwire.model.facts import Facts, ManagementPath
from guestwire.model.guest import Guest, Nic, PortForward
from guestwire.model.networks import AclRule, Adapter, Member, VirtualNet
from guestwire.model.rules.networks import RULES
from guestwire.model.settings import HostSettings

A, B, GROUP = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "03:00:00:00:00:0a"


def net(name: str = "n", **given: Any) -> VirtualNet:
    return VirtualNet(name=name, **given)


def members(*given: Member, **more: Any) -> VirtualNet:
    return net(members=given, **more)


def at(*ips: str, **more: Any) -> VirtualNet:
    return members(*(Member(guest="a", ip=ip) for ip in ips), **({"cidr": "10.0.0.0/24"} | more))


def networks(*given: VirtualNet, **more: Any) -> Desired:
    return Desired(guests=(Guest(name="a"), Guest(name="b")), networks=given, **more)


def cards(*nics: Nic, networks: tuple[VirtualNet, ...] = ()) -> Desired:
    return Desired(guests=(Guest(name="a", nics=nics), Guest(name="b")), networks=networks)


def edged(*nics: Nic) -> Desired:
    edge = Guest(name="e", tags=("edge",), nics=(Nic(network="out"), Nic(network="in")))
    nets = (net("in"), net("out", mode="bridge", uplink="eth0"), net("nat", mode="nat"))
    return Desired(guests=(edge, Guest(name="a", nics=nics)), networks=nets)


def forwards(*nics: Nic, networks: tuple[VirtualNet, ...] = ()) -> Desired:
    guest = Guest(name="a", nics=nics, port_forwards=(PortForward(host_port=2222, guest_port=22),))
    return Desired(guests=(guest,), networks=networks)


def adapters(*given: Adapter, **more: Any) -> HostSettings:
    return HostSettings(adapters=given, **more)


def managed(active: Desired, *interfaces: str) -> Facts:
    return known(active=active, management=ManagementPath(interfaces=frozenset(interfaces)))


FIXED = Adapter(name="eth0", dhcp=False, addresses=("192.168.7.2/24",))
UPLINK = net(mode="bridge", uplink="eth0", bridge="br0")
ACTIVE = networks(UPLINK, net("other", uplink="eth9"), settings=adapters(FIXED))
MANAGED = managed(ACTIVE, "eth0", "br0")

NAMES = (
    Case("NET-NAME", "64 characters", networks(net("n.-_" + "x" * 60))),
    Case("NET-NAME", "none, a blank", networks(net(""), net("a b")), ("networks..name", "networks.a b.name")),
    Case("NET-DUP", "two names", networks(net("a"), net("b"), settings=adapters(FIXED, Adapter(name="eth1")))),
    Case("NET-DUP", "one name", networks(net(), net()), ("networks.n",)),
    Case("NET-DUP", "one adapter", networks(settings=adapters(FIXED, FIXED)), ("settings.adapters.eth0",)),
    Case(
        "NET-BRIDGE", "each its own",
        networks(UPLINK, net("m", mode="bridge", uplink="eth1", bridge="br1"), net("i")),
    ),
    Case("NET-BRIDGE", "no uplink", networks(net(mode="bridge")), ("networks.n.uplink",)),
    Case(
        "NET-BRIDGE", "one bridge, one uplink", networks(UPLINK, net("m", bridge="br0", uplink="eth0")),
        ("networks.m.bridge", "networks.m.uplink"),
    ),
    Case("NET-UNKNOWN", "all there", cards(Nic(network="n"), Nic(), networks=(members(Member(guest="b")),))),
    Case("NET-UNKNOWN", "no such network", cards(Nic(), Nic(network="x")), ("guests.a.nics.1.network",)),
    Case("NET-UNKNOWN", "one of the hypervisor's own", cards(Nic(network="default"))),
    Case("NET-UNKNOWN", "no such guest", networks(members(Member(guest="c"))), ("networks.n.members.0.guest",)),
    Case(
        "NET-UNKNOWN", "those that a rule may name",
        networks(net(acl=tuple(AclRule(src=one, dst="a") for one in ("*", "HOST", "REMOTE", "b", "10.0.0.0/8")))),
    ),
    Case("NET-NO-CARD", "a card on the network", cards(Nic(network="n"), networks=(members(Member(guest="a")),))),
    Case(
        "NET-NO-CARD", "a card on its bridge",
        cards(Nic(bridge="br0"), networks=(members(Member(guest="a"), bridge="br0"),)),
    ),
    Case("NET-NO-CARD", "a member that is not there is another rule's", networks(members(Member(guest="x")))),
    Case(
        "NET-NO-CARD", "no card, a card elsewhere",
        cards(Nic(network="m"), Nic(bridge="br1"), networks=(members(Member(guest="a"), Member(guest="b")), net("m"))),
        ("networks.n.members.0.guest", "networks.n.members.1.guest"),
    ),
    Case("NET-EDGE", "nobody is the edge", cards(Nic(), Nic(bridge="br0"))),
    Case("NET-EDGE", "the others are inside", edged(Nic(network="in"))),
    Case(
        "NET-EDGE", "past it, four ways",
        edged(Nic(network="out"), Nic(network="in"), Nic(bridge="br0"), Nic(), Nic(network="nat")),
        tuple(f"guests.a.nics.{n}" for n in (0, 2, 3, 4)),
    ),
    Case("NET-FORWARD-NIC", "the host's address translation", forwards(Nic(bridge="br0"), Nic())),
    Case("NET-FORWARD-NIC", "none", cards(Nic(bridge="br0"))),
    Case("NET-FORWARD-NIC", "no card", forwards(), ("guests.a.port_forwards",)),
    Case(
        "NET-FORWARD-NIC", "cards elsewhere", forwards(Nic(bridge="br0"), Nic(network="n"), networks=(net(),)),
        ("guests.a.port_forwards",),
    ),
    Case(
        "NET-UNKNOWN", "those that it may not", networks(net(acl=(AclRule(src="c", dst="10.0.0.1/8"),))),
        ("networks.n.acl.0.src", "networks.n.acl.0.dst"),
    ),
)  # fmt: skip

MACS = (
    Case("NET-MAC-SYNTAX", "large letters", networks(members(Member(guest="a", mac="02:AB:00:00:00:01")))),
    *(
        Case("NET-MAC-SYNTAX", text, networks(members(Member(guest="a", mac=text))), ("networks.n.members.0.mac",))
        for text in ("", "02-00-00-00-00-0a", "02:00:00:00:00", A + ":00", "02:00:00:00:00:0g")
    ),
    Case("NET-MAC-MULTICAST", "one card", cards(Nic(mac=A), networks=(members(Member(guest="b", mac=B)),))),
    Case("NET-MAC-MULTICAST", "a group", cards(Nic(mac=GROUP)), ("guests.a.nics.0.mac",)),
    Case(
        "NET-MAC-MULTICAST", "all", networks(members(Member(guest="a", mac="FF:" * 5 + "FF"))),
        ("networks.n.members.0.mac",),
    ),
    Case("NET-MAC-DUP", "derived", cards(Nic(), Nic(), networks=(members(Member(guest="a"), Member(guest="b")),))),
    Case(
        "NET-MAC-DUP", "a card and its membership",
        cards(Nic(mac=A, network="n"), networks=(members(Member(guest="a", mac=A)),)),
    ),
    Case("NET-MAC-DUP", "two cards", cards(Nic(mac=A), Nic(mac=B), Nic(mac=A)), ("guests.a.nics.2.mac",)),
    Case(
        "NET-MAC-DUP", "in large letters", networks(members(Member(guest="a", mac=A), Member(guest="b", mac=A.upper()))),
        ("networks.n.members.1.mac",),
    ),
    Case(
        "NET-MAC-DUP", "another guest's card", cards(Nic(mac=A, network="n"), networks=(members(Member(guest="b", mac=A)),)),
        ("networks.n.members.0.mac",),
    ),
    Case(
        "NET-MAC-DUP", "another network", cards(Nic(mac=A, network="m"), networks=(net("m"), members(Member(guest="a", mac=A)))),
        ("networks.n.members.0.mac",),
    ),
    Case(
        "NET-MAC-DUP", "a membership said twice",
        cards(Nic(mac=A, network="n"), networks=(members(Member(guest="a", mac=A), Member(guest="a", mac=A)),)),
        ("networks.n.members.1.mac",),
    ),
)  # fmt: skip

IPS = (
    Case("NET-IP-SYNTAX", "both families", networks(at("10.0.0.9"), at("fd00::9", name="m", cidr="fd00::/64"))),
    *(
        Case("NET-IP-SYNTAX", f"network {text}", networks(net(cidr=text)), ("networks.n.cidr",))
        for text in ("", "10.0.0.0", "10.0.0.1/24", "10.0.0.0/33", "10.0.0/24", "ten")
    ),
    *(
        Case("NET-IP-SYNTAX", f"member {text}", networks(at(text)), ("networks.n.members.0.ip",))
        for text in ("", "10.0.0.9/24", "10.0.0.256", "010.0.0.1")
    ),
    Case(
        "NET-IP-SYNTAX", "adapter",
        networks(settings=adapters(Adapter(name="e", addresses=("10.0.0.1", "10.0.0.1/8"), gateway="x", dns=("::1", "y")))),
        ("settings.adapters.e.addresses", "settings.adapters.e.gateway", "settings.adapters.e.dns"),
    ),
    Case(
        "NET-IP-SYNTAX", "adapter as it should be",
        networks(settings=adapters(Adapter(name="e", addresses=("10.0.0.1/8", "fd00::1/64"), gateway="10.0.0.2", dns=("::1",)))),
    ),
    Case("NET-IP-DUP", "two", networks(at("10.0.0.9", "10.0.0.10"), settings=adapters(FIXED))),
    Case("NET-IP-DUP", "not what is no address", networks(at("x", "x"))),
    Case(
        "NET-IP-DUP", "over networks, in other spelling", networks(at("fd00::1"), at("fd00:0::1", name="m")),
        ("networks.m.members.0.ip",),
    ),
    Case(
        "NET-IP-DUP", "an adapter's", networks(at("192.168.7.2"), settings=adapters(FIXED)),
        ("networks.n.members.0.ip",),
    ),
    Case("NET-IP-RANGE", "from the second to the last but one", networks(at("10.0.0.2", "10.0.0.254"))),
    Case("NET-IP-RANGE", "no network is given", networks(at("10.9.9.9", cidr=None))),
    Case("NET-IP-RANGE", "two addresses only", networks(at("10.0.0.0", "10.0.0.1", cidr="10.0.0.0/31"))),
    Case("NET-IP-RANGE", "the first where the host is not", networks(at("10.0.0.1", mode="bridge", uplink="eth0"))),
    Case("NET-IP-RANGE", "the last of version 6", networks(at("fd00::ffff", cidr="fd00::/112"))),
    *(
        Case("NET-IP-RANGE", f"{text}", networks(at(text)), ("networks.n.members.0.ip",))
        for text in ("10.0.1.9", "9.255.255.255", "10.0.0.0", "10.0.0.255", "10.0.0.1", "fd00::1")
    ),
    Case("NET-CIDR-OVERLAP", "beside each other", networks(net(cidr="10.0.0.0/25"), net("m", cidr="10.0.0.128/25"))),
    Case("NET-CIDR-OVERLAP", "other families", networks(net(cidr="0.0.0.0/0"), net("m", cidr="::/0"))),
    Case("NET-CIDR-OVERLAP", "none given, wrong", networks(net(), net("m", cidr="x"), net("k", cidr="x"))),
    Case(
        "NET-CIDR-OVERLAP", "one in the other", networks(net(cidr="10.0.0.0/8"), net("m", cidr="10.9.0.0/16")),
        ("networks.m.cidr",),
    ),
    Case(
        "NET-CIDR-OVERLAP", "each with each", networks(*(net(name, cidr="fd00::/64") for name in "abc")),
        ("networks.b.cidr", "networks.c.cidr", "networks.c.cidr"),
    ),
    Case(
        "NET-CIDR-OVERLAP", "a bridge onto the adapter",
        networks(net(cidr="192.168.7.0/24", mode="bridge", uplink="eth0"), settings=adapters(FIXED)),
    ),
    Case(
        "NET-CIDR-OVERLAP", "the adapter's own", networks(net(cidr="192.168.0.0/16"), settings=adapters(FIXED)),
        ("networks.n.cidr",),
    ),
)  # fmt: skip

PATH = (
    Case("NET-MGMT-RISK", "all as it was", ACTIVE, (), MANAGED),
    Case(
        "NET-MGMT-RISK", "in another order", networks(*reversed(ACTIVE.networks), settings=ACTIVE.settings), (),
        MANAGED,
    ),
    Case("NET-MGMT-RISK", "another member", networks(*ACTIVE.networks, settings=ACTIVE.settings).model_copy(
        update={"networks": (UPLINK.model_copy(update={"members": (Member(guest="b"),)}), ACTIVE.networks[1])}), (), MANAGED),
    Case(
        "NET-MGMT-RISK", "elsewhere",
        networks(UPLINK, net("new", bridge="br7"), settings=adapters(FIXED, Adapter(name="eth9"))), (), MANAGED,
    ),
    Case("NET-MGMT-RISK", "an adapter that is left as it is", networks(UPLINK), (), MANAGED),
    Case("NET-MGMT-RISK", "nothing is known to hang on it", networks(), (), managed(ACTIVE)),
    Case("NET-MGMT-RISK", "a network goes", networks(settings=adapters(FIXED)), ("networks.n",), MANAGED),
    Case(
        "NET-MGMT-RISK", "it leaves the uplink", networks(net(mode="bridge", uplink="eth1")), ("networks.n",),
        MANAGED,
    ),
    Case(
        "NET-MGMT-RISK", "another mode", networks(net(mode="nat", uplink="eth0", bridge="br0")), ("networks.n",),
        MANAGED,
    ),
    Case(
        "NET-MGMT-RISK", "it takes the uplink", networks(net("new", mode="bridge", uplink="eth0")), ("networks.new",),
        managed(Desired(), "eth0"),
    ),
    Case(
        "NET-MGMT-RISK", "other addresses",
        networks(UPLINK, settings=adapters(Adapter(name="eth0", addresses=("192.168.7.3/24",)), Adapter(name="eth1"))),
        ("settings.adapters.eth0",), MANAGED,
    ),
    Case(
        "NET-MGMT-RISK", "addresses for the first time", networks(settings=adapters(FIXED)),
        ("settings.adapters.eth0",), managed(Desired(), "eth0"),
    ),
    Case("AIRGAP-KILLS-MGMT", "off", networks(settings=HostSettings(airgap=False)), (), managed(Desired(), "eth0")),
    Case(
        "AIRGAP-KILLS-MGMT", "managed through a guest", networks(settings=HostSettings(airgap=True)), (),
        managed(Desired()),
    ),
    Case(
        "AIRGAP-KILLS-MGMT", "it was on", networks(settings=HostSettings(airgap=True)), (),
        managed(networks(settings=HostSettings(airgap=True)), "eth0"),
    ),
    Case(
        "AIRGAP-KILLS-MGMT", "on", networks(settings=HostSettings(airgap=True)), ("settings.airgap",),
        managed(Desired(), "eth0"),
    ),
    Case("FORWARD-OPEN", "off", networks(settings=HostSettings(ip_forward=False))),
    Case(
        "FORWARD-OPEN", "a list",
        networks(net(acl=(AclRule(action="deny"),)), settings=HostSettings(ip_forward=True)),
    ),
    Case("FORWARD-OPEN", "translation", networks(net(mode="nat"), settings=HostSettings(ip_forward=True))),
    Case("FORWARD-OPEN", "one of two", networks(net("m"), net(mode="nat"), settings=HostSettings(ip_forward=True))),
    Case("FORWARD-OPEN", "open", networks(net(), settings=HostSettings(ip_forward=True)), ("settings.ip_forward",)),
)  # fmt: skip

CASES = (*NAMES, *MACS, *IPS, *PATH)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_finds_what_it_must(case: Case) -> None:
    check(case)


def test_each_rule_has_cases_and_its_severity() -> None:
    check_covered(
        RULES,
        CASES,
        {rule.code: "W" if rule.code in ("FORWARD-OPEN", "NET-NO-CARD", "NET-EDGE") else "E" for rule in RULES},
    )


def test_without_the_active_document_and_the_path_it_is_not_checked() -> None:
    check_needs(RULES, CASES)


def test_what_is_given_twice_names_the_other_place() -> None:
    (found,) = issues("NET-MAC-DUP", cards(Nic(mac=A), Nic(mac=A)))
    assert found.related == ("guests.a.nics.0.mac",)


def test_the_card_of_a_disabled_guest_has_its_address() -> None:
    away = Guest(name="b", disabled=True, nics=(Nic(mac=A),))
    desired = Desired(guests=(Guest(name="a", nics=(Nic(mac=A),)), away), networks=(members(Member(guest="b", mac=A)),))
    assert len(issues("NET-MAC-DUP", desired)) == 2


@pytest.mark.parametrize(("networks", "severity"), [(frozenset(), "E"), (None, "W")])
def test_a_network_that_nobody_could_ask_the_hypervisor_for_is_a_warning(
    networks: frozenset[str] | None, severity: str
) -> None:
    (issue,) = issues("NET-UNKNOWN", cards(Nic(network="default")), known(networks=networks))
    assert issue.severity == severity
