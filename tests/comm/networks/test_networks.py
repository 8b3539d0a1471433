"""Networks with real bridges, frames, rules and servers, in namespaces of the test's own."""

import asyncio
import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from guestwire.comm.logs import make_logger
from guestwire.comm.networks.networks import Networks
from guestwire.model.errors import GuestwireError
from guestwire.model.network_names import bridge_name
from guestwire.model.networks import AclRule, Member, VirtualNet

HOST = "host1"
LOG = make_logger(sys.stderr)


@pytest.fixture
async def networks(lab) -> AsyncIterator[Networks]:
    async with Networks(lab.folder / "networks", LOG) as made:
        yield made
        await made.apply([], HOST)


def net(*guests, name: str = "plant", isolated: tuple[str, ...] = (), **fields) -> VirtualNet:
    members = tuple(Member(guest=guest.name, mac=guest.mac, isolated=guest.name in isolated) for guest in guests)
    return VirtualNet(name=name, members=members, **{"cidr": "10.77.0.0/24", "dhcp": False, **fields})


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


async def plugged(lab, networks, *guests, network: VirtualNet) -> None:
    """The guests run, with the tenth address and on, and the rules know their taps."""
    await networks.apply([network], HOST)
    for number, guest in enumerate(guests):
        guest.plug(bridge_name(network))
        guest.address(f"10.77.0.{10 + number}/24")
    if network.acl or network.airgap or any(member.isolated for member in network.members):
        await eventually(lambda: network.airgap or all(f'"{guest.tap}"' in lab.ruleset() for guest in guests))


async def off(call, *arguments):
    """In a thread: the networks go on meanwhile."""
    return await asyncio.to_thread(call, *arguments)


async def test_guests_reach_each_other_and_the_host_has_no_address(lab, networks):
    one, two = lab.guest("one"), lab.guest("two")
    network = net(one, two)
    await plugged(lab, networks, one, two, network=network)
    assert await off(one.reaches, "10.77.0.11")
    assert lab.addresses(bridge_name(network)) == set()
    assert lab.ruleset() == ""


async def test_nothing_is_left_of_networks_that_are_gone(lab, networks):
    before = lab.links()
    one = lab.guest("one")
    await networks.apply(
        [net(one, dhcp=True, isolated=("one",)), net(name="out", mode="nat", cidr="10.78.0.0/24", dhcp=True)]
        if forwards()
        else [net(one, dhcp=True, isolated=("one",))],
        HOST,
    )
    assert lab.ruleset() != ""
    await networks.apply([], HOST)
    assert (lab.links(), lab.ruleset()) == (before, "")
    assert {path.name for path in (lab.folder / "networks").iterdir()} == {"networks.json"}


def forwards() -> bool:
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    return True


async def test_a_change_leaves_bridges_and_taps_where_they_are(lab, networks):
    one, two = lab.guest("one"), lab.guest("two")
    network = net(one, two)
    await plugged(lab, networks, one, two, network=network)
    before = lab.links()
    await networks.apply([network], HOST)
    await networks.apply([network.model_copy(update={"airgap": True})], HOST)
    assert lab.links() == before
    renamed = network.model_copy(update={"bridge": "plant0"})
    await networks.apply([renamed], HOST)
    assert lab.links()["plant0"][0] == before[bridge_name(network)][0]
    assert await off(one.reaches, "10.77.0.11")


async def test_another_process_takes_over_what_it_finds(lab):
    one, two = lab.guest("one"), lab.guest("two")
    network = net(one, two, dhcp=True, isolated=("one", "two"))
    folder = lab.folder / "networks"
    async with Networks(folder, LOG) as first:
        await first.apply([network], HOST)
        before, server = lab.links(), next(folder.glob("*.pid")).read_text()
    subprocess.run(["nft", "delete", "table", "bridge", "guestwire"], check=True)
    async with Networks(folder, LOG) as second:
        await eventually(lambda: "table bridge guestwire" in lab.ruleset())
        # a tap that appears before the document is applied again is isolated too
        one.plug(bridge_name(network))
        two.plug(bridge_name(network))
        await eventually(lambda: all(f'"{guest.tap}"' in lab.ruleset() for guest in (one, two)))
        await second.apply([network], HOST)
        after = {name: link for name, link in lab.links().items() if name not in (one.tap, two.tap)}
        assert (after, next(folder.glob("*.pid")).read_text()) == (before, server)
        await second.apply([], HOST)
    assert not alive(int(server))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_members_get_their_leases_and_nobody_else(lab, networks):
    one, two, stranger = lab.guest("one"), lab.guest("two"), lab.guest("stranger")
    network = VirtualNet(
        name="plant",
        cidr="10.77.0.0/24",
        members=(Member(guest="one", mac=one.mac), Member(guest="two", mac=two.mac, ip="10.77.0.99")),
    )
    await networks.apply([network], HOST)
    for guest in (one, two, stranger):
        guest.plug(bridge_name(network))
    first, second, third = await asyncio.gather(off(one.lease), off(two.lease), off(stranger.lease))
    assert (first["ip"], first["subnet"], first["hostname"]) == ("10.77.0.10", "255.255.255.0", "one")
    assert not {"router", "dns"} & first.keys()
    assert second["ip"] == "10.77.0.99"
    assert third == {}


