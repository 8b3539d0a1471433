"""airgap: the host itself is off the network (SM 13.1.3): its physical adapters, and what stands on them, carry its
guests' traffic and nothing of its own.

A table of nftables drops what comes to the host or from it there (it does not see what a bridge forwards), and the
addresses are taken away. At boot a unit loads the table before the network is up, whatever configures the network;
networkd, where it is used, gives no addresses. What was taken away is remembered, and comes back when the gap is closed.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from guestwire.agent.drivers.linux.command import run_checked
from guestwire.agent.drivers.linux.settings import addresses, owned_files, systemd
from guestwire.agent.drivers.linux.settings.setting import Place, Setting
from guestwire.model.errors import GuestwireError
from guestwire.model.settings import HostSettings

TABLE = "guestwire_airgap"
RULES = "/etc/guestwire/airgap.nft"
RECORD = "/var/lib/guestwire/airgap.json"
NETWORK = "/etc/systemd/network/04-guestwire-airgap.network"
UNIT = f"{systemd.UNITS}/guestwire-airgap.service"
_WANTED = f"{systemd.UNITS}/sysinit.target.wants/guestwire-airgap.service"
_UNIT_TEXT = f"""[Unit]
Description=Air gap of Guestwire
DefaultDependencies=no
Before=network-pre.target
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {RULES}

[Install]
WantedBy=sysinit.target
"""
# adding first makes the deletion of a table that is not there no error
_CLOSE = "".join(
    f"add table {family} {TABLE}\ndelete table {family} {TABLE}\n" for family in ("inet", "arp")
)  # fmt: skip


async def _read(place: Place) -> bool | None:
    try:
        return await _is_open(place)
    except GuestwireError:
        return None


async def _set(place: Place, wanted: HostSettings) -> None:
    if wanted.airgap:
        await _open(place)
        return
    remembered = await owned_files.read(place, RECORD)
    await run_checked(place.run, "nft", "-f", "-", stdin=_CLOSE)
    for path in (_WANTED, UNIT, RULES, NETWORK):
        await owned_files.remove(place, path)
    await systemd.reload(place)
    await systemd.reload_networkd(place)
    if remembered is not None:
        await addresses.put_back(place, json.loads(remembered))
        await owned_files.remove(place, RECORD)


async def _open(place: Place) -> None:
    names = await addresses.uplinks(place)
    if not names:
        raise GuestwireError("UNSUPPORTED", "the host has no physical adapter")
    if not await _is_open(place):
        before = await addresses.capture(place, names)
        await owned_files.write(place, RECORD, json.dumps(before), mode=0o600)
    rules = owned_files.HEADER + _rules(names)
    await owned_files.write(place, RULES, rules)
    await owned_files.write(place, UNIT, owned_files.HEADER + _UNIT_TEXT)
    await owned_files.link(place, _WANTED, UNIT)
    await owned_files.write(place, NETWORK, _network(await asyncio.to_thread(_own, place, names)))
    await run_checked(place.run, "nft", "-f", "-", stdin=rules)
    await systemd.reload(place)
    await systemd.reload_networkd(place)
    for name in names:
        await addresses.flush(place, name)


def _own(place: Place, names: Sequence[str]) -> list[str]:
    """The adapters that networkd would give addresses; a port of a bridge keeps the file that makes it one."""
    return sorted(set(names) - addresses.masters(place, names))


def _rules(names: Sequence[str]) -> str:
    those = ", ".join(f'"{name}"' for name in names)
    return _CLOSE + "".join(
        f"table {family} {TABLE} {{\n"
        f"  chain input {{ type filter hook input priority {priority}; policy accept; iifname {{ {those} }} drop; }}\n"
        f"  chain output {{ type filter hook output priority {priority}; policy accept; oifname {{ {those} }} drop; }}\n"
        "}\n"
        for family, priority in (("inet", -300), ("arp", 0))
    )


def _network(names: Sequence[str]) -> str:
    return (
        f"{owned_files.HEADER}[Match]\nName={' '.join(names)}\n\n"
        "[Network]\nDHCP=no\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nLLDP=no\nEmitLLDP=no\n"
    )


async def _is_open(place: Place) -> bool:
    """Whether the gap is there. UNSUPPORTED without nftables."""
    ended = await place.run("nft", "list", "table", "inet", TABLE)
    if ended.code != 0 and "No such file" not in ended.err:
        raise GuestwireError("UNSUPPORTED", f"this host has no nftables: {ended.words}")
    return ended.code == 0


def _files(place: Place) -> Sequence[str]:
    return (RULES, UNIT, _WANTED, NETWORK, RECORD)


async def _running(place: Place) -> Mapping[str, Any]:
    """Whether there is a gap, its rules if so, and the addresses."""
    links = await addresses.capture(place, await addresses.uplinks(place))
    return {"rules": await owned_files.read(place, RULES) if await _is_open(place) else None, "links": links}


async def _resume(place: Place, running: Mapping[str, Any]) -> None:
    await systemd.reload(place)
    await systemd.reload_networkd(place)
    if running["rules"] is not None:
        await run_checked(place.run, "nft", "-f", "-", stdin=running["rules"])
    elif await _is_open(place):
        await run_checked(place.run, "nft", "-f", "-", stdin=_CLOSE)
    await addresses.put_back(place, running["links"])


SETTING = Setting(_read, _set, _files, _running, _resume)
