"""What this host's kernel and programs lack for networks: every capability tried for real, in a network namespace that is
made for it and gone afterwards. Every call blocks. Nothing of the host is changed: a setting that is off is said, not
switched."""

import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from guestwire.comm.networks.firewall import NftError, run_nft
from guestwire.comm.networks.network_threads import in_new_namespace

_TRY = "gw-try"
_BRIDGE_TABLE = """table bridge gw-try {
	counter c {
	}
	chain n {
		iifname != { "gw-a", "gw-b" } counter name c drop
		ether type != { arp, ip, ip6 } counter name c drop
		icmpv6 type { nd-neighbor-solicit } accept
		tcp sport 80 tcp flags & (syn | ack) != syn accept
	}
	chain forward {
		type filter hook forward priority -200; policy accept;
		iifname vmap { "gw-a" : goto n }
		ether saddr vmap { 02:00:00:00:00:01 : goto n }
	}
}
"""
_NAT_TABLE = """table inet gw-try {
	chain forward {
		type filter hook forward priority 0; policy accept;
		oifname "gw-a" ct state established,related accept
	}
	chain postrouting {
		type nat hook postrouting priority 100; policy accept;
		ip saddr 192.0.2.0/24 masquerade
	}
}
"""


def missing_capabilities(nft: str, dnsmasq: str) -> dict[str, str]:
    """What lacks: capability -> what to install, load or switch on. Not whether
    it forwards (`not_forwarding`): only networks with address translation need that."""
    found: dict[str, str] = {}
    if why := _without_dnsmasq(dnsmasq):
        found["dnsmasq"] = why
    try:
        found |= in_new_namespace(partial(_in_namespace, nft))
    except OSError as error:
        reason = f"{error.strerror or error}: the process needs CAP_SYS_ADMIN and a kernel with CONFIG_NET_NS"
        untried = ("netns", "bridge", "veth", "nft-bridge", "nft-nat")
        found |= dict.fromkeys(untried, reason)
    return found


def not_forwarding() -> dict[str, str]:
    """Of the capabilities, those that a setting gives: it may change at any time."""
    found = {}
    for name, setting in (("ip-forward", "net/ipv4/ip_forward"), ("ip6-forward", "net/ipv6/conf/all/forwarding")):
        try:
            value = Path("/proc/sys", setting).read_text().strip()
        except OSError:  # a kernel without IPv6
            value = "0"
        if value == "0":
            name_of_it = setting.replace("/", ".")
            found[name] = (
                f"the host does not forward: set {name_of_it} = 1 (settings.ip_forward of the project does that)"
            )
    return found


def _in_namespace(nft: str, _own: int) -> dict[str, str]:
    tries: dict[str, tuple[Callable[[], None], str]] = {
        "bridge": (_bridge, "load the kernel module bridge"),
        "veth": (_veth, "load the kernel module veth"),
        "nft-bridge": (partial(_table, nft, _BRIDGE_TABLE), "install nftables and load nf_tables and nft_meta_bridge"),
        "nft-nat": (partial(_table, nft, _NAT_TABLE), "install nftables and load nft_masq and nft_ct"),
    }
    found = {}
    for name, (attempt, advice) in tries.items():
        try:
            attempt()
        except (NetlinkError, NftError, OSError) as error:
            found[name] = f"{advice} ({error})"
    return found


def _bridge() -> None:
    with IPRoute() as route:
        route.link("add", ifname=_TRY, kind="bridge")
        route.link("del", ifname=_TRY)


def _veth() -> None:
    with IPRoute() as route:
        route.link("add", ifname=_TRY, kind="veth", peer={"ifname": f"{_TRY}-p"})
        route.link("del", ifname=_TRY)


def _table(nft: str, text: str) -> None:
    run_nft(nft, ["-f", "-"], text)


def _without_dnsmasq(dnsmasq: str) -> str | None:
    if shutil.which(dnsmasq) is None:
        return f"install dnsmasq ({dnsmasq} is not there; Debian: dnsmasq-base)"
    try:
        done = subprocess.run([dnsmasq, "--version"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"dnsmasq cannot be run: {error}"
    if done.returncode != 0 or "no-DHCP " in done.stdout:
        return "install a dnsmasq that was built with DHCP"
    return None
