"""Who is behind a port of a bridge: the one place where an interface's name becomes a guest, the host or the outside.

A guest is known by its tap, not by what its frames say: libvirt gives a tap the MAC of the guest's card with fe as the
first byte, and the guest cannot change that.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from guestwire.comm.networks.plan import NetPlan

Side = Literal["guest", "host", "remote", "unknown"]

_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,15}")


@dataclass(frozen=True)
class Link:
    """An interface of the host, as the kernel says. `master` is the index of its bridge, 0 without one. Bytes and packets
    as the host counts them."""

    index: int
    name: str
    kind: str = ""
    alias: str = ""
    mac: str = ""
    master: int = 0
    up: bool = False
    running: bool = False
    rx_bytes: int = 0
    tx_bytes: int = 0


@dataclass(frozen=True)
class Port:
    """A port of the bridge of network `network` (an id). `guest`: whose tap it is, for side guest."""

    name: str
    network: str
    side: Side
    guest: str = ""


def bridge_alias(mark: str, name: str) -> str:
    """What says that a bridge is ours, and whose: its alias."""
    return f"{mark}:{name}"


def ports_of(plans: Sequence[NetPlan], links: Sequence[Link], mark: str) -> tuple[Port, ...]:
    """The ports of the networks' bridges, ordered by name. Uplinks and service ports count before they are made: rules are
    there before frames are. A name that no program of ours or of libvirt gives is left out: nothing is known of it."""
    bridges = {link.alias: link.index for link in links if link.kind == "bridge"}
    found: dict[str, Port] = {}
    for plan in plans:
        index = bridges.get(bridge_alias(mark, plan.name))
        if plan.uplink is not None:
            found[plan.uplink] = Port(plan.uplink, plan.id, "remote")
        if plan.own_namespace:
            found[plan.service_port] = Port(plan.service_port, plan.id, "host")
        guests = _by_tap(plan.macs)
        for link in links:
            if index is None or link.master != index or link.name in found or not _PLAIN.fullmatch(link.name):
                continue
            guest = guests.get(link.mac) if link.mac.startswith("fe:") else None
            found[link.name] = Port(link.name, plan.id, "unknown" if guest is None else "guest", guest or "")
    return tuple(found[name] for name in sorted(found))


def _by_tap(macs: Mapping[str, str]) -> Mapping[str, str]:
    """The MAC of a tap -> its guest. Cards whose MACs differ in the first byte only cannot be told apart: nobody's."""
    taps = ["fe" + mac[2:] for mac in macs.values()]
    return {tap: guest for guest, tap in zip(macs, taps, strict=True) if taps.count(tap) == 1}
