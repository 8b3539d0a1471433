"""The configuration of a network's dnsmasq: leases for members and for nobody else. Man page dnsmasq(8)."""

import re
from collections.abc import Iterator
from pathlib import PurePath

from guestwire.comm.networks.plan import NetPlan

INSIDE = "service"
"""The interface of a server that has a network namespace of its own."""

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LEASE = "1h"


def dnsmasq_config(plan: NetPlan, folder: PurePath) -> str:
    """The text of the file. Its pid and leases are in `folder`. With mode nat it answers names too, by asking the host's own
    resolvers, and is the gateway; on an isolated network there is neither a way out nor anything to ask."""
    return "".join(f"{line}\n" for line in _lines(plan, folder))


def pid_file(plan_id: str, folder: PurePath) -> PurePath:
    return folder / f"{plan_id}.pid"


def lease_file(plan_id: str, folder: PurePath) -> PurePath:
    return folder / f"{plan_id}.leases"


def _lines(plan: NetPlan, folder: PurePath) -> Iterator[str]:
    address = plan.address
    assert address is not None
    yield f"# network {plan.name} on {plan.bridge}"
    yield from ("keep-in-foreground", "log-facility=-", "quiet-dhcp", "quiet-dhcp6", "quiet-ra")
    yield from (f"pid-file={pid_file(plan.id, folder)}", f"dhcp-leasefile={lease_file(plan.id, folder)}")
    yield f"interface={INSIDE if plan.own_namespace else plan.bridge}"
    # other servers on the host keep their sockets; loopback is theirs
    yield from ("except-interface=lo", "bind-interfaces")
    yield from ("dhcp-authoritative", "no-ping", "dhcp-ignore=tag:!known")
    if plan.mode == "nat":
        yield from ("no-hosts", "bogus-priv", "domain-needed")
    else:
        yield "port=0"
    if address.version == 4:
        yield f"dhcp-range={address.network.network_address},static,{address.network.netmask},{_LEASE}"
        # an empty option is one that is not sent
        own = f",{address.ip}" if plan.mode == "nat" else ""
        yield from (f"dhcp-option=option:router{own}", f"dhcp-option=option:dns-server{own}")
    else:
        yield "enable-ra"
        yield f"dhcp-range={address.network.network_address},static,{address.network.prefixlen},{_LEASE}"
        yield f"dhcp-option=option6:dns-server{f',[{address.ip}]' if plan.mode == 'nat' else ''}"
        if plan.mode != "nat":
            yield f"ra-param={INSIDE},0,0"
    for guest, mac in sorted(plan.macs.items()):
        if (ip := plan.ips.get(guest)) is not None:
            name = f",{guest}" if _HOST_NAME.fullmatch(guest) else ""
            yield f"dhcp-host={mac},{ip if address.version == 4 else f'[{ip}]'}{name}"