async def test_a_dhcp_server_that_died_is_started_again(lab, networks):
    one = lab.guest("one")
    network = net(one, dhcp=True)
    await networks.apply([network], HOST)
    one.plug(bridge_name(network))
    file = next((lab.folder / "networks").glob("*.pid"))
    pid = int(file.read_text())
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: file.is_file() and file.read_text().strip() not in ("", str(pid)))
    assert (await off(one.lease))["ip"] == "10.77.0.10"


async def test_a_servers_file_that_somebody_wrote_over_is_written_anew(lab, networks):
    one = lab.guest("one")
    network = net(one, dhcp=True, isolated=("one",))
    await networks.apply([network], HOST)
    ((name, text),) = (await off(servers, lab)).items()
    (lab.folder / "networks" / name).write_bytes(b"\xff\n")
    one.plug(bridge_name(network))  # they are looked at
    await eventually(lambda: (lab.folder / "networks" / name).read_bytes() == text.encode())


async def test_isolated_members_reach_the_others_only(lab, networks):
    one, two, open_one, stranger = (lab.guest(name) for name in ("one", "two", "open", "stranger"))
    network = net(one, two, open_one, isolated=("one", "two"))
    await plugged(lab, networks, one, two, open_one, network=network)
    stranger.plug(bridge_name(network))
    stranger.address("10.77.0.13/24")
    assert await asyncio.gather(
        off(one.pings, "10.77.0.11"), off(stranger.pings, "10.77.0.12"), off(one.reaches, "10.77.0.12"),
        off(two.reaches, "10.77.0.12"),
    ) == [False, False, True, True]  # fmt: skip
    # a frame to all, and one under the name of the open one
    with two.listen(9, socket.SOCK_DGRAM) as heard, open_one.listen(9, socket.SOCK_DGRAM) as heard_too:
        heard.settimeout(0.3)
        heard_too.settimeout(5)
        one.sends(b"all", "10.77.0.255", 9)
        assert await off(heard_too.recv, 9) == b"all"
        one.mac_is("02:00:00:00:01:77")
        one.sends(b"spoofed", "10.77.0.255", 9)
        assert await off(heard_too.recv, 9) == b"spoofed"
        with pytest.raises(TimeoutError):
            await off(heard.recv, 9)
    view = (await networks.views())[0]
    assert view.dropped > 0
    await networks.apply([net(one, two, open_one)], HOST)
    one.mac_is(one.mac)
    assert await off(one.reaches, "10.77.0.11")


async def test_a_tap_that_the_rules_do_not_know_yet_gets_nothing_through(lab):
    one, two = lab.guest("one"), lab.guest("two")
    network = net(one, two, isolated=("one", "two"))
    async with Networks(lab.folder / "networks", LOG) as made:
        await made.apply([network], HOST)
    # nobody is there to see them come
    for number, guest in enumerate((one, two)):
        guest.plug(bridge_name(network))
        guest.address(f"10.77.0.{10 + number}/24")
    assert not await off(one.pings, "10.77.0.11")


WATCHED_NFT = """#!/bin/sh
[ "$1" = -f ] || exec nft "$@"
text=$(cat)
ip link show dev {bridge} >/dev/null 2>&1 && bridge=bridge || bridge=none
case $text in *" drop"*) rules=rules ;; *) rules=none ;; esac
case $text in *"bridge guestwire"*) echo $bridge $rules >>{seen} ;; esac
printf '%s\\n' "$text" | nft -f -
"""


async def test_rules_are_there_before_the_bridge_and_go_after_it(lab, tmp_path):
    """So that no moment of a change is looser than what was before and what comes after."""
    network = net(lab.guest("one"), airgap=True)
    nft, seen = tmp_path / "nft", tmp_path / "seen"
    nft.write_text(WATCHED_NFT.format(bridge=bridge_name(network), seen=seen))
    nft.chmod(0o755)
    async with Networks(lab.folder / "networks", LOG, nft=str(nft)) as made:
        await made.apply([network], HOST)
        assert bridge_name(network) in lab.links()
        await made.apply([], HOST)
    assert seen.read_text().splitlines() == ["none rules", "none none"]


