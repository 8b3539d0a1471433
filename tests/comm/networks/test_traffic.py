"""What goes through a network, member by member, from the kernel's own list."""

from pathlib import Path

import pytest

from guestwire.comm.networks.ports import Port
from guestwire.comm.networks.traffic import PortTraffic, port_traffic

DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
 vnet0:    1000      10    0    3    0     0          0         0     2000      20    0    5    0     0       0          0
 vnet1: 18446744073709551615 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0
  eth0:       7       7    7    7    7     7          7         7        7       7    7    7    7     7       7          7
"""
PORTS = (
    Port("vnet0", "n1", "guest", "one"), Port("vnet1", "n2", "guest", "two"), Port("vnet9", "n1", "guest", "gone"),
    Port("eth0", "n1", "remote"), Port("lo", "n1", "unknown"), Port("vnet0", "n3", "unknown"),
)  # fmt: skip


def test_a_member_receives_what_its_tap_sends(tmp_path: Path) -> None:
    file = tmp_path / "dev"
    file.write_text(DEV)
    assert port_traffic(PORTS, {"n1": "plant", "n2": "office"}, file) == (
        PortTraffic("plant", "one", 2000, 20, 1000, 10, 5, 3),
        PortTraffic("office", "two", 0, 0, 18446744073709551615, 1, 0, 0),
    )
    assert port_traffic(PORTS, {"n2": "office"}, file)[0].network == "office"


def test_without_members_nothing_is_read(tmp_path: Path) -> None:
    assert port_traffic(PORTS[3:], {"n1": "plant"}, tmp_path / "not there") == ()
    with pytest.raises(OSError, match="not there"):
        port_traffic(PORTS, {"n1": "plant"}, tmp_path / "not there")
