"""`guestwire net`: networks and their ports, and their configuration in one go."""

import json

import pytest
from fake_host import FakeFleet

from guestwire.model.desired import Desired
from guestwire.model.guest import Guest, Nic
from guestwire.model.networks import Member, VirtualNet
from guestwire.protocol.comm_models import NetView, PortView

WEB = Guest(name="web", memory_mib=256, nics=(Nic(network="lan"),))
DB, ALONE = (Guest(name=name, memory_mib=256) for name in ("db", "alone"))
PORT = PortView(guest="web", mac="02:00:00:00:01:01", ip="10.200.1.11", tap="gw-web0", up=True, rx_bytes=7, tx_bytes=9)
LAN = NetView(
    name="lan", mode="isolated", bridge="gw-lan", cidr="10.200.1.0/24", dhcp=True, uplink=None, up=True, airgap=False,
    acl_rules=2, dropped=5, ports=(PORT, PORT.model_copy(update={"guest": "db", "up": False, "isolated": True})),
)  # fmt: skip


@pytest.fixture
def config(fleet: FakeFleet):  # type: ignore[no-untyped-def]
    """h1's configuration: web has a card on lan, db is a member."""
    lan = VirtualNet(name="lan", cidr="10.200.1.0/24", members=(Member(guest="db", ip="10.200.1.12"),))
    fleet.hosts["h1"].config.add(Desired(guests=(WEB, DB, ALONE), networks=(lan,)))
    return fleet.hosts["h1"].config


def _members(config) -> dict[str, bool]:  # type: ignore[no-untyped-def]
    return {member.guest: member.isolated for member in config.active.networks[0].members}


def test_list_and_show(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    gapped = LAN.model_copy(update={"name": "plant", "airgap": True})
    fleet.hosts["h1"].comm.networks = [LAN, gapped]
    lines = run("net", "list", "h1").stdout.splitlines()
    assert lines[1].split() == ["h1/lan", "isolated", "up", "10.200.1.0/24", "gw-lan", "5", "1/2"]
    assert "air-gapped" in lines[2]
    said = run("net", "show", "h1/lan").stdout
    assert said.splitlines()[-2].split() == ["web", "02:00:00:00:01:01", "10.200.1.11", "gw-web0", "no", "yes"]
    assert max(map(len, [*lines, *said.splitlines()])) <= 80
    assert "net airgap h1/plant off" in run("net", "show", "h1/plant").stdout
    assert json.loads(run("net", "show", "h1/lan", "-o", "json").stdout)["ports"][1]["isolated"] is True
    assert run("net", "show", "h1/nothing").exit_code == 3


def test_isolate(run, config) -> None:  # type: ignore[no-untyped-def]
    words = ("net", "isolate", "h1/lan", "web", "GUEST0002")
    plan = json.loads(run(*words, "--dry-run", "-o", "json").stdout)
    assert {item["object"] for item in plan["items"]} == {"networks.lan"}
    assert run(*words, "--yes").exit_code == 0
    assert _members(config) == {"db": True, "web": True}
    assert config.active.networks[0].members[0].ip == "10.200.1.12"
    again = run(*words, "--yes")
    assert (again.exit_code, "nothing to change" in again.stderr) == (0, True)
    assert run(*words[:4], "--off", "--yes").exit_code == 0
    assert _members(config) == {"db": True, "web": False}


def test_one_who_is_no_member_is_not_released(run, config) -> None:  # type: ignore[no-untyped-def]
    assert "nothing to change" in run("net", "isolate", "h1/lan", "web", "--off", "--yes").stderr
    assert _members(config) == {"db": False}


def test_airgap(run, config) -> None:  # type: ignore[no-untyped-def]
    assert run("net", "airgap", "h1/lan", "on").exit_code == 2
    for state in ("on", "off"):
        assert run("net", "airgap", "h1/lan", state, "--yes").exit_code == 0
        assert config.active.networks[0].airgap is (state == "on")


def test_members(run, config) -> None:  # type: ignore[no-untyped-def]
    words = (
        "net",
        "member",
        "add",
        "h1/lan",
        "alone",
        "--ip",
        "10.200.1.20",
        "--mac",
        "02:00:00:00:01:07",
        "--isolated",
    )
    assert run(*words, "--yes").exit_code == 0
    assert config.active.networks[0].members[-1] == Member(
        guest="alone", ip="10.200.1.20", mac="02:00:00:00:01:07", isolated=True
    )
    assert run(*words, "--yes").exit_code == 4
    assert run("net", "member", "remove", "h1/lan", "db", "--yes").exit_code == 0
    assert list(_members(config)) == ["alone"]


def test_create_and_delete(run, config) -> None:  # type: ignore[no-untyped-def]
    said = run(
        "net", "create", "h1/plant", "--mode", "bridge", "--uplink", "eth1", "--bridge", "br-plant", "--cidr",
        "10.9.0.0/24", "--no-dhcp", "--member", "alone,GUEST0002", "--yes",
    )  # fmt: skip
    assert said.exit_code == 0, said.stderr
    assert config.active.networks[-1] == VirtualNet(
        name="plant", mode="bridge", uplink="eth1", bridge="br-plant", cidr="10.9.0.0/24", dhcp=False,
        members=(Member(guest="alone"), Member(guest="db")),
    )  # fmt: skip
    assert run("net", "delete", "h1/plant", "--yes").exit_code == 0
    assert [net.name for net in config.active.networks] == ["lan"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("isolate", "h1/lan", "alone"), 3),
        (("isolate", "h1/lan", "nobody"), 3),
        (("isolate", "h1/wan", "web"), 3),
        (("isolate", "h1/lan"), 2),
        (("airgap", "h1/lan", "maybe"), 2),
        (("airgap", "h1/wan", "on"), 3),
        (("member", "add", "h1/lan", "nobody"), 3),
        (("member", "add", "h1/lan", "alone", "--ip", "10.9.9.9"), 9),
        (("member", "remove", "h1/lan", "web"), 3),
        (("create", "h1/lan"), 4),
        (("create", "h1/up", "--mode", "bridge"), 9),
        (("delete", "h1/wan"), 3),
    ],
)
def test_what_cannot_be(words: tuple[str, ...], code: int, run, config, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    said = run("net", *words, "--yes")
    assert said.exit_code == code, said.output
    assert "config-apply" not in fleet.hosts["h1"].calls