async def test_the_air_gap_drops_everything_counts_it_and_is_lifted(lab, networks):
    one, two = lab.guest("one"), lab.guest("two")
    network = net(one, two, dhcp=True)
    await plugged(lab, networks, one, two, network=network)
    assert await off(one.reaches, "10.77.0.11")
    await networks.apply([network.model_copy(update={"airgap": True})], HOST)
    assert await asyncio.gather(off(one.pings, "10.77.0.11"), off(two.pings, "10.77.0.1")) == [False, False]
    view = (await networks.views())[0]
    assert (view.airgap, view.up, view.dropped > 0) == (True, True, True)
    await networks.apply([network], HOST)
    assert await off(one.reaches, "10.77.0.11")
    assert lab.ruleset() == ""


async def test_an_access_list_decides_by_guest_protocol_and_port(lab, networks):
    one, two = lab.guest("one"), lab.guest("two")
    rules = (
        AclRule(src="one", dst="two", protocol="tcp", port=80),
        AclRule(src="two", dst="one", protocol="tcp", action="deny"),
        AclRule(src="one", dst="10.77.0.11/32", protocol="icmp"),
    )
    network = net(one, two, acl=rules)
    await plugged(lab, networks, one, two, network=network)
    with two.listen(80), two.listen(81), one.listen(80), one.listen(9, socket.SOCK_DGRAM) as heard:
        assert await off(one.connects, "10.77.0.11", 80)
        assert not await off(one.connects, "10.77.0.11", 81)
        assert not await off(two.connects, "10.77.0.10", 80)
        heard.settimeout(0.3)
        two.sends(b"no rule fits", "10.77.0.10", 9)
        with pytest.raises(TimeoutError):
            await off(heard.recv, 20)
    assert await asyncio.gather(off(one.reaches, "10.77.0.11"), off(two.pings, "10.77.0.10")) == [True, False]
    assert (await networks.views())[0].acl_rules == 3


async def test_leases_come_through_an_access_list(lab, networks):
    one = lab.guest("one")
    network = net(one, dhcp=True, acl=(AclRule(action="deny"),))
    await networks.apply([network], HOST)
    one.plug(bridge_name(network))
    await eventually(lambda: f'"{one.tap}"' in lab.ruleset())
    assert (await off(one.lease))["ip"] == "10.77.0.10"
    one.address("10.77.0.10/24")
    assert not await off(one.pings, "10.77.0.1")


async def test_nat_leads_outside_and_nothing_leads_in(lab, networks):
    forwards()
    far = lab.adapter("wan0", "192.0.2.9/24")
    lab.give("wan0", "192.0.2.1")
    one, two = lab.guest("one"), lab.guest("two")
    network = net(one, two, mode="nat", dhcp=True)
    await networks.apply([network], HOST)
    assert lab.addresses(bridge_name(network)) == {"10.77.0.1"}
    one.plug(bridge_name(network))
    two.plug(bridge_name(network))
    lease = await off(one.lease)
    assert (lease["ip"], lease["router"], lease["dns"]) == ("10.77.0.10", "10.77.0.1", "10.77.0.1")
    one.address("10.77.0.10/24", "10.77.0.1")
    two.address("10.77.0.11/24")
    assert (
        await asyncio.gather(*(off(one.reaches, ip) for ip in ("10.77.0.1", "10.77.0.11", "192.0.2.9"))) == [True] * 3
    )
    # the host by the gateway's address only
    assert not await off(one.pings, "192.0.2.1")
    far.run("ip", "route", "add", "10.77.0.0/24", "via", "192.0.2.1")
    assert not await off(far.pings, "10.77.0.10")
    # with a list, HOST and REMOTE are told apart
    await networks.apply([network.model_copy(update={"acl": (AclRule(src="one", dst="REMOTE"),)})], HOST)
    assert await asyncio.gather(
        off(one.pings, "10.77.0.1"), off(one.pings, "10.77.0.11"), off(one.reaches, "192.0.2.9")
    ) == [False, False, True]
    await networks.apply([network.model_copy(update={"acl": (AclRule(src="one", dst="HOST"),)})], HOST)
    assert await asyncio.gather(off(one.reaches, "10.77.0.1"), off(one.pings, "192.0.2.9")) == [True, False]


