import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.comm.networks.plan import plan_of
from guestwire.comm.networks.ports import Link, Port, bridge_alias, ports_of
from guestwire.comm.networks.ruleset import Dropped, counter_name, replacing, ruleset
from guestwire.model.networks import AclRule, Member, VirtualNet

PARTY = st.sampled_from(["*", "HOST", "REMOTE", "a", "b", "absent", "10.1.0.0/16", "fd00::/48", "0.0.0.0/0", "::/0"])
ACL = st.builds(
    AclRule,
    src=PARTY,
    dst=PARTY,
    protocol=st.sampled_from(["any", "tcp", "udp", "icmp"]),
    port=st.sampled_from([None, 80]),
    action=st.sampled_from(["allow", "deny"]),
)
NET = st.builds(
    VirtualNet,
    name=st.sampled_from(["plant", "a network"]),
    mode=st.sampled_from(["isolated", "nat", "bridge"]),
    cidr=st.sampled_from([None, "10.77.0.0/24", "fd00:7::/64"]),
    dhcp=st.booleans(),
    uplink=st.sampled_from([None, "eth0"]),
    members=st.builds(
        lambda apart, card: (Member(guest="a", mac="02:00:00:00:00:01", isolated=apart), Member(guest="b", mac=card)),
        st.booleans(),
        st.sampled_from([None, "02:00:00:00:00:02", "06:00:00:00:00:01"]),
    ),
    acl=st.lists(ACL, max_size=4).map(tuple),
    airgap=st.booleans(),
)


def on(network: VirtualNet, *taps: Link) -> tuple[Link, ...]:
    return (Link(7, "gw-x", "bridge", bridge_alias("guestwire", network.name)), *taps)


@given(NET, st.sets(st.sampled_from(["fe:00:00:00:00:01", "fe:00:00:00:00:02", "52:54:00:00:00:01"])))
@settings(max_examples=60, deadline=None)
def test_nft_takes_every_text(network: VirtualNet, taps: set[str]):
    """Checked by nft itself: conditions that contradict one another are errors there."""
    plans = plan_of([network], "host1")
    links = on(network, *(Link(9 + n, f"vnet{n}", mac=mac, master=7) for n, mac in enumerate(sorted(taps))))
    text = ruleset("guestwire-test", plans, ports_of(plans, links, "guestwire"))
    if text:
        checked = subprocess.run(
            ["unshare", "-n", "nft", "--check", "-f", "-"], input=text, capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, f"{checked.stderr}\n{text}"


def test_networks_without_rules_have_no_table():
    plain = VirtualNet(name="plain", cidr="10.77.0.0/24", members=(Member(guest="a", mac="02:00:00:00:00:01"),))
    assert ruleset("guestwire", plan_of([plain], "h"), [Port("vnet0", "x", "guest", "a")]) == ""
    assert replacing("", ["bridge guestwire"]) == "delete table bridge guestwire\n"


def test_counters_go_on():
    plans = plan_of([VirtualNet(name="plant", airgap=True)], "h")
    text = ruleset("guestwire", plans, [], {counter_name(plans[0]): Dropped(5, 300)})
    assert "packets 5 bytes 300" in text


def test_an_air_gap_holds_between_the_host_and_taps_that_no_rule_knows():
    (plan,) = plans = plan_of([VirtualNet(name="plant", mode="nat", cidr="10.77.0.0/24", airgap=True)], "h")
    _, _, inet = ruleset("guestwire", plans, []).partition("table inet")
    comes, goes = f'iifname "{plan.bridge}" drop', f'oifname "{plan.bridge}" drop'
    for hook, rules in (("input", [comes]), ("forward", [comes, goes]), ("output", [goes])):
        (chain,) = re.findall(rf"chain {hook} \{{\n(.*?)\n\t\}}", inet, re.DOTALL)
        assert [line.strip() for line in chain.splitlines()[1:]] == rules


def test_a_port_of_a_network_without_rules_is_left_alone():
    """Its frames may be those of a member of the other one, which came by way of a switch."""
    networks = [
        VirtualNet(name="plain", mode="bridge", uplink="eth1"),
        VirtualNet(name="plant", airgap=True, members=(Member(guest="a", mac="02:00:00:00:00:01"),)),
    ]
    plans = plan_of(networks, "h")
    text = ruleset("guestwire", plans, ports_of(plans, [], "guestwire"))
    assert re.search(r'iifname vmap \{ "eth1" : accept \}\n\s+oifname vmap \{ "eth1" : accept \}\n\s+ether saddr', text)


@pytest.mark.parametrize(
    ("rule", "hook", "wanted"),
    [
        (AclRule(src="a", dst="b", protocol="tcp", port=80), "forward", [
            'iifname { "vnet1" } oifname { "vnet2" } tcp dport 80 accept',
            'iifname { "vnet2" } oifname { "vnet1" } tcp sport 80 tcp flags & (syn | ack) != syn accept']),
        (AclRule(src="a", dst="HOST", action="deny"), "forward", [
            'iifname { "vnet1" } oifname { "gw-96044d9734-d" } counter name n96044d9734 drop']),
        (AclRule(src="a", dst="HOST", action="deny"), "input", ['iifname { "vnet1" } counter name n96044d9734 drop']),
        (AclRule(src="a", dst="b", protocol="udp", port=53), "forward", [
            'iifname { "vnet1" } oifname { "vnet2" } udp dport 53 accept',
            'iifname { "vnet2" } oifname { "vnet1" } udp sport 53 accept']),
    ],
)  # fmt: skip
def test_what_a_rule_becomes(rule: AclRule, hook: str, wanted: list[str]):
    members = (Member(guest="a", mac="02:00:00:00:00:01"), Member(guest="b", mac="02:00:00:00:00:02"))
    network = VirtualNet(name="plant", cidr="10.77.0.0/24", members=members, acl=(rule,))
    plans = plan_of([network], "h")
    taps = (Link(n, f"vnet{n}", mac=f"fe:00:00:00:00:0{n}", master=7) for n in (1, 2))
    text = ruleset("guestwire", plans, ports_of(plans, on(network, *taps), "guestwire"))
    chain = text.split(f"chain n{plans[0].id}_{hook} {{")[1].split("}\n\tchain")[0]
    found = [line.strip() for line in chain.splitlines()]
    assert [line for line in found if line in wanted] == wanted
    assert found[-2] == "counter name n96044d9734 drop" or found[-1] == "counter name n96044d9734 drop"
