import subprocess
from pathlib import Path

import pytest

from guestwire.comm.networks.dnsmasq_config import dnsmasq_config
from guestwire.comm.networks.plan import needs, plan_of
from guestwire.model.networks import Member, VirtualNet

MEMBERS = (
    Member(guest="a", mac="02:00:00:00:00:01"),
    Member(guest="b c", mac="02:00:00:00:00:02"),
    Member(guest="no card"),
)


@pytest.mark.parametrize("mode", ["isolated", "nat"])
@pytest.mark.parametrize(
    ("cidr", "hosts"),
    [
        ("10.77.0.0/24", ["02:00:00:00:00:01,10.77.0.10,a", "02:00:00:00:00:02,10.77.0.11"]),
        ("fd00:7::/64", ["02:00:00:00:00:01,[fd00:7::a],a", "02:00:00:00:00:02,[fd00:7::b]"]),
    ],
)
def test_dnsmasq_takes_every_text(tmp_path: Path, mode: str, cidr: str, hosts: list[str]):
    (plan,) = plan_of([VirtualNet(name="plant", mode=mode, cidr=cidr, members=MEMBERS)], "h")
    text = dnsmasq_config(plan, tmp_path)
    path = tmp_path / "conf"
    path.write_text(text)
    checked = subprocess.run(["dnsmasq", "--test", f"--conf-file={path}"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert [line.removeprefix("dhcp-host=") for line in text.splitlines() if line.startswith("dhcp-host=")] == hosts
    assert ("port=0" in text.splitlines()) == (mode == "isolated")


@pytest.mark.parametrize(
    ("network", "wanted"),
    [
        (VirtualNet(name="n"), {"bridge"}),
        (VirtualNet(name="n", cidr="10.77.0.0/24"), {"bridge", "dnsmasq", "veth", "netns"}),
        (VirtualNet(name="n", cidr="10.77.0.0/24", dhcp=False, airgap=True), {"bridge", "nft-bridge"}),
        (VirtualNet(name="n", cidr="10.77.0.0/24", mode="nat"), {"bridge", "nft-nat", "ip-forward", "dnsmasq"}),
        (VirtualNet(name="n", cidr="fd00::/64", mode="nat", dhcp=False), {"bridge", "nft-nat", "ip6-forward"}),
        (VirtualNet(name="n", cidr="10.77.0.0/24", mode="bridge", uplink="eth0"), {"bridge"}),
    ],
)
def test_what_a_network_needs(network: VirtualNet, wanted: set[str]):
    (plan,) = plan_of([network], "h")
    assert set(needs(plan)) == wanted