async def test_an_ipv6_network_has_a_router_that_says_so(lab, networks):
    Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")
    lab.adapter("wan0", "fd00:9::9/64")
    lab.give("wan0", "fd00:9::1")
    one = lab.guest("one")
    network = net(one, mode="nat", cidr="fd00:7::/64", dhcp=True)
    await networks.apply([network], HOST)
    one.plug(bridge_name(network))
    one.address("fd00:7::a/64")
    async with asyncio.timeout(10):
        while not await off(one.pings, "fd00:9::9"):
            await asyncio.sleep(0.1)
    assert lab.addresses(bridge_name(network)) == {"fd00:7::1", "fe80::1"}
    await networks.apply([network.model_copy(update={"acl": (AclRule(src="one", dst="HOST"),)})], HOST)
    assert await asyncio.gather(off(one.reaches, "fd00:7::1"), off(one.pings, "fd00:9::9")) == [True, False]


async def test_nat_without_forwarding_is_refused_and_nothing_is_switched(lab, networks):
    before = lab.links()
    with pytest.raises(GuestwireError, match=r"net\.ipv4\.ip_forward = 1") as refused:
        await networks.apply([net(mode="nat")], HOST)
    assert (refused.value.code, set(refused.value.detail)) == ("NET-UNSUPPORTED", {"ip-forward"})
    assert (lab.links(), Path("/proc/sys/net/ipv4/ip_forward").read_text()) == (before, "0\n")


async def test_a_bridge_onto_an_adapter_and_its_release(lab, networks):
    far = lab.adapter("lan0", "10.77.0.50/24")
    one, two = lab.guest("one"), lab.guest("two")
    network = net(one, two, mode="bridge", uplink="lan0", acl=(AclRule(src="one", dst="REMOTE"),))
    await plugged(lab, networks, one, two, network=network)
    assert await asyncio.gather(off(one.reaches, "10.77.0.50"), off(two.pings, "10.77.0.50")) == [True, False]
    assert not await off(far.pings, "10.77.0.10")
    await networks.apply([net(one, two)], HOST)
    assert lab.links()["lan0"][1] is None
    assert await off(one.reaches, "10.77.0.11")


@pytest.mark.parametrize("first", ["nothing", "networks"])
async def test_a_change_that_fails_leaves_everything_as_it_was(lab, networks, first):
    """Loopback is there and is no port of a bridge, which only the kernel says, half-way."""
    one, two = lab.guest("one"), lab.guest("two")
    held = net(one, two, dhcp=True, acl=(AclRule(src="one", dst="two", protocol="icmp"),))
    if first == "networks":
        await plugged(lab, networks, one, two, network=held)
        await eventually(lambda: lab.ruleset().count(f'"{two.tap}"') > 2)
    before, configs = (lab.links(), lab.ruleset()), await off(servers, lab)
    wrong = [
        net(one, dhcp=True, isolated=("one",), cidr="10.79.0.0/24"),
        net(two, name="more", dhcp=True, cidr="10.80.0.0/24"),
        net(name="onto", mode="bridge", uplink="lo"),
    ]
    with pytest.raises(GuestwireError) as refused:
        await networks.apply(wrong, HOST)
    assert refused.value.code == "NET-UNSUPPORTED"
    assert (lab.links(), lab.ruleset()) == before
    assert await off(servers, lab) == configs
    if first == "networks":
        assert await off(one.reaches, "10.77.0.11")


def servers(lab) -> dict[str, str]:
    return {path.name: path.read_text() for path in (lab.folder / "networks").glob("*.conf")}


async def test_a_server_that_does_not_start_leaves_everything_as_it_was(lab, networks, tmp_path):
    one = lab.guest("one")
    broken = tmp_path / "dnsmasq"
    broken.write_text('#!/bin/sh\n[ "$1" = --version ]\n')
    broken.chmod(0o755)
    before = (lab.links(), lab.ruleset())
    async with Networks(tmp_path / "other", LOG, mark="other", dnsmasq=str(broken)) as made:
        with pytest.raises(GuestwireError, match="did not come up"):
            await made.apply([net(one, dhcp=True, isolated=("one",))], HOST)
    assert (lab.links(), lab.ruleset()) == before


@pytest.mark.parametrize("said", ["no JSON", '{"nftables": [{"counter": 1}]}', "[]"])
async def test_an_nft_that_says_what_nobody_understands_ends_nothing(lab, tmp_path, said):
    """It is asked again, and what is said of it stands in the log."""
    confused, nft, out = tmp_path / "confused", tmp_path / "nft", io.StringIO()
    nft.write_text(f'#!/bin/sh\n[ "$1" = -j ] && [ -e {confused} ] && echo \'{said}\' && exit 0\nexec nft "$@"\n')
    nft.chmod(0o755)
    one = lab.guest("one")
    network = net(one, isolated=("one",))
    async with Networks(lab.folder / "networks", make_logger(out), nft=str(nft)) as made:
        await made.apply([network], HOST)
        confused.touch()
        assert await made.views()
        one.plug(bridge_name(network))
        await eventually(lambda: "not as they should be" in out.getvalue())
        assert f'"{one.tap}"' not in lab.ruleset()
        with pytest.raises(GuestwireError, match="NET-UNSUPPORTED"):
            await made.apply([], HOST)
        confused.unlink()
        await eventually(lambda: f'"{one.tap}"' in lab.ruleset())
        await made.apply([], HOST)


@pytest.mark.parametrize(
    ("network", "code"),
    [
        (VirtualNet(name="a", bridge="taken0"), "NET-BUSY"),
        (VirtualNet(name="a", mode="bridge", uplink="port0"), "NET-BUSY"),
        (VirtualNet(name="a", mode="bridge", uplink="none0"), "NET-UNSUPPORTED"),
    ],
)
async def test_what_is_not_ours_is_not_touched(lab, networks, network, code):
    lab.foreign_bridge("taken0", "port0")
    before = lab.links()
    with pytest.raises(GuestwireError) as refused:
        await networks.apply([network], HOST)
    assert (refused.value.code, lab.links()) == (code, before)
    await networks.apply([], HOST)
    assert lab.links() == before


async def test_programs_that_are_not_there_are_said_before_anything_is_touched(lab):
    one = lab.guest("one")
    before = lab.links()
    async with Networks(lab.folder / "networks", LOG, nft="no-such-nft", dnsmasq="no-such-dnsmasq") as made:
        lacking = await made.capabilities()
        assert {"nft-bridge", "nft-nat", "dnsmasq"} <= lacking.keys()
        assert not {"bridge", "veth", "netns"} & lacking.keys()
        with pytest.raises(GuestwireError, match="dnsmasq-base") as refused:
            await made.apply([net(one, dhcp=True, isolated=("one",))], HOST)
        assert set(refused.value.detail) == {"nft-bridge", "dnsmasq"}
        assert lab.links() == before
        # what needs neither works
        await made.apply([net(one)], HOST)
        await made.apply([], HOST)
    assert lab.links() == before


async def test_what_is_seen_of_a_network(lab, networks):
    one, two = lab.guest("one"), lab.guest("two")
    network = net(one, two)
    await plugged(lab, networks, one, network=network)
    one.sends(bytes(1000), "10.77.0.255", 9)
    view = (await networks.views())[0]
    assert (view.name, view.bridge, view.up, view.dhcp, view.dropped) == ("plant", bridge_name(network), True, False, 0)
    there, absent = view.ports
    assert (there.guest, there.tap, there.up, there.ip) == ("one", one.tap, True, "10.77.0.10")
    assert there.tx_bytes > 1000
    assert (absent.guest, absent.tap, absent.up, absent.mac) == ("two", "", False, two.mac)
    one.unplug()
    assert (await networks.views())[0].ports[0].tap == ""


async def test_what_goes_through_a_network_is_counted_for_each_member(lab, networks):
    one, two = lab.guest("one"), lab.guest("two")
    network = net(one, two)
    assert await networks.traffic() == ()
    await plugged(lab, networks, one, two, network=network)
    assert await off(one.reaches, "10.77.0.11")
    async with asyncio.timeout(10):
        while {row.guest for row in await networks.traffic()} != {"one", "two"}:
            await asyncio.sleep(0.02)
    before = {row.guest: row for row in await networks.traffic()}
    for _ in range(10):
        one.sends(bytes(1000), "10.77.0.11", 9)
    async with asyncio.timeout(10):
        while True:
            after = {row.guest: row for row in await networks.traffic()}
            if after["two"].received_bytes >= before["two"].received_bytes + 10_000:
                break
            await asyncio.sleep(0.02)
    assert after["one"].network == "plant"
    assert after["one"].sent_packets >= before["one"].sent_packets + 10
    assert after["one"].sent_bytes >= before["one"].sent_bytes + 10_000
    assert after["two"].received_packets >= before["two"].received_packets + 10
    one.unplug()
    assert [row.guest for row in await networks.traffic()] == ["two"]


async def test_what_the_rules_of_a_network_kept_back_is_counted(lab, networks):
    one, two = lab.guest("one"), lab.guest("two")
    network = net(one, two)
    await plugged(lab, networks, one, two, network=network.model_copy(update={"airgap": True}))
    assert not await off(one.pings, "10.77.0.11")
    assert (await networks.filtered())["plant"] > 0
